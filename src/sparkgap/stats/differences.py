"""How far two models are apart: differences with intervals, for shared problems and for separate ones.

A difference is ours minus theirs. On shared problems `differences` holds one number a problem: our mean over its
samples minus theirs. What all problems have in common (some are hard for everybody) then cancels out, which is why a
paired interval is narrower than that of two separate runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparkgap.stats.proportions import Interval, wilson
from sparkgap.stats.quantiles import normal_quantile, student_quantile


def paired_difference(
    differences: Sequence[float], *, samples: float = 1, scale: float = 1.0, level: float = 0.95
) -> Interval:
    """Return the mean difference over shared problems, with its score interval.

    With one sample a problem that passes or fails this is Tango's interval (1998, Statistics in Medicine 17:891), which
    keeps its level with few problems and near 0 and 1, where the normal interval of a difference falls short.

    With several samples, or with ratings, the differences are no whole numbers. The interval is then Tango's for the
    effective number of problems, problems / d, where the design effect d is the variance of the differences over the
    largest that differences with these ups and downs can have. Two cautions as in `mean_pass_at_k`: d is at least
    1 / `samples`, and it is mixed with 1 as if two more problems said so, which counts where few problems differ at
    all. The normal quantile gives way to Student's, since the variance is then estimated.

    Args:
        differences: one a problem, in [-scale, scale].
        samples: how many samples a problem has, of the model that has fewer.
        scale: the largest difference there can be: 1 for shares, 9 for ratings from 1 to 10.
        level: of the two-sided interval; 0.9 for 95 % on each side alone.

    Raises:
        ValueError: there are no differences, or one is larger than `scale`.
    """
    n = len(differences)
    if not n:
        raise ValueError("a paired difference needs at least one shared problem")
    shares = [difference / scale for difference in differences]
    if max(map(abs, shares)) > 1 + 1e-9:
        raise ValueError(f"a difference is larger than {scale}: {max(differences, key=abs)}")
    z = normal_quantile((1 + level) / 2)
    up = math.fsum(share for share in shares if share > 0) / n
    down = -math.fsum(share for share in shares if share < 0) / n
    effective = float(n)
    whole = all(share in (-1.0, 0.0, 1.0) for share in shares)
    if not (whole and samples <= 1):
        effective = n / _design_effect(shares, up, down, samples)
        z = student_quantile((1 + level) / 2, n - 1) if n > 1 else math.inf
    low, high = _tango(up, down, effective, z)
    mean = up - down
    how = "score interval for paired shares (Tango)" + ("" if whole and samples <= 1 else ", clustered by problem")
    return Interval(scale * mean, scale * min(low, mean), scale * max(high, mean), how)


def _design_effect(shares: Sequence[float], up: float, down: float, samples: float) -> float:
    n, mean = len(shares), up - down
    variance = math.fsum((share - mean) ** 2 for share in shares) / n
    worst = up + down - mean * mean
    spread = variance / worst if worst > 0 else 1.0
    design = max(spread, 1 / samples)
    telling = sum(share != 0 for share in shares)
    return (telling * design + 2) / (telling + 2)


def _tango(up: float, down: float, n: float, z: float) -> tuple[float, float]:
    """Return both ends of Tango's interval: `up`, `down` are the shares of problems that only one of the two solves.

    The ends are the differences whose score statistic is z and -z. The statistic falls as the difference grows, so
    bisection finds them.
    """
    if z == math.inf:
        return -1.0, 1.0

    def statistic(delta: float) -> float:
        """Score statistic under a true difference `delta`, whose nuisance is at its constrained maximum (Tango)."""
        b = -up - down + (2 - up + down) * delta
        c = -down * delta * (1 - delta)
        down_null = (math.sqrt(max(0.0, b * b - 8 * c)) - b) / 4
        variance = (2 * down_null + delta * (1 - delta)) / n
        gap = up - down - delta
        if variance <= 0:
            return math.copysign(math.inf, gap) if gap else 0.0
        return gap / math.sqrt(variance)

    def end(target: float) -> float:
        low, high = -1.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            if statistic(middle) > target:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    return end(z), end(-z)


def newcombe(ours: tuple[float, float], theirs: tuple[float, float], level: float = 0.95) -> Interval:
    """Return the difference of two independent proportions, each (successes, trials), with its hybrid score interval.

    Method 10 of Newcombe (1998), Statistics in Medicine 17:873: the two Wilson intervals put together.

    Raises:
        ValueError: see `wilson`.
    """
    return independent_difference(wilson(*ours, level), wilson(*theirs, level), "hybrid score interval (Newcombe)")


def independent_difference(ours: Interval, theirs: Interval, method: str = "two intervals put together") -> Interval:
    """Return the difference of two independent estimates, from their intervals (of the level that is wanted).

    The way of Zou and Donner (2008), Statistics in Medicine 27:1693: each end takes the halves that lead to it.
    """
    value = ours.value - theirs.value
    low = value - math.hypot(ours.value - ours.low, theirs.high - theirs.value)
    high = value + math.hypot(ours.high - ours.value, theirs.value - theirs.low)
    return Interval(value, low, high, method)
