"""p-values: is a difference more than the luck of the draw?

Two-sided throughout, and exact where that is possible. Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparkgap.stats.quantiles import normal_tail


def mcnemar(only_ours: int, only_theirs: int) -> float:
    """Return the exact p-value of McNemar's test, from how many problems only one of the two models solves.

    Where the models are equally good, each of these problems is a fair coin. Problems that both or neither solve say
    nothing about which is better.

    Raises:
        ValueError: a count is negative.
    """
    if only_ours < 0 or only_theirs < 0:
        raise ValueError(f"counts of problems are not negative: {only_ours}, {only_theirs}")
    n = only_ours + only_theirs
    ways = total = 1
    for k in range(min(only_ours, only_theirs)):
        ways = ways * (n - k) // (k + 1)
        total += ways
    return min(1.0, 2 * total / (1 << n))


def binomial(successes: int, trials: int, chance: float) -> float:
    """Return the exact p-value of so many successes where each has this chance: all outcomes that are no likelier.

    Raises:
        ValueError: not 0 <= successes <= trials, or no chance between 0 and 1.
    """
    if not 0 <= successes <= trials or not 0 <= chance <= 1:
        raise ValueError(f"no such binomial: {successes} of {trials} at {chance}")
    if chance in (0.0, 1.0):
        return float(successes == trials * chance)
    logs = math.log(chance), math.log1p(-chance)
    whole = math.lgamma(trials + 1)

    def likelihood(k: int) -> float:
        ways = whole - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        return math.exp(ways + k * logs[0] + (trials - k) * logs[1])

    most = likelihood(successes) * (1 + 1e-7)  # equally likely ones differ by rounding
    return min(1.0, math.fsum(each for k in range(trials + 1) if (each := likelihood(k)) <= most))


def two_proportions(ours: tuple[float, float], theirs: tuple[float, float]) -> float:
    """Return the p-value of the score test of two independent proportions, each (successes, trials), pooled.

    Raises:
        ValueError: no trials.
    """
    (a, m), (b, n) = ours, theirs
    if not m > 0 or not n > 0:
        raise ValueError(f"a proportion needs trials: {ours}, {theirs}")
    pooled = (a + b) / (m + n)
    variance = pooled * (1 - pooled) * (1 / m + 1 / n)
    return two_sided((a / m - b / n) / math.sqrt(variance)) if variance > 0 else 1.0


def two_sided(z: float) -> float:
    """Return the p-value of a standard normal statistic."""
    return min(1.0, 2 * normal_tail(abs(z)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for being several (Holm 1979), in the same order.

    The chance that any of them is at most 0.05 by luck alone stays at most 0.05, whatever they have to do with each
    other.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[i]))
        corrected[i] = highest
    return corrected
