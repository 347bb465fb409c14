"""The dense reward: a little for each stage that a program gets through, and 1 for passing every hidden test.

    parse    it is Python at all
    compile  it is accepted by the compiler (Python: the same moment as parse)
    runs     it was loaded and answered a call, rightly or not
    share    of this, the share of the hidden tests that passed

A failing program gets the weights of the rungs that it reached, added up, and so at most `ceiling`, their sum, which
must stay under 1. Compiler feedback as a reward in itself is from RLCF (Jain et al. 2023, arXiv:2305.18341) and, with
graded penalties for syntax error, runtime error and failed tests, from CodeRL (Le et al. 2022, arXiv:2207.01780).
Whether it helps once models can write code that compiles is contested, and partial credit invites programs that stop
half way: hence the bound, the small weights, and an off switch, 0, for each.

The share counts only tests that are known beforehand, each once: the inputs of `InputTests`, the cases of
`StdioTests`, and asserts that stand at the top of `CodeTests`. Asserts in loops or functions run as often as answers
make them, and docstring examples stand in the prompt; of those, only all of them count. Programs are to be judged
with `all_tests`, or the share is that of the tests before the first failure.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from sparkgap.errors import InputError
from sparkgap.rewards import Bounds, Judged
from sparkgap.types import CodeTests, InputTests, StdioTests, Tests, Verdict

_NOTHING = {"empty", "syntax", "forbidden"}  # no program; or one that tried what the jail refuses, which never pays


@dataclass(frozen=True, slots=True)
class Ladder:
    """What each rung is worth; 0 switches it off."""

    parse: float = 0.02
    compile: float = 0.03
    runs: float = 0.1
    share: float = 0.35

    name: ClassVar[str] = "ladder"
    title: ClassVar[str] = "parse < compile < runs < share of hidden tests, and far above them: all tests, 1"
    passing: ClassVar[Bounds] = (1.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse weights with which a failing program could be worth as much as a passing one."""
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
            return self.parse
        assert judged.problem.tests is not None
        passed = _share(verdict, judged.problem.tests)
        answered = verdict.status == "wrong" or passed > 0
        return self.parse + self.compile + self.runs * answered + self.share * passed


def _share(verdict: Verdict, tests: Tests) -> float:
    """Return the share of the hidden tests that passed, 0 where their number is up to the program."""
    known = _known(tests)
    return min(verdict.tests_passed / known, 1.0) if known and verdict.tests_total == known else 0.0


def _known(tests: Tests) -> int | None:
    """Return how many tests there are, None where that is not known before they run."""
    match tests:
        case InputTests(_, inputs):
            return len(inputs)
        case StdioTests(cases):
            return len(cases)
        case CodeTests(code):
            return _asserts(code)
        case _:
            return None


@lru_cache(maxsize=4096)
def _asserts(code: str) -> int | None:
    """Return how many asserts there are, if all stand at the top and no two are the same."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None
    top = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Assert)]
    every = sum(isinstance(node, ast.Assert) for node in ast.walk(tree))
    return len(top) if every == len(top) == len(set(top)) else None


REWARD = Ladder()
