"""Katas: small Python problems composed at random of operations, without end, that no training set can have held.

    for problem in katas("train", 1000, seed=1, curriculum=COMPACT): ...

What a kata asks for is a *composition* (`composition.py`): one to four operations from `operations.tsv`, conditions and
loops among them. Its hidden tests come from an interpreter of compositions (`meaning.py`), its reference solution is
program text made from the table: neither is derived from the other. Compositions, not problems, are divided into
train, validation and test, by a hash of what they do, whatever the seed: a model that was trained on any katas of
"train" has seen no composition of "test".

Everything is a function of the arguments: the same in every process and under every hash seed.

Not covered: compositions that agree only for some constants (adding 2 and 3, adding 5) may be in different splits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sparkgap.benchmarks._katas.catalogue import KINDS, selection
from sparkgap.benchmarks._katas.composition import (
    Deck,
    Split,
    Stages,
    as_json,
    from_json,
    key,
    split_of,
    steps,
    with_argument,
)
from sparkgap.benchmarks._katas.hidden import Trial, fails, tried
from sparkgap.benchmarks._katas.mutation import Fault, mutants
from sparkgap.benchmarks._katas.source import Surface, body
from sparkgap.benchmarks._katas.wording import Style, Wording, compact, natural
from sparkgap.errors import InputError
from sparkgap.types import InputTests, Problem

__all__ = [
    "COMPACT", "NATURAL", "Curriculum", "Fault", "Pair", "Split", "Style", "Surface", "contradictory", "corrupted",
    "katas", "pairs", "solved",
]  # fmt: skip

IMPOSSIBLE = "impossible"  # the key in the metadata of a problem that no program can solve
_FRESH, _FRESH_HELD_OUT = 12, 1500  # draws that may look for a new composition
_DRAWS = 20_000  # draws without one good kata before a curriculum counts as empty


@dataclass(frozen=True, slots=True)
class Curriculum:
    """Which katas, and how they are put.

    `levels` are numbers of stages, 1 to 4, taken in turn; from 3 on one stage is a condition or a loop, unless
    `control` is False. `operations` bounds how many operations there are to compose (loops not counted), `kinds` what
    they work on: n(umbers), s(trings), l(ists of numbers), w(ords), d(icts). `two_arguments` is the share of katas with
    a second argument, where a constant allows it; `distraction` the share whose words name an operation that is not to
    be done. `examples` is how many calls with their answers a natural prompt shows; none of them is among the hidden
    tests. `surface` is how reference solutions look.
    """

    levels: tuple[int, ...] = (1, 2, 3, 4)
    control: bool = True
    style: Style = "natural"
    operations: int | None = None
    kinds: str = KINDS
    two_arguments: float = 0.25
    distraction: float = 0.0
    examples: int = 2
    surface: Surface = "steps"


NATURAL = Curriculum()
COMPACT = Curriculum(
    (1, 2, 3), control=False, style="compact", operations=86, two_arguments=0.0, examples=0, surface="nested"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt and an answer to it, to train on. `fault` says which mistake is in the answer, "" for a right one."""

    problem: Problem
    completion: str
    fault: Fault | str = ""

    @property
    def prompt(self) -> str:
        """What the completion goes on from."""
        return self.problem.prompt


def katas(split: Split, count: int, seed: int = 0, curriculum: Curriculum = NATURAL) -> Iterator[Problem]:
    """Yield `count` katas of a split, as different from each other as the curriculum allows.

    Raises:
        InputError: the curriculum has no katas.
    """
    _check(curriculum)
    draws = _Draws(split, _random(f"{split}/{seed}"), curriculum)
    for ordinal in range(count):
        turn = ordinal % len(curriculum.levels)
        levels = (*curriculum.levels[turn:], *curriculum.levels[:turn])
        stages, trial = draws.next(levels)
        yield _problem(f"Katas/{split}/{seed}/{ordinal}", split, stages, trial, curriculum)


def solved(problem: Problem, surface: Surface, rng: random.Random | None = None) -> str:
    """Return a right completion of a kata in a surface style; with a `rng`, in any of its equivalent forms."""
    return _completed(problem, _stages(problem), surface, rng)


def corrupted(problem: Problem, rng: random.Random, surface: Surface = "nested") -> tuple[str, Fault]:
    """Return a completion with one plausible mistake, and which it is; it fails the problem's hidden tests.

    Mistakes are an operation in the place of another, another constant, two operations in the other order, a missing
    or a further one, swapped branches, a loop that runs once too often or too rarely.
    """
    wrong = list(mutants(_stages(problem)))
    faults = list(dict.fromkeys(fault for fault, _ in wrong))
    rng.shuffle(wrong)
    rng.shuffle(faults)  # each sort of mistake as often as the others, however many there are of it
    tests = problem.tests
    assert isinstance(tests, InputTests)
    assert tests.expected is not None
    for fault, stages in sorted(wrong, key=lambda each: faults.index(each[0])):
        if fails(stages, tests.inputs, tests.expected):
            return _completed(problem, stages, surface, rng), fault
    raise ValueError(f"{problem.id} has no mutant that its tests detect")


def pairs(
    problems: Iterable[Problem], each: int, seed: int = 0, wrong: float = 0.0, surfaces: tuple[Surface, ...] = ()
) -> Iterator[Pair]:
    """Yield `each` answers to every problem, a share `wrong` of them with a mistake.

    `surfaces` are the styles that answers are written in, at random; by default all three, in all their forms.
    """
    for problem in problems:
        rng = _random(f"pairs/{seed}/{problem.id}")
        for _ in range(each):
            surface = rng.choice(surfaces or ("nested", "steps", "loops"))
            if rng.random() < wrong:
                completion, fault = corrupted(problem, rng, surface)
                yield Pair(problem, completion, fault)
            else:
                yield Pair(problem, solved(problem, surface, None if surfaces else rng))


