"""One rule on one benchmark: does it hold, and if nobody can tell, what would it take?

The figure has a 95 % bound on each side. The rule holds if the whole of what the bounds leave keeps it, fails if none
of it does, and is inconclusive else. So a rule that says "no worse than a margin" is a test of non-inferiority, and no
noise passes for progress.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from sparkgap import stats
from sparkgap.compare.contrast import figures, paired_interval, separate_interval, shared
from sparkgap.compare.figures import SCALES, Figure, headline, values_of
from sparkgap.compare.sides import Measured
from sparkgap.gate.rules import Comparison, Rule
from sparkgap.results import BenchmarkResult
from sparkgap.stats import Interval, Power

Outcome = Literal["holds", "fails", "inconclusive", "unscored"]

LEVEL = 0.9  # two-sided: 95 % on each side
MOST_UNSCORED = 0.01  # of a side's samples, before its figures say little


@dataclass(frozen=True, slots=True)
class Check:
    """What became of a rule on one benchmark.

    `value`, `low` and `high` are of what the rule is about, in points, with the 95 % bound on each side. `problems` and
    `samples` (a problem) are what there is, `problems_needed` and `samples_needed` what it would take to tell, were
    the value the true one; None where no number would do or nobody can say.
    """

    rule: Rule
    benchmark: str
    outcome: Outcome
    value: float
    low: float
    high: float
    problems: int
    samples: float
    problems_needed: int | None = None
    samples_needed: int | None = None
    reported: bool = False
    warnings: tuple[str, ...] = ()
    reason: str = ""


def check(rule: Rule, name: str, ours: BenchmarkResult, theirs: Measured | None, warnings: tuple[str, ...]) -> Check:
    """Return what becomes of `rule`; `theirs` is what a gap, drop or gain is to."""
    if rule.quantity and theirs is not None:
        interval, power, fixed = _difference(ours, theirs)
    else:
        interval, power, fixed = _own(ours)
    sign = -1.0 if rule.quantity in ("gap", "drop") else 1.0
    unit = 100.0 if ours.unit == "share" else 1.0
    low, high = sorted((sign * unit * interval.low, sign * unit * interval.high))
    outcome = decide(rule.comparison, rule.limit, low, high)
    samples = sum(map(len, ours.values.values())) / max(1, sum(1 for each in ours.values.values() if each))
    needed: tuple[int | None, int | None] = None, None
    if outcome == "inconclusive":
        limit = sign * rule.limit / unit / SCALES[ours.unit]
        needed = (
            stats.needed_problems(power, limit=limit, fixed=fixed),
            stats.needed_samples(power, samples, limit=limit) if not fixed else None,
        )
    reason = _unscored(ours) or (_unscored(theirs) if isinstance(theirs, BenchmarkResult) and rule.quantity else "")
    return Check(
        rule=rule, benchmark=name, outcome="unscored" if reason else outcome, value=sign * unit * interval.value,
        low=low, high=high, problems=power.problems, samples=samples,
        problems_needed=needed[0], samples_needed=needed[1],
        reported=bool(rule.quantity) and theirs is not None and not isinstance(theirs, BenchmarkResult),
        warnings=warnings, reason=reason,
    )  # fmt: skip


def decide(comparison: Comparison, limit: float, low: float, high: float) -> Outcome:
    """Return whether all, none or some of the values from `low` to `high` keep the rule."""
    keeps = {
        "<": (high < limit, low >= limit),
        "<=": (high <= limit, low > limit),
        ">": (low > limit, high <= limit),
        ">=": (low >= limit, high < limit),
    }
    every, none = keeps[comparison]
    return "holds" if every else "fails" if none else "inconclusive"


def _difference(ours: BenchmarkResult, theirs: Measured) -> tuple[Interval, Power, float]:
    """Return ours minus theirs, how it spreads, and the variance that more problems of ours would not take away."""
    scale = SCALES[ours.unit]
    if isinstance(theirs, BenchmarkResult):
        ids = shared(ours, theirs)
        mine, other = values_of(ours, ids), values_of(theirs, ids)
        return paired_interval(mine, other, ours.unit, LEVEL), Power.of(mine, other, scale), 0.0
    figure, claim = figures(ours, theirs, LEVEL)
    interval = separate_interval(figure, claim)
    if interval is None:  # nobody knows how sure the claim is: taken as exact
        interval = _shifted(figure, claim.value, scale)
    own, mean = Power.of(values_of(ours), scale=scale), (figure.value - claim.value) / scale
    return interval, replace(own, mean=mean, square=own.square - own.mean**2 + mean**2), _variance(claim, scale)


def _own(ours: BenchmarkResult) -> tuple[Interval, Power, float]:
    figure = headline(ours, LEVEL)
    return _shifted(figure, 0.0, SCALES[ours.unit]), Power.of(values_of(ours), scale=SCALES[ours.unit]), 0.0


def _shifted(figure: Figure, by: float, scale: float) -> Interval:
    """Return a figure's interval minus a constant; of one problem alone, everything that there can be."""
    value, interval = figure.value - by, figure.interval
    if interval is None:
        return Interval(value, value - scale, value + scale, "one problem")
    return Interval(value, interval.low - by, interval.high - by, interval.method)


def _variance(figure: Figure, scale: float) -> float:
    if figure.interval is None:
        return 0.0
    half = (figure.interval.high - figure.interval.low) / 2 / scale
    return (half / stats.normal_quantile((1 + LEVEL) / 2)) ** 2


def _unscored(result: BenchmarkResult) -> str:
    samples = sum(result.by_status.values())
    if result.unscored <= MOST_UNSCORED * samples:
        return ""
    return f"{result.unscored:,} of {samples:,} samples of {result.benchmark} have no score; run it again to get them"
