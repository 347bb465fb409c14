"""Probes: a few calls of each benchmark problem, with what its reference answers, to find functions worth judging.

They are what the benchmark's own tests call: the tests are run on the reference, which prints its arguments. A probe
only says that a function may be a solution; that it is one, variations of the calls and the whole tests say.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate.contamination import driver
from sparkgap.curate.contamination.variations import TRIED as VARIATIONS
from sparkgap.curate.contamination.variations import variations
from sparkgap.types import InputTests, Limits, Problem, Program, StdioTests

if TYPE_CHECKING:
    from sparkgap.judge import Judge

VERSION = "1"  # raised whenever the same problems could have other probes
MOST_CALLS = 10  # of one problem
LEAST_VARIED = 6  # variations that the reference answers, to tell anything
KAPPA = 0.7
MOST_CHARS = 400  # of one call's arguments; long ones cost at every function that is tried
IDLE = ("a[0]", "a[-1]", "True", "False", "None", "0", "1", "-1", "''", "[]", "list(a)", "a", "str(a[0])", "bool(a[0])")

Told = tuple[tuple[Any, ...], str]  # the arguments of a call, and its answer as text


@dataclass(frozen=True, slots=True)
class Probe:
    """One problem's own calls and variations of them, with the reference's answers; all have as many arguments."""

    problem: Problem
    own: tuple[Told, ...]
    varied: tuple[Told, ...]

    @property
    def arity(self) -> int:
        """How many arguments the calls have."""
        return len(self.own[0][0])

    @property
    def telling(self) -> bool:
        """Whether the own calls alone say enough: at least three that have not the most frequent answer."""
        answers = Counter(answer for _, answer in self.own)
        return len(self.own) - max(answers.values(), default=0) >= 3

    @property
    def usable(self) -> bool:
        """Whether anything can be told from the answers at all."""
        return bool(self.own) and self.agrees([answer for _, answer in self.varied])

    def agrees(self, answers: Sequence[str | None]) -> bool:
        """Whether answers to the variations are the reference's more often than by chance.

        Cohen's kappa of at least `KAPPA`, where chance is always giving the reference's most frequent answer. Tests of
        three asserts on yes or no are passed by many a function that does something else; variations tell them apart.
        Where there are too few, or all answers are alike, the own calls must be telling.
        """
        right = Counter(answer for _, answer in self.varied)
        chance = max(right.values(), default=0) / max(1, len(self.varied))
        if len(self.varied) < LEAST_VARIED or chance == 1:
            return self.telling
        same = sum(answer == told for answer, (_, told) in zip(answers, self.varied, strict=True)) / len(self.varied)
        return (same - chance) / (1 - chance) >= KAPPA


def probes(judge: Judge, problems: Iterable[Problem]) -> tuple[tuple[Probe, ...], tuple[Problem, ...]]:
    """Return the probes of all problems that have some, and the code problems that have none.

    A problem has none if its tests make no call whose arguments are literals, if too little can be told from the
    answers, or if a function that does nothing (`IDLE`) answers as its reference does.
    """
    code = [each for each in problems if is_code(each)]
    called = zip(code, _recorded(judge, code), strict=True)
    asked = [(problem, calls, variations(calls)) for problem, calls in called if calls]
    found: dict[int, Probe] = {}
    lines = driver.REFERENCE_LINES
    programs = (answering(each.reference, each.entry_point, [*own, *varied], lines) for each, own, varied in asked)
    for place, verdict in judge.stream(programs):
        problem, own, varied = asked[place]
        if verdict.passed and verdict.answers:
            told = list(zip([*own, *varied], verdict.answers[0], strict=True))
            probe = Probe(problem, _answered(told[: len(own)]), _answered(told[len(own) :]))
            if probe.usable:
                found[place] = probe
    kept = _not_idle(judge, [found[place] for place in sorted(found)])
    ids = {id(probe.problem) for probe in kept}
    return kept, tuple(problem for problem in code if id(problem) not in ids)


def is_code(problem: Problem) -> bool:
    """Whether a problem asks for a Python function, and says which one and how it is tested."""
    named = bool(problem.reference and problem.entry_point and problem.language == "python")
    return named and problem.tests is not None


def write_probes(path: Path, problems: Sequence[Problem], found: Sequence[Probe]) -> None:
    """Write what `probes` found of some problems; calls are kept as Python literals."""
    places = {id(problem): place for place, problem in enumerate(problems)}
    told = [[places[id(probe.problem)], repr(probe.own), repr(probe.varied)] for probe in found]
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps({"key": _key(problems), "probes": told}), "utf-8")
    draft.replace(path)


def read_probes(path: Path, problems: Sequence[Problem]) -> tuple[Probe, ...] | None:
    """Return what was written of these very problems; None where there is nothing."""
    if not path.exists():
        return None
    told = json.loads(path.read_bytes())
    if told["key"] != _key(problems):
        return None
    literal = ast.literal_eval
    return tuple(Probe(problems[place], literal(own), literal(varied)) for place, own, varied in told["probes"])


def _key(problems: Sequence[Problem]) -> str:
    hashed = hashlib.sha256(f"{VERSION} {VARIATIONS}".encode())
    for each in problems:
        hashed.update(repr((each.benchmark, each.id, each.reference, each.entry_point)).encode("utf-8", "replace"))
    return hashed.hexdigest()


def answering(source: str, name: str, calls: Sequence[tuple[Any, ...]], lines: int = driver.LINES) -> Program:
    """Return the program whose verdict's first answer is what a function says to some calls."""
    tests = InputTests(driver.ANSWERS, ((list(calls),),), None)
    return Program(driver.answering(source, name, lines), tests, limits=Limits(cpu_s=10.0))


