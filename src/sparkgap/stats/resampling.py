"""Bootstrap and sign flips by problem: the same answer for the same numbers, by a fixed seed.

Problems with the same difference are interchangeable, and code benchmarks have few different ones. So instead of
drawing problems, we draw how often each different value is drawn: a multinomial for the bootstrap, a binomial for each
value for the flips. The distribution is the same one, and thousands of problems cost no more than a few.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparkgap.stats.proportions import Interval
from sparkgap.stats.quantiles import normal_quantile, normal_tail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 10_000
SEED = 20_260_401
_CELLS = 1 << 22  # numbers held at once

_DIGITS = 12  # differences that agree so far are the same one, whatever the rounding


def bootstrap(
    differences: Sequence[float], *, draws: int = DRAWS, level: float = 0.95, seed: int = SEED, bca: bool = True
) -> Interval:
    """Return the mean with its bootstrap interval over problems drawn with replacement.

    Bias-corrected and accelerated (Efron 1987), the acceleration from the skewness in closed form; `bca=False` gives
    the plain percentiles. Where all differences are equal every draw is the same, and the interval has no width: the
    score interval of `paired_difference` does not have that fault, and is the headline for it.

    Raises:
        ValueError: there are no differences.
    """
    import numpy as np

    if not differences:
        raise ValueError("a bootstrap needs at least one problem")
    values, counts = _grouped(differences)
    n = len(differences)
    mean = math.fsum(differences) / n
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [rng.multinomial(n, counts / n, size) @ values / n for size in _chunks(draws, len(values))],
    )
    tails = (1 - level) / 2, (1 + level) / 2
    if bca:
        tails = _corrected(tails, means, mean, values, counts)
    low, high = (float(each) for each in np.quantile(means, tails))
    how = f"bootstrap by problem ({'BCa' if bca else 'percentile'}, {draws:,} draws)"
    return Interval(mean, min(low, mean), max(high, mean), how)


def sign_flip(differences: Sequence[float], *, draws: int = DRAWS, seed: int = SEED) -> float:
    """Return the p-value of the paired permutation test: were the two models the same, any sign could be the other.

    By `draws` random sets of signs, the one that was seen counted among them, so the p-value is never 0 and never too
    small (Phipson and Smyth 2010). With one sample a problem `mcnemar` is the exact form of it.

    Raises:
        ValueError: there are no differences.
    """
    import numpy as np

    if not differences:
        raise ValueError("sign flips need at least one problem")
    values, counts = _grouped([abs(difference) for difference in differences if difference])
    seen = abs(math.fsum(differences))
    rng = np.random.default_rng(seed)
    as_far = 0
    for size in _chunks(draws, max(1, len(values))):
        heads = rng.binomial(counts, 0.5, (size, len(values)))
        sums = np.abs((2 * heads - counts) @ values)
        as_far += int((sums >= seen * (1 - 1e-9)).sum())
    return (1 + as_far) / (1 + draws)


def _grouped(numbers: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the different numbers, rising, and how often each is there."""
    import numpy as np

    groups = sorted(Counter(round(number, _DIGITS) for number in numbers).items())
    return np.array([value for value, _ in groups], float), np.array([count for _, count in groups], np.int64)


def _chunks(draws: int, width: int) -> list[int]:
    size = max(1, _CELLS // width)
    return [min(size, draws - start) for start in range(0, draws, size)]


def _corrected(
    tails: tuple[float, float],
    means: NDArray[np.float64],
    mean: float,
    values: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> tuple[float, float]:
    """Return the shares of the draws at which the BCa interval has its ends."""
    # Half of the draws that equal the mean are below it: means of shares lie on a lattice, and many do.
    below = float((means < mean - 1e-12).mean() + (abs(means - mean) <= 1e-12).mean() / 2)
    deviations = values - mean
    squares = float(counts @ deviations**2)
    if squares <= 0 or not 0 < below < 1:
        return tails
    bias = normal_quantile(below)
    acceleration = float(counts @ deviations**3) / (6 * squares**1.5)

    def moved(tail: float) -> float:
        z = bias + normal_quantile(tail)
        return 1 - normal_tail(bias + z / (1 - acceleration * z))

    return moved(tails[0]), moved(tails[1])
