"""The gate: what holds, fails and is inconclusive, how often it is wrong, and what it would take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from run_folders import flags, write_measure, write_run
from sparkgap import stats
from sparkgap.errors import InfraError, InputError
from sparkgap.gate import GateResult, gate
from sparkgap.gate.checks import decide


def runs(tmp_path: Path, ours: list[int | None], theirs: list[int | None], **more: Any) -> tuple[Path, Path]:
    first = write_run(tmp_path / "a", "humaneval", flags(ours), **more)
    return first, write_run(tmp_path / "b", "humaneval", flags(theirs), **more)


def only(result: GateResult) -> Any:
    (found,) = result.checks
    return found


@pytest.mark.parametrize(
    ("rule", "outcome", "code"),
    [
        ("humaneval gap < 30", "holds", 0),
        ("humaneval drop < 30", "holds", 0),
        ("humaneval gain > -30", "holds", 0),
        ("humaneval gap < 5", "fails", 1),
        ("humaneval gap > 5", "holds", 0),
        ("humaneval gap < 16", "inconclusive", 3),
        ("humaneval >= 50", "holds", 0),
        ("humaneval < 50", "fails", 1),
        ("humaneval >= 60", "inconclusive", 3),
        ("code gap < 30", "holds", 0),
        ("all gap < 30", "holds", 0),
        ("humaneval:chat gap < 30", "holds", 0),
    ],
)
def test_a_rule_is_decided_by_its_95_percent_bound(rule: str, outcome: str, code: int, tmp_path: Path) -> None:
    ours, theirs = runs(tmp_path, [1] * 120 + [0] * 80, [1] * 150 + [0] * 50)
    result = gate(ours, [rule], against=theirs)
    found = only(result)
    assert (found.outcome, result.exit_code) == (outcome, code)
    if found.rule.quantity:
        bound = stats.paired_difference([0.0] * 170 + [-1.0] * 30, level=0.9)
        sign = 1 if found.rule.quantity == "gain" else -1
        assert sorted((sign * 100 * bound.low, sign * 100 * bound.high)) == pytest.approx([found.low, found.high])
        assert found.value == pytest.approx(sign * -15.0)
    else:
        own = scipy_stats.binomtest(120, 200).proportion_ci(0.9, "wilson")
        assert (found.low, found.high) == pytest.approx((100 * own.low, 100 * own.high))


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(0, 50))
def test_opposite_rules_never_both_hold_and_one_fails_where_the_other_holds(
    limit: float, low: float, width: float
) -> None:
    for some, opposite in (("<", ">="), ("<=", ">"), (">", "<="), (">=", "<")):
        pair = decide(some, limit, low, low + width), decide(opposite, limit, low, low + width)  # type: ignore[arg-type]
        assert pair in {("holds", "fails"), ("fails", "holds"), ("inconclusive", "inconclusive")}


def test_a_gap_at_its_limit_passes_as_smaller_about_once_in_twenty() -> None:
    """The gate's promise, over every outcome of 100 problems of which 25 % differ, the true gap being 10 points."""
    n, up, down = 100, 0.075, 0.175
    wrong = 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            weight = float(scipy_stats.multinomial.pmf([b, c, n - b - c], n, [up, down, 1 - up - down]))
            if weight > 1e-7:
                bound = stats.paired_difference([1.0] * b + [-1.0] * c + [0.0] * (n - b - c), level=0.9)
                wrong += weight * (decide("<", 10, -100 * bound.high, -100 * bound.low) == "holds")
    assert 0.02 <= wrong <= 0.065


def test_as_many_problems_as_it_says_tell_about_8_times_in_10(tmp_path: Path) -> None:
    ours, theirs = runs(tmp_path, [1] * 60 + [0] * 40, [1] * 52 + [0] * 8 + [1] * 12 + [0] * 28)
    found = only(gate(ours, ["humaneval gap < 9"], against=theirs))
    assert (found.outcome, found.problems, found.value) == ("inconclusive", 100, pytest.approx(4.0))
    assert found.problems_needed is not None
    n = found.problems_needed
    rng = np.random.default_rng(4)
    told = 0
    for b, c, rest in rng.multinomial(n, [0.08, 0.12, 0.80], 300).tolist():
        bound = stats.paired_difference([1.0] * b + [-1.0] * c + [0.0] * rest, level=0.9)
        told += decide("<", 9, -100 * bound.high, -100 * bound.low) == "holds"
    assert 0.72 <= told / 300 <= 0.9
    assert found.samples_needed is None


def test_more_samples_are_offered_where_several_were_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    ours = {f"p{i}": rng.binomial(1, 0.5, 4).astype(float).tolist() for i in range(120)}
    theirs = {f"p{i}": rng.binomial(1, 0.5, 4).astype(float).tolist() for i in range(120)}
    a, b = write_run(tmp_path / "a", "mbpp", ours), write_run(tmp_path / "b", "mbpp", theirs)
    value = only(gate(a, ["mbpp drop < 50"], against=b)).value
    found = only(gate(a, [f"mbpp drop < {value + 3:.2f}"], against=b))
    assert (found.outcome, found.samples) == ("inconclusive", 4)
    assert found.samples_needed is not None
    assert found.samples_needed > 4
    assert found.problems_needed is not None
    assert found.problems_needed > 120


