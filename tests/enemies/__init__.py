"""Programs that try to pass without solving anything, to get out, or to use up the machine.

Each is an `Attack`: a source, the trial that it is put to, and the statuses that are right for it. None is ever
"passed", and none is "infra": what a program does to itself is never the judge's failure. The tables are apart from the
tests since several levels of isolation are put to the same attacks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sparkgap import Judge, Program
from sparkgap.types import CodeTests, DocTests, InputTests, Limits, StdioTests, Tests, Verdict

QUICK = Limits(cpu_s=0.5, memory_mb=256, output_kb=1024)


@dataclass(frozen=True)
class Trial:
    """Tests, with a program that passes them and one that fails them, to see that the judge still tells them apart."""

    tests: Tests
    right: str
    wrong: str
    language: str = "python"

    def program(self, source: str, limits: Limits | None = None) -> Program:
        """Return a program to judge by these tests."""
        return Program(source, self.tests, self.language, limits or Limits())

    def asked_one_by_one(self) -> Trial:
        """Return the same with a loop that does nothing: what such tests ask is not known beforehand."""
        assert isinstance(self.tests, CodeTests)
        return replace(self, tests=replace(self.tests, code=f"{self.tests.code}\nfor _ in (): pass\n"))


@dataclass(frozen=True)
class Attack:
    """A hostile program. `statuses` are the right ones, `reduced` those at the reduced level where they differ."""

    name: str
    source: str
    statuses: frozenset[str]
    trial: Trial
    limits: Limits = QUICK
    reduced: frozenset[str] = frozenset()

    def allowed(self, level: str) -> frozenset[str]:
        """Return the statuses that are right at a level of isolation."""
        return self.statuses | (self.reduced if level != "full" else frozenset())

    def program(self) -> Program:
        """Return the attack as a program to judge."""
        return self.trial.program(self.source, self.limits)


_ADD_RIGHT, _ADD_WRONG = "def add(a, b):\n    return a + b\n", "def add(a, b):\n    return a - b\n"
_READ_RIGHT = "print(sum(map(int, input().split())))\n"

ADD = Trial(CodeTests("assert add(2, 3) == 5\nassert add(10, -4) == 6\n"), _ADD_RIGHT, _ADD_WRONG)
CHECK = Trial(
    CodeTests(
        "def check(candidate):\n    assert candidate(2, 3) == 5\n    assert candidate(10, -4) == 6\n\ncheck(add)\n",
        prelude='def add(a, b):\n    """Return the sum."""\n',
    ),
    _ADD_RIGHT,
    _ADD_WRONG,
)
INPUTS = Trial(InputTests("add", ((2, 3), (10, -4)), (5, 6)), _ADD_RIGHT, _ADD_WRONG)
DOCS = Trial(DocTests(">>> add(2, 3)\n5\n>>> add(10, -4)\n6\n"), _ADD_RIGHT, _ADD_WRONG)
STDIO = Trial(StdioTests((("2 3\n", "5\n"), ("10 -4\n", "6\n"))), _READ_RIGHT, "print(input())\n")
TRUTH = Trial(CodeTests("assert attempt() is True\n"), "def attempt(): return True\n", "def attempt(): return False\n")


def code(tests: str, right: str, wrong: str, prelude: str = "") -> Trial:
    """Return a trial by asserts."""
    return Trial(CodeTests(tests, prelude), right, wrong)


def attack(
    name: str, statuses: str, source: str, trial: Trial = ADD, *, limits: Limits = QUICK, reduced: str = ""
) -> Attack:
    """Return an attack; statuses are words in one string."""
    return Attack(name, source, frozenset(statuses.split()), trial, limits, frozenset(reduced.split()))


def attempt(name: str, body: str, statuses: str = "raised forbidden wrong", *, reduced: str = "") -> Attack:
    """Return an attack whose success its own `attempt()` would tell by returning True."""
    indented = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    return attack(name, statuses, f"def attempt():\n{indented}", TRUTH, reduced=reduced)


def outcome(judge: Judge, enemy: Attack) -> tuple[Verdict, Verdict, Verdict]:
    """Judge the attack, then a right and a wrong program by the same tests."""
    trial = enemy.trial
    return (
        judge.run(enemy.program()),
        judge.run(trial.program(trial.right)),
        judge.run(trial.program(trial.wrong)),
    )


def complaints(enemy: Attack, verdicts: tuple[Verdict, Verdict, Verdict], level: str) -> list[str]:
    """Return what is amiss with the verdicts on an attack and on the two programs after it."""
    on_attack, on_right, on_wrong = verdicts
    found = []
    if on_attack.status not in enemy.allowed(level):
        found.append(f"the attack is {on_attack.status} ({on_attack.reason}), not {sorted(enemy.allowed(level))}")
    if on_right.status != "passed":
        found.append(f"the right program after it is {on_right.status} ({on_right.reason})")
    if on_wrong.status not in ("wrong", "raised"):
        found.append(f"the wrong program after it is {on_wrong.status} ({on_wrong.reason})")
    return found
