"""The difference of two sides in one benchmark: how large, how sure, and what so few problems could have shown.

Two runs are compared on the problems that both have scored samples of, problem by problem. A claim has no problems to
pair: it is compared as a separate sample, which is less sure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sparkgap import stats
from sparkgap.claims import Claim
from sparkgap.compare.figures import SCALES, Figure, claimed, headline, means, measured, overall, values_of
from sparkgap.compare.likeness import Unlikeness, unlike
from sparkgap.compare.sides import Measured
from sparkgap.results import BenchmarkResult
from sparkgap.stats import Interval, Power


@dataclass(frozen=True, slots=True)
class Agreement:
    """Does a measured figure agree with a claimed one? `p` is of the claim being true to its last digit."""

    p: float
    test: str


@dataclass(frozen=True, slots=True)
class Contrast:
    """One benchmark, ours against theirs, in its `unit`; `difference` is ours minus theirs.

    `problems` are shared ones where it is `paired`; `ours` and `theirs` are over these alone. `only_ours` and
    `only_theirs` count problems that one side solves and the other does not, where there is one sample each.
    `smallest` is the smallest true gap that would show 8 times in 10, `needed` how many problems the present gap would
    take for that (None: more than anybody has). `p_holm` is `p` corrected over the benchmarks of the comparison.
    """

    benchmark: str
    name: str
    title: str
    ability: str
    variant: str
    unit: str
    ours: Figure
    theirs: Figure
    paired: bool
    problems: int | None
    difference: float
    interval: Interval | None
    p: float | None
    test: str
    smallest: float | None
    needed: int | None
    unlikeness: Unlikeness
    bootstrap: Interval | None = None
    only_ours: int | None = None
    only_theirs: int | None = None
    agreement: Agreement | None = None
    p_holm: float | None = None

    @property
    def reported(self) -> bool:
        """Whether one of the figures is only claimed."""
        return self.ours.claim is not None or self.theirs.claim is not None

    @property
    def distinct(self) -> bool:
        """Whether the difference is more than luck, at 0.05 over all benchmarks."""
        p = self.p if self.p_holm is None else self.p_holm
        return p is not None and p < 0.05


def contrast(name: str, ours: Measured, theirs: Measured, *, ability: str, draws: int = 10_000) -> Contrast | None:
    """Return the contrast of two sides in one benchmark; None where there is no problem, or no shared one, to go by."""
    if isinstance(ours, BenchmarkResult) and isinstance(theirs, BenchmarkResult):
        return _paired(name, ours, theirs, draws)
    if any(isinstance(side, BenchmarkResult) and not values_of(side) for side in (ours, theirs)):
        return None
    return _separate(name, ours, theirs, ability)


def shared(ours: BenchmarkResult, theirs: BenchmarkResult) -> list[str]:
    """Return the problems that have a scored sample on both sides, in our order."""
    return [id_ for id_, samples in ours.values.items() if samples and theirs.values.get(id_)]


def paired_interval(
    ours: list[tuple[float, ...]], theirs: list[tuple[float, ...]], unit: str, level: float = 0.95
) -> Interval:
    """Return the difference over problems in the same order on both sides, with its interval.

    Shares by the score interval; ratings and scores by Student's, unless every problem differs by the same amount,
    which says nothing of the spread.
    """
    differences = _differences(ours, theirs)
    if unit == "share" or len(set(differences)) == 1:
        fewest = min(sum(map(len, side)) / len(side) for side in (ours, theirs))
        return stats.paired_difference(differences, samples=fewest, scale=SCALES[unit], level=level)
    return stats.mean_interval(differences, level)


def separate_interval(ours: Figure, theirs: Figure) -> Interval | None:
    """Return the difference of two separate figures, from their own intervals; None where one has none."""
    if ours.interval is None or theirs.interval is None:
        return None
    method = "hybrid score interval (Newcombe)" if ours.effective and theirs.effective else "two intervals put together"
    return stats.independent_difference(ours.interval, theirs.interval, method + ", not paired")


def figures(ours: Measured, theirs: Measured, level: float = 0.95) -> tuple[Figure, Figure]:
    """Return both sides' own figures, over all their problems."""
    if isinstance(ours, Claim):
        other = claimed(theirs, level) if isinstance(theirs, Claim) else headline(theirs, level)
        return claimed(ours, level, other), other
    mine = headline(ours, level)
    return mine, claimed(theirs, level, mine) if isinstance(theirs, Claim) else headline(theirs, level)


def _paired(name: str, ours: BenchmarkResult, theirs: BenchmarkResult, draws: int) -> Contrast | None:
    ids = shared(ours, theirs)
    if not ids:
        return None
    mine, other = values_of(ours, ids), values_of(theirs, ids)
    unit, scale = ours.unit, SCALES[ours.unit]
    differences = _differences(mine, other)
    power = Power.of(mine, other, scale)
    interval = paired_interval(mine, other, unit)
    likeness = unlike(ours, theirs)
    likeness = replace(likeness, warnings=(*likeness.warnings, *_corpus(ours, theirs)))
    flags = unit == "share" and all(len(samples) == 1 and samples[0] in (0.0, 1.0) for samples in mine + other)
    only_ours, only_theirs = differences.count(1.0), differences.count(-1.0)
    return Contrast(
        benchmark=ours.benchmark, name=name, title=ours.title, ability=ours.ability, variant=ours.variant, unit=unit,
        ours=measured(mine, unit), theirs=measured(other, unit), paired=True, problems=len(ids),
        difference=interval.value, interval=interval,
        p=stats.mcnemar(only_ours, only_theirs) if flags else stats.sign_flip(differences, draws=draws),
        test="McNemar, exact" if flags else f"sign flips by problem, {draws:,} draws",
        smallest=scale * stats.smallest_gap(power), needed=stats.needed_problems(power),
        unlikeness=likeness, bootstrap=stats.bootstrap(differences, draws=draws),
        only_ours=only_ours if flags else None, only_theirs=only_theirs if flags else None,
    )  # fmt: skip


