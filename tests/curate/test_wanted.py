"""Selection by the gap: what a run failed is preferred, and only that."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import corpus
from run_folders import write_run
from sparkgap.benchmarks.hello import BENCHMARK
from sparkgap.compare.wanted import wanted
from sparkgap.curate import CurateOptions, curate
from sparkgap.errors import InputError

LISTS = {"flatten", "merge", "transpose", "second_largest"}


def run(folder: Path, failed: set[str]) -> Path:
    """Write a run that failed the problems of these functions."""
    values = {problem.id: [float(problem.entry_point not in failed)] for problem in BENCHMARK.problems()}
    return write_run(folder, "hello", values)


def test_words_of_failed_problems_count_for_a_file(tmp_path: Path) -> None:
    found = wanted(run(tmp_path / "run", LISTS))
    assert (found.failed, found.failed + found.solved) == (4, 28)
    near = found.score("def merge_sorted(left, right, merged): ...")
    far = found.score("def initials(name, word, letters): ...")
    assert near > 0 > far
    assert found.score("") == found.score("12 + 34") == 0
    assert found.score("quagmire xylophone") == 0


def test_nothing_failed_is_nothing_to_prefer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave --for out"):
        wanted(run(tmp_path / "run", set()))


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_list_of_gap_says_the_same_as_the_run_that_it_is_of(tmp_path: Path) -> None:
    failed = [problem.id for problem in BENCHMARK.problems() if problem.entry_point in LISTS]
    lines = [{"benchmark": "hello", "task_id": id_, "cause": "wrong"} for id_ in failed]
    found = wanted(write(tmp_path / "list.jsonl", *lines))
    assert found == wanted(run(tmp_path / "run", LISTS))
    assert found.statuses == {"wrong": 4}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"task_id": "hello/1"}, r"list.jsonl:1: no `benchmark` and `task_id`"),
        ({"benchmark": "hello", "task_id": "nope"}, "hello has no problem 'nope'"),
    ],
)
def test_a_line_that_names_no_problem_is_named(line: object, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        wanted(write(tmp_path / "list.jsonl", line))


def test_files_are_scored_and_can_be_chosen(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "LICENSE").write_text(corpus.MIT)
    for name, words in (("near", "merge sorted rows into columns"), ("far", "return the first letter of a name")):
        body = "".join(f"    # {words} {number}\n    value += {number}\n" for number in range(9))
        (source / f"{name}.py").write_text(
            f'def {name}(value):\n    """{words.capitalize()}."""\n{body}    return value\n'
        )
    options = {"against": ("hello",), "behaviour": False, "proof": False, "prefer": run(tmp_path / "run", LISTS)}
    made = curate([str(source)], tmp_path / "set", CurateOptions(**options))
    rows = {row["path"]: row for row in pq.read_table(made.folder / "data").to_pylist()}
    assert rows["near.py"]["gap"] > rows["far.py"]["gap"]
    assert made.summary["wanted"]["failed"] == 4
    assert "merge" in made.summary["wanted"]["nearer"]
    card = (made.folder / "README.md").read_text("utf-8")
    assert "to the 4 problems that a run failed, rather than to the 24 that it solved" in card
    assert "did not pass: 4 wrong" in card
    made = curate([str(source)], tmp_path / "set", CurateOptions(**options, settings={"gap": "0"}))
    told = {row["path"]: row["rule"] for row in pq.read_table(made.folder / "ledger.parquet").to_pylist()}
    assert (told["near.py"], told["far.py"]) == ("", "gap")
