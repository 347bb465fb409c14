"""The ladder: its order, its bound, its switches, and what verdicts of the real judge are worth on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.verdicts import INPUTS, KINDS, PROBLEM, judged, programs, value
from sparkgap.judge import Judge
from sparkgap.rewards import Judged
from sparkgap.rewards.ladder import REWARD, Ladder
from sparkgap.types import CodeTests, Limits, Program, Tests, Verdict

QUICK = settings(max_examples=60, deadline=None)
WEIGHTS = st.floats(0, 0.24)
LADDERS = st.builds(Ladder, WEIGHTS, WEIGHTS, WEIGHTS, WEIGHTS)


@QUICK
@given(LADDERS, programs())
def test_nothing_below_all_tests_comes_near_the_top(ladder: Ladder, each: Judged) -> None:
    found = value(ladder, each)
    if found is not None and not each.verdict.passed:
        assert 0 <= found <= ladder.ceiling < 1


@QUICK
@given(LADDERS, st.integers(0, 7), st.integers(0, 7), st.sampled_from(["wrong", "raised", "timeout", "memory"]))
def test_more_tests_are_never_worth_less(ladder: Ladder, one: int, other: int, status: str) -> None:
    low, high = sorted((one, other))
    fewer, more = (value(ladder, judged(status, tests_passed=passed)) for passed in (low, high))
    assert fewer is not None
    assert more is not None
    assert fewer <= more
    assert more - fewer == pytest.approx(
        ladder.share * (high - low) / 8 + (ladder.runs if low == 0 < high and status != "wrong" else 0)
    )


@QUICK
@given(st.builds(Ladder, *[st.floats(0.01, 0.24)] * 4))
def test_the_rungs_stand_in_their_order(ladder: Ladder) -> None:
    climb = [
        judged("syntax", stage="parse"),
        judged("compile", stage="parse"),
        judged("raised", stage="load"),
        judged("wrong", stage="test"),
        *(judged("wrong", stage="test", tests_passed=passed) for passed in range(1, 8)),
        judged(tests_passed=8),
    ]
    values = ladder.values(climb)
    assert values[0] == 0
    assert values[-1] == 1
    assert all(low < high for low, high in pairwise(values) if low is not None and high is not None)


@pytest.mark.parametrize("rung", ["parse", "compile", "runs", "share"])
def test_a_rung_can_be_switched_off(rung: str) -> None:
    half = judged("wrong", stage="test", tests_passed=4)
    full, without = value(REWARD, half), value(replace(REWARD, **{rung: 0.0}), half)
    assert full is not None
    assert without is not None
    worth = getattr(REWARD, rung) * (0.5 if rung == "share" else 1)
    assert full - without == pytest.approx(worth)
    assert value(Ladder(0, 0, 0, 0), half) == 0


def test_trying_what_is_forbidden_never_pays() -> None:
    for passed in (0, 7):
        assert value(REWARD, judged("forbidden", tests_passed=passed)) == 0


@pytest.mark.parametrize(
    ("tests", "passed", "total", "share"),
    [
        (INPUTS, 4, 8, 0.5),
        (INPUTS, 4, 5, 0.0),  # not the number that there are
        (INPUTS, 4, None, 0.0),
        (KINDS[1], 1, 3, 1 / 3),
        (KINDS[2], 3, 4, 0.75),
        (KINDS[2], 9, 4, 1.0),  # asserts counted oftener than there are
        (KINDS[3], 4, 5, 0.0),  # in a loop: as many as the answers make
        (KINDS[4], 1, 2, 0.0),  # in the prompt
        (CodeTests("assert f(1) == 1\n" * 4), 3, 4, 0.0),  # one and the same
        (CodeTests("def check(f):\n    assert f(1) == 1\n    assert f(2) == 2\ncheck(f)"), 1, 2, 0.0),
        (CodeTests("assert f(1) =="), 1, 1, 0.0),
    ],
)
def test_the_share_is_of_tests_that_are_known_beforehand(
    tests: Tests, passed: int, total: int | None, share: float
) -> None:
    each = Judged(replace(PROBLEM, tests=tests), "", Verdict("wrong", "test", tests_passed=passed, tests_total=total))
    found = value(Ladder(0, 0, 0, 0.8), each)
    assert found == pytest.approx(0.8 * share)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(1) as judge:
        yield judge


@pytest.mark.parametrize(
    ("source", "worth"),
    [
        ("def f(:", 0.0),
        ("import socket\ndef f(x):\n    socket.socket()\n    return x", 0.0),
        ("1 / 0", 0.05),
        ("x = 1", 0.05),
        ("def f(x):\n    raise ValueError", 0.05),
        ("def f(x):\n    while True: pass", 0.05),
        ("import os\ndef f(x):\n    os._exit(0)", 0.05),
        ("def f(x):\n    return None", 0.15),
        ("class Any:\n    def __eq__(self, other): return True\ndef f(x):\n    return Any()", 0.15),
        ("def f(x):\n    return x if x < 4 else -1", 0.15 + 0.35 / 2),
        ("def f(x):\n    if x > 3: raise ValueError\n    return x", 0.15 + 0.35 / 2),
        ("def f(x):\n    while x > 3: pass\n    return x", 0.15 + 0.35 / 2),
        ("def f(x):\n    return x if x < 7 else -1", 0.15 + 0.35 * 7 / 8),
        ("def f(x):\n    return x", 1.0),
    ],
)
def test_what_the_judge_says_is_worth_what_the_ladder_says(judge: Judge, source: str, worth: float) -> None:
    verdict = judge.run(Program(source, INPUTS, limits=Limits(cpu_s=0.2), all_tests=True))
    found = value(REWARD, Judged(PROBLEM, source, verdict))
    assert found == pytest.approx(worth)
