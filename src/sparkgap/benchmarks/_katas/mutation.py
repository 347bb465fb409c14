"""What mistakes make of a composition: the mutants that hidden tests must detect, and wrong solutions to learn from.

Also the mistakes in making one: compositions that say in two operations what one of them could.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from sparkgap.benchmarks._katas.catalogue import Operation, keeping, operations, siblings
from sparkgap.benchmarks._katas.composition import (
    Argument,
    Choice,
    Repetition,
    Stage,
    Stages,
    Step,
    as_json,
    ends,
    from_json,
    gives,
    run,
    steps,
    takes,
)
from sparkgap.benchmarks._katas.inputs import probes

Fault = Literal["operation", "constant", "order", "missing", "extra", "branch", "times"]

CONFUSED = 10  # operations that one may be mistaken for: those whose code is most like its own
EXTRAS = 3  # operations that may be done once too often, at the end


def reducible(stages: Stages) -> bool:
    """Whether two neighbouring steps do together what a single operation does (subtracting from 8, then adding 2)."""
    return any(
        isinstance(one, Step) and isinstance(other, Step) and _is_one(json.dumps(as_json((one, other))))
        for one, other in pairwise(stages)
        if not any(isinstance(step.constant, Argument) for step in steps((one, other)))
    )


@lru_cache(maxsize=65536)
def _is_one(pair: str) -> bool:
    stages = from_json(json.loads(pair))
    values = probes(takes(stages))[::-1]  # the edge cases, which tell least apart, last
    answers = [run(stages, value) for value in values]
    kinds = takes(stages), gives(stages)
    singles = (Step(op, constant) for op in operations() if (op.takes, op.gives) == kinds for constant in _nearby(op))
    return any(
        all(run((single,), value) == answer for value, answer in zip(values, answers, strict=True))
        for single in singles
    )


def _nearby(op: Operation) -> Sequence[int | str | None]:
    """Return the constants that an operation may have, and the numbers between and a little above them."""
    numbers = [constant for constant in op.constants if isinstance(constant, int)]
    return range(min(numbers), max(numbers) + 10) if numbers else op.constants or (None,)


def simpler(stages: Stages) -> Iterator[Stages]:
    """Yield the composition with one part taken away: a stage, a branch, a repetition. Each must do something else."""
    for place, stage in enumerate(stages):
        before, after = stages[:place], stages[place + 1 :]
        if isinstance(stage, Choice):
            yield (*before, stage.then, *after)
            yield (*before, stage.other, *after)
        if isinstance(stage, Repetition):
            yield (*before, stage.step, *after)
        first, last = ends(stage)
        if first == last and len(stages) > 1:
            yield (*before, *after)


def mutants(stages: Stages) -> Iterator[tuple[Fault, Stages]]:
    """Yield what one plausible mistake makes of a composition, and which mistake it is; some may do the same as it."""
    for place, stage in enumerate(stages):
        before, after = stages[:place], stages[place + 1 :]
        for fault, changed in _stage_mutants(stage):
            yield fault, (*before, changed, *after)
        if place and ends(stages[place - 1])[0] == ends(stage)[0] == ends(stage)[1] == ends(stages[place - 1])[1]:
            yield "order", (*stages[: place - 1], stage, stages[place - 1], *after)
        if len(stages) > 1 and ends(stage)[0] == ends(stage)[1]:
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
    for constant in _wrong_constants(step):
        yield "constant", replace(step, constant=constant)
    for other in siblings(step.operation.name)[:CONFUSED]:
        suits = isinstance(step.constant, Argument) and _alike(step.operation, other)
        if suits or step.constant in other.constants:
            yield "operation", Step(other, step.constant)
        else:
            yield "operation", Step(other, next(iter(other.constants), None))


def _wrong_constants(step: Step) -> Iterator[int | str | Argument]:
    """Yield the numbers beside a constant, then the operation's other constants."""
    constant, constants = step.constant, step.operation.constants
    least = min((each for each in constants if isinstance(each, int)), default=0)
    if isinstance(constant, Argument):
        if isinstance(constants[0], int):
            yield Argument(1)
            if _compares(step.operation):
                yield Argument(-1)
        return
    if isinstance(constant, int):
        yield constant + 1
        if constant > min(least, 2) or _compares(step.operation):
            yield constant - 1
    yield from (other for other in constants if other != constant and not _beside(other, constant))


def _beside(one: int | str, other: object) -> bool:
    return isinstance(one, int) and isinstance(other, int) and abs(one - other) == 1


def _compares(op: Operation) -> bool:
    """Whether the constant is only compared with, so that any number will do in its place."""
    return any(sign in op.forms[0] for sign in ("> k", "< k")) and not op.loops


def _alike(one: Operation, other: Operation) -> bool:
    """Whether an argument meant for one operation's constant suits the other's: same type, none too small."""
    ours, theirs = ([c for c in each.constants if isinstance(c, int)] for each in (one, other))
    if ours and theirs:
        return min(ours) >= min(theirs)
    return bool(one.constants and other.constants) and not ours and not theirs