def matching(source: str, name: str, asked: InputTests) -> Program:
    """Return the program whose verdict's first answer is which of some problems a function answers as the references.

    Args:
        source: the program that defines it.
        name: the function.
        asked: what `questions` made of the problems' probes.
    """
    return Program(driver.matching(source, name), asked, limits=Limits(cpu_s=3.0))


def questions(chosen: Sequence[Probe]) -> InputTests:
    """Return the own calls of some probes as one question, in which a call that several problems have stands once."""
    calls: dict[str, tuple[int, tuple[Any, ...]]] = {}
    problems = [[(calls.setdefault(repr(call), (len(calls), call))[0], answer) for call, answer in probe.own]
                for probe in chosen]  # fmt: skip
    kinds: dict[str, int] = {}
    table = [call for _, call in calls.values()]
    numbers = [kinds.setdefault(" ".join(map(_kind, call)), len(kinds)) for call in table]
    return InputTests(driver.MATCHES, ((table, numbers, problems),), None)


def by_arity(found: Iterable[Probe]) -> Mapping[int, tuple[Probe, ...]]:
    """Return the probes by how many arguments they have."""
    sorted_out: dict[int, list[Probe]] = {}
    for probe in found:
        sorted_out.setdefault(probe.arity, []).append(probe)
    return {arity: tuple(each) for arity, each in sorted_out.items()}


def _answered(pairs: list[tuple[tuple[Any, ...], str | None]]) -> tuple[Told, ...]:
    return tuple((call, answer) for call, answer in pairs if answer is not None)


def _not_idle(judge: Judge, found: Sequence[Probe]) -> tuple[Probe, ...]:
    """Return the probes that no function which does nothing answers as the reference does."""
    idle: set[int] = set()
    calls = [[call for call, _ in (*probe.own, *probe.varied)] for probe in found]
    sources = "\n".join(f"def f{number}(*a):\n    return {body}\n" for number, body in enumerate(IDLE))
    names = ", ".join(f"f{number}" for number in range(len(IDLE)))
    every = f"{sources}\ndef every(*a):\n    return [__sparkgap_call(f, a) for f in ({names})]\n"
    for place, verdict in judge.stream(_every(every, each) for each in calls):
        probe = found[place]
        for answers in zip(*verdict.answers[0], strict=True) if verdict.passed and verdict.answers else ():
            own, varied = answers[: len(probe.own)], answers[len(probe.own) :]
            if all(answer == told for answer, (_, told) in zip(own, probe.own, strict=True)) and probe.agrees(varied):
                idle.add(place)
    return tuple(probe for place, probe in enumerate(found) if place not in idle)


def _every(source: str, calls: list[tuple[Any, ...]]) -> Program:
    code = driver.answering(source, "f0") + "\ndef all_answers(calls):\n    return [every(*call) for call in calls]\n"
    return Program(code, InputTests("all_answers", ((calls,),), None), limits=Limits(cpu_s=10.0))


def _kind(value: Any) -> str:
    inner = next(iter(value), None) if isinstance(value, list | tuple | set | dict) else None
    return type(value).__name__ + (f"[{_kind(inner)}]" if inner is not None else "")


def _recorded(judge: Judge, problems: Sequence[Problem]) -> list[list[tuple[Any, ...]]]:
    """Return the calls that each problem's tests make of its reference, those whose arguments are literals."""
    found: list[list[tuple[Any, ...]]] = [[] for _ in problems]
    asked: list[int] = []

    def programs() -> Iterator[Program]:
        for place, problem in enumerate(problems):
            if isinstance(problem.tests, InputTests):
                found[place] = _few(problem.tests.inputs)
            elif not isinstance(problem.tests, StdioTests):
                asked.append(place)
                code = driver.recording(problem.reference, problem.entry_point)
                yield Program(code, problem.tests, limits=Limits(cpu_s=10.0))

    for number, verdict in judge.stream(programs()):
        lines = (line.removeprefix(driver.MARK) for line in verdict.output.split("\n") if line.startswith(driver.MARK))
        found[asked[number]] = _few(_literals(lines))
    return found


def _literals(lines: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    for line in lines:
        try:
            read = ast.literal_eval(line)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(read, tuple):
            yield read


def _few(calls: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the first different short calls that have as many arguments as the first."""
    kept: dict[str, tuple[Any, ...]] = {}
    for call in calls:
        told = repr(call)
        if len(told) <= MOST_CHARS and call and len(call) == len(next(iter(kept.values()), call)):
            kept.setdefault(told, call)
        if len(kept) == MOST_CALLS:
            break
    return list(kept.values())
