"""Compositions: operations one after another, conditions and loops among them, interpreted directly on values.

A stage is a step (one operation), a choice (one of two steps, by a test) or a repetition of a step. As JSON, which is
how a problem's metadata holds it, a step is `[name]` or `[name, constant]`, a choice `["if", test, then, other]`, a
repetition `["repeat", times, step]`; the constant `{"argument": "k"}` is the function's second argument.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sparkgap.benchmarks._katas.catalogue import (
    KINDS,
    Kind,
    Operation,
    Value,
    operation,
    predicates,
)
from sparkgap.benchmarks._katas.inputs import probes
from sparkgap.benchmarks._katas.meaning import MEANING

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class Argument:
    """In the place of a constant: the function's second argument, `k`, or by mistake the number beside it."""

    plus: int = 0


ARGUMENT = Argument()
TIMES = (2, 3)  # how often a repetition repeats


@dataclass(frozen=True, slots=True)
class Step:
    """One operation with its constant, None where it has none."""

    operation: Operation
    constant: int | str | Argument | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """`then` where the predicate `test` holds, else `other`; both keep the value's kind."""

    test: Step
    then: Step
    other: Step


@dataclass(frozen=True, slots=True)
class Repetition:
    """A step that keeps the value's kind, `times` times over."""

    step: Step
    times: int


Stage = Step | Choice | Repetition
Stages = tuple[Stage, ...]


def run(stages: Sequence[Stage], value: Any, argument: Any = None) -> Any:
    """Return what a composition makes of a value."""
    for stage in stages:
        if isinstance(stage, Step):
            value = _step(stage, value, argument)
        elif isinstance(stage, Choice):
            value = _step(stage.then if _step(stage.test, value, argument) else stage.other, value, argument)
        else:
            for _ in range(stage.times):
                value = _step(stage.step, value, argument)
    return value


def run_all(stages: Sequence[Stage], values: list[Any], arguments: Sequence[Any]) -> list[Any]:
    """Return what a composition makes of each value with its argument, as `run` does, and quicker."""
    for stage in stages:
        if isinstance(stage, Step) and not isinstance(stage.constant, Argument):
            meaning, constant = MEANING[stage.operation.name], stage.constant
            values = [meaning(value, constant) for value in values]
        else:
            values = [run((stage,), *given) for given in zip(values, arguments, strict=True)]
    return values


def _step(step: Step, value: Any, argument: Any) -> Any:
    constant = step.constant
    if isinstance(constant, Argument):
        constant = argument + constant.plus if constant.plus else argument
    return MEANING[step.operation.name](value, constant)


def takes(stages: Sequence[Stage]) -> Kind:
    """Return the kind of value that a composition starts from."""
    return ends(stages[0])[0]


def gives(stages: Sequence[Stage]) -> Kind:
    """Return the kind of value that a composition ends in."""
    return ends(stages[-1])[1]


def ends(stage: Stage) -> tuple[Kind, Kind]:
    """Return the kinds that a stage takes and gives."""
    if isinstance(stage, Step):
        return stage.operation.takes, stage.operation.gives
    kind = stage.test.operation.takes if isinstance(stage, Choice) else stage.step.operation.takes
    return kind, kind


def steps(stages: Sequence[Stage]) -> Iterator[Step]:
    """Yield every step in order, those of choices and repetitions too."""
    for stage in stages:
        match stage:
            case Step():
                yield stage
            case Choice(test, then, other):
                yield from (test, then, other)
            case Repetition(step):
                yield step


def as_json(stages: Sequence[Stage]) -> list[Any]:
    """Return a composition as plain JSON."""
    return [_stage_json(stage) for stage in stages]


def from_json(stages: Sequence[Any]) -> Stages:
    """Return the composition that `as_json` wrote."""
    return tuple(_stage(each) for each in stages)


def _stage_json(stage: Stage) -> list[Any]:
    match stage:
        case Choice(test, then, other):
            return ["if", _stage_json(test), _stage_json(then), _stage_json(other)]
        case Repetition(step, times):
            return ["repeat", times, _stage_json(step)]
        case Step(op, None):
            return [op.name]
        case Step(op, constant):
            return [op.name, {"argument": "k"} if isinstance(constant, Argument) else constant]


def _stage(told: Sequence[Any]) -> Stage:
    match told:
        case ["if", test, then, other]:
            return Choice(_told_step(test), _told_step(then), _told_step(other))
        case ["repeat", times, step]:
            return Repetition(_told_step(step), times)
    return _told_step(told)


def _told_step(told: Sequence[Any]) -> Step:
    name, *constant = told
    found = constant[0] if constant else None
    return Step(operation(name), ARGUMENT if isinstance(found, dict) else found)


