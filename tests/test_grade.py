"""Grading: the right figures, one verdict for each program, and the same end after any interruption."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparkgap import plugins
from sparkgap.errors import DataError, InputError, PluginError
from sparkgap.grade import GradeOptions, Progress, grade
from sparkgap.judge import Judge
from sparkgap.tally import GradeResult
from sparkgap.types import Problem, Program, Sample, Verdict

PROBLEMS: list[Problem] = list(plugins.find("benchmarks", "hello").problems())
FIRST, SECOND = PROBLEMS[:2]
WRONG = "def {f}(*args, **kwargs):\n    return 'no such answer'\n"


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(2) as judge:
        yield judge


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKGAP_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


class Counting:
    """A judge that counts, and may be told to fail on a program as a broken machine would."""

    def __init__(self, judge: Judge, failures: int = 0, on: str = "") -> None:
        self.workers, self.isolation, self._judge = judge.workers, judge.isolation, judge
        self.stream, self.failures, self.on = judge.stream, failures, on
        self.programs: list[Program] = []

    def submit(self, program: Program) -> Future[Verdict]:
        self.programs.append(program)
        if self.failures and self.on in program.source:
            self.failures -= 1
            broken: Future[Verdict] = Future()
            broken.set_result(Verdict("infra", "load", "the machine broke"))
            return broken
        return self._judge.submit(program)


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def solution(problem: Problem, source: str) -> dict[str, str]:
    return {"task_id": problem.id, "solution": source.replace("{f}", problem.entry_point)}


def graded(judge: Any, samples: Any, tmp_path: Path, **more: Any) -> GradeResult:
    told = {name: more.pop(name) for name in ("out", "progress") if name in more}
    return grade(samples, "hello", judge=judge, options=GradeOptions(root=tmp_path / "runs", **more), **told)


def summary(result: GradeResult) -> dict[str, Any]:
    assert result.run is not None
    told: dict[str, Any] = json.loads((result.run / "summary.json").read_text())
    assert told.pop("times").keys() == {"wall_s"}
    return told


def records(result: GradeResult) -> list[dict[str, Any]]:
    assert result.run is not None
    return [json.loads(line) for line in (result.run / "scores.jsonl").read_text().splitlines()]


def test_right_answers_pass_and_leave_a_run_folder(judge: Judge, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", *(solution(problem, problem.reference) for problem in PROBLEMS))
    result = graded(judge, path, tmp_path, command=("sparkgap", "grade", "s.jsonl"))
    assert result.pass_at_k[1].value == 1.0
    assert result.samples == result.scored == result.passed == result.problems == len(PROBLEMS)
    assert result.coverage.missing == ()
    assert result.isolation == judge.isolation
    assert summary(result) == {name: value for name, value in result.as_json().items() if name != "run"}
    assert {record["verdict"]["status"] for record in records(result)} == {"passed"}
    assert result.run is not None
    manifest = json.loads((result.run / "manifest.json").read_text())
    assert manifest["state"] == "finished"
    assert manifest["sessions"][0]["command"] == ["sparkgap", "grade", "s.jsonl"]
    assert not {"environment", "env"} & manifest["sessions"][0].keys()


def test_every_outcome_is_counted_as_what_it_is(judge: Judge, tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.jsonl",
        solution(FIRST, FIRST.reference),
        solution(FIRST, WRONG),
        solution(FIRST, "def {f}(:\n"),
        solution(FIRST, "def {f}(*args):\n    raise KeyError('missing')\n"),
        solution(FIRST, "def {f}(*args):\n    while True: pass\n"),
        solution(FIRST, " \n"),
        solution(FIRST, "\ud800"),
        {"task_id": FIRST.id, "solution": None},
    )
    result = graded(judge, path, tmp_path, cpu_s=0.5)
    assert result.by_status == {
        "passed": 1, "wrong": 1, "raised": 1, "syntax": 2, "timeout": 1, "empty": 1, "unanswered": 1,
    }  # fmt: skip
    assert (result.samples, result.scored, result.passed) == (8, 7, 1)
    assert result.pass_at_k[1].value == pytest.approx(1 / 7)
    assert list(result.pass_at_k) == [1, 5]
    assert str(result.coverage) == f"1 of {len(PROBLEMS)} problems, 1 sample unscored"
    assert "KeyError" in result.examples["raised"].why
    assert "no such answer" in result.examples["wrong"].why


def test_a_program_is_judged_once_for_both_readings_and_for_every_copy(judge: Judge, tmp_path: Path) -> None:
    counting = Counting(judge)
    right = [solution(FIRST, FIRST.reference)] * 5
    other = [solution(SECOND, FIRST.reference)] * 2
    result = graded(counting, write(tmp_path / "s.jsonl", *right, *other), tmp_path)
    assert len(counting.programs) == 2
    assert result.by_status["passed"] == 5
    assert result.samples == 7


def test_a_completion_goes_strictly_and_a_response_leniently_unless_asked(judge: Judge, tmp_path: Path) -> None:
    fenced = f"Here you are:\n```python\n{FIRST.reference}```\nThat is all."
    as_solution = write(tmp_path / "1.jsonl", {"task_id": FIRST.id, "solution": fenced})
    as_response = write(tmp_path / "2.jsonl", {"task_id": FIRST.id, "response": fenced})
    result = graded(judge, as_solution, tmp_path)
    assert (result.passed, result.strict.passed, result.lenient.passed, result.gained) == (0, 0, 1, 1)
    assert graded(judge, as_solution, tmp_path, extraction="lenient").passed == 1
    assert graded(judge, as_response, tmp_path).passed == 1


def test_what_the_judge_failed_on_is_tried_once_more_at_the_end(judge: Judge, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", *(solution(problem, problem.reference) for problem in PROBLEMS[:3]))
    counting = Counting(judge, failures=1, on=FIRST.entry_point)
    result = graded(counting, path, tmp_path)
    assert result.passed == 3
    assert [FIRST.entry_point in p.source for p in counting.programs] == [True, False, False, True]


def test_what_the_judge_fails_on_twice_is_unscored_and_never_zero(judge: Judge, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", *(solution(problem, problem.reference) for problem in PROBLEMS[:3]))
    counting = Counting(judge, failures=2, on=FIRST.entry_point)
    result = graded(counting, path, tmp_path)
    assert (result.samples, result.scored, result.passed) == (3, 2, 2)
    assert result.pass_at_k[1].value == 1.0
    assert result.coverage.infra == 1
    assert [record["value"] for record in records(result)].count(None) == 1
    assert result.examples["infra"].why == "the machine broke"


def test_a_reference_that_fails_here_makes_its_samples_unscored(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hello = plugins.find("benchmarks", "hello")
    broken = [replace(FIRST, reference="def x(:"), SECOND]
    monkeypatch.setattr(type(hello), "problems", lambda self: iter(broken))
    path = write(tmp_path / "s.jsonl", solution(FIRST, FIRST.reference), solution(SECOND, SECOND.reference))
    result = graded(judge, path, tmp_path)
    assert (result.passed, result.scored, result.coverage.infra) == (1, 1, 1)
    assert "the reference solution failed here" in result.examples["infra"].why


def interrupt_after(count: int) -> Callable[[Progress], None]:
    def progress(at: Progress) -> None:
        if at.stage == "grading" and at.done == count:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_run_goes_on_and_ends_the_same(judge: Judge, tmp_path: Path) -> None:
    rows = [solution(problem, source) for problem in PROBLEMS for source in (problem.reference, WRONG)]
    path = write(tmp_path / "s.jsonl", *rows)
    whole = graded(judge, path, tmp_path / "undisturbed")
    for count in (1, 7, 20):
        with pytest.raises(KeyboardInterrupt):
            graded(judge, path, tmp_path, progress=interrupt_after(count))
    counting = Counting(judge)
    result = graded(counting, path, tmp_path)
    assert summary(result) == summary(whole)
    assert 0 < len(counting.programs) <= len(rows) - 20
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert sorted(record["ordinal"] for record in records(result)) == list(range(len(rows)))
    assert result.run is not None
    assert len(json.loads((result.run / "manifest.json").read_text())["sessions"]) == 4


def test_new_samples_never_show_an_old_result(judge: Judge, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", solution(FIRST, FIRST.reference))
    with pytest.raises(KeyboardInterrupt):
        graded(judge, path, tmp_path, progress=interrupt_after(1))
    write(path, solution(FIRST, WRONG))
    result = graded(judge, path, tmp_path)
    assert result.passed == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


@pytest.mark.parametrize("option", [{"extraction": "strict"}, {"cpu_s": 1.0}, {"memory_mb": 512}])
def test_other_options_are_another_run(judge: Judge, tmp_path: Path, option: dict[str, Any]) -> None:
    path = write(tmp_path / "s.jsonl", solution(FIRST, FIRST.reference))
    with pytest.raises(KeyboardInterrupt):
        graded(judge, path, tmp_path, progress=interrupt_after(1))
    counting = Counting(judge)
    graded(counting, path, tmp_path, **option)
    assert len(counting.programs) == 1


def test_a_finished_run_in_the_users_folder_is_shown_with_any_k(judge: Judge, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", *[solution(FIRST, FIRST.reference), solution(FIRST, WRONG)] * 2)
    out = tmp_path / "out"
    first = graded(judge, path, tmp_path, out=out)
    counting = Counting(judge)
    again = graded(counting, path, tmp_path, out=out, k=(1, 2, 3))
    assert counting.programs == []
    assert again.by_status == first.by_status
    assert list(again.pass_at_k) == [1, 2, 3]
    graded(counting, path, tmp_path, out=out, fresh=True)
    assert len(counting.programs) == 2


def test_a_file_that_changes_while_it_is_graded_is_refused(judge: Judge, tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", solution(FIRST, FIRST.reference), solution(SECOND, SECOND.reference))

    def meddle(at: Progress) -> None:
        if at.stage == "grading" and at.done == 1:
            os.utime(path, ns=(1, 1))

    with pytest.raises(InputError, match="changed while it was graded"):
        graded(judge, path, tmp_path, progress=meddle)


def test_samples_at_hand_need_no_folder_and_give_the_same_figures(judge: Judge, tmp_path: Path) -> None:
    samples = [
        Sample(FIRST.id, 0, FIRST.reference, "solution"),
        Sample(FIRST.id.upper(), 1, WRONG.replace("{f}", FIRST.entry_point), "solution"),
        Sample(SECOND.id, 0, "", error="rate limit"),
    ]
    result = graded(judge, iter(samples), tmp_path)
    assert result.by_status == {"passed": 1, "wrong": 1, "unanswered": 1}
    assert result.run is None
    assert not (tmp_path / "runs").exists()
    kept = graded(judge, samples, tmp_path, out=tmp_path / "out")
    assert kept.run == tmp_path / "out"
    assert len(records(kept)) == 3
    with pytest.raises(InputError, match="another run"):
        graded(judge, samples, tmp_path, out=tmp_path / "out")


def test_mistakes_are_told_before_anything_is_judged(judge: Judge, tmp_path: Path) -> None:
    counting = Counting(judge)
    good, bad = solution(FIRST, FIRST.reference), {"task_id": FIRST.id}
    with pytest.raises(InputError, match=r"s\.jsonl:3: no `completion`"):
        graded(counting, write(tmp_path / "s.jsonl", good, good, bad), tmp_path)
    path = write(tmp_path / "s.jsonl", good)
    with pytest.raises(InputError, match=r"problems have no sample"):
        graded(counting, path, tmp_path, missing="fail")
    with pytest.raises(InputError, match="there is no split 'dev'"):
        graded(counting, path, tmp_path, split="dev")
    with pytest.raises(InputError, match="not both"):
        graded(counting, [path, Sample(FIRST.id, 0, "")], tmp_path)
    with pytest.raises(InputError, match="no samples"):
        graded(counting, [], tmp_path)
    with pytest.raises(PluginError, match="no benchmark 'helo'"):
        grade(path, "helo", judge=judge)
    assert counting.programs == []
    assert not (tmp_path / "runs").exists()


def test_missing_files_are_a_data_error(judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARKGAP_DATA", raising=False)
    path = write(tmp_path / "s.jsonl", {"task_id": 1, "completion": ""})
    with pytest.raises(DataError, match="sparkgap data fetch"):
        grade(path, "humaneval", judge=judge)


def test_mbpp_is_the_split_that_the_samples_touch(
    judge: Judge, tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    every = {problem.id: problem for problem in plugins.find("benchmarks", "mbpp").problems()}

    def over(*numbers: int, **more: Any) -> GradeResult:
        rows = [solution(every[f"Mbpp/{n}"], every[f"Mbpp/{n}"].reference) for n in numbers]
        options = GradeOptions(root=tmp_path / "runs", **more)
        return grade(write(tmp_path / "s.jsonl", *rows), "mbpp", judge=judge, options=options)

    assert over(11, 12).problems == 500
    assert over(11, 601).problems == 500 + 374
    assert over(11, 12, split="all").problems == 974
    only = over(11, 601, split="test")
    assert (only.problems, only.samples, only.passed) == (500, 1, 1)
    assert str(only.coverage) == "1 of 500 problems, 1 sample of other splits skipped"
    with pytest.raises(InputError, match="no sample is of split 'prompt'"):
        over(11, split="prompt")


def test_plus_benchmarks_tell_base_and_plus_apart(
    judge: Judge, tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    problem = next(p for p in plugins.find("benchmarks", "humaneval_plus").problems() if p.id == "HumanEval/2")
    # Right on the base tests, all positive and below 2000; wrong on larger numbers of the plus tests.
    partly = "def truncate_number(number):\n    return number % 1.0 if number < 2000 else -1.0\n"
    rows = [solution(problem, problem.reference), solution(problem, partly)]
    options = GradeOptions(root=tmp_path / "runs")
    result = grade(write(tmp_path / "s.jsonl", *rows), "humaneval_plus", judge=judge, options=options)
    assert result.by_status == {"passed": 1, "wrong": 1}
    assert result.groups["base"][1].value == 1.0
    assert result.pass_at_k[1].value == 0.5


@pytest.mark.parametrize("first", ["", "from sparkgap.grade import GradeOptions; ", "import sparkgap.grade; "])
def test_the_public_grade_can_be_called_whatever_was_imported_before(first: str, tmp_path: Path) -> None:
    script = f"{first}from sparkgap import grade; print(grade([], 'hello'))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stderr.splitlines()[-1].startswith("sparkgap.errors.InputError: no samples")


@pytest.mark.parametrize("name", ["cruxeval", "gsm8k"])
def test_what_is_answered_by_no_program_is_sent_to_measure(name: str, tmp_path: Path) -> None:
    try:
        first = next(iter(plugins.find("benchmarks", name).problems()))
    except DataError:
        pytest.skip(f"needs the published files of {name}")
    samples = tmp_path / "samples.jsonl"
    samples.write_text(json.dumps({"task_id": first.id, "response": "42"}) + "\n")
    with pytest.raises(InputError, match="measure replay/FILE"):
        grade(samples, name)
