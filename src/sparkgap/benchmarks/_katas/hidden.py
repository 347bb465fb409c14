"""Hidden tests: inputs that tell a composition from what plausible mistakes would make of it.

The expected outputs are the oracle's (`composition.run`). Inputs are chosen by what they detect, as in mutation
testing: from a pool of some fifty, greedily, until every mutant that any of them tells from the composition is caught,
then once more. A composition that is hard to test is refused: one that does the same without one of its parts, or
whose answers hardly vary.

Not covered: proof. A mutant that agrees on the whole pool counts as the same program.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sparkgap.benchmarks._katas.composition import (
    Argument,
    Stages,
    as_json,
    from_json,
    gives,
    run,
    run_all,
    steps,
    takes,
)
from sparkgap.benchmarks._katas.inputs import drawn_value, edges
from sparkgap.benchmarks._katas.mutation import mutants, reducible, simpler

POOL = 64  # inputs that tests are chosen from
TESTS = 10  # chosen inputs; up to MOST_TESTS where mutants are left
MOST_TESTS = 12
GROSS = 16  # mutants with another operation that are considered; of the subtler ones, all
LONGEST = 120  # characters of an answer's repr
LARGEST = 10**12  # of answers that are numbers

Arguments = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """A composition, tried: inputs that became hidden tests, their answers, and inputs left over for examples."""

    inputs: tuple[Arguments, ...]
    expected: tuple[Any, ...]
    examples: tuple[tuple[Arguments, Any], ...]


def tried(stages: Stages) -> Trial | None:
    """Return the hidden tests of a composition, the same each time; None if it makes no good kata."""
    return _tried(json.dumps(as_json(stages)))


@lru_cache(maxsize=8192)
def _tried(told_stages: str) -> Trial | None:
    stages = from_json(json.loads(told_stages))
    if reducible(stages):
        return None
    rng = random.Random(f"sparkgap katas, tests of {told_stages}")  # noqa: S311
    pool = _pool(stages, rng)
    trail = _Trail(stages, pool)
    answers = trail.values[-1]
    told = [repr(answer) for answer in answers]
    if not _various(answers, told):
        return None
    parts = []
    for part in simpler(stages):
        parts.append(trail.caught(part))
        if len(parts[-1]) < 4:
            return None
    wrong = list(mutants(stages))
    subtle = [changed for fault, changed in wrong if fault != "operation"]
    gross = [changed for fault, changed in wrong if fault == "operation"]
    gross = rng.sample(gross, min(len(gross), GROSS))
    catches = [*parts, *map(trail.caught, subtle + gross)]
    if takes(stages) == gives(stages):
        catches.append(trail.caught(()))
    chosen = _chosen(catches, told)
    return Trial(
        tuple(pool[place] for place in chosen),
        tuple(answers[place] for place in chosen),
        tuple((pool[place], answers[place]) for place in _telling(set(chosen), pool, told)),
    )


def fails(stages: Stages, inputs: Sequence[Arguments], expected: Sequence[Any]) -> bool:
    """Whether a composition gives a wrong answer to any of the inputs."""
    return any(run(stages, *arguments) != answer for arguments, answer in zip(inputs, expected, strict=True))


def _various(answers: Sequence[Any], told: Sequence[str]) -> bool:
    """Whether answers differ enough to test anything, and are short enough to show."""
    counts = Counter(told)
    if len(counts) < 6 or counts.most_common(1)[0][1] > len(told) // 3 or max(map(len, told)) > LONGEST:
        return False
    return not isinstance(answers[0], int) or max(map(abs, answers)) <= LARGEST


def _telling(chosen: set[int], pool: Sequence[Arguments], told: Sequence[str]) -> list[int]:
    """Return inputs for examples: not chosen, short, with different answers, and first those that are no edge case."""
    found: dict[str, int] = {}
    for place in reversed(range(len(pool))):
        if place not in chosen and len(told[place]) <= 60 and len(repr(pool[place])) <= 60:
            found.setdefault(told[place], place)
    return list(found.values())[:4]


def _pool(stages: Stages, rng: random.Random) -> list[Arguments]:
    """Return distinct inputs: the edge cases, then random ones."""
    kind = takes(stages)
    near = [step.constant for step in steps(stages) if isinstance(step.constant, int)]
    domain = next((step.operation.constants for step in steps(stages) if isinstance(step.constant, Argument)), ())
    if all(isinstance(constant, int) for constant in domain):
        near += [int(constant) for constant in domain]
    pool: list[Arguments] = []
    seen: set[str] = set()
    values = [*edges(kind)]
    while len(pool) < POOL:
        value = values.pop(0) if values else drawn_value(rng, kind, near)
        arguments = (value, rng.choice(domain)) if domain else (value,)
        if (text := repr(arguments)) not in seen:
            seen.add(text)
            pool.append(arguments)
    return pool


class _Trail:
    """What a composition makes of a pool of inputs, stage by stage, to compare its mutants with."""

    def __init__(self, stages: Stages, pool: Sequence[Arguments]) -> None:
        self._stages = stages
        self._arguments = [arguments[1] if len(arguments) > 1 else None for arguments in pool]
        self.values = [[arguments[0] for arguments in pool]]
        for stage in stages:
            self.values.append(run_all((stage,), self.values[-1], self._arguments))

    def caught(self, stages: Stages) -> list[int]:
        """Return the inputs on which another composition answers differently, by their places in the pool.

        Stages that both begin with are not run again, and those that both end in only where it can matter.
        """
        ours, shorter = self._stages, min(len(stages), len(self._stages))
        start = end = 0
        while start < shorter and stages[start] is ours[start]:
            start += 1
        while end < shorter - start and stages[-1 - end] is ours[-1 - end]:
            end += 1
        found = run_all(stages[start : len(stages) - end], self.values[start], self._arguments)
        before = self.values[len(ours) - end]
        places = [place for place, value in enumerate(found) if _differ(value, before[place])]
        if not end:
            return [place for place in places if found[place] != before[place]]
        arguments = [self._arguments[place] for place in places]
        answers = run_all(stages[-end:], [found[place] for place in places], arguments)
        right = self.values[-1]
        return [place for place, answer in zip(places, answers, strict=True) if answer != right[place]]


def _differ(one: Any, other: Any) -> bool:
    """Whether two values are not the same; dicts that are equal may be in another order."""
    return bool(one != other) or (isinstance(one, dict) and list(one) != list(other))


def _chosen(catches: Sequence[list[int]], told: Sequence[str]) -> list[int]:
    """Return the inputs to test on: the empty one, then whichever catches most of what is not caught twice yet.

    Among equals an input counts less the more often its answer is there already, so that no constant passes much.
    """
    chosen: list[int] = []
    owed = [(caught, set(caught)) for caught in catches if caught]
    open_ = dict.fromkeys(range(len(owed)), 2)  # mutants, and how often each is to be caught
    answers = Counter[str]()
    while len(chosen) < MOST_TESTS:
        if len(chosen) >= TESTS and 2 not in open_.values():
            break
        gain = [0] * len(told)
        for number, need in open_.items():
            for place in owed[number][0]:
                gain[place] += need * need
        left = (place for place in range(len(told)) if place not in chosen)
        best = min(left, key=lambda place: (answers[told[place]] >= 3, -gain[place], answers[told[place]], place))
        best = best if chosen else 0
        chosen.append(best)
        answers[told[best]] += 1
        for number in [number for number in open_ if best in owed[number][1]]:
            open_[number] -= 1
            if not open_[number]:
                del open_[number]
    return sorted(chosen)
