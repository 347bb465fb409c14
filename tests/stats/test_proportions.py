"""pass@k against enumeration and scipy's binomials; intervals against scipy and by simulated coverage."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import comb
from scipy.stats import binomtest

from sparkgap.stats import Interval, mean_pass_at_k, pass_at_k, usable_k, wilson


@st.composite
def draws(draw: st.DrawFn) -> tuple[int, int, int]:
    n = draw(st.integers(1, 300))
    return n, draw(st.integers(0, n)), draw(st.integers(1, n))


@st.composite
def graded(draw: st.DrawFn) -> tuple[list[tuple[int, int]], int]:
    k = draw(st.integers(1, 8))
    problems = draw(st.lists(st.integers(k, 20), min_size=1, max_size=30))
    return [(n, draw(st.integers(0, n))) for n in problems], k


def test_pass_at_k_is_the_share_of_draws_with_a_pass() -> None:
    for n in range(1, 9):
        for c in range(n + 1):
            samples = [i < c for i in range(n)]
            for k in range(1, n + 1):
                hits = [any(draw) for draw in itertools.combinations(samples, k)]
                assert pass_at_k(n, c, k) == sum(hits) / len(hits)


@given(draws())
def test_pass_at_k_agrees_with_the_published_product_and_with_scipy(ncK: tuple[int, int, int]) -> None:
    n, c, k = ncK
    product = 1.0 if n - c < k else 1.0 - math.prod(1.0 - k / i for i in range(n - c + 1, n + 1))
    assert pass_at_k(n, c, k) == pytest.approx(product, abs=1e-12)
    assert pass_at_k(n, c, k) == pytest.approx(1 - comb(n - c, k) / comb(n, k), abs=1e-9)


@given(draws())
def test_pass_at_k_is_bounded_and_exact_at_the_edges(ncK: tuple[int, int, int]) -> None:
    n, c, k = ncK
    assert 0.0 <= pass_at_k(n, c, k) <= 1.0
    assert pass_at_k(n, 0, k) == 0.0
    assert pass_at_k(n, n, k) == 1.0
    assert pass_at_k(n, c, 1) == c / n
    assert pass_at_k(n, c, n) == float(c > 0)


@given(draws())
def test_pass_at_k_never_falls_as_passes_or_k_grow(ncK: tuple[int, int, int]) -> None:
    n, c, k = ncK
    if c < n:
        assert pass_at_k(n, c + 1, k) >= pass_at_k(n, c, k)
    if k < n:
        assert pass_at_k(n, c, k + 1) >= pass_at_k(n, c, k)


@pytest.mark.parametrize(("n", "c", "k"), [(5, 6, 1), (5, -1, 1), (5, 2, 0), (5, 2, 6), (0, 0, 1), (5, 2, -1)])
def test_pass_at_k_refuses_counts_that_are_not_counts(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match=r"n="):
        pass_at_k(n, c, k)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(successes_trials: tuple[int, int]) -> None:
    successes, trials = successes_trials
    expected = binomtest(successes, trials).proportion_ci(0.95, "wilson")
    ours = wilson(successes, trials)
    assert (ours.value, ours.method) == (successes / trials, "wilson")
    assert ours.low == pytest.approx(expected.low, abs=1e-12)
    assert ours.high == pytest.approx(expected.high, abs=1e-12)


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (2, 1), (-1, 5), (math.nan, 5), (1, math.nan)])
def test_wilson_refuses_what_is_no_proportion(successes: float, trials: float) -> None:
    with pytest.raises(ValueError, match="trials"):
        wilson(successes, trials)


def test_one_sample_a_problem_is_the_plain_wilson_interval() -> None:
    counts = [(1, 1)] * 115 + [(1, 0)] * 49
    expected = binomtest(115, 164).proportion_ci(0.95, "wilson")
    ours = mean_pass_at_k(counts, 1)
    assert ours.method == "wilson"
    assert (ours.value, ours.low, ours.high) == pytest.approx((115 / 164, expected.low, expected.high), abs=1e-12)


def test_copies_of_a_sample_add_no_information() -> None:
    once = mean_pass_at_k([(1, 1)] * 30 + [(1, 0)] * 70, 1)
    copied = mean_pass_at_k([(10, 10)] * 30 + [(10, 0)] * 70, 1)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=1e-9)
    assert copied.method == "wilson, clustered by problem"


def test_the_mean_is_over_problems_not_over_samples() -> None:
    assert mean_pass_at_k([(10, 10), (2, 0)], 1).value == 0.5
    assert mean_pass_at_k([(4, 2), (4, 0)], 2).value == pytest.approx((5 / 6) / 2)


def test_problems_that_all_agree_are_worth_no_more_than_their_samples() -> None:
    agreed = mean_pass_at_k([(4, 2)] * 25, 1)
    by_sample = binomtest(50, 100).proportion_ci(0.95, "wilson")
    by_problem = wilson(12.5, 25)
    assert by_problem.low < agreed.low < by_sample.low
    assert by_sample.high < agreed.high < by_problem.high
    many = mean_pass_at_k([(4, 2)] * 2500, 1)
    assert many.low == pytest.approx(binomtest(5000, 10000).proportion_ci(0.95, "wilson").low, abs=1e-4)


def test_one_pass_among_a_thousand_samples_is_hardly_surer_than_none() -> None:
    none, one = mean_pass_at_k([(10, 0)] * 100, 1), mean_pass_at_k([(10, 1)] + [(10, 0)] * 99, 1)
    assert 0.5 * none.high < one.high < none.high


@pytest.mark.parametrize(("passes", "value"), [(0, 0.0), (10, 1.0)])
@pytest.mark.parametrize("k", [1, 5, 10])
def test_no_pass_or_no_failure_is_not_certainty(passes: int, value: float, k: int) -> None:
    ours = mean_pass_at_k([(10, passes)] * 40, k)
    assert ours.value == value
    assert ours.high - ours.low == pytest.approx(1.959963984540054**2 / (40 + 1.959963984540054**2))


@given(graded())
def test_the_interval_holds_its_estimate_within_0_and_1(counts_k: tuple[list[tuple[int, int]], int]) -> None:
    counts, k = counts_k
    ours = mean_pass_at_k(counts, k)
    assert 0.0 <= ours.low <= ours.value <= ours.high <= 1.0
    assert ours.low < ours.high
    assert ours.value == pytest.approx(sum(pass_at_k(n, c, k) for n, c in counts) / len(counts))
    shuffled = random.Random(0).sample(counts, len(counts))
    assert mean_pass_at_k(shuffled, k) == ours
    # A failure for a pass everywhere mirrors the interval of pass@1.
    if k == 1:
        mirror = mean_pass_at_k([(n, n - c) for n, c in counts], 1)
        assert (1 - mirror.high, 1 - mirror.low) == pytest.approx((ours.low, ours.high), abs=1e-9)


@pytest.mark.parametrize(
    ("n", "k", "a", "b"),
    [
        (1, 1, 2.0, 1.0),
        (10, 1, 0.5, 0.5),
        (10, 1, 0.2, 0.8),
        (10, 5, 0.2, 0.8),
        (10, 10, 0.5, 0.5),
        (3, 1, 0.1, 1.0),
        (100, 10, 1.0, 0.1),
    ],
)
@pytest.mark.parametrize("problems", [40, 164])
def test_the_interval_covers_the_truth_about_19_times_in_20(n: int, k: int, a: float, b: float, problems: int) -> None:
    """Each problem has its own chance, Beta(a, b); the truth is E[1 - (1 - p)^k], in closed form."""
    rng = np.random.default_rng(2021)
    truth = 1 - math.exp(math.lgamma(a + b) + math.lgamma(b + k) - math.lgamma(b) - math.lgamma(a + b + k))
    rounds, covered = 600, 0
    for passes in rng.binomial(n, rng.beta(a, b, (rounds, problems))).tolist():
        ours = mean_pass_at_k([(n, c) for c in passes], k)
        covered += ours.low <= truth <= ours.high
    # Within 0.01 of an end, a few problems decide, and they may be absent from the draw.
    assert (0.92 if abs(truth - 0.5) < 0.49 else 0.89) <= covered / rounds <= 0.985


def test_mean_pass_at_k_refuses_an_empty_benchmark_and_too_few_samples() -> None:
    with pytest.raises(ValueError, match="at least one problem"):
        mean_pass_at_k([], 1)
    with pytest.raises(ValueError, match="pass@5"):
        mean_pass_at_k([(10, 3), (4, 2)], 5)


@pytest.mark.parametrize(
    ("counts", "wanted", "expected"),
    [
        ([(1, 0), (1, 1)], (1, 5, 10, 100), (1,)),
        ([(10, 0), (10, 1)], (1, 5, 10, 100), (1, 5, 10)),
        ([(10, 0), (9, 1)], (10, 5, 1), (1, 5)),
        ([(200, 0)], (1, 5, 10, 100), (1, 5, 10, 100)),
        ([(20, 3)], (10, 20, 10), (1, 10, 20)),
        ([(20, 3)], (0, -5), (1,)),
        ([], (1, 5), ()),
        ([(5, 1), (0, 0)], (1, 5), ()),
    ],
)
def test_usable_k_is_what_every_problem_allows(
    counts: list[tuple[int, int]], wanted: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert usable_k(counts, wanted) == expected


@given(graded())
def test_every_usable_k_can_be_used(counts_k: tuple[list[tuple[int, int]], int]) -> None:
    counts, k = counts_k
    assert k in usable_k(counts, (k,))
    for usable in usable_k(counts):
        assert isinstance(mean_pass_at_k(counts, usable), Interval)
