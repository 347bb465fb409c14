"""Probes: a few calls of each benchmark problem, with what its reference answers, to find functions worth judging.

They are what the benchmark's own tests call (calls.py). A probe only says that a function may be a solution; that it is
one, variations of the calls and the whole tests say. Variations are chosen so that the reference's answers to them are
different: a function that says no to 31 of 32 calls tells little about one that does so, too.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.curate.contamination import driver, telling
from sparkgap.curate.contamination.calls import FURTHER, OWN, Call, Calls, kind, recorded, subject
from sparkgap.curate.contamination.variations import variations
from sparkgap.types import InputTests, Limits, Problem, Program

if TYPE_CHECKING:
    from sparkgap.judge import Judge

VERSION = "3"  # raised whenever the same problems could have other probes
VARIED, TRIED = 96, 32  # variations of the calls of one problem: made, and then used
LEAST_TELLING = 3  # calls that chance does not get right, to tell anything
FAIR = 0.75  # the share of one answer from which the calls of other problems are tried as variations, too
KAPPA = 0.7
FEW = 3  # own calls
IDLE: tuple[Callable[[Call], Any], ...] = (
    lambda a: a[0], lambda a: a[-1], lambda a: True, lambda a: False, lambda a: None, lambda a: -1, lambda a: "",
    lambda a: [], list, lambda a: a, lambda a: str(a[0]), lambda a: bool(a[0]),
    lambda a: 0, lambda a: 1,
)  # fmt: skip

Told = tuple[Call, str]  # the arguments of a call, and its answer as text


@dataclass(frozen=True, slots=True)
class Probe:
    """One problem's own calls and variations of them, with the reference's answers; all have as many arguments."""

    problem: Problem
    own: tuple[Told, ...]
    varied: tuple[Told, ...]
    lines: int = driver.LINES  # steps that each call may take
    telling: bool = True  # whether anything can be told from the answers: `tells`

    @property
    def arity(self) -> int:
        """How many arguments the calls have."""
        return len(self.own[0][0])

    @property
    def told(self) -> tuple[Told, ...]:
        """All calls with the reference's answers."""
        return (*self.own, *self.varied)

    @property
    def chance(self) -> float:
        """The share of all calls that always the same answer, or a function that does nothing, gets right."""
        return chance(self.told)

    @property
    def tells(self) -> bool:
        """Whether anything can be told from the answers: those that chance does not get right are enough."""
        return round(len(self.told) * (1 - self.chance)) >= LEAST_TELLING

    def agrees(self, answers: Sequence[str | None]) -> bool:
        """Whether a function that answers its own calls rightly answers their variations so more often than by chance.

        Cohen's kappa of at least `KAPPA` over all calls, where chance is always giving the reference's most frequent
        answer, or what a function that does nothing gives (`IDLE`). Tests of three asserts on yes or no are passed by
        many a function that does something else; variations tell them apart. A benchmark with fewer calls than `FEW`
        decides next to nothing by itself (CRUXEval has one); then every variation must be answered alike, as where
        nothing can be told from the answers.
        """
        right = sum(answer == told for answer, (_, told) in zip(answers, self.varied, strict=True))
        if len(self.own) < FEW or not self.telling:
            return right == len(self.varied)
        same, chance = (len(self.own) + right) / len(self.told), self.chance
        return (same - chance) / (1 - chance) >= KAPPA


def chance(told: Sequence[Told]) -> float:
    """Return the share of calls that always the same answer, or a function that does nothing, gets right."""
    if not told:
        return 0.0
    constant = max(Counter(answer for _, answer in told).values())
    idle = Counter(number for call, answer in told for number in _idle(call, answer))
    return max([constant, *idle.values()]) / len(told)


def _idle(call: Call, answer: str) -> tuple[int, ...]:
    """Return which of the functions that do nothing give this answer."""
    return tuple(number for number, function in enumerate(IDLE) if _tell(function(call)) == answer)


def _tell(value: Any) -> str | None:
    try:
        return telling.told(value)
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Asked:
    """The probes of the problems that can be asked, and why each other code problem cannot, by its place."""

    probes: tuple[Probe, ...]
    unasked: Mapping[int, str]


NO_CALL = "its tests make no call with plain values"
NO_ANSWER = "its reference takes too long or answers with no plain value"