def test_no_number_of_problems_tells_a_figure_at_its_limit(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", "humaneval", flags([1, 0] * 50))
    found = only(gate(run, ["humaneval >= 50"]))
    assert (found.outcome, found.problems_needed, found.samples_needed) == ("inconclusive", None, None)


def test_a_claim_s_own_doubt_counts(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", "humaneval", flags([1] * 700 + [0] * 300))
    found = only(gate(run, ["humaneval gap < 25"], against="claim:gpt-5"))
    assert found.reported
    own, claimed = stats.wilson(700, 1000, 0.9), stats.wilson(0.894 * 164, 164, 0.9)
    expected = stats.independent_difference(own, claimed)
    assert (found.low, found.high) == pytest.approx((-100 * expected.high, -100 * expected.low))
    assert found.outcome == "holds"
    near = only(gate(run, ["humaneval gap < 21"], against="claim:gpt-5"))
    assert (near.outcome, near.problems_needed) == ("inconclusive", None)  # 164 problems of theirs are too few
    small = write_run(tmp_path / "b", "humaneval", flags([1] * 45 + [0] * 15))
    far = only(gate(small, ["humaneval gap < 22"], against="claim:gpt-5"))
    reach = (1.644854 + 0.841621) ** -2
    left = (0.22 - 0.894 + 0.75) ** 2 * reach - 0.894 * 0.106 / 164
    assert far.outcome == "inconclusive"
    assert far.problems_needed == pytest.approx(0.75 * 0.25 * (60 / 59) / left, rel=0.05)


def test_every_benchmark_of_an_ability_is_checked(tmp_path: Path) -> None:
    values = {"humaneval": flags([1] * 100), "mbpp": flags([1] * 50 + [0] * 50), "gsm8k": flags([1] * 100)}
    math = {"ability": "math"}
    ours = write_measure(tmp_path / "a", "a", values, gsm8k=math)
    before = {"humaneval": flags([1] * 100), "mbpp": flags([1] * 100), "gsm8k": flags([1] * 100), "mmlu": flags([1])}
    theirs = write_measure(tmp_path / "b", "b", before, gsm8k=math)
    result = gate(ours, ["code drop < 10", "all drop < 10", "math >= 90"], against=theirs)
    told = [(str(each.rule), each.benchmark, each.outcome) for each in result.checks]
    assert told == [
        ("code drop < 10", "humaneval", "holds"), ("code drop < 10", "mbpp", "fails"),
        ("all drop < 10", "humaneval", "holds"), ("all drop < 10", "mbpp", "fails"),
        ("all drop < 10", "gsm8k", "holds"), ("math >= 90", "gsm8k", "holds"),
    ]  # fmt: skip
    assert (result.outcome, result.exit_code, result.unmatched) == ("fails", 1, ("mmlu",))
    assert json.loads(json.dumps(result.as_json(), allow_nan=False))["exit_code"] == 1


def test_ratings_are_held_to_their_own_points(tmp_path: Path) -> None:
    ours = write_run(tmp_path / "a", "mt_bench", {f"p{i}": [7.0 + i % 2] for i in range(80)}, unit="rating")
    theirs = write_run(tmp_path / "b", "mt_bench", {f"p{i}": [7.2 + i % 2] for i in range(80)}, unit="rating")
    assert only(gate(ours, ["mt_bench drop < 1"], against=theirs)).value == pytest.approx(0.2)
    found = only(gate(ours, ["mt_bench > 7.3"]))
    assert (found.value, found.outcome) == (7.5, "holds")
    assert found.low == pytest.approx(stats.mean_interval([7.0, 8.0] * 40, 0.9).low)


def test_samples_without_a_score_make_it_nobody_s_fault(tmp_path: Path) -> None:
    ours, theirs = runs(tmp_path, [1] * 95 + [None] * 5, [1] * 100)
    result = gate(ours, ["humaneval drop < 50"], against=theirs)
    assert (result.outcome, result.exit_code) == ("unscored", 4)
    assert only(result).reason.startswith("5 of 100 samples of humaneval have no score")
    assert gate(theirs, ["humaneval >= 50"]).exit_code == 0
    assert gate(theirs, ["humaneval drop < 50"], against=ours).exit_code == 4


def test_a_run_without_any_score_is_a_matter_of_infrastructure(tmp_path: Path) -> None:
    ours, theirs = runs(tmp_path, [None] * 20, [1] * 20)
    for rule, against in (("humaneval >= 50", None), ("humaneval drop < 50", theirs)):
        with pytest.raises(InfraError, match="none of 20 samples of humaneval by openai/some has a score"):
            gate(ours, [rule], against=against)
    with pytest.raises(InfraError, match="has a score"):
        gate(theirs, ["humaneval drop < 50"], against=ours)


def test_what_cannot_be_decided_is_said_before_anything_is(tmp_path: Path) -> None:
    ours, theirs = runs(tmp_path, [1] * 10, [1] * 10)
    other = write_run(tmp_path / "c", "humaneval", flags([1] * 10), prompts="9" * 64)
    elsewhere = write_run(tmp_path / "d", "humaneval", {"x": [1.0]})
    for rules, against, says in (
        ([], theirs, "needs a rule at least"),
        (["humaneval gap < 1"], None, r"to something: name it with --against"),
        (["mbpp gap < 1"], theirs, "openai/some both have humaneval"),
        (["mbpp > 1"], None, "openai/some has humaneval"),
        (["humaneval gap < 1"], other, "different prompts.*--anyway"),
        (["humaneval gap < 1"], elsewhere, "no problem of humaneval has a score on both sides"),
    ):
        with pytest.raises(InputError, match=says):
            gate(ours, rules, against=against)
    with pytest.raises(InputError, match="GPT-5 is a claim"):
        gate("claim:gpt-5", ["humaneval > 1"])
    still = only(gate(ours, ["humaneval gap < 60"], against=other, anyway=True))
    assert still.outcome == "holds"
    assert "different prompts" in still.warnings[0]
