"""Which runs are the same exam: models may differ, the rest is refused or warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from run_folders import flags, write_run
from sparkgap.compare.likeness import Unlikeness, unlike
from sparkgap.results import BenchmarkResult, read_result

SHA = "a" * 64, "b" * 64


def results(tmp_path: Path, ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[BenchmarkResult, BenchmarkResult]:
    first = write_run(tmp_path / "a", "humaneval", flags([1, 0]), **ours)
    second = write_run(tmp_path / "b", "humaneval", flags([1, 0]), **theirs)
    return read_result(first).benchmarks["humaneval"], read_result(second).benchmarks["humaneval"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [({"model": "a"}, {"model": "b"}), ({"identity": {"revision": 1}}, {"identity": {"revision": 2}}), ({}, {})],
)
def test_models_may_differ(ours: dict[str, Any], theirs: dict[str, Any], tmp_path: Path) -> None:
    assert unlike(*results(tmp_path, ours, theirs)) == Unlikeness()


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ({"data": {"f": SHA[0]}}, {"data": {"f": SHA[1]}}, "different data: f is aaaaaaaaaa and bbbbbbbbbb"),
        ({"variant": "chat"}, {"variant": "completion"}, "put to the model in different ways: chat and completion"),
        ({"split": "test"}, {"split": "all"}, "different splits: test and all"),
        ({"prompts": SHA[0]}, {"prompts": SHA[1]}, "different prompts: aaaaaaaaaa and bbbbbbbbbb"),
        ({"extraction": "strict"}, {"extraction": "lenient"}, "read in different ways: strict and lenient"),
        ({"rater": {"model": "x"}}, {"rater": {"model": "y"}}, "rated by different models: x and y"),
    ],
)
def test_another_exam_is_refused(ours: dict[str, Any], theirs: dict[str, Any], says: str, tmp_path: Path) -> None:
    found = unlike(*results(tmp_path, ours, theirs))
    assert len(found.refusals) == 1
    assert says in found.refusals[0]


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ({"limits": {"cpu_s": 3}}, {"limits": {"cpu_s": None}}, "limits of time and memory: cpu_s 3 and the defaults"),
        ({"isolation": "full"}, {"isolation": "unsafe"}, "different isolation: full and unsafe"),
        (
            {"rater": {"model": "x", "identity": {"revision": 1}}},
            {"rater": {"model": "x", "identity": {"revision": 2}}},
            "rated by x under different identities",
        ),
        (
            {"code": {"judge": SHA[0], "extract": SHA[0]}},
            {"code": {"judge": SHA[1], "extract": SHA[0]}},
            "different code that reads replies and judges programs: judge aaaaaaaaaa",
        ),
        ({"sparkgap": "0.1"}, {"sparkgap": "0.2"}, "different version of Sparkgap: 0.1 and 0.2"),
        ({"python": "3.11.9"}, {"python": "3.13.0"}, "different version of Python"),
        ({"decoding": {"temperature": 0.8}}, {"decoding": {}}, "different decoding: temperature 0.8 and the defaults"),
    ],
)
def test_other_conditions_are_warned_of(
    ours: dict[str, Any], theirs: dict[str, Any], says: str, tmp_path: Path
) -> None:
    found = unlike(*results(tmp_path, ours, theirs))
    assert found.refusals == ()
    assert any(says in warning for warning in found.warnings)


def test_prompts_cannot_be_told_apart_where_fewer_problems_were_asked(tmp_path: Path) -> None:
    found = unlike(*results(tmp_path, {"prompts": SHA[0], "limit": 20}, {"prompts": SHA[1]}))
    assert found.refusals == ()
    assert any("cannot be told, for their sha256 covers limit" in warning for warning in found.warnings)
    assert any("problems asked: 20 and all" in warning for warning in found.warnings)


@pytest.mark.parametrize(("prompts", "says"), [(SHA[0], "how one side was asked"), ("", "how both sides were asked")])
def test_answers_on_disk_know_no_prompts(tmp_path: Path, prompts: str, says: str) -> None:
    ours, theirs = results(
        tmp_path, {"prompts": prompts, "decoding": {"seed": 1}}, {"prompts": "", "split": "auto", "decoding": None}
    )
    assert unlike(ours, theirs).refusals == ()
    (warning,) = unlike(ours, theirs).warnings
    assert says in warning
    assert "not recorded" in warning