def probes(judge: Judge, problems: Sequence[Problem]) -> Asked:
    """Return the probes of all problems that have some, and why others have none.

    A problem has none if its tests make no call whose arguments are plain values, or if the reference answers none of
    them. Where too little can be told from the answers, since they are all alike or a function that does nothing
    (`IDLE`) gives them, too, it has one that is not `telling`.
    """
    code = [place for place, each in enumerate(problems) if is_code(each)]
    every = recorded(judge, [problems[place] for place in code])
    unasked = {place: NO_CALL for place, calls in zip(code, every, strict=True) if not calls.own}
    calls = {place: each for place, each in zip(code, every, strict=True) if each.own}
    found: dict[int, Probe] = {}
    mute: dict[int, Probe] = {}
    pool = _Pool([(problems[place].id, each) for place, each in calls.items()])
    for attempt in _ATTEMPTS:
        left = {place: attempt.calls(problems[place].id, each, pool) for place, each in calls.items()
                if place not in found or (attempt.others and found[place].chance > FAIR)}  # fmt: skip
        for place, probe in _answered(judge, problems, left, attempt.lines, unasked).items():
            if not probe.tells:
                mute.setdefault(place, replace(probe, telling=False))
            elif place not in found or probe.chance < found[place].chance:
                found[place] = probe
    found = {**mute, **found}
    return Asked(tuple(found[place] for place in sorted(found)),
                 {place: why for place, why in sorted(unasked.items()) if place not in found})  # fmt: skip


class _Pool:
    """The calls of all problems: by the problem's id, which HumanEval and HumanEval+ share, and by kind."""

    def __init__(self, every: Sequence[tuple[str, Calls]]) -> None:
        self._by_id: dict[str, list[Call]] = {}
        self._by_kind: dict[str, dict[str, Call]] = {}
        for turn in range(OWN):
            for _, calls in every:
                for call in calls.own[turn : turn + 1]:
                    for kinds in {_kinds(call), _outer(call)}:
                        home = self._by_kind.setdefault(kinds, {})
                        if len(home) < VARIED:
                            home.setdefault(repr(call), call)
        for name, calls in every:
            self._by_id.setdefault(name, []).extend([*calls.own, *calls.further])

    def same(self, name: str, call: Call) -> list[Call]:
        """Return the calls of all problems of an id that have as many arguments as one."""
        return [each for each in self._by_id[name] if len(each) == len(call)]

    def alike(self, call: Call) -> Iterable[Call]:
        """Return calls with arguments of the kinds of one, `VARIED` at most; of what is empty any kind will do."""
        empty = any(isinstance(each, list | tuple | dict | set) and not each for each in call)
        return self._by_kind[_outer(call) if empty else _kinds(call)].values()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One way to vary the calls of a problem: how many steps each may take, and whether others' calls help out."""

    lines: int
    others: bool

    def calls(self, name: str, each: Calls, pool: _Pool) -> tuple[list[Call], list[Call]]:
        """Return the calls to ask by, and the variations to choose from."""
        more = pool.alike(each.own[0]) if self.others else ()
        known = set(map(repr, each.own))
        further = pool.same(name, each.own[0])[: OWN + FURTHER]
        tried = [*further, *variations([*each.own, *further[:OWN]], VARIED), *more]
        return each.own, list({told: call for call in tried if (told := repr(call)) not in known}.values())


_ATTEMPTS = (
    _Attempt(driver.REFERENCE_LINES, others=False),
    _Attempt(driver.REFERENCE_LINES, others=True),
    _Attempt(driver.REFERENCE_LINES * driver.PATIENT, others=True),
)


def _answered(
    judge: Judge, problems: Sequence[Problem], calls: Mapping[int, tuple[list[Call], list[Call]]], lines: int,
    unasked: dict[int, str],
) -> dict[int, Probe]:  # fmt: skip
    """Return the probes of the problems whose references answer; note of the others why not."""
    found: dict[int, Probe] = {}
    places = list(calls)
    programs = (answering(problems[place].reference, subject(problems[place]).name, [*own, *varied], lines)
                for place, (own, varied) in calls.items())  # fmt: skip
    for number, verdict in judge.stream(programs):
        place = places[number]
        unasked[place] = NO_ANSWER
        if verdict.passed and verdict.answers:
            own, varied = calls[place]
            answers = verdict.answers[0]
            allowed = lines * driver.LINES // driver.REFERENCE_LINES
            probe = Probe(problems[place], _told(own, answers), balanced(_told(varied, answers[len(own) :])), allowed)
            if probe.own:
                found[place] = probe
    return found