def _separate(name: str, ours: Measured, theirs: Measured, ability: str) -> Contrast:
    mine, other = figures(ours, theirs)
    run = next((each for each in (ours, theirs) if isinstance(each, BenchmarkResult)), None)
    interval = separate_interval(mine, other)
    spread = _spread(mine, other, ours.unit)
    p, smallest = None, None
    if interval is not None and spread is not None:
        p = _p_separate(mine, other, ours.unit, spread)
        smallest = min(SCALES[ours.unit], (stats.Z_95 + stats.normal_quantile(0.8)) * spread)
    figure, claim = (mine, other.claim) if mine.claim is None else (other, mine.claim)
    return Contrast(
        benchmark=ours.benchmark, name=name, title=run.title if run else ours.benchmark, ability=ability,
        variant=run.variant if run else "", unit=ours.unit, ours=mine, theirs=other, paired=False,
        problems=None, difference=mine.value - other.value, interval=interval, p=p, test="score test, not paired",
        smallest=smallest, needed=None, unlikeness=Unlikeness((), tuple(_grim(mine, other))),
        agreement=agreement(figure, values_of(run), run.unit, claim) if run is not None and claim is not None else None,
    )  # fmt: skip


def agreement(figure: Figure, values: list[tuple[float, ...]], unit: str, claim: Claim) -> Agreement:
    """Return whether what was measured agrees with a claim, the claim taken as exact up to its last digit.

    One sample a problem that passes or fails: the exact binomial test. Several: the score test on the effective
    number of problems. Ratings: Student's test over problems.
    """
    least, most = claim.value - claim.rounding, claim.value + claim.rounding
    true = min(max(figure.value, least), most)
    if unit == "share" and figure.effective is not None:
        true = min(max(true, 0.0), 1.0)
        if all(len(samples) == 1 for samples in values):
            return Agreement(stats.binomial(round(sum(map(sum, values))), len(values), true), "exact binomial test")
        spread = math.sqrt(true * (1 - true) / figure.effective)
        z = (figure.value - true) / spread if spread > 0 else math.copysign(math.inf, figure.value - true)
        return Agreement(stats.two_sided(0.0 if figure.value == true else z), "score test, clustered by problem")
    spread = math.sqrt(Power.of(values).variance / len(values))
    gap = figure.value - true
    t = gap / spread if spread > 0 else math.copysign(math.inf, gap)
    p = 1.0 if gap == 0 or len(values) < 2 else min(1.0, 2 * stats.student_tail(abs(t), len(values) - 1))
    return Agreement(p, "t test over problems")


def _differences(ours: list[tuple[float, ...]], theirs: list[tuple[float, ...]]) -> list[float]:
    return [mine - other for mine, other in zip(means(ours), means(theirs), strict=True)]


def _spread(ours: Figure, theirs: Figure, unit: str) -> float | None:
    """Return the standard error of the difference of two separate figures, None where one tells no spread."""
    variance = 0.0
    for figure in (ours, theirs):
        if unit == "share" and figure.effective:
            variance += figure.value * (1 - figure.value) / figure.effective
        elif figure.interval is not None:
            variance += ((figure.interval.high - figure.interval.low) / (2 * stats.Z_95)) ** 2
        else:
            return None
    return math.sqrt(variance)


def _corpus(ours: BenchmarkResult, theirs: BenchmarkResult) -> Iterator[str]:
    """Say so where the headline is of the whole corpus (BLEU), and no mean of the values that are compared."""
    for name, mine in list(ours.metrics.items())[:1]:
        if name in theirs.metrics and ours.unit == "score" and not math.isclose(mine.value, overall(ours).value):
            both = f"{mine.value:.1f} and {theirs.metrics[name].value:.1f}"
            yield f"compared is the mean of {name} over problems; over the whole corpus it is {both}"


def _grim(*sides: Figure) -> Iterator[str]:
    for claim, problems in ((side.claim, side.problems) for side in sides):
        if claim is not None and problems and not claim.attainable(problems):
            share = f"{100 * claim.value:.10g} % claimed of {claim.model}"
            yield f"{share} is no whole number of {problems:,} problems: several samples each, or other problems"


def _p_separate(ours: Figure, theirs: Figure, unit: str, spread: float) -> float:
    if unit == "share" and ours.effective and theirs.effective:
        mine, other = ((each.value * each.effective, each.effective) for each in (ours, theirs) if each.effective)
        return stats.two_proportions(mine, other)
    return stats.two_sided((ours.value - theirs.value) / spread) if spread > 0 else 1.0
