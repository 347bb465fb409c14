"""The benchmark that ships with the package: every kind of tests, and sample answers of every kind."""

from __future__ import annotations

import ast
import json
from collections import Counter
from typing import Any, get_args

import pytest

from sparkgap.benchmarks.hello import BENCHMARK, samples_path
from sparkgap.extract import extract
from sparkgap.judge.oracles import compare
from sparkgap.types import STATUSES, CodeTests, DocTests, InputTests, Problem, StdioTests, Tests

PROBLEMS = {problem.id: problem for problem in BENCHMARK.problems()}


def samples() -> list[dict[str, Any]]:
    with samples_path() as path:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


SAMPLES = samples()


def expected(sample: dict[str, Any]) -> list[str]:
    expect = sample["expect"]
    return expect if isinstance(expect, list) else [expect]


def test_there_are_problems_of_every_kind() -> None:
    assert len(PROBLEMS) == 28
    kinds = Counter(type(problem.tests) for problem in PROBLEMS.values())
    assert set(kinds) == set(get_args(Tests))
    assert min(kinds[StdioTests], kinds[DocTests], kinds[InputTests]) >= 2
    assert {problem.continues for problem in PROBLEMS.values()} == {True, False}
    assert any(isinstance(p.tests, InputTests) and p.tests.groups for p in PROBLEMS.values())


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_a_prompt_says_what_is_asked_for(problem: Problem) -> None:
    assert problem.entry_point in problem.prompt
    if problem.continues:
        stub = ast.parse(problem.prompt).body[-1]
        assert isinstance(stub, ast.FunctionDef)
        assert stub.name == problem.entry_point
        assert ast.get_docstring(stub)
    assert ast.parse(problem.reference).body
    if isinstance(problem.tests, InputTests):
        assert problem.tests.entry_point == problem.entry_point
        assert problem.tests.expected is not None


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_references_hold_without_any_judge(problem: Problem) -> None:
    namespace: dict[str, Any] = {"__name__": "reference"}
    if isinstance(problem.tests, CodeTests):
        exec(problem.reference + "\n" + problem.tests.prelude + "\n" + problem.tests.code, namespace)
    elif isinstance(problem.tests, InputTests):
        exec(problem.reference, namespace)
        assert problem.tests.expected is not None
        for args, expected in zip(problem.tests.inputs, problem.tests.expected, strict=True):
            answer = namespace[problem.entry_point](*args)
            assert compare(problem.tests.oracle, args, answer, expected, problem.tests.atol)
            assert not compare(problem.tests.oracle, args, "something else", expected, problem.tests.atol)


def test_every_problem_has_equally_many_samples_and_enough_for_pass_at_3() -> None:
    counts = Counter(sample["task_id"] for sample in SAMPLES)
    assert list(counts) == list(PROBLEMS)
    assert set(counts.values()) == {4}


def test_samples_are_of_every_kind() -> None:
    for sample in SAMPLES:
        assert sample.keys() == {"task_id", "response", "expect", "note"}
        assert set(expected(sample)) <= set(STATUSES) - {"infra"}, "no answer may break the judge"
        assert expected(sample) == ["passed"] or "passed" not in expected(sample), "a pass is never a matter of taste"
    sure = Counter(sample["expect"] for sample in SAMPLES if isinstance(sample["expect"], str))
    assert {"passed", "wrong", "raised", "syntax", "timeout", "memory", "empty"} <= set(sure)
    assert 0.4 < sure["passed"] / len(SAMPLES) < 0.6
    text = "\n".join(sample["response"] for sample in SAMPLES)
    cheats = [
        "sys.exit(0)", "os._exit(0)", "__eq__", "_getframe", "builtins.abs =", '"status": "passed"', "(int)", "(list)",
        "(float)", "/etc/shadow", "socket", "subprocess", "get_objects", "doctest.", "os.kill", "ctypes",
    ]  # fmt: skip
    assert [cheat for cheat in cheats if cheat not in text] == []


def test_some_replies_are_read_better_by_the_lenient_way() -> None:
    differ = 0
    for sample in SAMPLES:
        read = extract(sample["response"], PROBLEMS[sample["task_id"]], "response")
        differ += read.strict != read.lenient
        if expected(sample) == ["passed"]:
            ast.parse(read.lenient)
    assert differ >= 3
