"""The sides of a comparison: runs, or what is claimed of a model; and which of their benchmarks belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from sparkgap.claims import Claim, Claimed, find_claims, read_claims, slug
from sparkgap.errors import InputError
from sparkgap.results import BenchmarkResult, RunResult, read_result

Side = RunResult | Claimed
Measured = BenchmarkResult | Claim  # one benchmark of a side

_CLAIM = "claim:"


def read_side(told: str | Path | Side, claims: Iterable[str | Path] = ()) -> Side:
    """Return what is meant: a run's folder, `claim:MODEL`, a claimed model's bare name, each with `NAME=` before it.

    Raises:
        InputError: it is none of these, or the run cannot be read.
    """
    if isinstance(told, RunResult | Claimed):
        return told
    text = str(told)
    if isinstance(told, Path) or Path(text).exists():
        return read_result(Path(told))
    if text.startswith(_CLAIM):
        return find_claims(text.removeprefix(_CLAIM), claims)
    name, sign, rest = text.partition("=")
    if sign and name and rest:
        return replace(read_side(rest, claims), name=name)
    if (known := read_claims(claims).get(slug(text))) is not None:
        return known
    raise InputError(
        f"{text} is no run's folder, and nothing is claimed of a model of that name; "
        "`sparkgap gap` takes folders, NAME=FOLDER and claim:MODEL"
    )


def benchmarks_of(side: Side) -> dict[str, Measured]:
    """Return the benchmarks of a side by the name that they are shown under."""
    return dict(side.benchmarks) if isinstance(side, RunResult) else dict(side.claims)


def matched(ours: Side, theirs: Side) -> Iterator[tuple[str, Measured, Measured]]:
    """Yield the benchmarks that both sides have, in our order: the same variant where there is one, else another."""
    others = list(benchmarks_of(theirs).values())
    for name, mine in benchmarks_of(ours).items():
        alike = [each for each in others if each.benchmark == mine.benchmark]
        if alike:
            yield name, mine, next((each for each in alike if variant_of(each) == variant_of(mine)), alike[0])


def unmatched(ours: Side, theirs: Side) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the benchmarks that only we have, and those that only they have."""
    mine, others = benchmarks_of(ours), benchmarks_of(theirs)
    return _without(mine, others), _without(others, mine)


def variant_of(measured: Measured) -> str:
    """Return the variant, "" where it is not known."""
    return measured.variant if isinstance(measured, BenchmarkResult) else ""


def _without(some: dict[str, Measured], others: dict[str, Measured]) -> tuple[str, ...]:
    there = {each.benchmark for each in others.values()}
    return tuple(name for name, each in some.items() if each.benchmark not in there)