def contradictory(split: Split, count: int, seed: int = 0, curriculum: Curriculum = NATURAL) -> Iterator[Problem]:
    """Yield katas that no program can solve, and that look like any other: canaries for holes in a judge.

    One hidden input comes three times, with three different answers, one of which is not a number and so equals
    nothing, whatever the program returns. A pass on one of these is forged.
    """
    for problem in katas(split, count, seed, curriculum):
        tests = problem.tests
        assert isinstance(tests, InputTests)
        assert tests.expected is not None
        other = next(answer for answer in tests.expected if answer != tests.expected[0])
        yield replace(
            problem,
            id=problem.id.replace("Katas/", "Katas/impossible/", 1),
            reference="",
            tests=replace(
                tests,
                inputs=(*tests.inputs, tests.inputs[0], tests.inputs[0]),
                expected=(*tests.expected, other, float("nan")),
            ),
            metadata={**problem.metadata, IMPOSSIBLE: True},
        )


class _Draws:
    """Compositions of a split, drawn one after another; what was drawn before comes again as late as possible."""

    def __init__(self, split: Split, rng: random.Random, curriculum: Curriculum) -> None:
        self._split, self._rng, self._curriculum = split, rng, curriculum
        self._deck = Deck(selection(curriculum.operations, curriculum.kinds))
        self._seen: set[str] = set()  # compositions, and compositions with their constants
        self._used_up: set[tuple[int, str]] = set()

    def next(self, levels: tuple[int, ...]) -> tuple[Stages, Trial]:
        """Return a composition and its tests, of the first of these levels if that has any left.

        In training, compositions come again with other constants, so that levels stay equally frequent. In the other
        splits each comes once, for as long as any level has new ones: results on them are to be independent.
        """
        wishes: list[tuple[int, Callable[[Stages], str]]] = [(levels[0], str)]
        if self._split != "train":
            wishes = [(level, key) for level in levels] + [(level, str) for level in levels]
        for level, name in wishes:
            if (level, name.__name__) in self._used_up:
                continue
            for stages, trial in self._good(level, _FRESH if self._split == "train" else _FRESH_HELD_OUT):
                if name(stages) not in self._seen:
                    self._seen |= {key(stages), str(stages)}
                    return stages, trial
            if self._split != "train":
                self._used_up.add((level, name.__name__))
        for found in self._good(levels[0], _DRAWS):
            return found
        raise InputError(
            f"there are no katas of level {levels[0]} in this curriculum: {self._curriculum}; "
            "allow more operations or kinds"
        )

    def _good(self, level: int, draws: int) -> Iterator[tuple[Stages, Trial]]:
        """Yield what is good of so many draws."""
        for _ in range(draws):
            stages = self._deck.drawn(self._rng, level, self._curriculum.control)
            if stages is None or split_of(stages) != self._split:
                continue
            if self._rng.random() < self._curriculum.two_arguments:
                stages = with_argument(self._rng, stages)
            if (trial := tried(stages)) is not None:
                yield stages, trial


def _problem(name: str, split: Split, stages: Stages, trial: Trial, curriculum: Curriculum) -> Problem:
    wording = _worded(name, stages, trial, curriculum)
    completion = body(stages, curriculum.surface, (wording.parameter, wording.result))
    metadata: dict[str, Any] = {
        "level": len(stages),
        "composition": key(stages),
        "stages": as_json(stages),
        "style": curriculum.style,
        "names": [wording.parameter, wording.result],
    }
    return Problem(
        id=name,
        benchmark="katas",
        prompt=wording.prompt,
        reference=wording.prompt + _joined(curriculum.style, completion),
        tests=InputTests(wording.function, trial.inputs, trial.expected),
        entry_point=wording.function,
        continues=True,
        split=split,
        metadata=metadata,
    )


def _worded(name: str, stages: Stages, trial: Trial, curriculum: Curriculum) -> Wording:
    rng = _random(f"wording/{name}")
    among = [each for each in selection(curriculum.operations, curriculum.kinds) if not each.loops]
    without = None
    if rng.random() < curriculum.distraction:
        used = {step.operation.name for step in steps(stages)}
        kinds = {step.operation.takes for step in steps(stages)}
        without = rng.choice([each for each in among if each.takes in kinds and each.name not in used] or among)
    if curriculum.style == "compact":
        return compact(stages, rng, without)
    return natural(stages, rng, without, trial.examples[: curriculum.examples])


def _stages(problem: Problem) -> Stages:
    return from_json(problem.metadata["stages"])


def _completed(problem: Problem, stages: Stages, surface: Surface, rng: random.Random | None) -> str:
    parameter, result = problem.metadata["names"]
    return _joined(problem.metadata["style"], body(stages, surface, (parameter, result), rng))


def _joined(style: Style, completion: str) -> str:
    """Fit a body to where the prompt ends: compact ones end without a newline, and so do their completions."""
    return "\n" + completion.rstrip("\n") if style == "compact" else completion


def _check(curriculum: Curriculum) -> None:
    if not curriculum.levels or not set(curriculum.levels) <= {1, 2, 3, 4}:
        raise InputError(f"katas have levels 1 to 4, not {curriculum.levels}")
    if not curriculum.kinds or not set(curriculum.kinds) <= set(KINDS):
        raise InputError(f"katas work on the kinds {KINDS}, not {curriculum.kinds!r}")


def _random(text: str) -> random.Random:
    """Return a generator seeded by a text: the same in every process, whatever its hash seed."""
    return random.Random(f"sparkgap katas {text}")  # noqa: S311
