"""Katas as a benchmark and as a curriculum: splits, words, examples, pairs, knobs, and the same ones everywhere."""

from __future__ import annotations

import ast
import doctest
import hashlib
import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import Any, get_args

import pytest

from sparkgap.benchmarks import Asked
from sparkgap.benchmarks._katas import (
    COMPACT,
    NATURAL,
    Curriculum,
    Split,
    Surface,
    corrupted,
    katas,
    pairs,
    solved,
)
from sparkgap.benchmarks._katas.catalogue import operation, selection
from sparkgap.benchmarks._katas.composition import from_json, run, split_of, steps
from sparkgap.benchmarks.katas import BENCHMARK
from sparkgap.errors import InputError
from sparkgap.extract import extract
from sparkgap.types import InputTests, Problem, Reply

PINNED = "3f90cda134604ba40f6e2c969c7baf64f783e80d262e6c17298430d3e4e29ac3"  # sha256 of ids, prompts and tests
SPLITS: tuple[Split, ...] = get_args(Split)
SURFACES: tuple[Surface, ...] = get_args(Surface)


@pytest.fixture(scope="module")
def published() -> tuple[Problem, ...]:
    return tuple(BENCHMARK.problems())


@pytest.fixture(scope="module")
def compact() -> tuple[Problem, ...]:
    return tuple(katas("train", 240, 1, COMPACT))


