"""The dense reward: a little for each stage that a program gets through, and 1 for passing every hidden test.

    parse    it is a program of its language at all
    compile  the compiler accepted it (Python, JavaScript, shell: the same moment as parse); with k lines refused,
             1 / (1 + k) of this, and with warnings a little less than all of it
    runs     it was loaded and answered a call, rightly or not
    share    of this, the share of the hidden tests that passed

A failing program gets the weights of the rungs that it reached, added up, and so at most `ceiling`, their sum, which
must stay under 1. Compiler feedback as a reward in itself is from RLCF (Jain et al. 2023, arXiv:2305.18341) and, with
graded penalties for syntax error, runtime error and failed tests, from CodeRL (Le et al. 2022, arXiv:2207.01780).
Whether it helps once models can write code that compiles is contested, and partial credit invites programs that stop
half way: hence the bound, the small weights, and an off switch, 0, for each.

The share counts only tests that are known beforehand, each once: the inputs of `InputTests`, the cases of
`StdioTests`, and asserts of `CodeTests` that are reached once each (`_asserts.py`). Asserts in loops run as often as
answers make them, and docstring examples stand in the prompt; of those, only all of them count. Programs are to be
judged with `all_tests`, or the share is that of the tests before the first failure.

Errors are counted by the lines they point at, so that one mistake that a compiler tells of ten times is one; a program
over which the compiler ran out of time or memory gets nothing. What silences a warning in a program's text is not
undone, hence the bound on what warnings cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sparkgap.errors import InputError
from sparkgap.rewards import Bounds, Judged
from sparkgap.rewards._asserts import number_of_asserts
from sparkgap.types import CodeTests, InputTests, Problem, StdioTests, Verdict

_NOTHING = {"empty", "syntax", "forbidden"}  # no program; or one that tried what the jail refuses, which never pays
_MOST_WARNINGS = 5  # more are not counted


@dataclass(frozen=True, slots=True)
class Ladder:
    """What each rung is worth; 0 switches it off. `warnings` is the part of `compile` that warnings can cost."""

    parse: float = 0.02
    compile: float = 0.03
    runs: float = 0.1
    share: float = 0.35
    warnings: float = 0.25

    name: ClassVar[str] = "ladder"
    title: ClassVar[str] = "parse < compile < runs < share of hidden tests, and far above them: all tests, 1"
    passing: ClassVar[Bounds] = (1.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse weights with which a failing program could be worth as much as a passing one, and the like."""
        if not 0 <= self.warnings < 0.5:
            raise InputError("ladder: warnings is 0 or more, and under 0.5: no program gains by being refused instead")
        if min(self.parse, self.compile, self.runs, self.share) < 0:
            raise InputError("the rungs of the ladder are not negative; 0 switches one off")
        if not self.ceiling < 1:
            raise InputError(f"the rungs of the ladder add up to {self.ceiling:g}; all together must be under 1")

    @property
    def ceiling(self) -> float:
        """The most that a program can get without passing every test."""
        return self.parse + self.compile + self.runs + self.share

    @property
    def failing(self) -> Bounds:
        """Bounds of the value of a program that fails."""
        return (0.0, self.ceiling)

    def values(self, judged: Sequence[Judged]) -> list[float | None]:
        """Return how far up the ladder each program got, None where nothing can be said."""
        return [None if each.unscored else self._value(each) for each in judged]

    def _value(self, judged: Judged) -> float:
        verdict = judged.verdict
        if verdict.passed:
            return 1.0
        if verdict.status in _NOTHING:
            return 0.0
        if verdict.status == "compile":
            return self.parse + self.compile / (1 + _lines_refused(verdict))
        if verdict.stage == "parse":  # the compiler gave up over it
            return 0.0
        passed = _share(verdict, judged.problem)
        answered = verdict.status == "wrong" or passed > 0
        warned = self.warnings * _warnings(verdict) / _MOST_WARNINGS
        return self.parse + self.compile * (1 - warned) + self.runs * answered + self.share * passed


def _lines_refused(verdict: Verdict) -> int:
    """Return how many lines the compiler's errors point at: one at least."""
    return max(1, len({each.line for each in verdict.diagnostics if each.severity == "error"}))


def _warnings(verdict: Verdict) -> int:
    return min(_MOST_WARNINGS, sum(each.severity == "warning" for each in verdict.diagnostics))


def _share(verdict: Verdict, problem: Problem) -> float:
    """Return the share of the hidden tests that passed, 0 where their number is up to the program."""
    known = _known(problem)
    if not known:
        return 0.0
    # Other languages' tests end with an exception, so that their number is not told then.
    as_many = verdict.tests_total == known or (verdict.tests_total is None and problem.language != "python")
    return min(verdict.tests_passed / known, 1.0) if as_many else 0.0


def _known(problem: Problem) -> int | None:
    """Return how many tests there are, None where that is not known before they run."""
    match problem.tests:
        case InputTests(_, inputs):
            return len(inputs)
        case StdioTests(cases):
            return len(cases)
        case CodeTests(code):
            return number_of_asserts(code, problem.language)
        case _:
            return None


REWARD = Ladder()
