"""The linter's penalty: bounded, deaf to comments, blind to programs that fail."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rewards.verdicts import SOURCE, judged, value
from sparkgap.errors import InputError
from sparkgap.rewards import lint, reward
from sparkgap.rewards.lint import REWARD, Lint

UNUSED = "import os\nimport sys\ndef f(x):\n    y = 1\n    return x\n"  # three findings
DIRTY = "".join(f"import m{number}\n" for number in range(40)) + SOURCE


def test_findings_cost_and_the_cost_is_bounded() -> None:
    assert REWARD.values([judged(source=source) for source in (SOURCE, UNUSED, DIRTY)]) == [0.0, -0.6, -1.0]
    assert value(Lint(most=3), judged(source=UNUSED)) == -1.0


@pytest.mark.parametrize(
    "silencer", ["# noqa", "# ruff: noqa", "# ruff: noqa: F401", "# flake8: noqa", "# type: ignore"]
)
def test_comments_that_silence_a_linter_do_not(silencer: str) -> None:
    told = "\n".join(f"{line}  {silencer}" for line in UNUSED.splitlines())
    for source in (f"{silencer}\n{UNUSED}", told):
        assert value(REWARD, judged(source=source)) == -0.6


def test_programs_that_fail_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint, "_RUFF", ("/nowhere/ruff",))
    assert REWARD.values([judged("wrong", DIRTY), judged("syntax", "def f(:")]) == [0.0, 0.0]
    assert REWARD.values([]) == []


def test_hostile_text_does_no_harm() -> None:
    sources = ["x = '\ud800'\n", "\x00\n", "(" * 5000, "x = 1\n" * 50_000, SOURCE, "# -*- coding: nonsense -*-\n"]
    values = REWARD.values([judged(source=source) for source in sources])
    assert values[4] == 0.0
    assert all(found is not None and -1 <= found <= 0 for found in values)


def test_a_linter_that_fails_gives_none_to_those_that_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    for broken in (("/nowhere/ruff",), (sys.executable, "-c", "print('[{}]')"), (sys.executable, "-c", "1 / 0")):
        monkeypatch.setattr(lint, "_RUFF", broken)
        assert REWARD.values([judged(), judged("wrong")]) == [None, 0.0]

    def endless(*args: object, **kwargs: object) -> None:
        raise subprocess.TimeoutExpired("ruff", 60)

    monkeypatch.setattr(subprocess, "run", endless)
    assert REWARD.values([judged()]) == [None]


def test_a_missing_linter_is_named_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint, "_RUFF", (sys.executable, "-m", "no_such_linter"))
    with pytest.raises(InputError, match="`pip install ruff`"):
        REWARD.values([judged()])


def test_added_with_a_small_weight_it_never_turns_a_pass_into_a_failure() -> None:
    total = reward("tests + 0.1*lint")
    clean, dirty, wrong = total.values([judged(), judged(source=DIRTY), judged("wrong")])
    assert (clean, wrong) == (1.0, 0.0)
    assert dirty == pytest.approx(0.9)
