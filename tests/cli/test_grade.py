"""`sparkgap grade` as people run it: what is printed where, exit codes, kills and terminals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sparkgap import cli, plugins
from sparkgap.cli.grade import MOST_INFRA, exit_code
from sparkgap.selftest import Check
from sparkgap.tally import Tally
from sparkgap.types import Problem, Verdict

SPARKGAP = [sys.executable, "-c", "from sparkgap.cli import main; main(prog_name='sparkgap')", "grade", "-b", "hello"]
PROBLEMS: list[Problem] = list(plugins.find("benchmarks", "hello").problems())
FIRST = PROBLEMS[0]


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKGAP_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.chdir(tmp_path)


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def solution(problem: Problem, source: str) -> dict[str, str]:
    return {"task_id": problem.id, "solution": source.replace("{f}", problem.entry_point)}


def raising(problem: Problem, text: str) -> dict[str, str]:
    return solution(problem, f"def {{f}}(*args):\n    raise ValueError({text!r})\n")


def sparkgap(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SPARKGAP, *map(str, words)], capture_output=True, text=True, check=False, timeout=120)


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["grade", "-b", "hello", *map(str, words)])


def test_the_scorecard_says_it_all_in_80_plain_columns(tmp_path: Path) -> None:
    rows = [solution(problem, problem.reference) for problem in PROBLEMS[:-2]]
    path = write(tmp_path / "s.jsonl", *rows, raising(FIRST, "x" * 200), {"task_id": FIRST.id, "response": None})
    done = sparkgap(path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    assert f"coverage: {len(PROBLEMS) - 2} of {len(PROBLEMS)} problems, 1 sample unscored" in lines
    assert any(line.startswith("pass@1 ") and "95 % interval" in line for line in lines)
    assert any(line.startswith("raised ") and f"{FIRST.id} #1: ValueError: xxx" in line for line in lines)
    assert any(line.split()[:2] == ["unanswered", "1"] for line in lines)
    assert any(line.split() == ["reading", "strict", "lenient"] for line in lines)
    assert any(line.startswith("isolation: ") for line in lines)
    (folder,) = (tmp_path / "runs").iterdir()
    assert lines[-1] == f"run: runs/{folder.name}"


def test_json_is_one_object_on_stdout_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", solution(FIRST, FIRST.reference), raising(FIRST, "no"))
    done = sparkgap(path, "--json", "--k", "2,1")
    told = json.loads(done.stdout)
    assert (told["benchmark"], told["samples"], told["scored"], told["passed"]) == ("hello", 2, 2, 1)
    assert told["problems"] == len(PROBLEMS)
    assert told["by_status"] == {"passed": 1, "raised": 1}
    assert told["pass_at_k"]["1"]["value"] == 0.5
    assert told["pass_at_k"]["1"]["low"] < 0.5 < told["pass_at_k"]["1"]["high"]
    assert told["pass_at_k"]["2"]["value"] == 1.0
    assert told["isolation"] in ("full", "reduced")
    assert (tmp_path / told["run"] / "summary.json").is_file()


def test_readings_that_differ_are_hinted_at(tmp_path: Path) -> None:
    fenced = f"Here it is:\n```python\n{FIRST.reference}```\n"
    path = write(tmp_path / "s.jsonl", {"task_id": FIRST.id, "solution": fenced})
    text = invoke(path).stdout
    assert "1 sample differs: 1 passes only leniently\n  1 with: " in text
    assert "--extract" in text
    assert json.loads(invoke(path, "--json", "--extract", "lenient").stdout)["passed"] == 1


def test_hostile_text_reaches_no_terminal(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", raising(FIRST, "\x1b[2J\x07\u202e漢字\ud800"))
    done = sparkgap(path)
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert all(line.isprintable() for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("content", "words", "says"),
    [
        ('{"task_id": "hello/none", "completion": ""}', (), "s.jsonl:1: no problem 'hello/none'"),
        ("not json", (), "s.jsonl:1: not JSON"),
        ("", (), "no samples in"),
        (None, (), "no file"),
        ("{}", ("--isolation", "full", "--unsafe"), "give one of them"),
        ("{}", ("--k", "0"), "k starts at 1"),
        ("{}", ("--k", "1,x"), "not a list of numbers"),
        ("{}", ("--workers", "0"), "--workers"),
        ("{}", ("--split", "dev"), "task_id"),
        ("{}", ("-b", "helo"), "did you mean hello?"),
    ],
)
def test_a_users_mistake_is_one_message_and_exit_2(
    tmp_path: Path, content: str | None, words: tuple[str, ...], says: str
) -> None:
    path = tmp_path / "s.jsonl"
    if content is not None:
        path.write_text(content)
    done = invoke(path, *words)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)  # and not an error that would end in a traceback
    assert says in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_a_judge_that_fails_its_self_test_grades_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cheat = Check("always equal", FIRST.id, must_pass=False, verdict=Verdict("passed"))
    monkeypatch.setattr("sparkgap.selftest.selftest", lambda judge, plugin: (cheat,))
    path = write(tmp_path / "s.jsonl", solution(FIRST, FIRST.reference))
    done = invoke(path)
    assert done.exit_code == 4
    assert "self-test failed" in done.stderr
    assert "'always equal'" in done.stderr
    assert not (tmp_path / "runs").exists()
    assert invoke(path, "--no-preflight").exit_code == 0


@pytest.mark.parametrize(
    ("infra", "unanswered", "scored", "code"),
    [(0, 0, 5, 0), (0, 5, 0, 0), (1, 0, 0, 4), (1, 0, 98, 4), (1, 0, 99, 0), (1, 50, 49, 0), (2, 0, 99, 4)],
)
def test_exit_4_means_that_too_much_could_not_be_judged(infra: int, unanswered: int, scored: int, code: int) -> None:
    assert MOST_INFRA == 0.01
    tally = Tally()
    for status in ["infra"] * infra + ["unanswered"] * unanswered + ["wrong"] * scored:
        told = {"ordinal": 0, "problem_id": "a", "sample_index": 0, "why": "", "status": status}
        tally.add(told | {"strict": status, "lenient": status})
    assert exit_code(tally.result("hello", ("a",), (1,))) == code


def test_out_resumes_shows_and_refuses(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", solution(FIRST, FIRST.reference))
    first, again = invoke(path, "--out", "here"), invoke(path, "--out", "here")
    assert first.stdout == again.stdout
    assert first.stdout.endswith("run: here\n")
    write(path, raising(FIRST, "no"))
    refused = invoke(path, "--out", "here")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--fresh" in refused.stderr
    assert json.loads(invoke(path, "--out", "here", "--fresh", "--json").stdout)["passed"] == 0


def test_gzip_and_several_files_are_one_set_of_samples(tmp_path: Path) -> None:
    one = write(tmp_path / "1.jsonl", solution(FIRST, FIRST.reference))
    subprocess.run(["gzip", "-k", one], check=True)
    told = json.loads(invoke(one, tmp_path / "1.jsonl.gz", "--json", "--k", "2").stdout)
    assert (told["samples"], told["passed"], told["pass_at_k"]["2"]["value"]) == (2, 2, 1.0)


def test_progress_is_drawn_on_a_terminal_and_stdout_stays_clean(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", *(raising(problem, f"no {n}") for n in range(10) for problem in PROBLEMS))
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [*SPARKGAP, str(path), "--json"], stdout=subprocess.PIPE, stderr=terminal, env={**os.environ, "TERM": "xterm"}
    )
    os.close(terminal)
    drawn = b"".join(until_closed(screen))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out)["samples"] == 10 * len(PROBLEMS)
    assert b"grading" in drawn
    assert f"/{10 * len(PROBLEMS)}".encode() in drawn


def until_closed(screen: int) -> Iterator[bytes]:
    try:
        while data := os.read(screen, 65536):
            yield data
    except OSError:  # what Linux says when the last writer of a terminal is gone
        pass
    finally:
        os.close(screen)


def many(path: Path, count: int) -> Path:
    """Write that many samples, no two programs the same, of several outcomes."""
    kinds = ("{right}", "def {f}(*args): return 'wrong'\n", "def {f}(*args): raise KeyError(1)\n", "def {f}(:\n", " ")
    rows = []
    for n in range(count):
        problem = PROBLEMS[n % len(PROBLEMS)]
        source = kinds[n // 3 % len(kinds)].replace("{right}", problem.reference)
        rows.append(solution(problem, f"{source}# {n}\n" if source.strip() else source))
    return write(path, *rows)


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def summary(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    del told["times"]
    return told


def test_killed_at_any_moment_the_same_command_ends_with_the_same_result(tmp_path: Path) -> None:
    path = many(tmp_path / "s.jsonl", 500)
    assert sparkgap(path, "--out", "undisturbed", "--quiet").returncode == 0
    scores = tmp_path / "disturbed" / "scores.jsonl"
    command = [*SPARKGAP, str(path), "--out", "disturbed", "--quiet"]
    before = []
    for least in (0, 1, 150, 280):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while lines_in(scores) < least and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        if least == 0:
            time.sleep(0.3)  # somewhere in the start
        process.kill()
        process.wait()
        before.append(lines_in(scores))
    assert before == sorted(before)
    assert 280 <= before[-1] < 500
    done = sparkgap(path, "--out", "disturbed", "--quiet")
    assert done.returncode == 0
    assert summary(tmp_path / "disturbed") == summary(tmp_path / "undisturbed")
    ordinals = [json.loads(line)["ordinal"] for line in scores.read_text().splitlines()]
    assert sorted(ordinals) == list(range(500))
    assert len(json.loads((tmp_path / "disturbed" / "manifest.json").read_text())["sessions"]) >= 4


def test_two_at_once_on_one_folder_are_refused(tmp_path: Path) -> None:
    path = many(tmp_path / "s.jsonl", 500)
    first = subprocess.Popen([*SPARKGAP, str(path), "--out", "run", "--quiet"], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while lines_in(tmp_path / "run" / "scores.jsonl") < 1 and time.monotonic() < until:
            time.sleep(0.002)
        first.send_signal(signal.SIGSTOP)  # or it might be done before the second has begun
        second = sparkgap(path, "--out", "run", "--no-preflight")
        assert second.returncode == 2
        assert "being written by another process" in second.stderr
    finally:
        first.send_signal(signal.SIGCONT)
        assert first.wait(timeout=60) == 0


GRADE = """
import resource, sys
from pathlib import Path
from sparkgap.grade import GradeOptions, grade

def peak_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

seen = {}
def progress(at):
    if at.done in (2_000, 50_000, 200_000):
        seen[at.done] = peak_kb()

result = grade(sys.argv[1], "hello", progress=progress, options=GradeOptions(root=Path("runs")))
print(result.samples, seen[2_000], seen[50_000], seen[200_000])
"""


@pytest.mark.soak
def test_a_long_file_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    with path.open("w") as stream:
        for n in range(200_000):  # some 5,000 programs, again and again
            problem = PROBLEMS[n % len(PROBLEMS)]
            stream.write(json.dumps(solution(problem, f"{problem.reference}# {n % (175 * len(PROBLEMS))}\n")) + "\n")
    done = subprocess.run([sys.executable, "-c", GRADE, path], capture_output=True, text=True, check=True)
    samples, early, middle, late = map(int, done.stdout.split())
    assert samples == 200_000
    assert middle - early < 32 * 1024, "what is kept of recent verdicts"
    assert late - middle < 4 * 1024, f"peak resident memory went on growing by {late - middle} KiB"
