from __future__ import annotations

import json
from pathlib import Path

import pytest

from run_folders import flags, write_measure
from sparkgap.report.comparison import compare
from sparkgap.report.history import family, histories
from sparkgap.results import read_result


@pytest.mark.parametrize(
    ("model", "called"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o", "gpt-4o"),
        ("claude-x-20250514", "claude-x"),
        ("hf/out/checkpoint-100", "hf/out"),
        ("hf/out/global_step_20", "hf/out"),
        ("spark-v2.1", "spark"),
        ("spark-v2-2026-01", "spark"),
        ("spark-latest", "spark"),
        ("qwen2.5-coder-7b", "qwen2.5-coder-7b"),
        ("llama-3.1-70b", "llama-3.1-70b"),
        ("checkpoint-5", "checkpoint-5"),
        ("replay/spark/step-200.jsonl", "replay/spark"),
        ("replay/coder-7b.jsonl.gz", "replay/coder-7b"),
        ("v1", "v1"),
        ("", ""),
    ],
)
def test_a_family_is_a_name_without_date_version_or_step(model: str, called: str) -> None:
    assert family(model) == called


def at(folder: Path, started: str) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"started": started}))
    return folder


def test_checkpoints_are_in_order_of_time_and_strangers_apart(tmp_path: Path) -> None:
    kept = flags([1, 1, 0, 0])
    folders = [
        at(write_measure(tmp_path / "late", "hf/m/step-9", {"humaneval": flags([1, 1, 1, 0])}), "2026-03-01T00:00:00Z"),
        at(write_measure(tmp_path / "early", "hf/m/step-1", {"humaneval": kept}), "2026-01-01T00:00:00Z"),
        at(write_measure(tmp_path / "other", "hf/other", {"humaneval": kept}), "2026-02-01T00:00:00Z"),
        at(write_measure(tmp_path / "alone", "hf/m/step-5", {"mbpp": kept}), "2026-02-01T00:00:00Z"),
    ]
    (found,) = histories(compare([read_result(folder) for folder in folders]))
    assert (found.family, found.column.benchmark) == ("hf/m", "humaneval")
    assert [(point.name, point.value) for point in found.points] == [("hf/m/step-1", 0.5), ("hf/m/step-9", 0.75)]
    assert all(point.low < point.value < point.high for point in found.points)


def test_a_run_without_a_time_is_in_no_history(tmp_path: Path) -> None:
    kept = flags([1, 1, 0, 0])
    folders = [
        at(write_measure(tmp_path / str(n), "m", {"humaneval": kept}), when)
        for n, when in enumerate(("2026-01-01T00:00:00Z", "some day", ""))
    ]
    assert histories(compare([read_result(folder) for folder in folders])) == []


def test_two_runs_of_one_moment_are_no_history(tmp_path: Path) -> None:
    folders = [write_measure(tmp_path / name, "m", {"humaneval": flags([1, 0])}) for name in "ab"]
    assert histories(compare([read_result(folder) for folder in folders])) == []
