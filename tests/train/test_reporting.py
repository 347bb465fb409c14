"""Figures go to TensorBoard, and to wandb and trackio where they are installed: all of them, under the run's name."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sparkgap.errors import InputError
from sparkgap.train.reporting import PLACES, reported, require
from tiny_models import pairs, problems, saved, write_rows


def test_a_place_that_is_unknown_or_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="there is no --report-to json; it is one of tensorboard, wandb, trackio"):
        require(("json",))
    monkeypatch.setattr("sparkgap.train.reporting.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install trackio"):
        require(("trackio",))


def test_wandb_without_a_key_is_told_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    class UsageError(Exception):
        pass

    def login() -> None:
        raise UsageError("No API key configured.")

    wandb = SimpleNamespace(login=login, errors=SimpleNamespace(UsageError=UsageError))
    monkeypatch.setattr("sparkgap.train.reporting.find_spec", lambda name: wandb)
    monkeypatch.setattr("sparkgap.train.reporting.import_module", lambda name: wandb)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with pytest.raises(InputError, match=r"No API key configured\. WANDB_MODE=offline keeps the figures here"):
        require(("wandb",))
    monkeypatch.setenv("WANDB_MODE", "offline")
    require(("wandb",))


def test_two_runs_of_one_process_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = []
    wandb = SimpleNamespace(finish=lambda: finished.append(os.environ["WANDB_DIR"]))
    monkeypatch.setattr("sparkgap.train.reporting.import_module", lambda name: wandb)
    for name in ("TENSORBOARD_LOGGING_DIR", "WANDB_DIR", "WANDB_PROJECT", "WANDB_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        board = SimpleNamespace(tb_writer=None, logging_dir=None)
        args = SimpleNamespace(report_to=["tensorboard", "wandb"], run_name=None, project="")
        trainer: Any = SimpleNamespace(args=args, callback_handler=SimpleNamespace(callbacks=[object(), board]))
        with reported(trainer, tmp_path / name, "2026-01-31T12:00:00Z"):
            assert os.environ["WANDB_PROJECT"] == "sparkgap"
        assert (args.run_name, args.project) == (f"{name} 2026-01-31T12:00:00Z", "sparkgap")
        assert board.logging_dir == str(tmp_path / name / "logs")
    assert finished == [str(tmp_path / name / "logs") for name in ("first", "second")]
    assert "WANDB_DIR" not in os.environ


def as_record(place: int) -> dict[str, Any]:
    each: Any = problems()[0][place]
    kept = {name: getattr(each, name) for name in ("id", "prompt", "reference", "entry_point", "continues")}
    told = {name: repr(list(getattr(each.tests, name))) for name in ("inputs", "expected")}
    return {**kept, "tests": {"entry_point": "f", **told}}


def names_told(place: str, out: Path, home: Path) -> set[str]:
    """The names of the figures that were written in a place."""
    if place == "tensorboard":
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(out / "logs"))
        events.Reload()
        return set(events.Tags()["scalars"])
    if place == "trackio":
        with sqlite3.connect(home / "trackio" / "sparkgap.db") as table:
            rows = table.execute("select run_name, metrics from metrics").fetchall()
        assert {name.partition(" ")[0] for name, _ in rows} == {out.name}
        return {name for _, figures in rows for name in json.loads(figures)}
    (record,) = (out / "logs").glob("wandb/offline-run-*/run-*.wandb")
    content = record.read_bytes()
    lines = (out / "metrics.jsonl").read_text("utf-8").splitlines()
    every = {f"train/{name}" for line in lines for name in json.loads(line)}
    return {name for name in every if name.encode() in content}


@pytest.mark.soak
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["sft", "rlcf"])
def test_every_figure_is_told(place: str, way: str, tmp_path: Path, torch: Any) -> None:
    if find_spec(place) is None:
        pytest.skip(f"{place} is not installed")
    out, home = tmp_path / "run", tmp_path / "home"
    write_rows(tmp_path / "problems.jsonl", [as_record(place) for place in range(12)])
    write_rows(tmp_path / "rows.jsonl", pairs(64))
    words: tuple[object, ...] = (
        "train", way, "--model", saved("llama", tmp_path / "start", spread=0.05), "-b", tmp_path / "problems.jsonl",
        "-o", out, "--steps", 4, "--batch", 16, "--eval-every", 2, "--held-out", 2, "--max-tokens", 12, "--cpu", 1,
        "--measured-on", "hello", "--quiet", "--json", "--report-to", place,
    )  # fmt: skip
    words += ("--data", tmp_path / "rows.jsonl") if way == "sft" else ("--reward", "ladder")
    environment = {**os.environ, "HF_HOME": str(home), "HOME": str(home), "WANDB_MODE": "offline"}
    environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", "from sparkgap.cli import main; main()", *map(str, words)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["steps"] == 4  # and nothing else on stdout
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
    figures = {f"train/{name}" for line in lines for name in line if name != "step"}
    assert "train/pass_rate" in figures
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4]
    assert figures <= names_told(place, out, home)
