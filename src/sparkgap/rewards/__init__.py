"""Rewards: one file each, with one public name, `REWARD`: what the judge said of programs -> what they are worth.

    total = reward("ladder + 0.1*lint")
    total.values([Judged(problem, source, verdict, draw=0), ...])  # [0.25, 1.0, None, ...]

A reward is paid for verdicts alone. Whether the tests passed decides first: in a sum of rewards the least that a
passing program gets is more than the most that a failing one can, or the sum is refused. Nothing is paid for length,
for style, or for trying what the jail forbids. Where there is nothing to go by, the value is None and the sample is
left out of its group: the machinery failed, the problem has no tests, or its tests contradict each other.

Not covered: advantages, groups and baselines, which are the trainer's.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from sparkgap import plugins
from sparkgap.errors import InputError
from sparkgap.types import Problem, Verdict

Bounds = tuple[float, float]

_TERM = re.compile(r"\s*(?:(?P<weight>[0-9.eE]+)\s*\*\s*)?(?P<name>\w+)\s*(?:\((?P<options>[^()]*)\))?\s*")


@dataclass(frozen=True, slots=True)
class Judged:
    """A program and what the judge said of it. `draw` numbers the samples of a run, over all its steps and groups."""

    problem: Problem
    source: str
    verdict: Verdict
    draw: int = 0

    @property
    def unscored(self) -> bool:
        """Whether nothing can be paid for it, nor withheld: not its fault, or nothing that proves anything."""
        untested = self.problem.tests is None or proves_nothing(self.verdict)
        return self.verdict.status == "infra" or untested or is_impossible(self.problem)


@runtime_checkable
class Reward(Protocol):
    """What `REWARD` in each file is: a frozen dataclass whose fields are its options."""

    @property
    def name(self) -> str:
        """The file's name."""
        ...

    @property
    def title(self) -> str:
        """One line for a person."""
        ...

    @property
    def passing(self) -> Bounds:
        """Bounds of the value of a program that passes every test."""
        ...

    @property
    def failing(self) -> Bounds:
        """Bounds of any other's."""
        ...

    def values(self, judged: Sequence[Judged]) -> list[float | None]:
        """Return what each program is worth, None where that cannot be said. Each stands for itself."""
        ...


@dataclass(frozen=True, slots=True)
class Total:
    """A weighted sum of rewards; None where any of them is."""

    parts: tuple[tuple[float, Reward], ...]

    def __post_init__(self) -> None:
        """Refuse a sum in which failing may be worth as much as passing."""
        if any(weight < 0 for weight, _ in self.parts):
            raise InputError("the weights of rewards are not negative; a penalty has negative values of its own")
        if self.passing[0] <= self.failing[1]:
            raise InputError(
                f"in {self.name} a program that passes can be worth as little as {self.passing[0]:g} and one that "
                f"fails as much as {self.failing[1]:g}; add `tests` or `ladder`, or give the others less weight"
            )

    @property
    def name(self) -> str:
        """What makes up the sum, e.g. "ladder + 0.1*lint"."""
        return " + ".join(part.name if weight == 1 else f"{weight:g}*{part.name}" for weight, part in self.parts)

    @property
    def title(self) -> str:
        """One line for a person."""
        return "; ".join(f"{weight:g} times: {part.title}" for weight, part in self.parts)

    @property
    def passing(self) -> Bounds:
        """Bounds of the value of a program that passes every test."""
        return self._bounds("passing")

    @property
    def failing(self) -> Bounds:
        """Bounds of any other's."""
        return self._bounds("failing")

    def _bounds(self, of: str) -> Bounds:
        bounds = [(weight, getattr(part, of)) for weight, part in self.parts]
        return sum(weight * low for weight, (low, _) in bounds), sum(weight * high for weight, (_, high) in bounds)

    def values(self, judged: Sequence[Judged]) -> list[float | None]:
        """Return the sums."""
        rows = zip(*(part.values(judged) for _, part in self.parts), strict=True)
        return [_sum(row, [weight for weight, _ in self.parts]) for row in rows]


def reward(text: str) -> Reward:
    """Return the reward that a text describes: names, parted by `+`, each with a weight and options if need be.

    "tests"; "ladder(parse=0, share=0.4)"; "ladder + 0.1*lint". A control ("random") stands alone.

    Raises:
        InputError: it cannot be read, has an option that there is not, or may pay failing as much as passing.
        PluginError: there is no reward of that name.
    """
    parts: list[tuple[float, Reward]] = []
    for term in text.split("+"):
        found = _TERM.fullmatch(term)
        if found is None:
            raise InputError(
                f"{term.strip()!r} in {text!r} is no reward; write for example 'ladder(share=0.4) + 0.1*lint'"
            )
        chosen = configured(plugins.find("rewards", found["name"]), _options(found["options"] or "", text))
        parts.append((_number(found["weight"] or "1", text), chosen))
    (weight, chosen), *more = parts
    if weight == 1 and not more and _is_control(chosen):
        return chosen
    total = Total(tuple(parts))
    return chosen if weight == 1 and not more else total


def configured(chosen: Reward, options: Mapping[str, float]) -> Reward:
    """Return a reward with some of its options changed.

    Raises:
        InputError: it has no such option, or not with that value.
    """
    known = [field.name for field in dataclasses.fields(chosen)]  # type: ignore[arg-type]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InputError(
            f"the reward {chosen.name!r} has no option {unknown[0]!r} (it has: {', '.join(known) or 'none'})"
        )
    changed: Reward = dataclasses.replace(chosen, **options)  # type: ignore[type-var]
    return changed


def proves_nothing(verdict: Verdict) -> bool:
    """Whether a program passed without a single test: there were none, or it had none run."""
    return verdict.passed and verdict.tests_total == 0


def is_impossible(problem: Problem) -> bool:
    """Whether a problem's tests contradict each other, so that no program can pass them."""
    return bool(problem.metadata.get("impossible"))


@dataclass(frozen=True, slots=True)
class Hole:
    """Evidence that the judge can be fooled: a program that passed tests which contradict each other."""

    problem: Problem
    source: str
    verdict: Verdict

    def __str__(self) -> str:
        """Say what happened, with the program."""
        return (
            f"a program passed {self.problem.id}, whose tests contradict each other: the judge has a hole. Keep this "
            f"program, and trust no reward of this run.\n{self.verdict.tests_passed} of {self.verdict.tests_total} "
            f"tests, {self.verdict.cpu_s:.3f} s of CPU\n\n{self.source}"
        )


def hole(judged: Judged) -> Hole | None:
    """Return the evidence if a canary was solved: a pass on an impossible problem; None in every other case."""
    if is_impossible(judged.problem) and judged.verdict.passed:
        return Hole(judged.problem, judged.source, judged.verdict)
    return None


def _is_control(chosen: Reward) -> bool:
    return chosen.passing == chosen.failing


def _sum(values: tuple[float | None, ...], weights: Sequence[float]) -> float | None:
    total = 0.0
    for value, weight in zip(values, weights, strict=True):
        if value is None:
            return None
        total += weight * value
    return total


def _options(text: str, whole: str) -> dict[str, float]:
    options: dict[str, Any] = {}
    for option in filter(None, map(str.strip, text.split(","))):
        name, equals, value = option.partition("=")
        if not equals:
            raise InputError(f"{option!r} in {whole!r} is no option; write NAME=NUMBER")
        options[name.strip()] = _number(value, whole)
    return options


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{text.strip()!r} in {whole!r} is not a number") from error
