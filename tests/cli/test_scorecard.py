"""The scorecard's layout, on results that are hard to fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.cli.scorecard import WIDTH, printable, scorecard
from sparkgap.stats import Interval
from sparkgap.tally import OUTCOMES, Example, GradeResult, Tally


def tallied(*rows: tuple[str, str], asked: tuple[str, ...] = ("a", "b"), **more: Any) -> GradeResult:
    tally = Tally()
    for ordinal, (problem, status) in enumerate(rows):
        plain = {"ordinal": ordinal, "problem_id": problem, "sample_index": 0, "status": status, "why": "because"}
        tally.add(plain | {"strict": status, "lenient": status} | more)
    return replace(tally.result("hello", asked, (1, 2)), isolation="full", run=Path("runs/x"))


def test_each_outcome_has_its_count_share_and_example() -> None:
    card = scorecard(tallied(("a", "passed"), ("a", "passed"), ("b", "wrong"), ("b", "infra")), "Title")
    assert "passed         2  50.0 %\n" in card
    assert "wrong          1  25.0 %  b #0: because\n" in card
    assert "infra          1  25.0 %  b #0: because\n" in card
    assert "coverage: 2 of 2 problems, 1 sample unscored\n" in card
    assert card.startswith("Title\n4 samples, 2 passed of 3 scored\n")
    assert card.endswith("isolation: full\nrun: runs/x")


def test_two_million_samples_keep_their_columns() -> None:
    result = replace(tallied(("a", "passed"), ("b", "wrong")), by_status={"passed": 1_500_000, "wrong": 500_000})
    lines = scorecard(replace(result, samples=2_000_000), "Title").splitlines()
    assert "passed     1,500,000  75.0 %" in lines
    assert "wrong        500,000  25.0 %  b #0: because" in lines


def test_problems_without_samples_are_listed() -> None:
    card = scorecard(tallied(("a", "passed"), asked=("a", *(f"p/{n}" for n in range(9)))), "Title")
    assert "no sample for 9 problems: p/0, p/1, p/2, p/3, p/4 ...\n" in card


def test_nothing_scored_is_said() -> None:
    card = scorecard(tallied(("a", "infra")), "Title")
    assert "pass@k: nothing was scored\n" in card


def test_base_tests_stand_below_the_headline() -> None:
    result = tallied(("a", "wrong"), ("b", "passed"), groups={"base": True, "plus": False})
    lines = scorecard(result, "Title").splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("pass@1"))
    assert lines[place].split()[:2] == ["pass@1", "50.0"]
    assert lines[place + 1].split()[:4] == ["base", "tests", "only", "100.0"]
    assert "plus tests" not in "\n".join(lines)


def test_several_splits_are_said_with_the_option_that_takes_one() -> None:
    result = tallied(("a", "passed"))
    coverage = replace(result.coverage, splits=("test", "train"))
    assert "over the splits test, train; --split takes one" in scorecard(replace(result, coverage=coverage), "Title")


def test_what_the_lenient_reading_did_is_said_most_frequent_first() -> None:
    result = tallied(("a", "syntax"), ("b", "passed"))
    hows = {"tail dropped": 12, "unescaped": 7, "c": 1, "d": 1, "e": 1}
    card = scorecard(replace(result, gained=22, gained_by=hows, lost=1), "Title")
    assert "23 samples differ: 22 pass only leniently, 1 passes only strictly\n  12 with: tail dropped\n" in card
    assert "  1 with: d\n  ...\n" in card


texts = st.text(max_size=200)


@given(texts, texts, st.sampled_from(OUTCOMES), st.integers(1, 10**7))
def test_any_text_fits_in_plain_columns(title: str, why: str, status: str, count: int) -> None:
    example = Example(title, 0, why)
    result = replace(
        tallied(("a", status)), by_status={status: count}, samples=count, examples={status: example},
        pass_at_k={1: Interval(1.0, 0.0, 1.0, "wilson"), 100: Interval(0.0, 0.0, 1.0, "wilson")},
    )  # fmt: skip
    lines = scorecard(result, "Title").splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert all(line.isascii() and line.isprintable() for line in lines)


@pytest.mark.parametrize(("text", "shown"), [("a\x1b[2Jb", "a [2Jb"), ("é\n", "\\xe9 "), ("\ud800", " "), ("ok", "ok")])
def test_printable_is_ascii_on_one_line(text: str, shown: str) -> None:
    assert printable(text) == shown
