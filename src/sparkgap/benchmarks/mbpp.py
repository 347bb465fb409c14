"""MBPP: 974 short tasks in one sentence and three asserts (Austin et al. 2021, arXiv:2108.07732).

All four splits are here; scores in the literature are over "test" (500 tasks, 11 to 510). `test_setup_code` runs
before the asserts; the 11 tasks with `challenge_test_list` keep it in their metadata, for it is not part of the score.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._prompts import (
    DOCSTRING,
    THREE_SHOT,
    THREE_SHOT_CHAT,
    ZERO_SHOT,
    Shot,
    ask_after_shots,
    ask_for_program,
    mbpp_shots,
)
from sparkgap.benchmarks._published import mbpp_entry_point, mbpp_prompt, mbpp_split, read_records
from sparkgap.types import CodeTests, Problem, Reply, Request, Variant


class Mbpp:
    """974 problems in the splits prompt, test, validation and train, in published order."""

    name = "mbpp"
    title = "MBPP: 974 mostly basic Python problems"
    files: tuple[str, ...] = ("mbpp/mbpp.jsonl",)
    ability: Ability = "code"
    split = "test"
    variants = (ZERO_SHOT, THREE_SHOT, THREE_SHOT_CHAT, DOCSTRING)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for record in read_records(self.files[0]):
            number, reference = int(record.number("task_id")), record.text("code")
            tests = record.texts("test_list")
            entry_point = mbpp_entry_point(record, reference, tests)
            challenge = record.texts("challenge_test_list")
            yield Problem(
                id=f"Mbpp/{number}",
                benchmark=self.name,
                prompt=mbpp_prompt(record.text("text"), tests[0]),
                reference=reference,
                tests=CodeTests(code="\n".join(tests), prelude=record.text("test_setup_code")),
                entry_point=entry_point,
                split=mbpp_split(number),
                metadata={"text": record.text("text")} | ({"challenge_test_list": challenge} if challenge else {}),
            )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: the task, after three solved ones where the variant has them."""
        if replies:
            return None
        if variant in (THREE_SHOT, THREE_SHOT_CHAT):
            return ask_after_shots(problem, variant, _shots())
        return ask_for_program(problem, variant)


@cache  # what a file holds is fixed by its sha256
def _shots() -> tuple[Shot, ...]:
    return mbpp_shots(BENCHMARK.problems())


BENCHMARK = Mbpp()