def key(stages: Sequence[Stage]) -> str:
    """Return the composition without its constants: what tells it from others, in one line."""
    return " > ".join(map(_stage_key, stages))


def _stage_key(stage: Stage) -> str:
    match stage:
        case Choice(test, then, other):
            return f"if({test.operation.name}, {then.operation.name}, {other.operation.name})"
        case Repetition(step):
            return f"repeat({step.operation.name})"
        case Step(op):
            return op.name


def split_of(stages: Sequence[Stage]) -> Split:
    """Return the split that a composition belongs to: by a hash of what it does, whatever its constants and wording.

    What it does is read off its answers to fixed inputs, with the first constant of each operation. So compositions
    that do the same under different names ("reverse, first" and "last") are in the same split. A tenth each goes to
    test and validation.
    """
    name = key(stages)
    if name not in _SPLITS:
        _SPLITS[name] = _split(_plain(stages))
    return _SPLITS[name]


_SPLITS: dict[str, Split] = {}


def _split(composition: Stages) -> Split:
    values = list(probes(takes(composition)))
    answers = [_ordered(answer) for answer in run_all(composition, values, [None] * len(values))]
    told = f"{takes(composition)}>{gives(composition)} {answers!r}"
    place = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big") % 10
    return "test" if place == 0 else "validation" if place == 1 else "train"


def _ordered(value: Value) -> Any:
    return sorted(value.items()) if isinstance(value, dict) else value


def _plain(stages: Sequence[Stage]) -> Stages:
    """Return a composition with the first constant of each operation."""
    return _mapped(stages, lambda step: replace(step, constant=next(iter(step.operation.constants), None)), times=2)


def _mapped(stages: Sequence[Stage], change: Callable[[Step], Step], times: int | None = None) -> Stages:
    def mapped(stage: Stage) -> Stage:
        match stage:
            case Choice(test, then, other):
                return Choice(change(test), change(then), change(other))
            case Repetition(step, before):
                return Repetition(change(step), times or before)
            case Step():
                return change(stage)

    return tuple(map(mapped, stages))


class Deck:
    """Operations to draw compositions from, sorted by what they take."""

    def __init__(self, among: Sequence[Operation]) -> None:
        self._starts = sorted({each.takes for each in among if not each.loops}, key=KINDS.index)
        self._plain = {kind: [each for each in among if each.takes == kind and not each.loops] for kind in KINDS}
        self._loops = {kind: [each for each in among if each.takes == kind and each.loops] for kind in KINDS}

    def drawn(self, rng: random.Random, level: int, control: bool = True) -> Stages | None:
        """Return a random composition of `level` stages; None if the draw came to a dead end.

        Levels 1 and 2 are plain steps. From level 3 on one stage is a condition, a repetition or a loop, if `control`.
        """
        turn = rng.randrange(level) if control and level >= 3 else -1
        if not self._starts:
            return None
        kind = rng.choice(self._starts)
        stages: list[Stage] = []
        for place in range(level):
            stage = self._control(rng, kind) if place == turn else self._step(rng, kind)
            if stage is None or (stages and _stage_key(stages[-1]) == _stage_key(stage)):
                return None
            stages.append(stage)
            kind = ends(stage)[1]
        return tuple(stages)

    def _step(self, rng: random.Random, kind: Kind) -> Step | None:
        able = self._plain[kind]
        return _with_constant(rng, rng.choice(able)) if able else None

    def _control(self, rng: random.Random, kind: Kind) -> Stage | None:
        sort = rng.choice(("if", "loop", "repeat"))
        if sort == "loop" and self._loops[kind]:
            return _with_constant(rng, rng.choice(self._loops[kind]))
        able = [each for each in self._plain[kind] if each.gives == kind]
        if len(able) < 2:
            return None
        then, other = (_with_constant(rng, each) for each in rng.sample(able, 2))
        if sort == "repeat":
            return Repetition(then, rng.choice(TIMES))
        return Choice(_with_constant(rng, rng.choice(predicates(kind))), then, other)


def _with_constant(rng: random.Random, op: Operation) -> Step:
    return Step(op, rng.choice(op.constants) if op.constants else None)


def with_argument(rng: random.Random, stages: Stages) -> Stages:
    """Return the composition with one of its constants taken from the function's second argument, if it has any."""
    able = [place for place, stage in enumerate(stages) if isinstance(stage, Step) and stage.constant is not None]
    if not able:
        return stages
    place = rng.choice(able)
    stage = stages[place]
    assert isinstance(stage, Step)
    return (*stages[:place], replace(stage, constant=ARGUMENT), *stages[place + 1 :])
