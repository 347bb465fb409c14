"""Verdicts in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkgap.claims import find_claims
from sparkgap.compare.contrast import Contrast, contrast
from sparkgap.compare.words import number, points, verdict
from sparkgap.stats import Interval

FOUND = contrast(
    "humaneval", find_claims("muse-spark").claims["humaneval"], find_claims("gpt-5").claims["humaneval"], ability="code"
)
assert FOUND is not None
BEHIND = replace(
    FOUND, difference=-0.171, interval=Interval(-0.171, -0.25, -0.09, ""), p_holm=0.001,
    ours=replace(FOUND.ours, claim=None), theirs=replace(FOUND.theirs, claim=None),
)  # fmt: skip


def other(name: str, difference: float, p: float | None, ability: str = "math", unit: str = "share") -> Contrast:
    interval = Interval(difference, difference - 0.02, difference + 0.03, "")
    return replace(
        BEHIND, name=name, ability=ability, unit=unit, difference=difference, interval=interval, p=p, p_holm=p
    )


@pytest.mark.parametrize(
    ("contrasts", "says"),
    [
        ([BEHIND], "behind at code by 17.1 points, 95 % 9.0 to 25.0"),
        (
            [BEHIND, other("mmlu", -0.01, 0.4, "knowledge"), other("gsm8k", 0.01, 0.9)],
            "behind at code by 17.1 points, 95 % 9.0 to 25.0; on general ability not distinguishable",
        ),
        ([other("gsm8k", 0.05, 0.01)], "ahead on general ability by 5.0 points, 95 % 3.0 to 8.0"),
        (
            [BEHIND, other("mbpp", 0.04, 0.02, "code"), other("mbpp_plus", 0.01, 0.5, "code")],
            "behind at code: humaneval by 17.1 points (95 % 9.0 to 25.0), ahead at code: mbpp by 4.0 points "
            "(95 % 2.0 to 7.0), not distinguishable: mbpp_plus",
        ),
        (
            [other("mt_bench", -0.4, 0.01, "chat", "rating")],
            "behind on general ability by 0.40 of the rating, 95 % 0.37 to 0.42",
        ),
        ([other("mt_bench", -0.4, None, "chat", "rating")], "not decided, since no spread is reported: mt_bench"),
        ([FOUND], "behind at code by 17.1 points, 95 % 8.7 to 25.3; with figures that are reported, not measured"),
    ],
)
def test_the_verdict_is_one_line(contrasts: list[Contrast], says: str) -> None:
    assert verdict(contrasts) == says


def test_what_is_refused_is_said() -> None:
    assert verdict([BEHIND], ["mmlu", "gsm8k"]).endswith("; not compared: mmlu, gsm8k")


def test_an_interval_that_crosses_zero_keeps_its_signs() -> None:
    crossing = replace(BEHIND, interval=Interval(-0.171, -0.25, 0.01, ""))
    assert verdict([crossing]) == "behind at code by 17.1 points, 95 % -1.0 to 25.0"


@pytest.mark.parametrize(
    ("value", "unit", "figure", "difference"),
    [(0.7234, "share", "72.3", "72.3 points"), (8.704, "rating", "8.70", "8.70 of the rating"),
     (31.27, "score", "31.3", "31.3 of the score")],
)  # fmt: skip
def test_figures_are_written_as_the_field_does(value: float, unit: str, figure: str, difference: str) -> None:
    assert (number(value, unit), points(value, unit)) == (figure, difference)
    assert number(-1e-17, unit) == number(0.0, unit)
