"""The made-up corpus from end to end: each file ends where it should, with the reason in the ledger."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

import corpus
from sparkgap.curate import CurateOptions, curate
from sparkgap.curate.contamination.disguises import redocumented, renamed
from sparkgap.curate.contamination.index import known
from sparkgap.errors import InputError

if TYPE_CHECKING:
    from conftest import Made

QUICK = CurateOptions(against=("hello",), behaviour=False, proof=False, selftest=0)


def rows(folder: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "ledger.parquet").to_pylist())


def one(folder: Path, repo: str, path: str) -> dict[str, Any]:
    (row,) = [row for row in rows(folder) if row["repo"] == repo and row["path"] == path]
    return row


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".scan" not in path.parts
    }


@pytest.mark.parametrize(("path", "rule"), corpus.EXPECTED.items())
def test_each_file_ends_where_it_should(made: Made, path: str, rule: str) -> None:
    row = one(made.folder, "permissive", path)
    assert (row["rule"], row["kept"]) == (rule, not rule), row


def test_every_file_that_came_in_is_in_the_ledger_once(made: Made) -> None:
    found = [row["path"] for row in rows(made.folder) if row["repo"] == "permissive"]
    assert sorted(found) == sorted(corpus.EXPECTED)


def test_a_reason_has_its_value_threshold_and_version(made: Made) -> None:
    row = one(made.folder, "permissive", "big.py")
    assert (row["value"], row["threshold"], row["version"]) == (str(200 << 20), "1e+06", "readable 2")
    assert row["sha256"] == ""  # it was not read
    assert one(made.folder, "permissive", "header_gpl.py")["value"] == "GPL-3.0-or-later"
    assert one(made.folder, "permissive", "third/gpl/vendored.py")["value"].startswith("GPL-3.0")
    near = one(made.folder, "permissive", "nearly.py")
    assert 0.7 <= float(near["value"]) < 1
    assert rows(made.folder)[near["instead"]]["path"] == "good.py"
    assert one(made.folder, "permissive", "rewritten.py")["behaves_as"].startswith("Hello/7 by runner_up")


def test_other_sources_end_where_they_should(made: Made) -> None:
    found = {(row["repo"], row["path"]): row["rule"] for row in rows(made.folder) if row["repo"] != "permissive"}
    assert found["gpl", "shared.py"] == "licence"
    assert found["nobody", "plain.py"] == "licence"
    assert {found["original", f"part{number}.py"] for number in range(6)} == {""}
    assert {found["fork", name] for name in ("part0.py", "part5.py", "own.py")} == {"fork"}
    assert (found["someone/rows", "row.py"], found["someone/stack", "stack.py"]) == ("", "")
    assert found["someone/rows", "copyleft.py"] == "licence"
    assert (found["history", "committed.py"], found["history", "to.py"]) == ("", "fault")


def test_a_published_solution_in_disguise_goes(
    published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    source = tmp_path / "source"
    source.mkdir()
    (source / "LICENSE").write_text(corpus.MIT)
    hidden = {}
    for problem in list(known(("humaneval",)).problems)[:20]:
        text = redocumented(renamed(problem.reference))
        name = f"{problem.id.replace('/', '_').lower()}.py"
        (source / name).write_text(f'"""One of several."""\n{text}\n# That is all of it.\n{corpus.module(7, 1)}')
        hidden[name] = problem.id
    made = curate([str(source)], tmp_path / "set", CurateOptions(**{**told(QUICK), "against": ("humaneval",)}))
    found = {row["path"]: row for row in rows(made.folder) if row["rule"] in {"ngrams", "structure"}}
    assert len(found) >= 10  # the others are so short that only behaviour tells
    for path, row in found.items():
        assert row["step"] == "decontamination"
        assert hidden[path] in (row["structure_problem"] if row["rule"] == "structure" else row["ngram_text"])


def test_archives_are_read_within_bounds(made: Made) -> None:
    found = {
        row["path"]: (row["rule"], row["fault"]) for row in rows(made.folder) if row["repo"] in {"bomb", "sneaky-1.0"}
    }
    assert found["first.py"] == ("", "")
    assert found["../outside.py"] == ("fault", "path")
    bombs = [path for path, told in found.items() if told == ("fault", "bomb")]
    assert len(bombs) == 1  # and nothing is read after it
    assert "huge.py" not in found
    assert found["sneaky-1.0/fine.py"] == ("", "")
    assert found["sneaky-1.0/../../up.py"] == ("fault", "path") == found["/etc/absolute.py"]
    assert found["sneaky-1.0/link.py"] == ("fault", "link")


def test_secrets_are_gone_and_code_is_left(made: Made) -> None:
    data = pq.read_table(made.folder / "data").to_pylist()
    (text,) = [row["content"] for row in data if row["path"] == "secrets.py"]
    for secret in ("jane.doe", corpus.TOKEN, "93.184.216.34", "xK9-mP2vQ7rT4z"):
        assert secret not in text
    assert "left@right.matrix.shape" in text
    compile(text, "secrets.py", "exec")
    everything = b"".join(path.read_bytes() for path in (made.folder / ".scan").glob("unit-*.parquet"))
    assert corpus.TOKEN.encode() not in everything


def test_latin_1_that_is_declared_is_read_as_such(made: Made) -> None:
    (row,) = [row for row in pq.read_table(made.folder / "data").to_pylist() if row["path"] == "latin.py"]
    assert "café" in row["content"]


def test_a_function_whose_tests_notice_changes_is_a_problem(made: Made) -> None:
    lines = (made.folder / "rl" / "problems.jsonl").read_text("utf-8").splitlines()
    (told,) = [json.loads(line) for line in lines]
    assert told["entry_point"] == "gaps"
    assert told["tests"].count("assert") == 3
    assert "gaps([1, 4, 9])" in told["prompt"]  # the first example stays, the others are the test's
    assert "gaps([7])" not in told["prompt"]
    space: dict[str, Any] = {}
    exec(told["reference"] + told["tests"], space)


def test_pairs_are_programs(made: Made) -> None:
    pairs = pq.read_table(made.folder / "sft").to_pylist()
    assert {"gaps"} <= {row["function"] for row in pairs}
    for row in pairs:
        compile(row["prompt"] + row["completion"], "pair", "exec")


def test_the_card_and_the_notice_say_what_is_in_it(made: Made) -> None:
    card = (made.folder / "README.md").read_text("utf-8")
    kept = sum(row["kept"] for row in rows(made.folder))
    assert f"# Curated code: {kept:,} of {len(rows(made.folder)):,} files" in card
    assert "path: data/train-*.parquet" in card
    notice = (made.folder / "NOTICE").read_text("utf-8")
    assert "Copyright (c) 2020 Somebody" in notice
    assert "GNU GENERAL PUBLIC" not in notice  # nothing of those repositories is in it
    picture = (made.folder / "funnel.svg").read_text("utf-8")
    assert "<svg" in picture
    assert f">{kept:,}<" in picture


def test_datasets_loads_it(made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    datasets = pytest.importorskip("datasets")
    clean = tmp_path / "clean"
    shutil.copytree(made.folder, clean, ignore=shutil.ignore_patterns(".scan"))
    loaded = datasets.load_dataset(str(clean), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].num_rows == made.summary["files"]["train"]
    assert "content" in loaded["train"].column_names


def test_the_bytes_do_not_depend_on_the_workers(made: Made, tmp_path: Path) -> None:
    once = curate(made.sources, tmp_path / "one", QUICK)
    twice = curate(made.sources, tmp_path / "two", CurateOptions(**{**told(QUICK), "workers": 2}))
    assert hashes(once.folder) == hashes(twice.folder)


def test_a_run_that_was_killed_goes_on(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sparkgap.curate import scan

    whole = curate(made.sources, tmp_path / "whole", QUICK)
    written = scan._write
    count = 0

    def dies(path: Path, content: bytes) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        written(path, content)

    monkeypatch.setattr(scan, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        curate(made.sources, tmp_path / "killed", QUICK)
    monkeypatch.setattr(scan, "_write", written)
    measured = []
    work = scan.measure_unit
    monkeypatch.setattr(scan, "measure_unit", lambda options, task: measured.append(task[0]) or work(options, task))
    resumed = curate(made.sources, tmp_path / "killed", QUICK)
    units = len(list((tmp_path / "whole" / ".scan").glob("unit-*.parquet")))
    assert len(measured) == units - 2
    assert hashes(resumed.folder) == hashes(whole.folder)


def test_a_second_run_with_other_thresholds_measures_nothing_again(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkgap.curate import scan

    curate(made.sources, tmp_path / "set", QUICK)
    monkeypatch.setattr(scan, "measure_unit", lambda *_: pytest.fail("a unit was measured again"))
    curate(made.sources, tmp_path / "set", CurateOptions(**{**told(QUICK), "settings": {"max_line": "5000"}}))
    row = one(tmp_path / "set", "permissive", "wide.py")
    assert row["kept"]


def test_a_folder_with_other_files_is_not_touched(made: Made, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        curate(made.sources, tmp_path, QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("sources", "settings", "said"),
    [
        (["/nowhere/at/all"], {}, "there is no source"),
        ([__file__], {}, "no known kind"),
        ([str(Path(__file__).parent)] * 2, {}, "named twice"),
        ([str(Path(__file__).parent)], {"max_lines_": "3"}, "did you mean 'max_lines'"),
        ([str(Path(__file__).parent)], {"max_line": "many"}, "takes a number"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, sources: list[str], settings: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        curate(sources, tmp_path / "out", CurateOptions(**{**told(QUICK), "settings": settings}))


def told(options: CurateOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in options.__dataclass_fields__}
