"""Problems to train on: read from files and benchmarks, never from a test split."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from run_folders import write_run
from sparkgap import plugins
from sparkgap.errors import InputError
from sparkgap.judge import Judge
from sparkgap.train.marking import Marker
from sparkgap.train.problems import Source, impossible, problem_set, read_problems
from sparkgap.types import CodeTests, InputTests, StdioTests

CODE = {
    "id": "a",
    "prompt": "p",
    "tests": "assert f(1) == 2",
    "reference": "def f(x): return x + 1",
    "entry_point": "f",
}
INPUTS = {
    "id": "b",
    "prompt": "p",
    "tests": {"entry_point": "f", "inputs": "[(1,), ({2, 3},)]", "expected": "[2, None]"},
}
STDIO = {"id": "c", "prompt": "p", "tests": {"stdio": [["1\n", "2"], ["2\n", "3"]]}}


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in records), "utf-8")
    return path


def test_every_kind_of_tests_is_read(tmp_path: Path) -> None:
    code, inputs, stdio = read_problems(write(tmp_path / "p.jsonl", CODE, "", INPUTS, STDIO))
    assert code.tests == CodeTests("assert f(1) == 2")
    assert (code.split, code.entry_point, code.continues) == ("train", "f", False)
    assert inputs.tests == InputTests("f", ((1,), ({2, 3},)), (2, None))
    assert stdio.tests == StdioTests((("1\n", "2"), ("2\n", "3")))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", r"p\.jsonl:2: not a problem"),
        ("[1]", r"p\.jsonl:2: not a problem \(not an object\)"),
        ({"id": "x", "prompt": "p"}, r":2: .*`tests` is missing"),
        ({**CODE, "id": "x", "tests": " "}, r":2: .*`tests` is empty"),
        ({**CODE, "id": "x", "tests": {"stdio": []}}, r":2: .*`stdio` is empty"),
        ({**CODE, "id": 3}, r":2: .*`id` is not a string"),
        ({**CODE, "id": "x", "tests": {"entry_point": "f", "inputs": "[(1,)]", "expected": "[]"}}, "different lengths"),
        (
            {**CODE, "id": "x", "tests": {"entry_point": "f", "inputs": "open('x')", "expected": "[]"}},
            ":2: not a problem",
        ),
        ({**CODE, "id": "x", "tests": 7}, "neither Python"),
        (CODE, r":2: a was in line 1 already"),
    ],
)
def test_a_line_that_is_no_problem_is_named(tmp_path: Path, line: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        list(read_problems(write(tmp_path / "p.jsonl", CODE, line)))


def test_held_out_problems_are_those_of_the_validation_split_or_the_last_tenth(tmp_path: Path) -> None:
    train = [{**CODE, "id": f"t{number}"} for number in range(30)]
    without = problem_set(Source(str(write(tmp_path / "a.jsonl", *train))))
    assert [len(without.train), len(without.held_out)] == [27, 3]
    assert not {each.id for each in without.train} & {each.id for each in without.held_out}
    split = [{**CODE, "id": f"v{number}", "split": "validation"} for number in range(4)]
    with_split = problem_set(Source(str(write(tmp_path / "b.jsonl", *train, *split)), limit=10), 2)
    assert [len(with_split.train), [each.id for each in with_split.held_out]] == [10, ["v0", "v1"]]


@pytest.mark.parametrize("name", ["humaneval", "hello"])
def test_a_benchmark_without_a_training_split_is_refused(name: str, published: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    with pytest.raises(InputError, match="has no training split"):
        problem_set(Source(name))


def test_of_mbpp_the_training_split_is_trained_on_and_the_validation_split_held_out(
    published: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    found = problem_set(Source("mbpp"), 50)
    assert [len(found.train), len(found.held_out)] == [374, 50]
    assert {each.split for each in found.train} == {"train"}


@pytest.mark.parametrize("name", ["nowhere.jsonl", "a/b"])
def test_a_file_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(InputError, match="there is no file"):
        problem_set(Source(name))


def test_problems_near_what_was_failed_are_chosen_by_run_or_by_list(tmp_path: Path) -> None:
    hello = list(plugins.find("benchmarks", "hello").problems())
    failed = {"flatten", "merge", "transpose", "second_largest"}
    run = write_run(tmp_path / "run", "hello", {each.id: [float(each.entry_point not in failed)] for each in hello})
    listed = [
        {"benchmark": "hello", "task_id": each.id, "solved_by": {"x": 1.0}, "cause": "wrong"}
        for each in hello
        if each.entry_point in failed
    ]
    gap = write(tmp_path / "gap.jsonl", *listed)
    prompts = ["def initials(name, word): first letter", "def merge_rows(left, right): merge", "def merge(x): sort it"]
    rows = [{**CODE, "id": f"a/{i}", "prompt": prompt, "reference": ""} for i, prompt in enumerate(prompts)]
    source = Source(str(write(tmp_path / "a.jsonl", *rows)))
    for prefer in (run, gap):
        near = problem_set(replace(source, prefer=prefer), 0).train
        assert {each.id for each in near} == {"a/1", "a/2"}
        assert problem_set(replace(source, prefer=prefer, limit=1), 0).train == near[:1]
    katas = problem_set(Source("katas", count=300, prefer=gap, limit=3), 2)
    assert (len(katas.train), len(katas.held_out)) == (3, 2)
    with pytest.raises(InputError, match=r"no problem of .*a\.jsonl is near what"):
        problem_set(Source(str(write(tmp_path / "a.jsonl", rows[0])), prefer=gap), 0)
    with pytest.raises(InputError, match="not to be trained on; give it to --for"):
        problem_set(Source(str(gap)))


def test_katas_are_made_apart() -> None:
    found = problem_set(Source("katas", count=6, compact=True, levels=(1,)), 4)
    assert [len(found.train), len(found.held_out)] == [6, 4]
    assert {each.split for each in found.train} == {"train"}
    assert {each.split for each in found.held_out} == {"validation"}
    assert all(each.metadata["level"] == 1 for each in (*found.train, *found.held_out))


def test_contradictory_tests_pass_for_nobody_and_the_original_for_its_solution(tmp_path: Path, judge: Judge) -> None:
    inputs = {**INPUTS, "tests": {"entry_point": "f", "inputs": "[(1,), (4,)]", "expected": "[2, 5]"}}
    solution = {"id": "d", "prompt": "p", "tests": {"stdio": [["1\n", "2"]]}}
    originals = list(read_problems(write(tmp_path / "p.jsonl", CODE, inputs, solution)))
    solutions = ["def f(x): return x + 1", "def f(x): return x + 1", "print(int(input()) + 1)"]
    marker = Marker(judge, "tests")
    passed = marker.marks(zip(originals, solutions, strict=True), "solution")
    assert [mark.status for mark in passed] == ["passed"] * 3
    canaries = impossible(originals, 1.0)
    failed = marker.marks(zip(canaries, solutions, strict=True), "solution")
    assert [mark.status for mark in failed] == ["wrong"] * 3
    assert [mark.value for mark in failed] == [None] * 3
    marker.close()
