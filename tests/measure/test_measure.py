"""`measure`: replies in, a run folder out; whatever fails on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripted import Scripted, canonical, install

from sparkgap.measure import MeasureOptions, MeasureProgress, measure
from sparkgap.results import read_result


def test_hello_by_a_model_that_knows_every_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = Scripted(canonical("hello"))
    install(monkeypatch, knowing=model)
    shown: list[MeasureProgress] = []
    result = measure("scripted/knowing", "hello", out=tmp_path / "run", progress=shown.append)
    (summary,) = result.benchmarks.values()
    assert summary["scored"] == summary["problems"] == len(model.asked)
    assert summary["metrics"]["pass@1"]["value"] == 1.0
    assert result.complete
    assert model.closed
    assert shown[-1].parts[0].value == 1.0
    again = measure("scripted/knowing", "hello", out=tmp_path / "run")
    assert again == result
    read = read_result(tmp_path / "run")
    assert read.model == "scripted/knowing"
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["state"] == "finished"


def test_several_samples_vary_in_seed_and_share_requests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = Scripted(canonical("hello"))
    install(monkeypatch, knowing=model)
    options = MeasureOptions(samples=3, seed=7, limit=5)
    result = measure("scripted/knowing", ["hello"], out=tmp_path / "run", options=options)
    (summary,) = result.benchmarks.values()
    assert summary["samples"] == 15
    assert len(model.asked) == 5
    assert {request.decoding.temperature for request in model.asked} == {0.8}
    assert {request.decoding.seed for request in model.asked} == {7}
