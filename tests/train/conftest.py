"""The settings that torch wants on shared cores, one judge, and one model that was taught the toy task badly."""

from __future__ import annotations

import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparkgap.judge import Judge
from tiny_models import KINDS, make, pairs, saved, write_rows


@pytest.fixture(scope="session")
def torch() -> Any:
    module = pytest.importorskip("torch", reason="training is an extra")
    pytest.importorskip("trl", reason="training is an extra")
    module.set_num_threads(1)
    return module


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    with Judge(1) as judge:
        yield judge


@pytest.fixture(params=KINDS)
def random_model(request: pytest.FixtureRequest, torch: Any) -> Any:
    return make(request.param)


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", pairs(600))


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory, rows: Path, torch: Any) -> Path:
    """A run of `sft` on rows of which a third are right."""
    from sparkgap.train import SftOptions, sft

    folder = tmp_path_factory.mktemp("taught")
    start = saved("llama", folder / "start", spread=0.05)
    options = SftOptions(
        model=str(start), out=folder / "run", data=rows, steps=120, batch=32, learning_rate=5e-3, schedule="linear",
        measured_on=("hello",), report_to=(), log_every=10,
    )  # fmt: skip
    sft(options)
    return folder / "run"