def function(source: str, name: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace[name]


def passes(problem: Problem, source: str) -> bool:
    assert isinstance(problem.tests, InputTests)
    ours = function(source, problem.entry_point)
    return [ours(*given) for given in problem.tests.inputs] == list(problem.tests.expected or ())


# The benchmark


def test_there_are_four_hundred_different_compositions_of_four_levels(published: tuple[Problem, ...]) -> None:
    assert len(published) == len({problem.id for problem in published}) == 400
    compositions = [problem.metadata["composition"] for problem in published]
    assert len(set(compositions)) == 400
    levels = Counter(problem.metadata["level"] for problem in published)
    assert levels.keys() == {1, 2, 3, 4}
    assert min(levels[level] for level in (2, 3, 4)) >= 90
    kinds = Counter(operation(name).takes for problem in published for name, *_ in _plain(problem))
    assert min(kinds[kind] for kind in "nslwd") >= 20
    control = [problem for problem in published if problem.metadata["level"] >= 3]
    assert all(_has_control(problem) for problem in control)
    assert not any(_has_control(problem) for problem in published if problem not in control)


def test_the_problems_are_those_that_earlier_runs_were_measured_on(published: tuple[Problem, ...]) -> None:
    """A change of table, words or draws makes another benchmark: say so in CHANGELOG.md, and pin it anew."""
    told = "\n".join(f"{problem.id}\n{problem.prompt}\n{problem.tests}" for problem in published)
    assert hashlib.sha256(told.encode()).hexdigest() == PINNED


def _plain(problem: Problem) -> list[Any]:
    return [stage for stage in problem.metadata["stages"] if stage[0] not in {"if", "repeat"}]


def _has_control(problem: Problem) -> bool:
    tree = ast.parse(problem.reference)
    return any(isinstance(node, ast.For | ast.While | ast.If) for node in ast.walk(tree))


def test_it_is_asked_once_in_two_ways(published: tuple[Problem, ...]) -> None:
    assert isinstance(BENCHMARK, Asked)
    chat, completion = BENCHMARK.variants
    problem = published[0]
    asked = BENCHMARK.ask(problem, chat, ())
    assert asked is not None
    assert problem.prompt in asked.messages[0].content
    assert not asked.text
    going_on = BENCHMARK.ask(problem, completion, ())
    assert going_on is not None
    assert going_on.text == problem.prompt
    assert going_on.decoding.stop
    assert BENCHMARK.ask(problem, chat, (Reply("done"),)) is None


@pytest.mark.parametrize("curriculum", [NATURAL, COMPACT], ids=["natural", "compact"])
def test_references_are_read_whole_out_of_either_kind_of_reply(curriculum: Curriculum) -> None:
    for problem in katas("validation", 60, 2, curriculum):
        completion = problem.reference.removeprefix(problem.prompt)
        assert extract(completion, problem, "completion").strict == problem.reference
        reply = f"Here it is:\n\n```python\n{problem.reference}\n```\nIt works."
        for text in (extract(reply, problem, "response").strict, extract(reply, problem, "response").lenient):
            assert passes(problem, text)
        for stop in BENCHMARK.variants[1].decoding.stop:
            assert stop not in completion, "a completion would be cut"


# Splits


def test_splits_share_no_composition_whatever_the_seed_and_the_style() -> None:
    found: dict[Split, set[str]] = {}
    for split in SPLITS:
        several = [*katas(split, 60, 0), *katas(split, 60, 5), *katas(split, 120, 3, COMPACT)]
        assert {problem.split for problem in several} == {split}
        assert {split_of(from_json(problem.metadata["stages"])) for problem in several} == {split}
        found[split] = {problem.metadata["composition"] for problem in several}
        assert len(found[split]) > 160
    assert not found["train"] & found["test"]
    assert not found["train"] & found["validation"]
    assert not found["validation"] & found["test"]


def test_a_composition_stays_in_its_split_under_other_constants_and_names() -> None:
    for constant in operation("keep_above").constants:
        assert split_of(from_json([["keep_above", constant], ["sum"]])) == split_of(
            from_json([["keep_above", 3], ["sum"]])
        )
    for one, other in (
        ([["reverse_list"], ["first"]], [["last"]]),
        ([["reverse_list"], ["sort"]], [["sort"]]),
        ([["negate"], ["negate"], ["square"]], [["square"]]),
        ([["sort"], ["last"]], [["sort_down"], ["first"]]),
    ):
        assert split_of(from_json(one)) == split_of(from_json(other))


def test_a_tenth_each_is_held_out() -> None:
    among = selection(None, "nslwd")
    pairs_of = [[[one.name], [other.name]] for one in among for other in among if one.gives == other.takes]
    splits = Counter(split_of(from_json(pair)) for pair in pairs_of)
    for split in ("test", "validation"):
        assert 0.08 < splits[split] / splits.total() < 0.12


# Words and examples


def test_natural_prompts_are_functions_with_right_examples_that_are_no_hidden_tests(
    published: tuple[Problem, ...],
) -> None:
    shown = 0
    for problem in published:
        (stub,) = ast.parse(problem.prompt).body
        assert isinstance(stub, ast.FunctionDef)
        assert stub.name == problem.entry_point
        assert stub.returns is not None
        doc = ast.get_docstring(stub) or ""
        assert max(map(len, problem.prompt.splitlines())) <= 130, problem.id
        ours = function(problem.reference, problem.entry_point)
        assert isinstance(problem.tests, InputTests)
        calls = {f"{problem.entry_point}({', '.join(map(repr, given))})" for given in problem.tests.inputs}
        for example in doctest.DocTestParser().get_examples(doc):
            shown += 1
            assert repr(eval(example.source, {problem.entry_point: ours})) == example.want.strip()
            assert example.source.strip() not in calls
    assert shown > 700


def test_wording_varies_and_two_arguments_are_in_signature_and_words(published: tuple[Problem, ...]) -> None:
    assert len({problem.entry_point for problem in published}) > 5
    two = [problem for problem in published if len(ast.parse(problem.prompt).body[0].args.args) == 2]  # type: ignore[attr-defined]
    assert 40 < len(two) < 120
    for problem in two:
        assert "k" in ast.unparse(ast.parse(problem.reference)).split('"""')[-1]
        assert isinstance(problem.tests, InputTests)
        assert len({given[1] for given in problem.tests.inputs}) > 1
    by_composition: dict[str, set[str]] = {}
    for problem in katas("train", 300, 1, replace(COMPACT, levels=(1,), operations=20)):
        by_composition.setdefault(str(problem.metadata["stages"]), set()).add(problem.prompt)
    assert max(map(len, by_composition.values())) > 1, "one composition is said in several ways"


def test_compact_prompts_and_solutions_are_short_and_end_without_a_newline(compact: tuple[Problem, ...]) -> None:
    for problem in compact:
        assert problem.prompt.startswith("def f(x):\n")
        assert problem.prompt.endswith('"')
        assert not problem.reference.endswith("\n")
        assert problem.reference.startswith(problem.prompt + "\n    ")
    assert sum(len(problem.prompt) for problem in compact) / len(compact) < 60
    assert sum(len(problem.reference) - len(problem.prompt) for problem in compact) / len(compact) < 80


# Pairs


def test_pairs_are_right_and_wrong_as_asked_in_every_surface(compact: tuple[Problem, ...]) -> None:
    found = list(pairs(compact, 4, seed=2, wrong=2 / 3))
    assert len(found) == 4 * len(compact)
    for pair in found:
        assert passes_safely(pair.problem, pair.prompt + pair.completion) == (pair.fault == "")
    assert 0.6 < sum(bool(pair.fault) for pair in found) / len(found) < 0.73
    right = {pair.problem.id: set[str]() for pair in found}
    for pair in found:
        right[pair.problem.id].add(pair.completion)
    assert sum(len(completions) > 1 for completions in right.values()) > len(compact) / 2


def passes_safely(problem: Problem, source: str) -> bool:
    try:
        return passes(problem, source)
    except Exception:
        return False


@pytest.mark.parametrize("surface", SURFACES)
def test_a_solution_is_right_in_every_surface(surface: Surface, published: tuple[Problem, ...]) -> None:
    texts = set()
    for problem in published[:80]:
        completion = solved(problem, surface)
        texts.add(completion)
        assert passes(problem, problem.prompt + completion), problem.id
        assert passes(problem, problem.prompt + solved(problem, surface, random.Random(1))), problem.id
    assert len(texts) > 60


# Knobs


def test_operations_kinds_levels_and_control_are_bounded() -> None:
    small = Curriculum((2, 3), control=False, operations=12, kinds="nl", two_arguments=0.0)
    used = set()
    for problem in katas("train", 80, 1, small):
        stages = from_json(problem.metadata["stages"])
        assert len(stages) in {2, 3}
        used |= {step.operation.name for step in steps(stages)}
        assert not _has_control(problem)
    assert 6 < len(used) <= 12
    assert {operation(name).takes for name in used} == {"n", "l"}
    assert {operation(name).gives for name in used} <= {"n", "l"}


def test_distraction_names_what_is_not_to_be_done() -> None:
    plain = list(katas("train", 60, 4, COMPACT))
    distracted = list(katas("train", 60, 4, replace(COMPACT, distraction=1.0)))
    for one, other in zip(plain, distracted, strict=True):
        assert one.tests == other.tests
        assert '"not ' in other.prompt or ", not " in other.prompt
    natural = katas("train", 20, 4, replace(NATURAL, distraction=1.0))
    assert all("Do not " in " ".join(problem.prompt.split()) for problem in natural)


def test_a_small_curriculum_goes_on_with_the_same_compositions() -> None:
    tiny = Curriculum((1,), operations=6, kinds="l", style="compact", examples=0)
    assert len({problem.id for problem in katas("train", 120, 1, tiny)}) == 120


@pytest.mark.parametrize(
    ("curriculum", "said"),
    [
        (Curriculum((5,)), "levels 1 to 4"),
        (Curriculum(()), "levels 1 to 4"),
        (Curriculum(kinds="nx"), "'nx'"),
        (Curriculum((2,), operations=0), "allow more operations"),
    ],
)
def test_a_curriculum_without_katas_says_so(curriculum: Curriculum, said: str) -> None:
    with pytest.raises(InputError, match=said):
        next(katas("train", 1, 0, curriculum))


# The same everywhere


def test_katas_are_the_same_in_every_process_and_under_every_hash_seed() -> None:
    script = (
        "import random; from sparkgap.benchmarks._katas import *;"
        "ps = [*katas('test', 30), *katas('train', 30, 3, COMPACT)];"
        "print(*ps, *pairs(ps, 2, 1, 0.5), *contradictory('test', 3), sep='\\n')"
    )
    told = set()
    for seed in ("0", "1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, check=True)
        told.add(done.stdout)
    assert len(told) == 1
    assert len(told.pop()) > 50_000


def test_a_longer_row_begins_like_a_shorter_one_and_seeds_differ() -> None:
    short, long = list(katas("test", 12)), list(katas("test", 40))
    assert long[:12] == short
    prompts = {problem.prompt for problem in long}
    assert len(prompts & {problem.prompt for problem in katas("test", 40, 1)}) <= 2


def test_the_oracle_answers_what_the_tests_expect(published: tuple[Problem, ...]) -> None:
    for problem in published[::10]:
        assert isinstance(problem.tests, InputTests)
        stages = from_json(problem.metadata["stages"])
        assert [run(stages, *given) for given in problem.tests.inputs] == list(problem.tests.expected or ())
        assert corrupted(problem, random.Random(3))[0] != solved(problem, "nested")
