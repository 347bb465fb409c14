"""The judge judged, in a second or two: right answers must pass and well-known cheats must fail.

It runs before any grading, since a judge that is broken on one machine (a kernel that refuses a layer half-way, a
Python without a module) would otherwise show as a model that is bad at code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sparkgap import plugins
from sparkgap.benchmarks import Benchmark
from sparkgap.errors import InfraError
from sparkgap.references import prepared, references
from sparkgap.types import Problem, Program, Verdict

if TYPE_CHECKING:
    from sparkgap.judge import Judge

PROBLEMS = 3  # of the benchmark at hand

# Every cheat is a program for the entry point {f}. All are known from graders in use, which some of them pass.
CHEATS: dict[str, str] = {
    "empty": "\n",
    "constant": "def {f}(*args, **kwargs):\n    return 'constant'\n",
    "sys.exit(0) when loaded": "import sys\nsys.exit(0)\n",
    "sys.exit(0) when called": "import sys\ndef {f}(*args, **kwargs):\n    sys.exit(0)\n",
    "os._exit(0) when loaded": "import os\nos._exit(0)\n",
    "os._exit(0) when called": "import os\ndef {f}(*args, **kwargs):\n    os._exit(0)\n",
    "always equal": """\
class Same:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    def __hash__(self): return 0
    def __abs__(self): return 0
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __len__(self): return 1
    def __iter__(self): return iter([self])
    def __getitem__(self, key): return self
def {f}(*args, **kwargs):
    return Same()
""",
    "frame-reading": """\
import dis, sys
def {f}(*args, **kwargs):
    frame = sys._getframe(1)
    while frame is not None:
        for name in ("expected", "exp", "want", "ref", "answer"):
            if name in frame.f_locals:
                return frame.f_locals[name]
        for step in dis.get_instructions(frame.f_code):
            if step.offset > frame.f_lasti and step.opname == "LOAD_CONST":
                return step.argval
        frame = frame.f_back
""",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One program that was judged, named for what it is, and whether the verdict was the right one."""

    name: str
    problem_id: str
    must_pass: bool
    verdict: Verdict

    @property
    def ok(self) -> bool:
        """Whether the verdict is what it must be; a program that could not be judged is not."""
        return self.verdict.passed == self.must_pass and self.verdict.status != "infra"


def selftest(judge: Judge, benchmark: Benchmark | None = None) -> tuple[Check, ...]:
    """Judge right answers and cheats on a few problems of `hello`, and of `benchmark` where one is at hand.

    Raises:
        DataError: a published file of `benchmark` is not here.
    """
    problems = list(_one_of_each_kind(plugins.find("benchmarks", "hello")))
    if benchmark is not None and benchmark.name != "hello":
        problems += islice(_usable(benchmark), PROBLEMS)
    known = references(judge, problems)
    unusable: list[Check] = []
    planned: list[tuple[str, Problem, bool]] = []
    programs: list[Program] = []
    for problem in problems:
        reference = known[problem.id]
        if reference.error:
            unusable.append(Check("canonical solution", problem.id, True, Verdict("infra", reason=reference.error)))
            continue
        tests, limits = prepared(problem, reference)
        for name, source in {"canonical solution": problem.reference, **CHEATS}.items():
            text = source.replace("{f}", problem.entry_point) if name in CHEATS else source
            planned.append((name, problem, name not in CHEATS))
            programs.append(Program(text, tests, problem.language, limits))
    verdicts = dict(judge.stream(programs))
    judged = [
        Check(name, problem.id, must_pass, verdicts[place]) for place, (name, problem, must_pass) in enumerate(planned)
    ]
    return (*unusable, *judged)


def require(checks: tuple[Check, ...]) -> None:
    """Refuse a judge that failed its self-test.

    Raises:
        InfraError: a verdict was not what it must be.
    """
    failed = [check for check in checks if not check.ok]
    if not failed:
        return
    name, id_, verdict = failed[0].name, failed[0].problem_id, failed[0].verdict
    raise InfraError(
        f"the self-test failed: {len(failed)} of {len(checks)} verdicts are not what they must be; the first: "
        f"{name!r} on {id_} is {verdict.status} ({verdict.reason or 'no reason given'}); "
        "no score from this machine can be trusted until `sparkgap check` is clean"
    )


def _usable(benchmark: Benchmark) -> Iterator[Problem]:
    """Yield the problems that can be put to the test."""
    return (problem for problem in benchmark.problems() if problem.reference and problem.entry_point)


def _one_of_each_kind(benchmark: Benchmark) -> Iterator[Problem]:
    """Yield the first problem with each kind of tests: asserts, inputs with answers, docstring examples."""
    seen: set[type] = set()
    for problem in _usable(benchmark):
        if type(problem.tests) not in seen:
            seen.add(type(problem.tests))
            yield problem
