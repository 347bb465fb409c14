"""MBPP+ v0.2.0: 378 tasks of MBPP with 35 times the inputs (EvalPlus, Liu et al. 2023, arXiv:2305.01210).

An answer passes when it agrees with the reference on the base inputs and on the plus inputs. No expected values are
published: they are the reference's answers. JSON has neither tuples nor sets nor complex numbers, so the file holds
lists in their place; which task's arguments are which is known only from EvalPlus 0.3.1's code
(`evalplus/data/mbpp.py`), and restated here for the tasks of this release.

Not covered: five of Mbpp/255's 112 inputs, whose answers have 6 to 128 million items, up to a gigabyte. They are left
out, and the metadata says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._prompts import DOCSTRING_EVALPLUS, ZERO_SHOT, ask_for_program
from sparkgap.benchmarks._published import Record, mbpp_split, read_records
from sparkgap.types import InputTests, Problem, Reply, Request, Variant

Arguments = tuple[Any, ...]


def _tuples(items: Any) -> Any:
    return [tuple(item) for item in items]


def _deep(value: Any) -> Any:
    return tuple(map(_deep, value)) if isinstance(value, list) else value


def _all_tuples(args: list[Any]) -> Arguments:
    return tuple(map(tuple, args))


def _lists_of_tuples(args: list[Any]) -> Arguments:
    return tuple(map(_tuples, args))


def _tuples_of_tuples(args: list[Any]) -> Arguments:
    return tuple(tuple(_tuples(arg)) for arg in args)


def _first_list_of_tuples(args: list[Any]) -> Arguments:
    return (_tuples(args[0]), *args[1:])


def _first_tuple(args: list[Any]) -> Arguments:
    return (tuple(args[0]), *args[1:])


def _second_tuple(args: list[Any]) -> Arguments:
    return (args[0], tuple(args[1]), *args[2:])


def _tuple_of_items(args: list[Any]) -> Arguments:
    return (tuple(tuple(item) if isinstance(item, list) else item for item in args[0]),)


def _dict_of_tuples(args: list[Any]) -> Arguments:
    return ({key: tuple(value) for key, value in args[0].items()}, *args[1:])


def _float_and_complex(args: list[Any]) -> Arguments:
    return (float(args[0]), complex(args[1]))


def _complex(args: list[Any]) -> Arguments:
    return (complex(args[0]),)


def _deep_tuples(args: list[Any]) -> Arguments:
    return tuple(map(_deep, args))


_SHAPES: tuple[tuple[Callable[[list[Any]], Arguments], tuple[int, ...]], ...] = (
    (_all_tuples, (2, 116, 132, 222, 261, 273, 394, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809)),
    (_lists_of_tuples, (63, 64, 70, 94, 120, 237, 272, 299, 409, 473, 614, 780)),
    (_tuples_of_tuples, (259, 445)),
    (_first_list_of_tuples, (75, 413, 753)),
    (_first_tuple, (250, 405, 446, 720, 763, 808)),
    (_second_tuple, (106, 750)),
    (_tuple_of_items, (278,)),
    (_dict_of_tuples, (722,)),
    (_float_and_complex, (124,)),
    (_complex, (252,)),
    (_deep_tuples, (580, 615, 791)),
)
_SHAPE_OF = {number: shape for shape, numbers in _SHAPES for number in numbers}

# Tasks with more than one right answer (`evalplus/eval/_special_oracle.py`).
_ORACLES = {
    **dict.fromkeys((2, 7, 111, 140, 232, 579, 769), "set"),
    **dict.fromkeys((737, 787, 794), "not_none"),
    558: "digit_distance",
    581: "pyramid_area",
}

# Inputs that are left out, by their place among the task's plus inputs: combinations by the hundred thousand.
_TOO_LARGE = {255: (85, 86, 90, 96, 100)}


class MbppPlus:
    """378 problems, each in the split that MBPP has it in, in published order."""

    name = "mbpp_plus"
    title = "MBPP+ v0.2.0: 378 problems of MBPP with 35 times the inputs"
    files: tuple[str, ...] = ("evalplus/MbppPlus.jsonl.gz",)
    ability: Ability = "code"
    split = ""
    variants = (ZERO_SHOT, DOCSTRING_EVALPLUS)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for record in read_records(self.files[0]):
            number = _number(record)
            base, plus = _inputs(record, number, "base_input"), _inputs(record, number, "plus_input")
            left_out = _TOO_LARGE.get(number, ())
            plus = tuple(args for place, args in enumerate(plus) if place not in left_out)
            metadata: dict[str, Any] = {"contract": record.text("contract"), "assertion": record.text("assertion")}
            yield Problem(
                id=f"Mbpp/{number}",
                benchmark=self.name,
                prompt=record.text("prompt"),
                reference=record.text("canonical_solution"),
                tests=InputTests(
                    entry_point=record.text("entry_point"),
                    inputs=base + plus,
                    expected=None,
                    atol=float(record.number("atol")),
                    oracle=_ORACLES.get(number, "equal"),
                    groups=(("base", len(base)), ("plus", len(plus))),
                ),
                entry_point=record.text("entry_point"),
                split=mbpp_split(number),
                metadata=metadata | ({"plus_inputs_left_out": list(left_out)} if left_out else {}),
            )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: the task."""
        return None if replies else ask_for_program(problem, variant)


def _number(record: Record) -> int:
    task_id = record.text("task_id")
    name, _, number = task_id.partition("/")
    if name != "Mbpp" or not number.isdecimal():
        record.fail(f"`task_id` is {task_id!r}, which is no task of MBPP+")
    return int(number)


def _inputs(record: Record, number: int, key: str) -> tuple[Arguments, ...]:
    shape = _SHAPE_OF.get(number, tuple)
    try:
        return tuple(map(shape, record.rows(key)))
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        record.fail(f"`{key}` does not hold the arguments of task {number} ({error})")


BENCHMARK = MbppPlus()
