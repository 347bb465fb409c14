"""Which model is kept, by what the held-out measures say."""

from __future__ import annotations

from typing import Any

import pytest

from sparkgap.stats import Interval
from sparkgap.train.guards import Watch
from sparkgap.train.options import Guards


@pytest.mark.parametrize(
    ("rates", "kept"),
    [
        ((0.4, 0.3, 0.4), 0),  # the start, on a tie
        ((0.0, 0.0, 0.0), 2),  # a figure that never moves tells nothing: the newest
        ((0.0, 0.1, 0.0), 1),
        ((0.1, 0.0, 0.0), 0),
    ],
)
def test_the_best_model_is_kept_and_the_newest_while_nothing_passes(
    rates: tuple[float, ...], kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter(rates)
    found: Any = type("Found", (), {"rate": lambda self: Interval((rate := next(told)), rate, rate, "")})
    monkeypatch.setattr("sparkgap.train.guards.held_out", lambda *_: found())
    monkeypatch.setattr("sparkgap.train.guards.replace", lambda drawing, **_: drawing)
    anything: Any = object()
    watch = Watch(Guards(patience=2), anything, print, anything, anything, anything, (anything,))
    better = [watch.measure(anything, step)[1] for step in range(3)]
    assert watch.best_step == kept == max(step for step, each in enumerate(better) if each)
    assert bool(watch.stopped) == (kept in (0, 2))  # two measures in a row that were no better
