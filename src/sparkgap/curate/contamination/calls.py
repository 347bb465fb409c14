"""What a solution of a benchmark's problem is called by, and with what: read off the benchmark's own tests.

The tests are run on the reference, which prints its arguments. A problem may ask for less than a function: CRUXEval's
`answer()` only calls the function of the problem with the published input. Then that function is the solution, and
`answer` belongs to the tests.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sparkgap.curate.contamination import driver
from sparkgap.parsing import parsed
from sparkgap.types import InputTests, Limits, Problem, Program, StdioTests

if TYPE_CHECKING:
    from sparkgap.judge import Judge

OWN, FURTHER = 10, 60  # calls of one problem: those that it is asked by, and those that may vary them
MOST_CHARS = 400  # of one call's arguments; long ones cost at every function that is tried

Call = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """The function that a solution is: its name, and the source of what the tests call in its stead, "" if nothing."""

    name: str
    around: str = ""


@dataclass(slots=True)
class Calls:
    """Calls of one problem with plain values, all with as many arguments: the first, and further ones."""

    own: list[Call] = field(default_factory=list)
    further: list[Call] = field(default_factory=list)


def subject(problem: Problem) -> Subject:
    """Return the function of a problem's reference that somebody would have to have written."""
    tree = parsed(problem.reference)
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)} if tree else {}
    entry = defined.get(problem.entry_point)
    if entry is not None and not any(isinstance(each, ast.arg) for each in ast.walk(entry.args)):
        called = {each.func.id for each in ast.walk(entry)
                  if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)} & set(defined)  # fmt: skip
        if len(called) == 1:
            return Subject(called.pop(), ast.unparse(entry) + "\n")
    return Subject(problem.entry_point)


def recorded(judge: Judge, problems: Sequence[Problem]) -> list[Calls]:
    """Return the calls that each problem's tests make of its reference, those whose arguments are plain values."""
    found = [Calls() for _ in problems]
    asked: list[int] = []

    def programs() -> Iterator[Program]:
        for place, problem in enumerate(problems):
            if isinstance(problem.tests, InputTests):
                found[place] = _few(problem.tests.inputs)
            elif not isinstance(problem.tests, StdioTests):
                asked.append(place)
                code = driver.recording(problem.reference, subject(problem).name)
                yield Program(code, problem.tests, limits=Limits(cpu_s=10.0))

    for number, verdict in judge.stream(programs()):
        lines = (line.removeprefix(driver.MARK) for line in verdict.output.split("\n") if line.startswith(driver.MARK))
        found[asked[number]] = _few(_literals(lines))
    return found


def kind(value: Any) -> str:
    """Return the type of a value, with that of its first item."""
    inner = next(iter(value), None) if isinstance(value, list | tuple | set | dict) else None
    return type(value).__name__ + (f"[{kind(inner)}]" if inner is not None else "")


def _literals(lines: Iterable[str]) -> Iterator[Call]:
    for line in lines:
        read = _read(line)
        if isinstance(read, tuple):
            yield read


def _read(told: str) -> Any:
    """Return the value of a literal; None where it is none, such as infinity."""
    try:
        return ast.literal_eval(told)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _few(calls: Iterable[Call]) -> Calls:
    """Return the first different short calls that have as many arguments as the first."""
    kept: dict[str, Call] = {}
    for call in calls:
        told = repr(call)
        if len(told) <= MOST_CHARS and call and len(call) == len(next(iter(kept.values()), call)) and _read(told):
            kept.setdefault(told, call)
        if len(kept) == OWN + FURTHER:
            break
    each = list(kept.values())
    return Calls(each[:OWN], each[OWN:])
