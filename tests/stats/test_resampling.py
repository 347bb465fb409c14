"""The bootstrap against scipy's, which draws problem by problem."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from sparkgap.stats import bootstrap


def data(kind: str) -> list[float]:
    rng = np.random.default_rng(5)
    if kind == "flags":
        return (rng.binomial(1, 0.6, 164) - rng.binomial(1, 0.5, 164)).tolist()
    if kind == "samples":
        return ((rng.binomial(10, 0.6, 100) - rng.binomial(10, 0.5, 100)) / 10).tolist()
    return rng.gamma(1.0, 1.0, 60).tolist()  # skewed


@pytest.mark.parametrize("kind", ["flags", "samples", "skewed"])
@pytest.mark.parametrize("bca", [True, False])
def test_the_bootstrap_is_scipys(kind: str, bca: bool) -> None:
    differences = data(kind)
    ours = bootstrap(differences, draws=40_000, bca=bca)
    method = "BCa" if bca else "percentile"
    peer = scipy_stats.bootstrap(
        (differences,), np.mean, n_resamples=40_000, method=method, rng=np.random.default_rng(1)
    ).confidence_interval
    width = peer.high - peer.low
    assert ours.value == pytest.approx(np.mean(differences))
    assert (ours.low, ours.high) == pytest.approx((peer.low, peer.high), abs=0.04 * width)


def test_the_bootstrap_is_the_same_every_time_and_in_any_order() -> None:
    differences = data("samples")
    assert bootstrap(differences) == bootstrap(differences[::-1]) == bootstrap(differences)
    assert bootstrap(differences).method == "bootstrap by problem (BCa, 10,000 draws)"


def test_equal_differences_have_no_width_and_nothing_is_refused() -> None:
    flat = bootstrap([0.25] * 40)
    assert (flat.value, flat.low, flat.high) == pytest.approx((0.25, 0.25, 0.25))
    with pytest.raises(ValueError, match="at least one"):
        bootstrap([])


def test_many_different_values_fit_into_memory_in_pieces() -> None:
    differences = np.random.default_rng(9).normal(0.1, 1.0, 1500).tolist()
    ours = bootstrap(differences, draws=4000, bca=False)
    assert ours.high - ours.low == pytest.approx(2 * 1.96 / 1500**0.5, rel=0.1)
