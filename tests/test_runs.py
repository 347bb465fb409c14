"""The run folder: found again by what was asked, whole after any crash, never shared by two writers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.errors import InputError
from sparkgap.journal import BATCH, Ordinals
from sparkgap.runs import OUTPUT_CHARS, Run, key_of, open_run, read_summary, score_record
from sparkgap.types import Diagnostic, Failure, Score, Verdict

ASKED = {"benchmark": "hello", "samples": [{"sha256": "ab"}], "extraction": "auto"}


def replayed(run: Run) -> list[int]:
    seen: list[int] = []
    run.replay(lambda record: seen.append(record["ordinal"]))
    return seen


def started(root: Path, ordinals: range = range(0), **more: Any) -> Path:
    """Leave an unfinished run with these records."""
    with open_run(ASKED, root=root, **more) as run:
        run.begin({})
        run.replay(lambda record: None)
        for ordinal in ordinals:
            run.add({"ordinal": ordinal, "value": 1.0})
        return run.path


def finished(root: Path, **more: Any) -> Path:
    with open_run(ASKED, root=root, **more) as run:
        run.begin({"command": ["sparkgap", "grade"]})
        run.replay(lambda record: None)
        run.finish({"passed": 3})
        return run.path


def test_an_unfinished_run_is_found_by_the_same_question(tmp_path: Path) -> None:
    path = started(tmp_path, range(5))
    with open_run(dict(reversed(ASKED.items())), root=tmp_path) as run:
        assert run.path == path
        assert run.resumed
        assert replayed(run) == [0, 1, 2, 3, 4]
        assert 4 in run.done
        assert 5 not in run.done


@pytest.mark.parametrize(
    "changed", [{"samples": [{"sha256": "cd"}]}, {"extraction": "strict"}, {"benchmark": "humaneval"}, {"new": None}]
)
def test_anything_else_asked_is_another_run(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = started(tmp_path)
    with open_run(ASKED | changed, root=tmp_path) as run:
        assert run.path != path
        assert not run.resumed


def test_a_finished_run_is_graded_anew_beside_it(tmp_path: Path) -> None:
    path = finished(tmp_path)
    with open_run(ASKED, root=tmp_path) as run:
        assert run.path != path
        assert not run.finished
    assert read_summary(path) == {"passed": 3}


def test_an_old_unfinished_run_is_left_alone_once_a_newer_one_finished(tmp_path: Path) -> None:
    old = started(tmp_path)
    new = finished(tmp_path, fresh=True)
    assert old != new
    with open_run(ASKED, root=tmp_path) as run:
        assert run.path not in (old, new)


def test_the_users_own_folder_resumes_shows_and_replaces(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    started(tmp_path, range(3), out=out)
    with open_run(ASKED, out=out) as run:
        assert replayed(run) == [0, 1, 2]
        run.begin({})
        run.finish({"passed": 3})
    with open_run(ASKED, out=out) as run:
        assert run.finished
    with open_run(ASKED, out=out, fresh=True) as run:
        assert not run.finished
        assert replayed(run) == []
        assert not (out / "summary.json").exists()


def test_the_users_own_folder_is_refused_with_the_reason(tmp_path: Path) -> None:
    finished(tmp_path, out=tmp_path / "run")
    with pytest.raises(InputError, match=r"another run \(not the same: extraction, samples\).*--fresh"):
        open_run(ASKED | {"extraction": "strict", "samples": []}, out=tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    for fresh in (False, True):
        with pytest.raises(InputError, match="not empty and holds no run"):
            open_run(ASKED, out=tmp_path / "other", fresh=fresh)
    with pytest.raises(InputError, match="is a file"):
        open_run(ASKED, out=tmp_path / "other" / "thesis.tex")
    with pytest.raises(InputError, match="cannot use"):
        open_run(ASKED, root=tmp_path / "other" / "thesis.tex")


def test_the_manifest_says_who_and_when_and_keeps_every_session(tmp_path: Path) -> None:
    started(tmp_path)
    with open_run(ASKED, root=tmp_path) as run:
        run.begin({"command": ["sparkgap", "grade"]})
        replayed(run)
        run.finish({})
    manifest = json.loads((run.path / "manifest.json").read_text())
    assert manifest["state"] == "finished"
    assert manifest["asked"] == ASKED
    assert manifest["key"] == key_of(ASKED)
    assert [session.get("command") for session in manifest["sessions"]] == [None, ["sparkgap", "grade"]]
    assert manifest["sessions"][0]["ended"] is None
    assert manifest["started"] <= manifest["ended"]


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_line_is_cut_and_its_sample_is_not_done(tmp_path: Path, cut: int) -> None:
    path = started(tmp_path, range(5)) / "scores.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    with open_run(ASKED, root=tmp_path) as run:
        assert replayed(run) == [0, 1, 2, 3]
        run.add({"ordinal": 4})
    assert [json.loads(line)["ordinal"] for line in path.read_text().splitlines()] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("line", [b"\0\0\0\n", b"[1]\n", b'{"ordinal": -1}\n', b'{"ordinal": "1"}\n', b"\xff\n", b"\n"])
def test_a_damaged_line_ends_what_is_believed(tmp_path: Path, line: bytes) -> None:
    path = started(tmp_path, range(3)) / "scores.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], line, lines[2]]))
    with open_run(ASKED, root=tmp_path) as run:
        assert replayed(run) == [0]
        assert 2 not in run.done
    assert path.read_bytes() == lines[0]


def test_a_sample_scored_twice_counts_once(tmp_path: Path) -> None:
    path = started(tmp_path, range(2)) / "scores.jsonl"
    path.write_bytes(path.read_bytes() * 2)
    with open_run(ASKED, root=tmp_path) as run:
        assert replayed(run) == [0, 1]


def test_a_damaged_manifest_is_no_run_to_go_on_with(tmp_path: Path) -> None:
    path = started(tmp_path, out=tmp_path / "run")
    (path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json is missing or damaged.*--fresh"):
        open_run(ASKED, out=path)
    with open_run(ASKED, out=path, fresh=True) as run:
        assert not run.resumed


def test_records_reach_the_file_in_batches(tmp_path: Path) -> None:
    with open_run(ASKED, root=tmp_path) as run:
        replayed(run)
        for ordinal in range(BATCH):
            run.add({"ordinal": ordinal})
        lines = (run.path / "scores.jsonl").read_text().splitlines()
        assert len(lines) == BATCH


def test_one_process_opens_a_run_once(tmp_path: Path) -> None:
    with open_run(ASKED, out=tmp_path / "run"), pytest.raises(InputError, match="being written by another process"):
        open_run(ASKED, out=tmp_path / "run")
    open_run(ASKED, out=tmp_path / "run").close()


HOLD = """
import os, sys, time
from pathlib import Path
from sparkgap.runs import open_run
run = open_run({"benchmark": "hello"}, out=Path(sys.argv[1]))
if os.fork() == 0:
    time.sleep(60)
    os._exit(0)
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused_and_a_killed_ones_folder_is_free_though_its_children_live(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "run"], stdout=subprocess.PIPE, process_group=0, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="being written by another process"):
            open_run({"benchmark": "hello"}, out=tmp_path / "run")
        holder.kill()
        holder.wait()
        open_run({"benchmark": "hello"}, out=tmp_path / "run").close()
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


