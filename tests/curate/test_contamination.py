"""The three ways against the benchmarks, on solutions in disguise; and what they are made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corpus
from sparkgap.curate.contamination.behaviour import Examiner, Verdicts, behaviour
from sparkgap.curate.contamination.calls import Subject, subject
from sparkgap.curate.contamination.disguises import DISGUISES
from sparkgap.curate.contamination.index import Known, build, known, load, save
from sparkgap.curate.contamination.probes import (
    Probe,
    answering,
    balanced,
    chance,
    probes,
    read_probes,
    write_probes,
)
from sparkgap.curate.contamination.selftest import CLEAN, WAYS, Check, sampled, selftest, standard_library
from sparkgap.curate.contamination.variations import variations
from sparkgap.curate.contamination.weight import size_of, weight
from sparkgap.curate.deciding import all_rules
from sparkgap.curate.documents import Document
from sparkgap.curate.filters.benchmarks import FILTER
from sparkgap.curate.functions import functions
from sparkgap.judge import Judge
from sparkgap.parsing import parsed
from sparkgap.types import CodeTests, InputTests, Problem

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
    outcome = selftest(check, sampled(hello.problems, 28), standard_library(40), kept)
    kept.close()
    tried = {each.guise: each for each in outcome.tried}
    assert set(tried) == {*DISGUISES, CLEAN}
    assert all(each.of >= 20 for each in tried.values())
    assert tried["verbatim"].any >= tried["verbatim"].of - 1
    assert tried["disguised"].structure >= tried["disguised"].of // 4
    assert tried["disguised"].ngrams <= 2
    for guise in DISGUISES:
        assert tried[guise].behaviour >= tried[guise].decidable - 1 >= 20, tried[guise]
        missed = [each for each in outcome.missed if each.guise == guise]
        assert len(missed) == tried[guise].of - tried[guise].behaviour
        assert {each.problem for each in missed} >= {"Hello/9", "Hello/20"}  # their arguments are objects
    assert tried[CLEAN].ngrams == tried[CLEAN].structure == 0
    assert tried[CLEAN].behaviour <= tried[CLEAN].of // 20
    assert len(outcome.alarms) == tried[CLEAN].solvers <= tried[CLEAN].functions // 50


@pytest.mark.parametrize("every", [24, pytest.param(4, marks=pytest.mark.soak)])
def test_most_of_a_benchmark_is_found_in_disguise(
    every: int, judge: Judge, published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    humaneval = known(("humaneval",))
    rows = [
        (place, DISGUISES["disguised"](problem.reference)) for place, problem in enumerate(humaneval.problems[::every])
    ]
    kept = Verdicts(tmp_path / "v.jsonl")
    found = behaviour(Examiner(judge, humaneval.problems[::every]), rows, kept)
    kept.close()
    assert sum(worth > 5 for worth, _ in found.rows.values()) >= 0.85 * len(rows)


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


def test_where_answers_tell_nothing_only_what_is_built_alike_counts(judge: Judge, tmp_path: Path) -> None:
    reference = "def same(xs):\n    found = []\n    for x in xs:\n        found.append(x)\n    return found\n"
    tests = CodeTests("assert same([1, 2]) == [1, 2]\nassert same([3]) == [3]\nassert same([]) == []")
    problem = Problem("same", "mine", "", reference, tests, "same")
    assert solved(judge, [problem], DISGUISES["disguised"](reference), tmp_path) == "same by f0"
    assert solved(judge, [problem], "def whole(xs):\n    return [*xs]\n", tmp_path) == ""


def test_the_solution_of_a_problem_without_arguments_is_what_it_calls(judge: Judge, tmp_path: Path) -> None:
    code = "def f(words):\n    return [each[::-1] for each in words if len(each) > 2]\n"
    around = "def answer():\n    return f(['to', 'sun', 'area'])\n"
    tests = CodeTests("assert answer() == ['nus', 'aera']")
    problem = Problem("Crux/1", "mine", "", f"{code}\n\n{around}", tests, "answer")
    assert subject(problem) == Subject("f", around)
    text = "def turned(items):\n    found = []\n    for item in items:\n        if not len(item) < 3:\n"
    text += "            found += [''.join(reversed(item))]\n    return found\n"
    assert solved(judge, [problem], text, tmp_path) == "Crux/1 by turned"
    assert solved(judge, [problem], text.replace("< 3", "< 2"), tmp_path) == ""


def test_two_benchmarks_may_name_their_problems_alike(judge: Judge, tmp_path: Path) -> None:
    source = "def double(x):\n    return [2 * y for y in x if y]\n"
    inputs = tuple(([number, 0, number + 1],) for number in range(8))
    given = [
        Problem("P/1", "one", "", source, CodeTests("assert double([1]) == [2]\nassert double([0]) == []"), "double"),
        Problem("P/1", "more", "", source, InputTests("double", inputs, None), "double"),
    ]  # fmt: skip
    examiner = Examiner(judge, given)
    function = functions("def d(x):\n    return [y + y for y in x if y != 0]\n")[0]
    assert examiner.problems == 2
    found = next(iter(examiner.candidates((key, arity, function) for key, arity in examiner.tried(function))))[2]
    assert found is not None
    assert examiner.confirmed([(function, probe) for probe in found]) == [True, True]


@pytest.mark.parametrize(
    ("source", "asserts", "other"),
    [("def f(n):\n    return n in (3, 11, 47)\n", "assert f(3)\nassert not f(4)\nassert f(11)\nassert f(47)",
      "def f(n):\n    return n % 4 == 3\n"),  # nearly always False on variations
     ("def f(n):\n    t = 0\n    for i in range(n):\n        t = (t * 3 + i) % 1009\n    return t\n",
      "assert f(9000) == 0 + f(9000)\nassert f(8000) >= 0\nassert f(7001) >= 0",
      "def f(n):\n    return n * n % 1009\n"),  # no call is answered within the usual steps
     ("def f(x):\n    return [y for y in x if y % 3]\n", "assert f([]) == []",
      "def f(x):\n    return [y for y in x]\n"),  # there is nothing to vary
     ("import re\n\ndef f(s):\n    return re.match(r'^(https?|ftp)://[a-z]{2,20}[.](org|com)$', s)\n",
      "assert f('http://abc.com')\nassert not f('http:/abc.com')\nassert f('ftp://xyz.org')\n"
      "assert f('https://xyz.com')\nassert not f('xyz')",
      "def f(s):\n    return s.endswith('m') or None\n")],
)  # fmt: skip
def test_problems_that_are_hard_to_ask_are_asked(
    judge: Judge, tmp_path: Path, source: str, asserts: str, other: str
) -> None:
    problem = Problem("Hard/1", "mine", "", source, CodeTests(asserts), "f")
    lists = Problem("Helps/1", "mine", "", "def g(x):\n    return [2 * y for y in x]\n",
                    CodeTests("\n".join(f"assert g({x}) == {[2 * y for y in x]}" for x in LISTS)), "g")  # fmt: skip
    assert solved(judge, [problem, lists], DISGUISES["disguised"](source), tmp_path).startswith("Hard/1 by ")
    assert solved(judge, [problem, lists], other, tmp_path) == ""


LISTS = [[3, 4, 5], [1, 2], [9, 8, 6, 7], [12], [30, 1], [2, 3, 3], [5, 5], [6, 1, 2]]


def solved(judge: Judge, problems: list[Problem], text: str, folder: Path) -> str:
    """Return what a text's function is told to solve; "" if nothing."""
    kept = Verdicts(folder / "solved.jsonl")
    found = behaviour(Examiner(judge, problems), [(0, text)], kept)
    kept.close()
    return found.rows.get(0, (0, ""))[1]


