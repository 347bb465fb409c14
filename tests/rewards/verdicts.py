"""Verdicts and problems at random, and what several tests of rewards share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from sparkgap.rewards import Judged, Reward
from sparkgap.types import STATUSES, CodeTests, DocTests, InputTests, Problem, StdioTests, Tests, Verdict

INPUTS = InputTests("f", tuple((n,) for n in range(8)), tuple(range(8)))
KINDS: tuple[Tests, ...] = (
    INPUTS,
    StdioTests((("1", "2"), ("2", "3"), ("3", "4"))),
    CodeTests("assert f(1) == 1\nassert f(2) == 2\nassert f(3) == 3\nassert f(4) == 4"),
    CodeTests("for n in range(5):\n    assert f(n) == n"),
    DocTests(">>> f(1)\n1\n>>> f(2)\n2\n"),
)
PROBLEM = Problem("p/0", "katas", "", "", INPUTS, "f")
SOURCE = "def f(x):\n    return x\n"


def judged(status: str = "passed", source: str = SOURCE, **fields: Any) -> Judged:
    """Return one program on the problem with eight inputs; `fields` are the verdict's."""
    return Judged(PROBLEM, source, Verdict(status, **{"tests_total": 8, **fields}))  # type: ignore[arg-type]


def value(chosen: Reward, each: Judged) -> float | None:
    (found,) = chosen.values([each])
    return found


@st.composite
def programs(draw: st.DrawFn, statuses: Sequence[str] = STATUSES) -> Judged:
    """Return any verdict on any kind of tests, impossible combinations among them."""
    status = draw(st.sampled_from(statuses))
    verdict = Verdict(
        status,  # type: ignore[arg-type]
        draw(st.sampled_from(("extract", "parse", "load", "test", "done"))),
        tests_passed=draw(st.integers(0, 2000)),
        tests_total=draw(st.none() | st.integers(0, 12)),
        cpu_s=draw(st.floats(0, 9)),
        output=draw(st.text(max_size=20)),
    )
    tests = draw(st.sampled_from(KINDS))
    source = draw(
        st.sampled_from((SOURCE, "", "def f(:", "x = 1\n" * 40, "import os\ndef f(x):\n    y = x\n    return x\n"))
    )
    return Judged(replace(PROBLEM, tests=tests), source, verdict, draw(st.integers(0, 10**6)))
