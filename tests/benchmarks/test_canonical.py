"""Real verdicts: every published solution passes, and every sample answer of `hello` gets the status it deserves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sparkgap import plugins
from sparkgap.benchmarks.hello import samples_path
from sparkgap.extract import extract
from sparkgap.judge import Judge
from sparkgap.references import GENEROUS, Reference, prepared, references
from sparkgap.types import Problem, Program, Verdict

# A second of CPU and more each, and most of the whole: left to the long runs.
HEAVY = {
    "HumanEval/15", "HumanEval/36", "HumanEval/59", "HumanEval/83", "HumanEval/94", "HumanEval/130", "HumanEval/139",
    "Mbpp/123", "Mbpp/392", "Mbpp/599",
}  # fmt: skip


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


def problems_of(name: str, published: Path) -> list[Problem]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKGAP_DATA", str(published))
        return list(plugins.find("benchmarks", name).problems())


def failures(judge: Judge, problems: Iterable[Problem], programs: Iterable[Program]) -> dict[str, tuple[Any, ...]]:
    """Return what was not passed, by problem, with why."""
    ids = [problem.id for problem in problems]
    return {ids[index]: told(verdict) for index, verdict in judge.stream(programs) if not verdict.passed}


def told(verdict: Verdict) -> tuple[Any, ...]:
    return verdict.status, verdict.reason, verdict.failure


@pytest.mark.parametrize(("name", "count"), [("humaneval", 164), ("mbpp", 974), ("mbpp_sanitized", 427)])
def test_every_canonical_solution_passes(judge: Judge, published: Path, name: str, count: int) -> None:
    problems = problems_of(name, published)
    assert len(problems) == count
    # Mbpp/123 alone takes 5 to 8 s of CPU; the others would do with the default.
    assert failures(judge, problems, (Program(p.reference, p.tests, limits=GENEROUS) for p in problems)) == {}


def plus_failures(judge: Judge, problems: list[Problem]) -> dict[str, Any]:
    """Record the answers of each reference, then judge it by them as any candidate is."""
    known: dict[str, Reference] = references(judge, problems, cache=False)
    broken: dict[str, Any] = {id_: reference.error for id_, reference in known.items() if reference.error}
    whole = [problem for problem in problems if problem.id not in broken]
    exams = [prepared(problem, known[problem.id]) for problem in whole]
    programs = (Program(p.reference, tests, limits=limits) for p, (tests, limits) in zip(whole, exams, strict=True))
    return broken | failures(judge, whole, programs)


@pytest.mark.parametrize("name", ["humaneval_plus", pytest.param("mbpp_plus", marks=pytest.mark.soak)])
def test_canonical_solutions_pass_their_own_answers(judge: Judge, published: Path, name: str) -> None:
    problems = [problem for problem in problems_of(name, published) if problem.id not in HEAVY]
    assert len(problems) > 150
    assert plus_failures(judge, problems) == {}


@pytest.mark.soak
@pytest.mark.parametrize(("name", "count"), [("humaneval_plus", 7), ("mbpp_plus", 3)])
def test_heavy_canonical_solutions_pass_their_own_answers(judge: Judge, published: Path, name: str, count: int) -> None:
    problems = [problem for problem in problems_of(name, published) if problem.id in HEAVY]
    assert len(problems) == count
    assert plus_failures(judge, problems) == {}


def test_hello_references_pass_and_samples_get_what_they_deserve(judge: Judge) -> None:
    problems = {problem.id: problem for problem in plugins.find("benchmarks", "hello").problems()}
    known = references(judge, problems.values(), cache=False)
    assert {id_: reference.error for id_, reference in known.items() if reference.error} == {}
    with samples_path() as path:
        samples = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    programs = []
    for sample in samples:
        tests, limits = prepared(problems[sample["task_id"]], known[sample["task_id"]])
        read = extract(sample["response"], problems[sample["task_id"]], "response")
        programs.append(Program(read.lenient, tests, limits=limits))
    verdicts = dict(judge.stream(program for program in programs if program.source.strip()))
    left = iter(sorted(verdicts))
    differ = {}
    for sample, program in zip(samples, programs, strict=True):
        verdict = verdicts[next(left)] if program.source.strip() else Verdict("empty", "extract")
        expect = sample["expect"] if isinstance(sample["expect"], list) else [sample["expect"]]
        if verdict.status not in expect:
            differ[f"{sample['task_id']}: {sample['note']}"] = told(verdict)
    assert differ == {}