def balanced(told: Sequence[Told], count: int = TRIED) -> tuple[Told, ...]:
    """Return up to `count` calls whose answers are as different as may be: of each kind in turn, in order.

    Those that a function which does nothing gives are of one kind.
    """
    turns: dict[object, int] = {}
    ranked = []
    for place, (call, answer) in enumerate(told):
        sort: object = _idle(call, answer)[:1] or answer
        turns[sort] = turns.get(sort, 0) + 1
        ranked.append((turns[sort], place))
    return tuple(told[place] for place in sorted(place for _, place in sorted(ranked)[:count]))


def is_code(problem: Problem) -> bool:
    """Whether a problem asks for a Python function, and says which one and how it is tested."""
    named = bool(problem.reference and problem.entry_point and problem.language == "python")
    return named and problem.tests is not None


def write_probes(path: Path, problems: Sequence[Problem], asked: Asked) -> None:
    """Write what `probes` found of some problems; calls are kept as Python literals."""
    places = {id(problem): place for place, problem in enumerate(problems)}
    told = [
        [places[id(each.problem)], repr(each.own), repr(each.varied), each.lines, each.telling] for each in asked.probes
    ]
    draft = path.with_suffix(".tmp")
    draft.write_text(
        json.dumps({"key": _key(problems), "probes": told, "unasked": list(asked.unasked.items())}), "utf-8"
    )
    draft.replace(path)


def read_probes(path: Path, problems: Sequence[Problem]) -> Asked | None:
    """Return what was written of these very problems; None where there is nothing."""
    if not path.exists():
        return None
    told = json.loads(path.read_bytes())
    if told["key"] != _key(problems):
        return None
    literal = ast.literal_eval
    return Asked(tuple(Probe(problems[place], literal(own), literal(varied), lines, telling)
                       for place, own, varied, lines, telling in told["probes"]), dict(told["unasked"]))  # fmt: skip


def _key(problems: Sequence[Problem]) -> str:
    hashed = hashlib.sha256(f"{VERSION} {VARIED} {TRIED}".encode())
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
    numbers: dict[str, int] = {}
    table: list[Call] = []
    lines: list[int] = []
    problems: list[list[tuple[int, str]]] = []
    for probe in chosen:
        problems.append([])
        for call, answer in probe.own:
            number = numbers.setdefault(repr(call), len(table))
            if number == len(table):
                table.append(call)
                lines.append(0)
            lines[number] = max(lines[number], probe.lines)
            problems[-1].append((number, answer))
    kinds: dict[str, int] = {}
    sorts = [kinds.setdefault(_sort(call), len(kinds)) for call in table]
    return InputTests(driver.MATCHES, ((table, sorts, lines, problems),), None)


def in_order(chosen: Iterable[Probe]) -> tuple[Probe, ...]:
    """Return probes in the order in which they are asked: those of small arguments first, since steps are bounded."""
    return tuple(sorted(chosen, key=lambda probe: (probe.lines, max(len(repr(call)) for call, _ in probe.own))))


def by_arity(found: Iterable[Probe]) -> Mapping[int, tuple[Probe, ...]]:
    """Return the probes by how many arguments they have."""
    sorted_out: dict[int, list[Probe]] = {}
    for probe in found:
        sorted_out.setdefault(probe.arity, []).append(probe)
    return {arity: in_order(each) for arity, each in sorted_out.items()}


def _told(calls: Sequence[Call], answers: Sequence[str | None]) -> tuple[Told, ...]:
    return tuple((call, answer) for call, answer in zip(calls, answers, strict=False) if answer is not None)


def _kinds(call: Call) -> str:
    return " ".join(map(kind, call))


def _sort(call: Call) -> str:
    """Return the kinds of a call's arguments and about how large each is: what raises on one raises on all."""
    sizes = (
        len(each) if hasattr(each, "__len__") else abs(each) // 10 if isinstance(each, int) else 0 for each in call
    )
    return f"{_kinds(call)} {[min(size, 4) for size in sizes]}"


def _outer(call: Call) -> str:
    return " ".join(type(each).__name__ for each in call)
