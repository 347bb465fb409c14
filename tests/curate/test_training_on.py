"""A dataset as what is trained on: its pairs to imitate, its problems to learn from by verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

import corpus
from sparkgap.curate import CurateOptions, curate
from sparkgap.errors import InputError
from sparkgap.judge import Judge
from sparkgap.train.problems import Source, problem_set
from sparkgap.train.rows import files_of, records
from sparkgap.types import CodeTests, Program

if TYPE_CHECKING:
    from conftest import Made


def test_its_pairs_are_rows_to_imitate(made: Made) -> None:
    rows = [(row["prompt"], row["completion"]) for _, row in records(made.folder)]
    pairs = pq.read_table(made.folder / "sft" / "train-00000.parquet").to_pylist()
    assert rows == [(row["prompt"], row["completion"]) for row in pairs]
    assert len(rows) == made.summary["pairs"]["train"] > 10


def test_its_problems_are_learnt_from(made: Made, judge: Judge) -> None:
    (problem,) = problem_set(Source(str(made.folder)), held_out=0).train
    assert problem.entry_point == "gaps"
    assert isinstance(problem.tests, CodeTests)
    assert judge.run(Program(problem.reference, problem.tests)).passed
    assert not judge.run(Program(f"{problem.prompt}    return points\n", problem.tests)).passed


def test_what_is_held_out_is_not_learnt_from(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"m{number}.py").write_text(corpus.module(number))
    (tmp_path / "in" / "LICENSE").write_text(corpus.MIT)
    quick = CurateOptions(against=("hello",), behaviour=False, proof=False, held_out=0.4)
    folder = curate([str(tmp_path / "in")], tmp_path / "out", quick).folder
    summary = json.loads((folder / "summary.json").read_bytes())
    assert summary["pairs"]["held_out"] > 0 < summary["pairs"]["train"]
    assert [path.name for path in files_of(folder)] == ["train-00000.parquet"] == [
        path.name for path in files_of(folder / "sft")
    ]  # fmt: skip
    with pytest.raises(InputError, match="no proven problems; curate it again, without --no-proof"):
        problem_set(Source(str(folder)))
