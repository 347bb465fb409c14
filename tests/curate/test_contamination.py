"""The three ways against the benchmarks, on solutions in disguise; and what they are made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corpus
from sparkgap.curate.contamination.behaviour import Examiner, Verdicts, behaviour
from sparkgap.curate.contamination.disguises import DISGUISES
from sparkgap.curate.contamination.index import Known, build, known, load, save
from sparkgap.curate.contamination.probes import answering, probes, read_probes, write_probes
from sparkgap.curate.contamination.selftest import CLEAN, WAYS, Check, sampled, selftest, standard_library
from sparkgap.curate.contamination.variations import variations
from sparkgap.curate.deciding import all_rules
from sparkgap.curate.documents import Document
from sparkgap.curate.filters.benchmarks import FILTER
from sparkgap.curate.parsing import parsed
from sparkgap.judge import Judge
from sparkgap.types import CodeTests, Problem

RULES = {each.rule.name: each.rule for each in all_rules({}) if each.rule.name in WAYS}


@pytest.fixture(scope="module")
def hello() -> Known:
    return known(("hello",))


@pytest.fixture(scope="module")
def examiner(judge: Judge, hello: Known) -> Examiner:
    return Examiner(judge, hello.problems)


def test_each_way_finds_what_it_is_for(judge: Judge, hello: Known, examiner: Examiner, tmp_path: Path) -> None:
    kept = Verdicts(tmp_path / "v.jsonl")
    index = build(hello.problems)
    check = Check(judge, index, examiner, RULES)
    told = selftest(check, sampled(hello.problems, 28), standard_library(40), kept)
    kept.close()
    tried = {each.guise: each for each in told}
    assert set(tried) == {*DISGUISES, CLEAN}
    assert all(each.of >= 20 for each in tried.values())
    assert tried["verbatim"].any >= tried["verbatim"].of - 1
    assert tried["disguised"].structure >= tried["disguised"].of // 4
    assert tried["disguised"].ngrams <= 2
    asked = 20 / 25  # of the solutions; the others have no probes
    for guise in DISGUISES:
        assert tried[guise].behaviour >= 0.9 * asked * tried[guise].of, tried[guise]
    assert tried[CLEAN].ngrams == tried[CLEAN].structure == 0
    assert tried[CLEAN].behaviour <= tried[CLEAN].of // 20


def test_most_of_a_benchmark_is_found_in_disguise(
    judge: Judge, published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    humaneval = known(("humaneval",))
    rows = [(place, DISGUISES["disguised"](problem.reference)) for place, problem in enumerate(humaneval.problems[::8])]
    kept = Verdicts(tmp_path / "v.jsonl")
    found = behaviour(Examiner(judge, humaneval.problems[::8]), rows, kept)
    kept.close()
    assert sum(nodes > 6 for nodes, _ in found.rows.values()) >= 0.9 * len(rows)


def test_what_was_asked_once_is_not_asked_again(
    examiner: Examiner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [(0, corpus.module(1)), (1, corpus.REWRITTEN)]
    kept = Verdicts(tmp_path / "v.jsonl")
    first = behaviour(examiner, documents, kept)
    kept.close()
    assert first.rows[1][1] == "Hello/7 by runner_up"
    with (tmp_path / "v.jsonl").open("a") as stream:
        stream.write('{"key": "torn')
    monkeypatch.setattr(Examiner, "confirmed", lambda *_: pytest.fail("asked again"))
    kept = Verdicts(tmp_path / "v.jsonl")
    assert behaviour(examiner, documents, kept).rows == first.rows
    kept.close()


def test_an_endless_function_ends_and_is_no_solution(examiner: Examiner, tmp_path: Path) -> None:
    text = "def f(x):\n    while True:\n        x = [x]\n"
    kept = Verdicts(tmp_path / "v.jsonl")
    found = behaviour(examiner, [(0, text)], kept)
    kept.close()
    assert (found.rows, found.functions) == ({}, 1)


def test_problems_that_an_idle_function_solves_are_not_asked(judge: Judge) -> None:
    def problem(name: str, body: str, tests: str) -> Problem:
        return Problem(name, "mine", "", f"def {name}(x):\n    {body}\n", CodeTests(tests), name)

    given = [
        problem("same", "return [y for y in x]", "assert same([1, 2]) == [1, 2]\nassert same([3]) == [3]"),
        problem("double", "return [2 * y for y in x]", "assert double([1, 2]) == [2, 4]\nassert double([5]) == [10]"),
    ]  # fmt: skip
    assert Examiner(judge, given).without == ("same",)


def test_probes_are_read_as_they_were_written(judge: Judge, hello: Known, tmp_path: Path) -> None:
    found, _ = probes(judge, hello.problems)
    write_probes(tmp_path / "p.json", hello.problems, found)
    assert read_probes(tmp_path / "p.json", hello.problems) == found
    assert read_probes(tmp_path / "p.json", hello.problems[1:]) is None
    assert read_probes(tmp_path / "none.json", hello.problems) is None


def test_answers_compare_as_values_do(judge: Judge) -> None:
    source = "def f(x):\n    return {1: (True, 2.0, {3, 1}), 'a': [x, None, 1 / 3]}\n"
    verdict = judge.run(answering(source, "f", [(1,), (1.0,), ("1",), (object,)][:3]))
    assert verdict.answers is not None
    one, same, other = verdict.answers[0]
    assert one == same != other
    assert "0.333333" in one


def test_a_neighbour_of_a_solution_is_not_one(hello: Known) -> None:
    index = build(hello.problems)
    overlap = FILTER.measure_against(Document(corpus.module(3), "m.py", language="python"), index)
    assert overlap["ngram_overlap"] == 0
    assert overlap["structure_nodes"] == 0


def test_an_index_is_read_as_it_was_written(hello: Known, tmp_path: Path) -> None:
    index = build(hello.problems)
    save(index, tmp_path / "i.npz", "key")
    assert load(tmp_path / "i.npz", "other") is None
    read = load(tmp_path / "i.npz", "key")
    assert read is not None
    measured = FILTER.measure_against(Document(corpus.RENAMED, "m.py", language="python"), read)
    assert measured == FILTER.measure_against(Document(corpus.RENAMED, "m.py", language="python"), index)
    assert measured["structure_problem"] == "Hello/10"


@pytest.mark.parametrize("guise", DISGUISES)
def test_a_disguise_is_a_program(hello: Known, guise: str) -> None:
    for problem in hello.problems:
        if problem.entry_point:
            assert parsed(DISGUISES[guise](problem.reference)) is not None


VALUES = st.recursive(
    st.integers() | st.booleans() | st.floats(-100, 100) | st.text(max_size=6) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=3))
def test_variations_are_calls_of_the_same_kind(calls: list[tuple[object, object]]) -> None:
    made = variations(calls)
    assert made == variations(calls)
    assert len({repr(call) for call in [*made, *calls]}) == len(made) + len({repr(call) for call in calls})
    kinds = [{type(call[place]) for call in calls} for place in range(2)]
    for call in made:
        assert len(call) == 2
        assert all(type(value) in kinds[place] for place, value in enumerate(call))
