"""Scoring: what is kept is bounded, what is said is the verdict's, and a broken judge is loud."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from sparkgap import scoring
from sparkgap.errors import InfraError
from sparkgap.references import Reference
from sparkgap.scoring import Exam, Scoring, _sha256_of, code_sha256, exam_of, explain
from sparkgap.types import CodeTests, Diagnostic, Failure, Limits, Problem, Program, Sample, Verdict

FAILED = "a test failed: Error"
PROBLEM = Problem("p/1", "p", "", "def f(): return 1\n", CodeTests("assert f() == 1"), "f")


class Scripted:
    """Stands for the judge: `says` gives the verdict on each program, at once, so that order and number are known."""

    workers = 1

    def __init__(self, says: Callable[[Program], Verdict]) -> None:
        self._says = says
        self.programs: list[Program] = []

    def submit(self, program: Program) -> Future[Verdict]:
        self.programs.append(program)
        future: Future[Verdict] = Future()
        future.set_result(self._says(program))
        return future


def scored(judge: Any, *replies: str, exam: Exam | None = None) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    exams = {"p/1": exam or Exam(PROBLEM, PROBLEM.tests, Limits())}
    samples = (Sample("p/1", n, reply, "solution") for n, reply in enumerate(replies))
    Scoring(judge, exams, "strict", records.append).run(enumerate(samples))
    return records


def program(number: int) -> str:
    return f"def f(): return {number}\n"


def test_records_carry_the_sample_and_the_verdict() -> None:
    judge = Scripted(
        lambda _: Verdict("wrong", "test", "a test failed", failure=Failure("t", "f()", "1", "2"), cpu_s=0.5)
    )
    (record,) = scored(judge, program(2))
    assert record == {
        "ordinal": 0, "status": "wrong", "problem_id": "p/1", "sample_index": 0, "value": 0.0,
        "why": "f() returned 2, expected 1", "strict": "wrong", "lenient": "wrong", "how_strict": "verbatim",
        "how_lenient": record["how_lenient"],
        "verdict": {
            "status": "wrong", "stage": "test", "reason": "a test failed",
            "failure": {"test": "t", "call": "f()", "expected": "1", "actual": "2"},
            "cpu_s": 0.5, "wall_s": 0.0, "memory_mb": 0.0,
        },
    }  # fmt: skip


def test_only_recent_verdicts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "RECENT", 2)
    judge = Scripted(lambda _: Verdict("passed"))
    replies = [program(n) for n in (1, 2, 1, 3, 1, 2)]  # 1 stays recent by use; 2 is dropped for 3
    scored(Windowless(judge), *replies)
    assert [p.source for p in judge.programs] == [program(n) for n in (1, 2, 3, 2)]


class Windowless:
    """Lets one program be in flight, so that each verdict is known before the next sample is read."""

    workers = 0

    def __init__(self, judge: Scripted) -> None:
        self.submit = judge.submit


@pytest.fixture(autouse=True)
def _one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Scoring.__init__

    def narrow(self: Scoring, judge: Any, *rest: Any) -> None:
        whole(self, judge, *rest)
        if judge.workers == 0:
            self._window = 0

    monkeypatch.setattr(Scoring, "__init__", narrow)


def test_copies_in_flight_wait_for_one_verdict() -> None:
    judge = Scripted(lambda _: Verdict("passed"))
    records = scored(judge, *[program(1)] * 20)
    assert len(judge.programs) == 1
    assert [record["sample_index"] for record in records] == list(range(20))


def test_a_failure_of_the_judge_is_never_shared_or_kept() -> None:
    verdicts = iter([Verdict("infra", "load", "broke"), Verdict("passed"), Verdict("passed")])
    judge = Scripted(lambda _: next(verdicts))
    records = scored(Windowless(judge), program(1), program(2))
    assert sorted(record["status"] for record in records) == ["passed", "passed"]
    assert [p.source for p in judge.programs] == [program(1), program(2), program(1)]


def test_no_more_than_a_few_samples_are_kept_for_a_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "RETRIES", 3)
    judge = Scripted(lambda _: Verdict("infra", "load", "broke"))
    records = scored(judge, *map(program, range(10)))
    assert [record["value"] for record in records] == [None] * 10
    assert len(judge.programs) == 10 + 3


def test_a_closed_judge_is_our_failure() -> None:
    class Closed:
        workers = 1

        def submit(self, _: Program) -> Future[Verdict]:
            future: Future[Verdict] = Future()
            future.cancel()
            return future

    with pytest.raises(InfraError, match="closed before it was done"):
        scored(Closed(), program(1))


def test_no_program_is_empty_without_a_run() -> None:
    judge = Scripted(lambda _: Verdict("passed"))
    records = scored(judge, "", " \n\t")
    assert [record["status"] for record in records] == ["empty", "empty"]
    assert [record["value"] for record in records] == [0.0, 0.0]
    assert judge.programs == []


def test_an_exam_without_a_reference_scores_nobody() -> None:
    judge = Scripted(lambda _: Verdict("passed"))
    broken = exam_of(PROBLEM, Reference(None, error="the reference solution failed here"), None, None)
    (record,) = scored(judge, program(1), exam=broken)
    assert (record["status"], record["value"]) == ("infra", None)
    assert record["why"] == "the reference solution failed here"
    assert judge.programs == []


def test_limits_named_by_the_user_go_before_the_references() -> None:
    reference = Reference(0.01, memory_mb=10)
    assert exam_of(PROBLEM, reference, None, None).limits == Limits(cpu_s=0.5)
    assert exam_of(PROBLEM, reference, 7.0, 64).limits == Limits(cpu_s=7.0, memory_mb=64)


@pytest.mark.parametrize(
    ("verdict", "why"),
    [
        (Verdict("passed", reason="fine"), ""),
        (Verdict("timeout", reason="over 3 s of CPU"), "over 3 s of CPU"),
        (Verdict("raised", diagnostics=(Diagnostic("test", "error", "KeyError", "'a'", 3),)), "KeyError: 'a' (line 3)"),
        (Verdict("syntax", diagnostics=(Diagnostic("parse", "error", "SyntaxError", "bad"),)), "SyntaxError: bad"),
        (Verdict("wrong", "test", FAILED, failure=Failure("t", "f()", "1", "2")), "f() returned 2, expected 1"),
        (Verdict("wrong", "test", FAILED, failure=Failure("assert f() in\n  (1, 2)")), "assert f() in (1, 2)"),
        (
            Verdict("wrong", "test", "it goes by the hash seed", failure=Failure("t", "f()", "1")),
            "it goes by the hash seed",
        ),
        (Verdict("raised", reason="x" * 1000), "x" * 300),
    ],
)
def test_a_verdict_is_explained_in_one_line(verdict: Verdict, why: str) -> None:
    assert explain(verdict) == why


def test_the_code_that_decides_is_known_by_its_files(tmp_path: Path) -> None:
    assert set(code_sha256()) == {"extract", "judge"}
    assert all(len(each) == 64 for each in code_sha256().values())
    (tmp_path / "a.py").write_text("1")
    before = _sha256_of(tmp_path)
    (tmp_path / "a.pyc").write_text("made")
    assert _sha256_of(tmp_path) == before
    (tmp_path / "a.py").write_text("2")
    assert _sha256_of(tmp_path) != before
