"""Distribution functions that Python's standard library lacks: Student's t, and the normal one's names for them.

Double precision throughout; the tests hold them against scipy. Not covered: non-central distributions.
"""

from __future__ import annotations

import math
from statistics import NormalDist

# The normal quantile of a two-sided 95 % interval.
Z_95 = 1.959963984540054

_NORMAL = NormalDist()


def normal_quantile(probability: float) -> float:
    """Return the quantile of the standard normal distribution.

    Raises:
        ValueError: the probability is not between 0 and 1.
    """
    if not 0 < probability < 1:
        raise ValueError(f"a quantile needs a probability between 0 and 1: {probability}")
    return _NORMAL.inv_cdf(probability)


def normal_tail(z: float) -> float:
    """Return the chance that a standard normal value is above z, exact far out where 1 - cdf is 0."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def student_tail(t: float, freedom: float) -> float:
    """Return the chance that a Student value of `freedom` degrees of freedom is above t."""
    if t < 0:
        return 1.0 - student_tail(-t, freedom)
    square = t * t
    return 0.5 * _beta_share(freedom / (freedom + square), square / (freedom + square), freedom / 2, 0.5)


def student_quantile(probability: float, freedom: float) -> float:
    """Return the quantile of Student's distribution.

    Raises:
        ValueError: the probability is not between 0 and 1, or there is no degree of freedom.
    """
    if not 0 < probability < 1 or not freedom > 0:
        raise ValueError(f"no such quantile: probability {probability}, {freedom} degrees of freedom")
    if probability < 0.5:
        return -student_quantile(1 - probability, freedom)
    low, high = 0.0, 1.0
    while student_tail(high, freedom) > 1 - probability:
        low, high = high, 2 * high
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if student_tail(middle, freedom) > 1 - probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_share(x: float, rest: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), by Lentz's continued fraction (DLMF 8.17.22).

    `rest` is 1 - x, which the caller knows better than subtraction does where x is near 1.
    """
    if x <= 0 or rest <= 0:
        return float(rest <= 0)
    if x > (a + 1) / (a + b + 2):  # the fraction converges quickly on the other side only
        return 1.0 - _beta_share(rest, x, b, a)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = math.exp(a * math.log(x) + b * math.log(rest) - math.log(a) - log_beta)
    c, d, fraction = 1.0, 0.0, 1.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + term * d)
        c = 1 + term / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return min(1.0, front / fraction)
