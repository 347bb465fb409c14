"""The difference in one benchmark: paired runs, claims, samples, ratings."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from run_folders import flags, write_run
from sparkgap import stats
from sparkgap.claims import Claim, find_claims
from sparkgap.compare.contrast import contrast
from sparkgap.compare.figures import claimed, headline, measured
from sparkgap.results import BenchmarkResult, read_result
from sparkgap.stats import Interval


def result(folder: Path, values: dict[str, list[float | None]], **more: object) -> BenchmarkResult:
    return next(iter(read_result(write_run(folder, "humaneval", values, **more)).benchmarks.values()))


def claim(value: float, problems: int | None = 164, unit: str = "share", rounding: float = 0.0005) -> Claim:
    return Claim("X", "humaneval", value, unit, "its maker", "2026", "its card", "", problems, rounding)


def test_one_sample_each_is_mcnemar_and_tango_on_shared_problems(tmp_path: Path) -> None:
    ours = result(tmp_path / "a", flags([1] * 20 + [0] * 30 + [1] * 5 + [None] * 3))
    theirs = result(tmp_path / "b", flags([1] * 15 + [0] * 5 + [1] * 20 + [0] * 10 + [None] * 5 + [1] * 3))
    found = contrast("humaneval", ours, theirs, ability="code")
    assert found is not None
    assert (found.problems, found.only_ours, found.only_theirs, found.paired) == (50, 5, 20, True)
    assert found.difference == pytest.approx(-0.3)
    assert found.p == stats.mcnemar(5, 20) == scipy_stats.binomtest(5, 25).pvalue
    assert found.test == "McNemar, exact"
    assert found.interval == stats.paired_difference([1.0] * 5 + [-1.0] * 20 + [0.0] * 25)
    assert (found.ours.value, found.theirs.value) == (0.4, 0.7)
    assert found.bootstrap is not None
    assert found.bootstrap.low == pytest.approx(found.interval.low, abs=0.04)
    assert found.distinct
    assert found.smallest is not None
    assert 0.15 < found.smallest < 0.35


def test_several_samples_are_compared_by_their_means_by_sign_flips(tmp_path: Path) -> None:
    ours = result(tmp_path / "a", {f"p{i}": [1.0, float(i % 2), 0.0, 1.0] for i in range(60)})
    theirs = result(tmp_path / "b", {f"p{i}": [float(i % 3 == 0)] * 2 for i in range(60)})
    found = contrast("humaneval", ours, theirs, ability="code")
    assert found is not None
    assert found.difference == pytest.approx(0.625 - 1 / 3)
    assert found.test.startswith("sign flips by problem")
    assert (found.only_ours, found.only_theirs) == (None, None)
    assert found.interval is not None
    assert found.interval.method.endswith("clustered by problem")


def test_ratings_are_compared_by_students_interval(tmp_path: Path) -> None:
    ours = result(tmp_path / "a", {f"p{i}": [7.0 + i % 3] for i in range(40)}, unit="rating", ability="chat")
    theirs = result(tmp_path / "b", {f"p{i}": [8.0 + i % 2] for i in range(40)}, unit="rating", ability="chat")
    found = contrast("mt_bench", ours, theirs, ability="chat")
    assert found is not None
    differences = [7.0 + i % 3 - 8.0 - i % 2 for i in range(40)]
    assert found.interval == stats.mean_interval(differences)
    assert found.smallest is not None
    assert 0.1 < found.smallest < 1.0
    same = contrast("mt_bench", ours, ours, ability="chat")
    assert same is not None
    assert same.interval is not None
    assert same.interval.low < 0 == same.difference < same.interval.high  # not the certainty of no spread at all
    assert same.p == 1.0


def test_runs_without_a_shared_problem_have_no_contrast(tmp_path: Path) -> None:
    ours, theirs = result(tmp_path / "a", {"p": [1.0], "q": [None]}), result(tmp_path / "b", {"p": [None], "q": [1.0]})
    assert contrast("humaneval", ours, theirs, ability="code") is None
    nothing = result(tmp_path / "c", {"p": [None]})
    assert contrast("humaneval", nothing, claim(0.5), ability="code") is None


def test_a_claim_is_compared_as_a_separate_sample(tmp_path: Path) -> None:
    ours = result(tmp_path / "a", flags([1] * 90 + [0] * 74))
    found = contrast("humaneval", ours, claim(0.75), ability="code")
    assert found is not None
    assert (found.paired, found.problems, found.reported) == (False, None, True)
    expected = stats.newcombe((90, 164), (0.75 * 164, 164))
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))
    assert found.p == pytest.approx(stats.two_proportions((90, 164), (123, 164)))
    assert found.agreement is not None
    assert found.agreement.p == pytest.approx(scipy_stats.binomtest(90, 164, 0.7495).pvalue)
    other_way = contrast("humaneval", claim(0.75), ours, ability="code")
    assert other_way is not None
    assert (other_way.difference, other_way.p) == pytest.approx((-found.difference, found.p))
    assert other_way.agreement == found.agreement


def test_a_claim_that_the_measurement_rounds_to_agrees_perfectly(tmp_path: Path) -> None:
    ours = result(tmp_path / "a", flags([1] * 119 + [0] * 45))
    found = contrast("humaneval", ours, claim(0.726), ability="code")
    assert found is not None
    assert found.agreement is not None
    assert found.agreement.p == 1.0
    assert found.unlikeness.warnings == ()
    odd = contrast("humaneval", ours, claim(0.723), ability="code")
    assert odd is not None
    assert "no whole number of 164 problems" in odd.unlikeness.warnings[0]


def test_copies_of_a_sample_do_not_sharpen_the_test_of_a_claim(tmp_path: Path) -> None:
    once = contrast("b", result(tmp_path / "a", flags([1] * 90 + [0] * 74)), claim(0.65), ability="code")
    copied = {f"p{i}": [float(i < 90)] * 10 for i in range(164)}
    ten = contrast("b", result(tmp_path / "b", copied), claim(0.65), ability="code")
    assert once is not None
    assert ten is not None
    assert once.agreement is not None
    assert ten.agreement is not None
    assert ten.agreement.p == pytest.approx(once.agreement.p, abs=0.005)
    assert ten.p == pytest.approx(once.p, rel=0.05)


def test_a_claimed_rating_borrows_the_measured_spread_and_has_none_of_its_own(tmp_path: Path) -> None:
    values = [6.0 + i % 4 for i in range(80)]
    ours = result(tmp_path / "a", {f"p{i}": [value] for i, value in enumerate(values)}, unit="rating")
    found = contrast("mt_bench", ours, claim(8.0, 80, "rating"), ability="chat")
    assert found is not None
    own = stats.mean_interval(values)
    assert found.interval is not None
    assert found.interval.high - found.interval.value == pytest.approx(math.sqrt(2) * (own.high - own.value))
    assert found.agreement is not None
    assert found.agreement.p == pytest.approx(scipy_stats.ttest_1samp(values, 7.9995).pvalue)
    two = contrast("mt_bench", claim(8.0, 80, "rating"), claim(9.0, 80, "rating"), ability="chat")
    assert two is not None
    assert (two.interval, two.p, two.difference, two.distinct) == (None, None, -1.0, False)


def test_two_claims_are_as_sure_as_so_many_problems_would_be() -> None:
    spark, gpt = find_claims("muse-spark").claims["humaneval"], find_claims("gpt-5").claims["humaneval"]
    found = contrast("humaneval", spark, gpt, ability="code")
    assert found is not None
    assert found.interval is not None
    expected = stats.newcombe((0.723 * 164, 164), (0.894 * 164, 164))
    ends = found.interval.value, found.interval.low, found.interval.high
    assert ends == pytest.approx((expected.value, expected.low, expected.high))
    assert found.difference == pytest.approx(-0.171)
    assert found.agreement is None


def test_a_corpus_figure_is_what_a_claim_is_compared_with(tmp_path: Path) -> None:
    metrics = {"bleu": {"value": 31.0, "low": 30.0, "high": 32.0, "method": "bootstrap"}}
    values = {f"p{i}": [40.0 + i % 5] for i in range(50)}
    ours = result(tmp_path / "a", values, unit="score", metrics=metrics)
    assert headline(ours).interval == Interval(31.0, 30.0, 32.0, "bootstrap")
    wider = headline(ours, 0.99).interval
    assert wider is not None
    assert wider.high == pytest.approx(31 + 2.575829 / 1.959964)
    paired = contrast("translation", ours, ours, ability="translation")
    assert paired is not None
    assert "over the whole corpus it is 31.0 and 31.0" in paired.unlikeness.warnings[0]


def test_the_mean_of_all_ratings_is_what_a_claim_is_compared_with(tmp_path: Path) -> None:
    metrics = {"rating": {"value": 5.6, "low": 5.2, "high": 6.0, "method": "t"}}
    values = {f"p{i}": [5.0 + i % 2 if i else None] for i in range(41)}  # one problem misses a rating
    ours = result(tmp_path / "a", values, unit="rating", metrics=metrics)
    assert headline(ours).value == 5.6
    assert headline(result(tmp_path / "b", values, unit="rating")).value == 5.5


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=5), min_size=1, max_size=30))
def test_a_measured_share_is_the_runs_own_pass_at_1(values: list[list[float]]) -> None:
    counts = [(len(samples), int(sum(samples))) for samples in values]
    figure = measured(values, "share")
    assert figure.interval == stats.mean_pass_at_k(counts, 1)
    assert figure.effective is not None
    assert figure.effective <= sum(n for n, _ in counts) + 1e-9


def test_a_claim_over_nobody_knows_how_many_problems_takes_the_measured_number() -> None:
    beside = measured([[1.0]] * 30 + [[0.0]] * 20, "share")
    assert claimed(claim(0.5, None), 0.95, beside).interval == stats.wilson(25, 50)
    assert claimed(claim(0.5, None)).interval is None
