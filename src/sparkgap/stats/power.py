"""What so many problems could have shown, and how many another answer would take.

By the normal approximation throughout: these are plans, not proofs. Power is 80 % unless said otherwise, the field's
usual. `Power` is what the calculations need to know of a pair of models: how much their differences spread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sparkgap.stats.quantiles import normal_quantile

POWER = 0.8
MANY = 10_000_000  # problems: more than this is "never"


@dataclass(frozen=True, slots=True)
class Power:
    """How the differences over shared problems spread, as parts of the largest difference there can be.

    `square` is the mean square of the differences. `whole` says that all are -1, 0 or 1, one sample a problem that
    passes or fails: `square` is then the share of problems that only one of the two solves. `within` is the part of
    their variance that comes from drawing samples, None where there is one sample a problem and nobody can tell.
    """

    problems: int
    mean: float
    square: float
    within: float | None = None
    whole: bool = True

    @property
    def variance(self) -> float:
        """The variance of the differences, with Bessel's correction."""
        n = self.problems
        return max(0.0, self.square - self.mean**2) * (n / (n - 1) if n > 1 else 1)

    @staticmethod
    def of(
        ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]] | None = None, scale: float = 1.0
    ) -> Power:
        """Return it for the values of the samples of each problem; without `theirs`, for the values themselves."""
        pairs = list(zip(ours, theirs if theirs is not None else [(0.0,)] * len(ours), strict=True))
        differences = [(math.fsum(a) / len(a) - math.fsum(b) / len(b)) / scale for a, b in pairs]
        n = len(differences)
        noise = [_noise(a, scale) + (_noise(b, scale) if theirs is not None else 0.0) for a, b in pairs]
        known = [each for each in noise if not math.isnan(each)]
        return Power(
            problems=n,
            mean=math.fsum(differences) / n,
            square=math.fsum(difference * difference for difference in differences) / n,
            within=math.fsum(known) / len(known) if known else None,
            whole=all(difference in (-1.0, 0.0, 1.0) for difference in differences),
        )


def _noise(values: Sequence[float], scale: float) -> float:
    """Return the variance of the mean of a problem's samples that comes from drawing them; nan of one sample."""
    k = len(values)
    if k < 2:
        return math.nan
    mean = math.fsum(values) / k
    return math.fsum((value - mean) ** 2 for value in values) / (k - 1) / k / scale**2


def smallest_gap(power: Power, *, alpha: float = 0.05, chance: float = POWER) -> float:
    """Return the smallest true difference that this many problems show at level `alpha` with this chance.

    Where differences are whole, as Connor (1987), Biometrics 43:207, has it for McNemar's test:
    n d^2 = (z_a sqrt(s) + z_b sqrt(s - d^2))^2, where s is the mean square, which is at least d. So too where no
    problem differs from another, which says nothing of the spread. Else n d^2 = (z_a + z_b)^2 times the variance.
    In parts of the largest difference there can be; 1 at most.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if _needed(power, middle, alpha, chance) <= power.problems:
            high = middle
        else:
            low = middle
    return high


def needed_problems(
    power: Power, *, limit: float | None = None, fixed: float = 0.0, alpha: float = 0.05, chance: float = POWER
) -> int | None:
    """Return how many problems like these would tell, were the difference the one seen; None if no number would.

    Without a `limit`: that the models differ at all (two-sided). With one: on which side of it the difference lies
    (one-sided), where the variance `fixed` stays, however many problems there are: that of a claim.
    """
    if limit is None:
        found = _needed(power, power.mean, alpha, chance)
    elif power.mean == limit:
        return None
    else:
        reach = normal_quantile(1 - alpha) + normal_quantile(chance)
        room = (limit - power.mean) ** 2 / (reach * reach) - fixed
        found = power.variance / room if room > 0 else math.inf
    return math.ceil(found) if found <= MANY else None


def needed_samples(
    power: Power, samples: float, *, limit: float, alpha: float = 0.05, chance: float = POWER
) -> int | None:
    """Return how many samples a problem would tell on which side of `limit` the difference lies, with these problems.

    More samples take away the noise within problems, never that between them: None where that alone is too much, or
    where the noise within is not known.
    """
    if power.within is None or power.mean == limit:
        return None
    reach = normal_quantile(1 - alpha) + normal_quantile(chance)
    room = power.problems * (limit - power.mean) ** 2 / (reach * reach) - max(0.0, power.variance - power.within)
    if room <= 0 or power.within <= 0:
        return None
    return math.ceil(samples * power.within / room)


def _needed(power: Power, gap: float, alpha: float, chance: float) -> float:
    """Return the number of problems at which a two-sided test shows `gap` with this chance."""
    if gap == 0:
        return math.inf
    z_alpha, z_beta = normal_quantile(1 - alpha / 2), normal_quantile(chance)
    if not power.whole and power.variance > 0:
        return (z_alpha + z_beta) ** 2 * power.variance / gap**2
    square = max(power.square, abs(gap))
    return ((z_alpha * math.sqrt(square) + z_beta * math.sqrt(square - gap * gap)) / gap) ** 2