def test_functions_that_differ_in_words_alone_are_asked_once(examiner: Examiner, tmp_path: Path) -> None:
    plain = "def f(x: int, y):\n    return x + y  # so it is\n"
    other = 'def f(x, y) -> "int":\n    """Add."""\n    return (x +\n        y)\n'
    kept = Verdicts(tmp_path / "v.jsonl")
    assert behaviour(examiner, [(0, plain), (1, other)], kept).functions == 1
    assert behaviour(examiner, [(0, plain), (1, plain.replace("+", "-"))], kept).functions == 2
    kept.close()


def test_variations_are_chosen_for_different_answers() -> None:
    said = [((number,), "no") for number in range(90)] + [((90 + number,), "yes") for number in range(7)]
    chosen = balanced(said, 32)
    assert len(chosen) == 32
    assert sum(answer == "yes" for _, answer in chosen) == 7
    idle = [((number,), str(number)) for number in range(50)] + [((number,), str(-number)) for number in range(50, 90)]
    assert sum(call[0] < 50 for call, _ in balanced(idle, 32)) == 1
    assert chance(idle) == 50 / 90
    assert chance(balanced(idle, 32)) == 1 / 32


def test_probes_are_read_as_they_were_written(judge: Judge, hello: Known, tmp_path: Path) -> None:
    found = probes(judge, hello.problems)
    assert found.probes
    assert found.unasked
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
    made = variations(calls, 32)
    assert made == variations(calls, 32)
    assert len({repr(call) for call in [*made, *calls]}) == len(made) + len({repr(call) for call in calls})
    kinds = [{type(call[place]) for call in calls} for place in range(2)]
    for call in made:
        assert len(call) == 2
        assert all(type(value) in kinds[place] for place, value in enumerate(call))


def test_what_is_built_otherwise_weighs_less() -> None:
    reference = "def f(items):\n    kept = {}\n    for item in items:\n        if item not in kept:\n"
    reference += "            kept[item] = True\n    return list(kept)\n"
    problem = Problem("Once/1", "mine", "", f"{reference}\ndef g():\n    pass\n", CodeTests(""), "f")
    once, thrice = (Probe(problem, ((([3, 3],), "[3]"),) * count, ()) for count in (1, 3))
    (copy,) = functions(DISGUISES["disguised"](reference))
    (other,) = functions("def once(xs):\n    return [*dict.fromkeys(xs)]\n")
    assert weight(copy, once) == weight(copy, thrice) == size_of(reference)
    assert 0 < weight(other, once) < weight(other, thrice) < 5 < weight(copy, once)
