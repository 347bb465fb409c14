"""Numbers about one model's samples: pass@k, means, and the intervals that belong to them.

`counts` is one `(n, c)` a problem: n samples were scored, c passed. Unscored samples are not in n, so a failed machine
never counts as a failed answer. Comparing two models is in `differences` and `testing`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sparkgap.stats.quantiles import Z_95, normal_quantile, student_quantile


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval (95 % unless said otherwise), and how the interval was made.

    In the unit of what was estimated: [0, 1] for shares, [-1, 1] for a difference of two.
    """

    value: float
    low: float
    high: float
    method: str


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased estimate of the chance that at least one of k samples passes, from n samples with c passes.

    1 - C(n-c, k) / C(n, k), Chen et al. 2021 (arXiv:2107.03374), whose product 1 - prod(1 - k/i, i = n-c+1 .. n) is
    the same number. Taken here in integers and divided once: the result is correctly rounded, is exactly c/n for
    k = 1, and never falls as c or k grows.

    Raises:
        ValueError: not 1 <= k <= n, or not 0 <= c <= n.
    """
    if not 0 <= c <= n:
        raise ValueError(f"passes must be between 0 and the number of samples: n={n}, c={c}")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs k of at least 1 and at least k samples a problem: n={n}")
    draws = math.comb(n, k)
    return (draws - math.comb(n - c, k)) / draws


def wilson(successes: float, trials: float, level: float = 0.95) -> Interval:
    """Return the score interval of a proportion (Wilson 1927), which keeps its width at 0 and at 1.

    `trials` may be fractional: an effective number of trials.

    Raises:
        ValueError: no trials, or not 0 <= successes <= trials.
    """
    if not trials > 0 or not 0 <= successes <= trials:
        raise ValueError(f"a proportion needs trials and 0 <= successes <= trials: {successes} of {trials}")
    p = successes / trials
    z = Z_95 if level == 0.95 else normal_quantile((1 + level) / 2)
    z2 = z * z
    centre = p + z2 / (2 * trials)
    half = z * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    # Rounding may put a bound a hair inside the estimate at 0 and 1, where it is exact.
    low = 0.0 if p == 0 else min(p, max(0.0, (centre - half) / scale))
    high = 1.0 if p == 1 else max(p, min(1.0, (centre + half) / scale))
    return Interval(p, low, high, "wilson")


def mean_pass_at_k(counts: Sequence[tuple[int, int]], k: int, level: float = 0.95) -> Interval:
    """Return the mean of pass@k over problems, with an interval for problems drawn from the same source.

    Samples of one problem resemble each other, so problems are the units (clusters), not samples. The interval is
    Wilson's for the effective number of problems, problems / d, where the design effect d is the variance of the
    problems' values over mean (1 - mean), the largest that values in [0, 1] can have. So survey statistics does it
    (Korn and Graubard 1998); Dean and Pagano (2015) found that it keeps its coverage near 0 and 1, where the normal
    interval falls short. Two cautions, both ours, tried by simulation (coverage 0.92 to 0.98, and 0.90 where the mean
    is within 0.01 of an end; without them down to 0.75):

    - d is at least k problems / samples: no more information than the disjoint draws of k hold.
    - d is mixed with 1, the worst case, as if two more problems said so. It counts where few problems differ from
      all passing or all failing, and is the whole of it where none does: nothing is then known of the spread.

    With one sample a problem d is 1, and this is the plain Wilson interval of the proportion.

    Raises:
        ValueError: no problems, or a problem with fewer than k samples, or counts that are not counts.
    """
    mean, effective = _effective(counts, k)
    interval = wilson(mean * effective, effective, level)
    low, high = min(mean, interval.low), max(mean, interval.high)
    one_each = all(n == 1 for n, _ in counts)
    return Interval(mean, low, high, "wilson" if one_each else "wilson, clustered by problem")


def effective_problems(counts: Sequence[tuple[int, int]]) -> float:
    """Return how many problems of one sample each would say as much about pass@1 as these (see `mean_pass_at_k`)."""
    return _effective(counts, 1)[1]


def _effective(counts: Sequence[tuple[int, int]], k: int) -> tuple[float, float]:
    """Return the mean of pass@k, and the effective number of problems."""
    if not counts:
        raise ValueError("pass@k needs at least one problem")
    values = [pass_at_k(n, c, k) for n, c in counts]
    problems = len(values)
    mean = min(1.0, math.fsum(values) / problems)
    variance = math.fsum((value - mean) ** 2 for value in values) / problems
    worst = mean * (1 - mean)
    spread = variance / worst if worst > 0 else 1.0
    design = max(spread, k * problems / sum(n for n, _ in counts))
    telling = min(sum(value > 0 for value in values), sum(value < 1 for value in values))
    return mean, problems * (telling + 2) / (telling * design + 2)


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Return the mean of independent values, one a problem, with Student's interval.

    For ratings and scores, which lie well within their ends; shares have `mean_pass_at_k`. One value alone says
    nothing of its spread: its interval is infinite.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("a mean needs at least one value")
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Interval(mean, -math.inf, math.inf, "one value")
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    half = student_quantile((1 + level) / 2, len(values) - 1) * math.sqrt(variance / len(values))
    return Interval(mean, mean - half, mean + half, "t, by problem")


def usable_k(counts: Iterable[tuple[int, int]], wanted: Iterable[int] = (1, 5, 10, 100)) -> tuple[int, ...]:
    """Return the k, rising, for which every problem has at least k samples: 1 always, and those of `wanted` that fit.

    Empty when there are no problems or one of them has no scored sample.
    """
    fewest = min((n for n, _ in counts), default=0)
    return tuple(k for k in sorted({1, *wanted}) if 1 <= k <= fewest)
