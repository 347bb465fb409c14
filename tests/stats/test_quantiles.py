"""Student's distribution and the normal one against scipy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from sparkgap.stats import Z_95, normal_quantile, normal_tail, student_quantile, student_tail

FREEDOM = st.one_of(st.integers(1, 20_000), st.floats(0.5, 1e5))


@given(st.floats(-40, 40), FREEDOM)
def test_students_tail_is_scipys(t: float, freedom: float) -> None:
    assert student_tail(t, freedom) == pytest.approx(scipy_stats.t.sf(t, freedom), rel=1e-8, abs=1e-14)


@given(st.floats(0.001, 0.999), FREEDOM)
def test_students_quantile_is_scipys(probability: float, freedom: float) -> None:
    expected = scipy_stats.t.ppf(probability, freedom)
    assert student_quantile(probability, freedom) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(st.floats(-37, 37))
def test_the_normal_tail_is_scipys_far_out_too(z: float) -> None:
    assert normal_tail(z) == pytest.approx(scipy_stats.norm.sf(z), rel=1e-9, abs=0)


def test_the_quantile_of_95_percent_is_the_constant() -> None:
    assert normal_quantile(0.975) == pytest.approx(Z_95, abs=1e-12)


@pytest.mark.parametrize("probability", [0.0, 1.0, -1.0, float("nan")])
def test_there_is_no_quantile_of_what_is_no_probability(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        normal_quantile(probability)
    with pytest.raises(ValueError, match="probability"):
        student_quantile(probability, 3)
