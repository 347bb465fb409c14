"""The control: a fair coin that never looks at the program, and falls the same way again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy.stats import binomtest

from rewards.verdicts import PROBLEM, SOURCE, judged
from sparkgap.rewards import Judged, reward
from sparkgap.rewards.random import REWARD, Coin
from sparkgap.types import Verdict

PASSED, WRONG = Verdict("passed", tests_passed=8, tests_total=8), Verdict("wrong", "test", tests_total=8)


def draws(count: int, verdict: Verdict = PASSED, source: str = SOURCE) -> list[Judged]:
    return [Judged(replace(PROBLEM, id=f"p/{n // 8}"), source, verdict, n) for n in range(count)]


@pytest.mark.parametrize("heads", [0.5, 0.2])
def test_heads_are_as_frequent_as_asked(heads: float) -> None:
    values = Coin(heads=heads).values(draws(4000))
    assert set(values) == {0.0, 1.0}
    assert binomtest(values.count(1.0), 4000, heads).pvalue > 0.001


def test_neither_the_verdict_nor_the_program_matters() -> None:
    values = REWARD.values(draws(200))
    assert REWARD.values(draws(200, WRONG)) == values
    assert REWARD.values(draws(200, source="")) == values


def test_every_draw_is_a_throw_of_its_own_and_falls_the_same_way_again() -> None:
    values = REWARD.values(draws(200))
    assert REWARD.values(draws(200)) == values
    assert Coin(seed=1).values(draws(200)) != values
    again = [replace(each, draw=each.draw + 10_000) for each in draws(200)]
    assert REWARD.values(again) != values, "the next time round the same problem is another throw"


def test_it_stands_alone_and_can_be_biased() -> None:
    assert reward("random(heads=1)").values([judged("wrong")]) == [1.0]
    assert reward("random(heads=0)").values([judged()]) == [0.0]
