"""Differences of two models: Tango's interval against his likelihood maximised anew, coverage exactly and simulated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import confint_proportions_2indep

from sparkgap.stats import Interval, independent_difference, mean_interval, newcombe, paired_difference

Table = tuple[int, int, int]  # problems that only ours solves, that only theirs solves, and the others


def spelt(table: Table) -> list[float]:
    only_ours, only_theirs, alike = table
    return [1.0] * only_ours + [-1.0] * only_theirs + [0.0] * alike


def score_statistic(table: Table, delta: float) -> float:
    """Tango's statistic, its nuisance found by a search over the likelihood instead of by his closed form."""
    b, c, alike = table
    n = b + c + alike

    def minus_log_likelihood(q: float) -> float:
        parts = (b, q + delta), (c, q), (alike, 1 - 2 * q - delta)
        return -sum(count * math.log(max(share, 1e-300)) for count, share in parts if count)

    bounds = max(0.0, -delta), (1 - delta) / 2
    q = optimize.minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return float((b - c - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta))))


@settings(deadline=None, max_examples=60)
@given(st.tuples(st.integers(1, 60), st.integers(1, 60), st.integers(1, 200)))
def test_the_ends_of_tangos_interval_are_where_the_score_is_a_quantile(table: Table) -> None:
    ours = paired_difference(spelt(table))
    assert score_statistic(table, ours.low) == pytest.approx(1.959964, abs=1e-3)
    assert score_statistic(table, ours.high) == pytest.approx(-1.959964, abs=1e-3)


def test_where_no_problem_differs_the_interval_is_wilsons_at_zero() -> None:
    ours = paired_difference([0.0] * 50)
    z2 = 1.959963984540054**2
    assert (ours.value, ours.low, ours.high) == pytest.approx((0, -z2 / (50 + z2), z2 / (50 + z2)), abs=1e-9)


@pytest.mark.parametrize(("up", "down"), [(0.3, 0.3), (0.2, 0.05), (0.05, 0.05), (0.5, 0.1)])
@pytest.mark.parametrize("n", [20, 50])
def test_one_sample_each_the_truth_is_covered_about_19_times_in_20(n: int, up: float, down: float) -> None:
    """Over every outcome there is, each with its probability: no simulation."""
    covered = 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            ours = paired_difference(spelt((b, c, n - b - c)))
            if ours.low <= up - down <= ours.high:
                covered += float(scipy_stats.multinomial.pmf([b, c, n - b - c], n, [up, down, 1 - up - down]))
    assert 0.935 <= covered <= 0.995


@pytest.mark.parametrize(("a", "b", "fall"), [(0.5, 0.5, 0.1), (2.0, 1.0, 0.5), (1.0, 0.1, 0.0)])
@pytest.mark.parametrize(("n", "k"), [(20, 3), (164, 3), (164, 10)])
def test_several_samples_the_truth_is_covered_about_19_times_in_20(
    n: int, k: int, a: float, b: float, fall: float
) -> None:
    """Each problem has a chance of Beta(a, b) for ours, and that much less for theirs."""
    rng, rounds, covered = np.random.default_rng(7), 250, 0
    truth = fall * a / (a + b)
    for _ in range(rounds):
        chances = rng.beta(a, b, n)
        differences = (rng.binomial(k, chances) - rng.binomial(k, chances * (1 - fall))) / k
        ours = paired_difference(differences.tolist(), samples=k)
        covered += ours.low <= truth <= ours.high
    assert covered / rounds >= 0.91
    assert ours.method.endswith("clustered by problem")


def test_several_samples_of_many_problems_come_to_students_interval() -> None:
    rng = np.random.default_rng(3)
    differences = ((rng.binomial(8, 0.6, 3000) - rng.binomial(8, 0.5, 3000)) / 8).tolist()
    ours, student = paired_difference(differences, samples=8), mean_interval(differences)
    assert (ours.low, ours.high) == pytest.approx((student.low, student.high), abs=5e-4)


def test_copies_of_a_sample_add_no_information() -> None:
    once = paired_difference(spelt((30, 10, 60)))
    copied = paired_difference(spelt((30, 10, 60)), samples=10)  # ten equal samples give the same differences
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=3e-3)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40), st.integers(1, 10))
def test_the_interval_holds_its_estimate_and_mirrors(differences: list[float], samples: int) -> None:
    ours = paired_difference(differences, samples=samples)
    mirror = paired_difference([-each for each in differences], samples=samples)
    assert -1 <= ours.low <= ours.value <= ours.high <= 1
    assert (-mirror.high, -mirror.low) == pytest.approx((ours.low, ours.high), abs=1e-9)
    scaled = paired_difference([9 * each for each in differences], samples=samples, scale=9)
    assert (scaled.low, scaled.high) == pytest.approx((9 * ours.low, 9 * ours.high), abs=1e-9)
    narrower = paired_difference(differences, samples=samples, level=0.8)
    assert ours.low <= narrower.low <= narrower.high <= ours.high


def test_a_paired_difference_refuses_nothing_and_too_much() -> None:
    with pytest.raises(ValueError, match="at least one"):
        paired_difference([])
    with pytest.raises(ValueError, match="larger than 1"):
        paired_difference([0.0, 1.5])


@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
)
def test_newcombe_is_statsmodels(ours: tuple[int, int], theirs: tuple[int, int]) -> None:
    low, high = confint_proportions_2indep(*ours, *theirs, method="newcomb", compare="diff")
    found = newcombe(ours, theirs)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.value == ours[0] / ours[1] - theirs[0] / theirs[1]


def test_two_symmetric_intervals_add_as_variances_do() -> None:
    found = independent_difference(Interval(8.0, 7.7, 8.3, "t"), Interval(7.0, 6.6, 7.4, "t"))
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 0.5, 1.5))


@given(st.lists(st.floats(1, 10), min_size=2, max_size=60))
def test_the_interval_of_a_mean_is_scipys(values: list[float]) -> None:
    ours = mean_interval(values)
    error = scipy_stats.sem(values)
    low, high = scipy_stats.t.interval(0.95, len(values) - 1, np.mean(values), error) if error > 0 else [values[0]] * 2
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-7)


def test_one_value_says_nothing_of_its_spread() -> None:
    assert mean_interval([3.0]) == Interval(3.0, -math.inf, math.inf, "one value")
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])
