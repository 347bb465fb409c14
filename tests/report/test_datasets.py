"""A dataset in a report: its funnel, its licences, and how well its check works; and what is no dataset."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sparkgap.errors import InputError
from sparkgap.report import charts, read, report
from sparkgap.report.datasets import Dataset, is_dataset, most, read_dataset, size

EVIL = "</td><script>attack()</script>"
SUMMARY: dict[str, Any] = {
    "stages": [
        {"step": "came in", "files": 1200, "bytes": 9_000_000, "dropped": {}},
        {"step": "licence", "files": 700, "bytes": 5_500_000, "dropped": {"licence": [450, 3_000_000], EVIL: [50, 9]}},
        {"step": "duplicates", "files": 640, "bytes": 999, "dropped": {"near": [60, 400_000]}},
    ],
    "licences": {"MIT": 600, EVIL: 40},
    "languages": {"python": 640},
    "pairs": {"train": 70, "held_out": 2},
    "problems": {"train": 8, "validation": 1},
    "benchmarks": {
        "against": ["hello"],
        "missing": ["mbpp"],
        "selftest": [{"guise": "renamed", "of": 40, "ngrams": 10, "structure": 20, "behaviour": 38, "any": 39}],
    },
}


def write(folder: Path, summary: object = SUMMARY, kind: str = "curate") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "kind": kind}))
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def test_a_dataset_is_read_by_its_manifest(tmp_path: Path) -> None:
    folder = write(tmp_path / "data")
    found = read(folder)
    assert isinstance(found, Dataset)
    assert found.name == "data"
    assert found.said == (
        "640 of 1,200 files are kept, 999 B of 9.0 MB; 72 prompts with completions, 9 proven problems"
    )
    assert read_dataset(folder, "ours").name == "ours"
    assert not is_dataset(write(tmp_path / "run", kind="measure"))
    assert not is_dataset(tmp_path)


def test_the_page_draws_the_funnel_and_nothing_hostile_runs(tmp_path: Path) -> None:
    text = report([write(tmp_path / "data")])
    assert "1 dataset</p>" in text
    for figure in ("640 of 1,200 files are kept", ">1,200<", ">700<", ">9.0 MB<", ">5.5 MB<", ">600<"):
        assert figure in text, figure
    for cell in ("<td>95.0%</td>", "<td>97.5%</td>", ">licence</td><td>450</td><td>3.0 MB</td>"):
        assert cell in text, cell
    assert "Not checked</b>, because their published files were not at hand: mbpp" in text
    assert EVIL not in text
    assert "&lt;script&gt;attack()" in text
    assert not re.search(r"https?:", text.replace("http://www.w3.org/", ""))
    assert text == report([write(tmp_path / "data")])


def test_markdown_has_the_funnel_as_a_table(tmp_path: Path) -> None:
    text = report([write(tmp_path / "data")], form="md")
    assert "| data: data | files | bytes | what went most |" in text
    assert "| after licence | 700 | 5.5 MB | licence 450, " in text
    assert EVIL not in text
    assert "640 of 1,200 files are kept" in text


def test_counts_are_as_long_as_they_are_large() -> None:
    root = ElementTree.fromstring(charts.counts("files", [("one", 10, "10"), ("two", 5, "5"), ("none", 0, "0")]))
    bars = [node for node in root.iter() if node.get("aria-roledescription") == "bar"]
    wide = [float(re.search(r"h([\d.]+)", node.get("d", "").removeprefix("M0,"))[1]) for node in bars]  # type: ignore[index]
    assert wide[0] == pytest.approx(2 * wide[1])
    assert wide[2] == 0
    assert float(root.get("width", "999")) <= charts.WIDTH
    assert root.get("aria-label") == "files: one 10, two 5, none 0"
    assert charts.counts("nothing", []) == ""


def test_small_counts_are_put_together() -> None:
    assert most({"a": 1, "b": 3, "c": 1, "d": 1}, 2) == [("b", 3), ("a", 1), ("others", 2)]
    assert most({"a": 1}, 2) == [("a", 1)]
    assert [size(count) for count in (0, 999, 1000, 2_500_000, 3_000_000_000)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "2.5 MB",
        "3.0 GB",
    ]


@pytest.mark.parametrize(
    "summary",
    [[], {}, {**SUMMARY, "stages": []}, {**SUMMARY, "stages": [{"step": "x"}]}, {**SUMMARY, "licences": {"MIT": "x"}},
     {**SUMMARY, "benchmarks": {"against": [], "missing": [], "selftest": [{}]}}],
)  # fmt: skip
def test_a_damaged_summary_is_named(tmp_path: Path, summary: object) -> None:
    folder = write(tmp_path, summary)
    with pytest.raises(InputError, match=r"summary\.json is no summary of a dataset .*curate it again"):
        read(folder)
