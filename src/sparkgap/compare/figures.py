"""One side's figure in one benchmark, measured or claimed, with its interval at any level."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sparkgap import stats
from sparkgap.claims import Claim
from sparkgap.results import BenchmarkResult
from sparkgap.stats import Interval

SCALES = {"share": 1.0, "rating": 9.0, "score": 100.0}  # unit -> the largest difference that there can be


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over problems. `interval` is None where nothing is known of the spread: a claimed rating.

    `problems` counts those in the figure; for a claim, those it is said or assumed to be over, None where unknown.
    `effective` is how many problems of one sample each would say as much (shares only).
    """

    value: float
    interval: Interval | None
    problems: int | None
    effective: float | None = None
    claim: Claim | None = None


def measured(values: Sequence[Sequence[float]], unit: str, level: float = 0.95) -> Figure:
    """Return the figure of the samples' values of each problem."""
    problems = len(values)
    if unit == "share" and all(value in (0.0, 1.0) for samples in values for value in samples):
        counts = [(len(samples), round(sum(samples))) for samples in values]
        interval = stats.mean_pass_at_k(counts, 1, level)
        return Figure(interval.value, interval, problems, stats.effective_problems(counts))
    interval = stats.mean_interval(means(values), level)
    return Figure(interval.value, interval if problems > 1 else None, problems, float(problems))


def overall(result: BenchmarkResult, level: float = 0.95) -> Figure:
    """Return the mean over all problems of a run."""
    return measured(values_of(result), result.unit, level)


def headline(result: BenchmarkResult, level: float = 0.95) -> Figure:
    """Return the figure that is published of such a run: the mean over problems, or the run's own.

    Its own are those of a whole corpus (BLEU), and the mean of all ratings, which counts those of problems that miss
    another one too. The interval is the run's, stretched to another `level` as if it were normal.
    """
    mean = overall(result, level)
    first = next(iter(result.metrics.values()), None)
    if result.unit == "share" or first is None or math.isclose(first.value, mean.value):
        return mean
    factor = stats.normal_quantile((1 + level) / 2) / stats.Z_95
    low, high = (first.value + factor * (end - first.value) for end in (first.low, first.high))
    return Figure(first.value, Interval(first.value, low, high, first.method), mean.problems)


def claimed(claim: Claim, level: float = 0.95, beside: Figure | None = None) -> Figure:
    """Return the figure of a claim; where it does not say over how many problems, as many as the one `beside` it.

    A share over n problems has the interval of one sample each. A mean rating does not tell its spread: it is taken
    to be that of the measured figure `beside` it, if there is one.
    """
    problems = claim.problems or (beside.problems if beside is not None else None)
    interval = None
    if problems and claim.unit == "share":
        interval = stats.wilson(claim.value * problems, problems, level)
    elif problems and beside is not None and beside.interval is not None and beside.problems and beside.claim is None:
        factor = math.sqrt(beside.problems / problems)
        low, high = (factor * (end - beside.value) for end in (beside.interval.low, beside.interval.high))
        interval = Interval(claim.value, claim.value + low, claim.value + high, "spread assumed as measured")
    return Figure(claim.value, interval, problems, float(problems) if problems else None, claim)


def values_of(result: BenchmarkResult, ids: Collection[str] | None = None) -> list[tuple[float, ...]]:
    """Return the values of each problem that has a scored sample, of those in `ids` alone if it is given."""
    chosen = result.values if ids is None else {id_: result.values[id_] for id_ in ids}
    return [samples for samples in chosen.values() if samples]


def means(values: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean of each problem's samples."""
    return [math.fsum(samples) / len(samples) for samples in values]
