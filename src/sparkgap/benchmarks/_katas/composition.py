"""Compositions: operations one after another, conditions and loops among them, interpreted directly on values.

A stage is a step (one operation), a choice (one of two steps, by a test) or a repetition of a step. As JSON, which is
how a problem's metadata holds it, a step is `[name]` or `[name, constant]`, a choice `["if", test, then, other]`, a
repetition `["repeat", times, step]`; the constant `{"argument": "k"}` is the function's second argument.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from sparkgap.benchmarks._katas.catalogue import (
    KINDS,
    Kind,
    Operation,
    Value,
    keeping,
    operation,
    predicates,
    siblings,
)
from sparkgap.benchmarks._katas.inputs import probes
from sparkgap.benchmarks._katas.meaning import MEANING

Split = Literal["train", "validation", "test"]
Fault = Literal["operation", "constant", "order", "missing", "extra", "branch", "times"]


@dataclass(frozen=True, slots=True)
class Argument:
    """In the place of a constant: the function's second argument, `k`."""


ARGUMENT = Argument()
CONFUSED = 10  # operations that one may be mistaken for: those whose code is most like its own
EXTRAS = 3  # operations that may be done once too often, at the end
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


def _step(step: Step, value: Any, argument: Any) -> Any:
    constant = argument if step.constant is ARGUMENT else step.constant
    return MEANING[step.operation.name](value, constant)


def takes(stages: Sequence[Stage]) -> Kind:
    """Return the kind of value that a composition starts from."""
    return _ends(stages[0])[0]


def gives(stages: Sequence[Stage]) -> Kind:
    """Return the kind of value that a composition ends in."""
    return _ends(stages[-1])[1]


def _ends(stage: Stage) -> tuple[Kind, Kind]:
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
    return _split(json.dumps(as_json(_plain(stages))))


@cache
def _split(stages: str) -> Split:
    composition = from_json(json.loads(stages))
    answers = [_ordered(run(composition, value)) for value in probes(takes(composition))]
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


def drawn(rng: random.Random, level: int, among: Sequence[Operation]) -> Stages | None:
    """Return a random composition of `level` stages; None if the draw came to a dead end.

    Levels 1 and 2 are plain steps. From level 3 on one stage is a condition, a repetition or a loop.
    """
    control = rng.randrange(level) if level >= 3 else -1
    starts = sorted({each.takes for each in among}, key=KINDS.index)
    kind = rng.choice(starts)
    stages: list[Stage] = []
    for place in range(level):
        stage = _control(rng, kind, among) if place == control else _plain_step(rng, kind, among)
        if stage is None or (stages and _stage_key(stages[-1]) == _stage_key(stage)):
            return None
        stages.append(stage)
        kind = _ends(stage)[1]
    return tuple(stages)


def _plain_step(rng: random.Random, kind: Kind, among: Sequence[Operation]) -> Step | None:
    able = [each for each in among if each.takes == kind and not each.loops]
    return _with_constant(rng, rng.choice(able)) if able else None


def _control(rng: random.Random, kind: Kind, among: Sequence[Operation]) -> Stage | None:
    loops = [each for each in among if each.takes == kind and each.loops]
    keeping = [each for each in among if each.takes == each.gives == kind and not each.loops]
    sort = rng.choice(("if", "loop", "repeat"))
    if sort == "loop" and loops:
        return _with_constant(rng, rng.choice(loops))
    if len(keeping) < 2:
        return None
    then, other = (_with_constant(rng, each) for each in rng.sample(keeping, 2))
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


def simpler(stages: Stages) -> Iterator[Stages]:
    """Yield the composition with one part taken away: a stage, a branch, a repetition. Each must do something else."""
    for place, stage in enumerate(stages):
        before, after = stages[:place], stages[place + 1 :]
        if isinstance(stage, Choice):
            yield (*before, stage.then, *after)
            yield (*before, stage.other, *after)
        if isinstance(stage, Repetition):
            yield (*before, stage.step, *after)
        first, last = _ends(stage)
        if first == last and len(stages) > 1:
            yield (*before, *after)


def mutants(stages: Stages) -> Iterator[tuple[Fault, Stages]]:
    """Yield what one plausible mistake makes of a composition, and which mistake it is; some may do the same as it."""
    for place, stage in enumerate(stages):
        before, after = stages[:place], stages[place + 1 :]
        for fault, changed in _stage_mutants(stage):
            yield fault, (*before, changed, *after)
        if place and _ends(stages[place - 1])[0] == _ends(stage)[0] == _ends(stage)[1] == _ends(stages[place - 1])[1]:
            yield "order", (*stages[: place - 1], stage, stages[place - 1], *after)
        if len(stages) > 1 and _ends(stage)[0] == _ends(stage)[1]:
            yield "missing", (*before, *after)
    for op in keeping(gives(stages))[:EXTRAS]:
        yield "extra", (*stages, Step(op, next(iter(op.constants), None)))


def _stage_mutants(stage: Stage) -> Iterator[tuple[Fault, Stage]]:
    match stage:
        case Step():
            yield from _step_mutants(stage)
        case Repetition(step, times):
            yield "times", Repetition(step, times + 1)
            yield "times", Repetition(step, times - 1) if times > 2 else step
            yield from ((fault, Repetition(changed, times)) for fault, changed in _step_mutants(step))
        case Choice(test, then, other):
            yield "branch", Choice(test, other, then)
            yield from ((fault, Choice(changed, then, other)) for fault, changed in _step_mutants(test))
            yield from ((fault, Choice(test, changed, other)) for fault, changed in _step_mutants(then))
            yield from ((fault, Choice(test, then, changed)) for fault, changed in _step_mutants(other))


def _step_mutants(step: Step) -> Iterator[tuple[Fault, Step]]:
    constants = step.operation.constants
    near = [step.constant - 1, step.constant + 1] if isinstance(step.constant, int) else []
    for constant in dict.fromkeys([*near, *constants]):
        allowed = not isinstance(constant, int) or constant >= min(2, *(c for c in constants if isinstance(c, int)))
        if constant != step.constant and step.constant is not ARGUMENT and allowed:
            yield "constant", replace(step, constant=constant)
    for other in siblings(step.operation.name)[:CONFUSED]:
        if not other.constants:
            yield "operation", Step(other)
        elif step.constant in other.constants or (step.constant is ARGUMENT and _alike(step.operation, other)):
            yield "operation", Step(other, step.constant)
        else:
            yield "operation", Step(other, other.constants[0])


def _alike(one: Operation, other: Operation) -> bool:
    """Whether an argument meant for one operation's constant suits the other's: same type, none too small."""
    ours, theirs = ([c for c in each.constants if isinstance(c, int)] for each in (one, other))
    if ours and theirs:
        return min(ours) >= min(theirs)
    return bool(one.constants and other.constants) and not ours and not theirs
