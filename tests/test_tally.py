"""The sum of the scores: what is unscored never counts as failed, and the order of records changes nothing."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.tally import OUTCOMES, UNSCORED, GradeResult, Tally


def record(ordinal: int, problem: str, status: str, **more: Any) -> dict[str, Any]:
    plain = {"ordinal": ordinal, "problem_id": problem, "sample_index": 0, "status": status, "why": f"why {ordinal}"}
    return plain | {"strict": status, "lenient": status} | more


def tallied(
    *records: dict[str, Any], asked: tuple[str, ...] = ("a", "b", "c"), ks: tuple[int, ...] = (1, 2)
) -> GradeResult:
    tally = Tally()
    for each in records:
        tally.add(each)
    return tally.result("bench", asked, ks)


def test_pass_at_k_is_over_scored_samples_of_attempted_problems() -> None:
    result = tallied(
        record(0, "a", "passed"), record(1, "a", "wrong"), record(2, "a", "infra"), record(3, "b", "passed"),
        record(4, "b", "unanswered"), record(5, "b", "raised"),
    )  # fmt: skip
    assert (result.samples, result.scored, result.passed) == (6, 4, 2)
    assert result.pass_at_k[1].value == 0.5
    assert result.pass_at_k[2].value == 1.0
    assert result.by_status == {"passed": 2, "wrong": 1, "raised": 1, "infra": 1, "unanswered": 1}
    assert str(result.coverage) == "2 of 3 problems, 2 samples unscored"
    assert result.coverage.missing == ("c",)


def test_a_problem_whose_samples_are_all_unscored_is_attempted_and_not_scored() -> None:
    result = tallied(record(0, "a", "passed"), record(1, "b", "infra"))
    assert result.pass_at_k[1].value == 1.0
    assert (result.coverage.attempted, result.coverage.scored) == (2, 1)
    assert str(result.coverage) == "1 of 3 problems, 1 sample unscored"


def test_nothing_scored_gives_no_figure_rather_than_zero() -> None:
    result = tallied(record(0, "a", "infra"), record(1, "b", "unanswered"))
    assert result.pass_at_k == {}
    assert result.scored == 0


def test_k_is_reported_only_where_every_problem_has_samples_enough() -> None:
    result = tallied(record(0, "a", "passed"), record(1, "a", "wrong"), record(2, "b", "passed"))
    assert list(result.pass_at_k) == [1]


def test_the_two_readings_stand_side_by_side() -> None:
    result = tallied(
        record(0, "a", "syntax", lenient="passed", how_lenient="tail dropped"),
        record(1, "b", "passed", lenient="wrong"),
        record(2, "c", "wrong", lenient="infra"),
    )
    assert (result.strict.passed, result.lenient.passed) == (1, 1)
    assert (result.strict.scored, result.lenient.scored) == (3, 2)
    assert (result.gained, result.lost) == (1, 1)
    assert result.gained_by == {"tail dropped": 1}
    assert result.lenient.pass_at_k[1].value == 0.5


def test_groups_count_by_part_and_leave_out_what_is_unscored() -> None:
    result = tallied(
        record(0, "a", "wrong", groups={"base": True, "plus": False}),
        record(1, "b", "passed", groups={"base": True, "plus": True}),
        record(2, "c", "infra", groups={"base": False, "plus": False}),
    )
    assert result.groups["base"][1].value == 1.0
    assert result.groups["plus"][1].value == 0.5
    assert result.group_problems == {"base": 2, "plus": 2}
    assert result.pass_at_k[1].value == 0.5


outcomes = st.sampled_from(OUTCOMES)
records = st.lists(st.tuples(st.sampled_from("abc"), outcomes, outcomes), max_size=30)


@given(records, st.randoms(use_true_random=False))
def test_the_order_of_records_changes_nothing(rows: list[tuple[str, str, str]], chance: random.Random) -> None:
    made = [record(n, problem, strict, lenient=lenient) for n, (problem, strict, lenient) in enumerate(rows)]
    shuffled = made.copy()
    chance.shuffle(shuffled)
    result = tallied(*made)
    assert json.dumps(result.as_json()) == json.dumps(tallied(*shuffled).as_json())
    assert sum(result.by_status.values()) == result.samples == len(rows)
    assert result.scored == sum(strict not in UNSCORED for _, strict, _ in rows)
    assert result.coverage.unscored + result.scored == result.samples
    for status, example in result.examples.items():
        assert example.why == f"why {next(n for n, row in enumerate(rows) if row[1] == status)}"


def test_the_result_as_json_has_the_promised_keys() -> None:
    result = replace(tallied(record(0, "a", "passed")), isolation="full")
    told = json.loads(json.dumps(result.as_json()))
    assert {
        "benchmark", "problems", "samples", "scored", "passed", "by_status", "pass_at_k", "strict", "lenient",
        "coverage", "isolation", "run",
    } <= told.keys()  # fmt: skip
    assert told["pass_at_k"]["1"].keys() >= {"value", "low", "high"}
    assert told["pass_at_k"]["1"]["value"] == pytest.approx(1.0)
    assert told["run"] is None
