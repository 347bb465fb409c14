"""Power: what is promised of so many problems, seen in exact calculations and simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestPower

from sparkgap.stats import Power, mcnemar, needed_problems, needed_samples, paired_difference, smallest_gap


def power_of_mcnemar(n: int, up: float, down: float) -> float:
    """The chance that the exact test shows a difference at 0.05, over the outcomes that there are."""
    total = 0.0
    for differing in range(n + 1):
        weight = scipy_stats.binom.pmf(differing, n, up + down)
        if weight < 1e-9:
            continue
        ups = np.arange(differing + 1)
        chances = scipy_stats.binom.pmf(ups, differing, up / (up + down))
        shown = [mcnemar(int(b), differing - int(b)) <= 0.05 for b in ups]
        total += weight * float(chances @ np.array(shown))
    return float(total)


@pytest.mark.parametrize(("n", "differing"), [(164, 0.3), (164, 0.1), (378, 0.2), (80, 0.5)])
def test_the_smallest_gap_is_shown_about_8_times_in_10(n: int, differing: float) -> None:
    gap = smallest_gap(Power(n, 0.0, differing))
    square = max(differing, gap)
    found = power_of_mcnemar(n, (square + gap) / 2, (square - gap) / 2)
    assert 0.68 <= found <= 0.86  # the exact test is a little weaker than the approximation


def test_the_smallest_gap_of_means_is_the_t_tests() -> None:
    expected = TTestPower().solve_power(nobs=1000, alpha=0.05, power=0.8) * 0.1
    assert smallest_gap(Power(1000, 0.0, 0.01, whole=False)) == pytest.approx(expected, rel=0.01)
    assert needed_problems(Power(50, 0.02, 0.0104, whole=False)) == pytest.approx(
        TTestPower().solve_power(effect_size=0.02 / (0.01 * 50 / 49) ** 0.5, alpha=0.05, power=0.8), rel=0.02
    )


@given(st.integers(1, 20_000), st.floats(0, 1))
def test_more_problems_show_smaller_gaps(n: int, square: float) -> None:
    gap = smallest_gap(Power(n, 0.0, square))
    assert 0 < gap <= 1
    assert smallest_gap(Power(2 * n, 0.0, square)) <= gap
    assert smallest_gap(Power(n, 0.0, square), chance=0.9) >= gap


def test_as_many_problems_as_are_needed_have_the_power_that_was_asked() -> None:
    needed = needed_problems(Power(100, 0.08, 0.3))
    assert needed is not None
    assert 0.72 <= power_of_mcnemar(needed, 0.19, 0.11) <= 0.86
    assert needed_problems(Power(100, 0.0, 0.3)) is None
    assert needed_problems(Power(100, 1e-6, 0.3)) is None


def test_the_problems_needed_to_stay_under_a_limit_do_so_about_8_times_in_10() -> None:
    rng = np.random.default_rng(11)
    needed = needed_problems(Power(164, 0.02, 0.2), limit=0.08)
    assert needed is not None
    rounds = 600
    ups = rng.multinomial(needed, [0.11, 0.09, 0.80], rounds)
    under = sum(
        paired_difference([1.0] * b + [-1.0] * c + [0.0] * rest, level=0.9).high < 0.08 for b, c, rest in ups.tolist()
    )
    assert 0.74 <= under / rounds <= 0.87
    assert needed_problems(Power(164, 0.08, 0.2), limit=0.08) is None


def test_noise_within_problems_is_told_from_the_spread_between_them() -> None:
    rng = np.random.default_rng(12)
    chances = rng.beta(2, 2, 4000)
    ours, theirs = rng.binomial(1, chances[:, None], (4000, 5)), rng.binomial(1, chances[:, None], (4000, 5))
    power = Power.of(ours.tolist(), theirs.tolist())
    assert power.within == pytest.approx(2 * (0.2 / 5), rel=0.05)  # E[p(1-p)] = 0.2 for Beta(2, 2)
    assert power.variance == pytest.approx(power.within, rel=0.06)  # the two are equally good at every problem
    assert Power.of([[1.0], [0.0]], [[0.0], [0.0]]).within is None


def test_more_samples_help_as_far_as_the_noise_is_within_problems() -> None:
    noisy = Power(100, 0.02, 0.04, within=0.035)
    samples = needed_samples(noisy, 5, limit=0.06)
    assert samples is not None
    more = Power(100, 0.02, noisy.square - noisy.within * (1 - 5 / samples), within=noisy.within * 5 / samples)
    enough = needed_problems(more, limit=0.06)
    assert enough is not None
    assert enough <= 101
    assert needed_samples(Power(100, 0.02, 0.3, within=0.01), 5, limit=0.06) is None  # problems differ too much
    assert needed_samples(Power(100, 0.02, 0.3), 1, limit=0.06) is None  # nobody knows
    assert needed_samples(noisy, 5, limit=0.02) is None


def test_the_variance_is_numpys() -> None:
    values = [[0.2, 0.4], [0.9, 0.1], [0.5, 0.5]]
    means = [0.3, 0.5, 0.5]
    power = Power.of(values)
    assert power.variance == pytest.approx(np.var(means, ddof=1))
    assert (power.problems, power.mean) == (3, pytest.approx(1.3 / 3))
    assert Power(1, 0.5, 0.25).variance == 0.0
    assert math.isclose(Power.of(values, scale=2.0).variance, power.variance / 4)


def test_equal_differences_say_nothing_of_the_spread_and_show_no_tiny_gap() -> None:
    flat = Power.of([[7.0]] * 80, [[7.0]] * 80, scale=9.0)
    assert 0.03 < smallest_gap(flat) < 0.2
    assert 0.03 < smallest_gap(Power.of([[7.5]] * 80, [[7.0]] * 80, scale=9.0)) < 0.2
