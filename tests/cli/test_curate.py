"""`sparkgap curate` and its words, on a small corpus."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import corpus
from sparkgap.cli import main


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two repositories that share a file."""
    root = tmp_path_factory.mktemp("cli")
    good = corpus.module(1)
    wide = corpus.module(2) + "x = [" + ", ".join("1" for _ in range(600)) + "]\n"
    first = write(root / "first", {"LICENSE": corpus.MIT, "good.py": good, "wide.py": wide, "proven.py": corpus.PROVEN})
    near = good.replace("Return the", "Give the", 1)
    second = write(
        root / "second", {"LICENSE": corpus.MIT, "again.py": good, "near.py": near, "own.py": corpus.module(4)}
    )
    done = run("curate", first, second, "-o", root / "set", "--against", "hello", "--selftest", "4", "--workers", "1")
    assert done.exit_code == 0, done.output
    assert "after duplicates" in done.output
    assert "J 0.8: 94%" in done.output
    return root


@pytest.fixture
def dataset(once: Path, tmp_path: Path) -> Path:
    """A copy of that dataset, to be changed."""
    shutil.copytree(once / "set", tmp_path / "set")
    return tmp_path / "set"


def kept(folder: Path) -> set[str]:
    return {row["path"] for row in pq.read_table(folder / "ledger.parquet").to_pylist() if row["kept"]}


def test_a_dataset_is_made_and_can_be_made_again(once: Path) -> None:
    assert kept(once / "set") == {"good.py", "proven.py", "own.py"}
    again = run("curate", once / "first", once / "second", "-o", once / "set", "--against", "hello", "--selftest", "4",
                "--json", "--quiet", "--workers", "1")  # fmt: skip
    assert again.exit_code == 0, again.output
    told = json.loads(again.stdout)
    assert told["files"]["kept"] == 3
    guises = {each["guise"]: each for each in told["benchmarks"]["selftest"]}
    assert guises["verbatim"]["of"] >= 3
    assert "re-implemented" in (once / "set" / "README.md").read_text("utf-8")


def test_explain_says_why(dataset: Path) -> None:
    wide = run("curate", "explain", "wide.py", "-d", dataset)
    assert "dropped at quality by max_line (lines 1)" in wide.output
    assert "must be at most 1000" in wide.output
    again = run("curate", "explain", "again.py", "-d", dataset)
    assert "the copy first: good.py goes before it" in again.output
    (row,) = [
        json.loads(line) for line in run("curate", "explain", "good.py", "-d", dataset, "--json").output.splitlines()
    ]
    assert (
        "kept, in train, under MIT (file LICENSE)" in run("curate", "explain", row["sha256"][:12], "-d", dataset).output
    )
    assert run("curate", "explain", "nowhere.py", "-d", dataset).exit_code == 2


def test_what_if_changes_nothing_and_agrees_with_the_real_thing(once: Path, dataset: Path) -> None:
    before = (dataset / "ledger.parquet").read_bytes()
    shutil.rmtree(dataset / "data")  # no text is needed
    told = json.loads(run("curate", "what-if", "--set", "max_line=5000", "-d", dataset, "--json").output)
    assert [row["path"] for row in told["come"]] == ["wide.py"]
    assert (told["before"], told["after"], told["gone"]) == (3, 4, [])
    assert (dataset / "ledger.parquet").read_bytes() == before
    run("curate", once / "first", once / "second", "-o", dataset, "--against", "hello", "--set", "max_line=5000",
        "--selftest", "0", "--quiet", "--workers", "1")  # fmt: skip
    assert len(kept(dataset)) == told["after"]


def test_what_if_can_turn_duplicates_back(dataset: Path) -> None:
    told = json.loads(run("curate", "what-if", "--set", "exact=1", "--set", "near=1", "-d", dataset, "--json").output)
    assert {"again.py", "near.py"} <= {row["path"] for row in told["come"]}


def test_forget_takes_a_repository_out_for_good(once: Path, dataset: Path) -> None:
    told = run("curate", "forget", "first", "-d", dataset)
    assert told.exit_code == 0, told.output
    assert "- first: good.py  (forgotten)" in told.output
    assert kept(dataset) == {"near.py", "own.py"}  # its copies elsewhere are not theirs to take away
    assert "+ second: near.py" in told.output
    texts = [row["text"] for path in (dataset / ".scan").glob("unit-*.parquet")
             for row in pq.read_table(path).to_pylist() if row["repo"] == "first"]  # fmt: skip
    assert texts
    assert not any(texts)
    assert "first" not in (dataset / "NOTICE").read_text("utf-8").split()
    run("curate", once / "first", once / "second", "-o", dataset, "--against", "hello", "--no-behaviour", "--no-proof",
        "--quiet", "--workers", "1")  # fmt: skip
    assert kept(dataset) == {"near.py", "own.py"}


def test_forget_takes_every_copy_of_a_file_out(dataset: Path) -> None:
    rows: list[dict[str, Any]] = pq.read_table(dataset / "ledger.parquet").to_pylist()
    sha = next(row["sha256"] for row in rows if row["path"] == "good.py")
    told = run("curate", "forget", sha, "-d", dataset)
    assert told.exit_code == 0, told.output
    assert kept(dataset) == {"near.py", "proven.py", "own.py"}
    assert "a near-copy stays: second: near.py" in told.output


def test_mistakes_are_named(dataset: Path, tmp_path: Path) -> None:
    for words, said in (
        (("forget", "nobody", "-d", dataset), "neither a repository nor a whole sha256"),
        (("what-if", "--set", "max_lin=3", "-d", dataset), "did you mean 'max_line'"),
        (("explain", "x", "-d", tmp_path), "is no dataset"),
        (("forget", "x", "-d", tmp_path), "is no dataset"),
        ((tmp_path / "nowhere", "-o", tmp_path / "o", "--no-behaviour", "--no-proof"), "there is no source"),
        ((tmp_path, "-o", tmp_path / "o", "--near", "1,2", "--no-behaviour", "--no-proof"), "is not like 256,25,10,5"),
    ):
        done = run("curate", *words)
        assert done.exit_code == 2, done.output
        assert said in done.output


def test_help_tells_of_sources_and_words() -> None:
    for words in (("curate", "--help"), ("curate", "-h")):
        told = run(*words)
        assert told.exit_code == 0
        assert "SOURCE" in told.output
        assert "what-if" in told.output
    assert run("curate").exit_code in {0, 2}
