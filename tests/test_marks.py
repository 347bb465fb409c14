"""Marks: counts, means over problems, intervals by what the values are; in whatever order they come."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as peer

from sparkgap.marks import Marks
from sparkgap.stats import mean_pass_at_k


def record(ordinal: int, problem: int, value: float | None, **metrics: float) -> dict[str, Any]:
    status = "unanswered" if value is None else "passed" if value >= 1 else "wrong"
    told = {"ordinal": ordinal, "problem_id": f"p{problem}", "sample_index": 0, "status": status, "value": value}
    return told | {"why": f"because of {ordinal}", "metrics": metrics}


def marked(records: list[dict[str, Any]], unit: str = "share") -> Marks:
    marks = Marks(("score", "other"), unit)
    for each in records:
        marks.add(each)
    return marks


def test_shares_get_the_interval_of_pass_at_1() -> None:
    marks = marked([record(i, i // 2, float(i % 3 == 0)) for i in range(20)])
    counts = [(2, sum(i % 3 == 0 for i in (2 * p, 2 * p + 1))) for p in range(10)]
    assert marks.metrics()["score"] == mean_pass_at_k(counts, 1)


def test_ratings_get_students_interval_over_problems() -> None:
    values = [7.0, 3.5, 9.0, 10.0, 1.0, 6.0]
    marks = marked([record(i, i, value) for i, value in enumerate(values)], "rating")
    low, high = peer.t.interval(0.95, len(values) - 1, peer.tmean(values), peer.sem(values))
    assert (marks.metrics()["score"].low, marks.metrics()["score"].high) == pytest.approx((low, high), rel=1e-4)


def test_one_problem_has_no_interval_and_json_takes_it() -> None:
    interval = marked([record(0, 0, 7.0)], "rating").metrics()["score"]
    assert interval.low == interval.value == interval.high
    json.dumps(interval.value, allow_nan=False)


def test_what_has_no_score_is_counted_and_left_out() -> None:
    marks = marked([record(0, 0, 1.0, other=0.5), record(1, 1, None), record(2, 2, 0.0)])
    assert (marks.samples, marks.scored, marks.unscored, marks.problems_scored()) == (3, 2, 1, 2)
    assert marks.metrics()["score"].value == 0.5
    assert marks.metrics()["other"].value == 0.5
    told = marks.as_json()
    assert told["by_status"] == {"passed": 1, "unanswered": 1, "wrong": 1}
    assert told["examples"]["unanswered"]["why"] == "because of 1"


def test_nothing_scored_is_no_metric() -> None:
    marks = marked([record(0, 0, None)])
    assert marks.metrics() == {}
    assert marks.mean is None
    assert math.isinf(marks.margin())


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.sampled_from([0.0, 1.0, 0.25])), max_size=30), st.randoms())
def test_the_order_of_records_does_not_matter(drawn: list[tuple[int, float | None]], random: Any) -> None:
    records = [record(i, problem, value) for i, (problem, value) in enumerate(drawn)]
    shuffled = random.sample(records, len(records))
    one, other = marked(records), marked(shuffled)
    assert one.as_json() == other.as_json()
    for name, interval in one.metrics().items():
        assert interval.value == pytest.approx(other.metrics()[name].value)
        assert interval.low == pytest.approx(other.metrics()[name].low)
