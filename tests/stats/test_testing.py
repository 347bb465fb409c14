"""p-values against scipy and statsmodels, and by enumeration."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from statsmodels.stats.contingency_tables import mcnemar as peers_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from sparkgap.stats import binomial, holm, mcnemar, sign_flip, two_proportions, two_sided


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_statsmodels(only_ours: int, only_theirs: int) -> None:
    expected = peers_mcnemar([[7, only_ours], [only_theirs, 9]], exact=True).pvalue
    assert mcnemar(only_ours, only_theirs) == pytest.approx(1.0 if only_ours == only_theirs else expected, rel=1e-9)


def test_mcnemar_of_thousands_neither_overflows_nor_vanishes() -> None:
    assert mcnemar(7000, 7000) == 1.0
    assert 0 < mcnemar(7400, 6600) < 1e-10
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(0, 5) == 2 / 32


def test_mcnemar_refuses_what_is_no_count() -> None:
    with pytest.raises(ValueError, match="not negative"):
        mcnemar(-1, 3)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 0.99))
def test_the_exact_binomial_is_scipys(passes: tuple[int, int], chance: float) -> None:
    assert binomial(*passes, chance) == pytest.approx(binomtest(*passes, chance).pvalue, rel=1e-6, abs=1e-12)


def test_a_chance_of_nothing_or_of_everything_is_refuted_by_one_case() -> None:
    assert (binomial(0, 10, 0.0), binomial(1, 10, 0.0)) == (1.0, 0.0)
    assert (binomial(10, 10, 1.0), binomial(9, 10, 1.0)) == (1.0, 0.0)
    with pytest.raises(ValueError, match="no such binomial"):
        binomial(3, 2, 0.5)


@given(
    st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
)
def test_two_proportions_are_statsmodels(ours: tuple[int, int], theirs: tuple[int, int]) -> None:
    found = two_proportions(ours, theirs)
    if ours[0] + theirs[0] in (0, ours[1] + theirs[1]):
        assert found == 1.0
    else:
        expected = proportions_ztest([ours[0], theirs[0]], [ours[1], theirs[1]])[1]
        assert found == pytest.approx(expected, rel=1e-9)


def test_two_proportions_need_trials() -> None:
    with pytest.raises(ValueError, match="trials"):
        two_proportions((0, 0), (1, 2))


@given(st.floats(-8, 8))
def test_two_sided_is_twice_a_tail(z: float) -> None:
    assert two_sided(z) == pytest.approx(min(1.0, 2 * norm.sf(abs(z))), rel=1e-9)


@settings(max_examples=8, deadline=None)  # the peer is slow
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1].tolist() if p_values else []
    assert holm(p_values) == pytest.approx(expected)


@pytest.mark.parametrize("differences", [[0.2, -0.1, 0.5, 0.3, 0.0], [1.0, 2.5, -0.5, 3.0, 0.25, -1.0, 2.0]])
def test_sign_flips_come_to_the_enumeration_of_all_signs(differences: list[float]) -> None:
    seen = abs(sum(differences))
    signs = itertools.product((1, -1), repeat=len(differences))
    sums = [abs(sum(s * d for s, d in zip(each, differences, strict=True))) for each in signs]
    exact = sum(each >= seen - 1e-12 for each in sums) / len(sums)
    assert sign_flip(differences, draws=40_000) == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (12, 4), (30, 18), (5, 6)])
def test_sign_flips_of_passes_and_failures_come_to_mcnemar(b: int, c: int) -> None:
    found = sign_flip([1.0] * b + [-1.0] * c + [0.0] * 50, draws=40_000)
    assert found == pytest.approx(mcnemar(b, c), abs=0.01)


def test_sign_flips_are_the_same_every_time_and_never_zero() -> None:
    differences = [0.1 * i for i in range(60)]
    assert sign_flip(differences) == sign_flip(differences) == 1 / 10_001
    with pytest.raises(ValueError, match="at least one"):
        sign_flip([])