WRITE = """
import sys
from pathlib import Path
from sparkgap.runs import open_run
run = open_run({"benchmark": "hello"}, out=Path(sys.argv[1]))
run.begin({})
run.replay(lambda record: None)
ordinal = 0
while True:
    if ordinal not in run.done:
        run.add({"ordinal": ordinal, "text": "x" * (ordinal % 977)})
    ordinal += 1
"""


def test_a_writer_killed_at_any_moment_leaves_whole_records(tmp_path: Path) -> None:
    out = tmp_path / "run"
    counts = [0]
    for pause in (0.0, 0.01, 0.05):
        writer = subprocess.Popen([sys.executable, "-c", WRITE, out])
        until = time.monotonic() + 30
        while time.monotonic() < until and not ((s := out / "scores.jsonl").exists() and s.stat().st_size > counts[-1]):
            time.sleep(0.001)
        time.sleep(pause)
        writer.kill()
        writer.wait()
        counts.append((out / "scores.jsonl").stat().st_size)
    with open_run({"benchmark": "hello"}, out=out) as run:
        seen: list[dict[str, Any]] = []
        run.replay(seen.append)
    assert [record["ordinal"] for record in seen] == list(range(len(seen)))
    assert all(len(record["text"]) == record["ordinal"] % 977 for record in seen)
    assert len(seen) >= BATCH


def test_a_full_disk_is_said_with_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkgap.journal.FLUSH_S", 1e9)
    with open_run(ASKED, root=tmp_path) as run:
        replayed(run)
        os.close(run.scores._file)
        run.scores._file = os.open("/dev/full", os.O_WRONLY)
        run.add({"ordinal": 0})
        with pytest.raises(InputError, match=r"No space left.*the same command goes on"):
            run.flush()
        run.scores._pending.clear()


@given(st.lists(st.integers(0, 5000)))
def test_ordinals_are_a_set(numbers: list[int]) -> None:
    ordinals, peer = Ordinals(), set[int]()
    for number in numbers:
        assert ordinals.add(number) == (number not in peer)
        peer.add(number)
    assert all((number in ordinals) == (number in peer) for number in range(5100))


def test_two_million_ordinals_take_half_a_megabyte_at_most() -> None:
    ordinals = Ordinals()
    for number in range(0, 2_000_000, 8):
        ordinals.add(number)
    assert sys.getsizeof(ordinals._bits) <= 2**19


def test_a_score_is_recorded_without_what_is_empty() -> None:
    verdict = Verdict(
        "wrong", "test", "a test failed", 3, 7, {"base": (3, 7)}, Failure("t", "f(1)", "2", "3"),
        (Diagnostic("test", "error", "AssertionError", "no", 4),), 0.1, 0.25, 9.5, "x" * (OUTPUT_CHARS + 1),
    )  # fmt: skip
    record = json.loads(json.dumps(score_record(Score("hello/1", 2, 0.0, "a test failed", verdict))))
    output = record["verdict"].pop("output")
    assert len(output) == OUTPUT_CHARS
    assert record == {
        "problem_id": "hello/1", "sample_index": 2, "value": 0.0, "why": "a test failed",
        "verdict": {
            "status": "wrong", "stage": "test", "reason": "a test failed", "tests_passed": 3, "tests_total": 7,
            "groups": {"base": [3, 7]}, "failure": {"test": "t", "call": "f(1)", "expected": "2", "actual": "3"},
            "diagnostics": [
                {"stage": "test", "severity": "error", "code": "AssertionError", "message": "no", "line": 4}
            ],
            "cpu_s": 0.1, "wall_s": 0.25, "memory_mb": 9.5, "output_clipped": True,
        },
    }  # fmt: skip


def test_answers_and_lone_surrogates_do_not_break_a_record() -> None:
    verdict = Verdict("passed", answers=({1, 2}, object()), output="\ud800")
    text = json.dumps(score_record(Score("hello/1", 0, 1.0, "", verdict)))
    assert json.loads(text)["verdict"] == {
        "status": "passed", "output": "\ud800", "cpu_s": 0.0, "wall_s": 0.0, "memory_mb": 0.0,
    }  # fmt: skip
