"""The contract that every reward keeps, those of third parties too; and how rewards are named and added."""

from __future__ import annotations

from dataclasses import is_dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.verdicts import PROBLEM, SOURCE, judged, programs, value
from sparkgap import plugins
from sparkgap.errors import InputError, PluginError
from sparkgap.rewards import Judged, Reward, Total, configured, hole, reward
from sparkgap.types import STATUSES, Verdict

NAMES = plugins.names("rewards")
QUICK = settings(max_examples=60, deadline=None)
FEW = settings(max_examples=8, deadline=None)  # each example may start the linter
FAILING = [status for status in STATUSES if status not in {"passed", "infra"}]


@pytest.fixture(params=NAMES)
def one(request: pytest.FixtureRequest) -> Reward:
    found: Reward = plugins.find("rewards", request.param)
    return found


def test_the_known_rewards_are_there() -> None:
    assert {"tests", "ladder", "random", "lint"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_reward_says_who_it_is(name: str) -> None:
    one = plugins.find("rewards", name)
    assert isinstance(one, Reward)
    assert is_dataclass(one)
    assert one.name == name
    assert one.title
    assert "\n" not in one.title
    for low, high in (one.passing, one.failing):
        assert low <= high
    assert configured(one, {}) == one


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(several=st.lists(programs(), max_size=12))
def test_values_stay_within_the_bounds_and_none_is_for_what_nobody_can_say(name: str, several: list[Judged]) -> None:
    one = plugins.find("rewards", name)
    for each, found in zip(several, one.values(several), strict=True):
        if each.verdict.status == "infra" or (each.verdict.passed and each.verdict.tests_total == 0):
            assert found is None
        else:
            low, high = one.passing if each.verdict.passed else one.failing
            assert found is not None
            assert low <= found <= high


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(several=st.lists(programs(), min_size=2, max_size=8))
def test_each_program_stands_for_itself(name: str, several: list[Judged]) -> None:
    one = plugins.find("rewards", name)
    values = one.values(several)
    assert one.values(several[::-1]) == values[::-1]
    assert [value(one, each) for each in several[:2]] == values[:2]


def test_nothing_is_paid_where_there_is_nothing_to_go_by(one: Reward) -> None:
    untested = replace(PROBLEM, tests=None)
    impossible = replace(PROBLEM, metadata={"impossible": True})
    for status in STATUSES:
        assert value(one, Judged(untested, SOURCE, Verdict(status))) is None
        assert value(one, Judged(impossible, SOURCE, Verdict(status))) is None
    assert value(one, judged("passed", tests_passed=0, tests_total=0)) is None


@pytest.mark.parametrize("status", ["passed", *FAILING])
def test_length_and_style_never_pay(one: Reward, status: str) -> None:
    plain = value(one, judged(status, tests_passed=3))
    assert plain is not None
    for padding in ("# a remark\n" * 300, '"""A docstring."""\n', "\n\n\n"):
        for source in (padding + SOURCE, SOURCE + padding):
            padded = value(one, judged(status, source, tests_passed=3))
            assert padded is not None
            assert padded <= plain


def test_what_a_program_prints_and_costs_does_not_matter(one: Reward) -> None:
    for status in ("passed", "wrong"):
        loud = judged(status, output="passed " * 99, output_clipped=True, cpu_s=2.5, memory_mb=900.0, reason="passed")
        assert value(one, loud) == value(one, judged(status))


# Sums


@QUICK
@given(several=st.lists(programs(), min_size=1, max_size=10))
def test_in_a_sum_every_pass_is_above_every_failure(several: list[Judged]) -> None:
    total = reward("0.5*tests + ladder(share=0.8)")
    values = list(zip(several, total.values(several), strict=True))
    passes = [found for each, found in values if each.verdict.passed and found is not None]
    failures = [found for each, found in values if not each.verdict.passed and found is not None]
    assert not passes or not failures or min(passes) > max(failures)
    assert all(total.failing[0] <= found <= total.failing[1] + 1e-12 for found in failures)


def test_a_sum_adds_up_and_is_none_where_a_part_is() -> None:
    total = reward("2*tests + ladder(parse=0, share=0.4)")
    half = judged("wrong", tests_passed=4)
    assert total.values([judged(), half, judged("infra")]) == [3.0, pytest.approx(0.03 + 0.1 + 0.2), None]
    assert total.name == "2*tests + ladder"


@pytest.mark.parametrize(("text", "name"), [("tests", "tests"), (" random ", "random"), ("1*ladder( )", "ladder")])
def test_a_single_reward_is_itself(text: str, name: str) -> None:
    found = reward(text)
    assert found.name == name
    assert not isinstance(found, Total)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lint", r"passes can be worth as little as -1 and one that fails as much as 0; add `tests`"),
        ("tests + random", r"as little as 1 and one that fails as much as 1"),
        ("0.1*tests + lint", r"as little as -0\.9"),
        ("0*tests", "as little as 0"),
        ("2*random", "as little as 0"),
        ("ladder(share=0.9)", r"add up to 1\.05; all together must be under 1"),
        ("ladder(share=-0.1)", "not negative"),
        ("ladder(share=nan)", "under 1"),
        ("ladder(rungs=1)", r"no option 'rungs' \(it has: parse, compile, runs, share, warnings\)"),
        ("ladder(share)", "NAME=NUMBER"),
        ("ladder(share=much)", "'much' in 'ladder.share=much.' is not a number"),
        ("random(heads=2)", "probability"),
        ("lint(most=0) + 3*tests", "at least 1"),
        ("tests +", "'' in 'tests [+]' is no reward"),
        ("tests - lint", "is no reward"),
        ("", "is no reward"),
    ],
)
def test_what_cannot_be_a_reward_is_said(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        reward(text)


def test_an_unknown_reward_gets_the_close_ones() -> None:
    with pytest.raises(PluginError, match=r"no reward 'test'; did you mean tests"):
        reward("test + lint")


# Holes


def test_a_pass_on_contradicting_tests_is_a_hole_and_nothing_else_is() -> None:
    impossible = replace(PROBLEM, id="Katas/impossible/7", metadata={"impossible": True})
    for status in STATUSES:
        assert hole(judged(status)) is None
        found = hole(Judged(impossible, "the program\n", Verdict(status, tests_passed=12, tests_total=12)))
        assert (found is not None) == (status == "passed")
        if found is not None:
            for words in ("Katas/impossible/7", "the program", "12 of 12", "hole"):
                assert words in str(found)
