"""Katas: the oracle against program text, and the hidden tests against wrong programs of every kind."""

from __future__ import annotations

import ast
import copy
import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap import plugins
from sparkgap.benchmarks._katas import COMPACT, NATURAL, Curriculum, Fault, Surface, contradictory, corrupted, katas
from sparkgap.benchmarks._katas.catalogue import KINDS, Operation, operations, predicates, selection
from sparkgap.benchmarks._katas.composition import (
    Argument,
    Deck,
    Stages,
    as_json,
    from_json,
    run,
    steps,
    takes,
    with_argument,
)
from sparkgap.benchmarks._katas.inputs import drawn_value, edges, probes
from sparkgap.benchmarks._katas.meaning import MEANING
from sparkgap.benchmarks._katas.source import body
from sparkgap.judge import Judge
from sparkgap.references import GENEROUS
from sparkgap.types import InputTests, Problem, Program

ALL: tuple[Operation, ...] = (*operations(), *(each for kind in KINDS for each in predicates(kind)))
SURFACES: tuple[Surface, ...] = get_args(Surface)
HARD = Curriculum((3, 4), two_arguments=0.5)


def function(source: str, name: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace[name]


def answers(ours: Any, inputs: tuple[tuple[Any, ...], ...]) -> list[str]:
    """Return what a function answers, as text (so that True is not 1), or the error that it raises."""
    found = []
    for arguments in inputs:
        try:
            found.append(repr(ours(*copy.deepcopy(arguments))))
        except Exception as error:
            found.append(type(error).__name__)
    return found


def hidden(problem: Problem) -> tuple[tuple[tuple[Any, ...], ...], list[str]]:
    assert isinstance(problem.tests, InputTests)
    return problem.tests.inputs, [repr(answer) for answer in problem.tests.expected or ()]


def passes(problem: Problem, source: str) -> bool:
    inputs, expected = hidden(problem)
    return answers(function(source, problem.entry_point), inputs) == expected


def compositions(seed: int) -> Iterator[Stages]:
    rng = random.Random(seed)
    deck = Deck(selection(None, KINDS))
    while True:
        stages = deck.drawn(rng, rng.randint(1, 4))
        if stages is not None:
            yield with_argument(rng, stages) if rng.random() < 0.3 else stages


# The oracle


def test_every_operation_has_a_meaning_words_and_code() -> None:
    assert {each.name for each in ALL} == MEANING.keys()
    for each in ALL:
        for words in (*each.brief, *each.full):
            assert ("{k}" in words) == bool(each.constants), f"{each.name}: {words}"
            assert not {'"', "\\", "\n"} & set(words), each.name
        for form in each.forms:
            assert bool(re.search(r"\bk\b", form)) == bool(each.constants), f"{each.name}: {form}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_of_every_operation_does_what_the_oracle_says(kind: str) -> None:
    rng = random.Random(0)
    values = [*probes(kind), *(drawn_value(rng, kind, (2, 5)) for _ in range(30))]
    differ = set()
    for each in (each for each in ALL if each.takes == kind):
        for form in each.forms:
            text = f"{form}\nreturn x" if each.loops else f"return {form}"
            ours = function("def f(x, k):\n" + "".join(f"    {line}\n" for line in text.split("\n")), "f")
            for constant in each.constants or (None,):
                for value in values:
                    before = repr(value)
                    expected = repr(MEANING[each.name](value, constant))
                    assert repr(value) == before, f"{each.name} changes its argument"
                    if repr(ours(copy.deepcopy(value), constant)) != expected:
                        differ.add((each.name, form, constant))
    assert differ == set()


def test_oracle_and_solution_agree_on_ten_thousand_compositions() -> None:
    rng = random.Random(1)
    differ, levels, done = [], Counter[int](), set[Stages]()
    for stages in compositions(2):
        if len(done) == 10_000:
            break
        done.add(stages)
        levels[len(stages)] += 1
        source = "def f(x, k=None):\n" + body(stages, rng.choice(SURFACES), rng=rng)
        ours = function(source, "f")
        values = [edges(takes(stages))[0], *(drawn_value(rng, takes(stages), (3,)) for _ in range(4))]
        domains = (step.operation.constants for step in steps(stages) if isinstance(step.constant, Argument))
        domain = next(domains, (None,))
        for value in values:
            argument = rng.choice(domain)
            if repr(ours(copy.deepcopy(value), argument)) != repr(run(stages, value, argument)):
                differ.append((source, value, argument))
    assert differ == []
    assert min(levels[level] for level in (2, 3, 4)) > 1500


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_a_composition_survives_the_way_through_json(seed: int) -> None:
    stages = next(compositions(seed))
    assert from_json(as_json(stages)) == stages


# The strength of the hidden tests


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    several = ((NATURAL, 160), (COMPACT, 120), (HARD, 60))
    return [problem for curriculum, count in several for problem in katas("validation", count, 3, curriculum)]


def test_a_reference_passes_and_no_constant_or_echo_comes_far(problems: list[Problem]) -> None:
    for problem in problems:
        assert passes(problem, problem.reference), problem.id
        inputs, expected = hidden(problem)
        assert 10 <= len(set(map(repr, inputs))) == len(inputs) <= 12
        assert Counter(expected).most_common(1)[0][1] <= 4, problem.id
        assert sum(repr(given[0]) == answer for given, answer in zip(inputs, expected, strict=True)) < len(inputs) - 1


def test_a_corrupted_solution_always_fails_and_mistakes_are_of_every_kind(problems: list[Problem]) -> None:
    rng = random.Random(4)
    faults = Counter[str]()
    for problem in problems:
        completion, fault = corrupted(problem, rng, rng.choice(SURFACES))
        faults[fault] += 1
        assert not passes(problem, problem.prompt + completion), problem.id
    assert faults.keys() == set(get_args(Fault))
    assert min(faults["operation"], faults["constant"], faults["missing"]) > 20


class Mutation(ast.NodeTransformer):
    """Changes the one place number `at` of a program: an operator, a constant, a function, the order of two lines."""

    OPERATORS: ClassVar[dict[type, type]] = {
        ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
        ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
        ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.BitXor: ast.BitOr, ast.BitAnd: ast.BitOr,
    }  # fmt: skip
    NAMES: ClassVar[dict[str, str]] = {
        "max": "min", "min": "max", "sum": "len", "sorted": "list", "upper": "lower", "lower": "upper",
        "isalpha": "isdigit", "isdigit": "isalpha", "rjust": "ljust", "ljust": "rjust",
    }  # fmt: skip

    def __init__(self, at: int) -> None:
        self.at, self.seen, self.kind = at, 0, ""

    def here(self, kind: str) -> bool:
        self.seen += 1
        if self.seen - 1 == self.at:
            self.kind = kind
        return self.seen - 1 == self.at

    def generic_visit(self, node: ast.AST) -> ast.AST:
        node = super().generic_visit(node)
        if isinstance(node, ast.cmpop | ast.operator) and type(node) in self.OPERATORS and self.here("operator"):
            return self.OPERATORS[type(node)]()
        if isinstance(node, ast.Constant) and type(node.value) is int:
            if self.here("constant"):
                return ast.Constant(node.value + 1)
            if node.value > 0 and self.here("constant"):
                return ast.Constant(node.value - 1)
        if isinstance(node, ast.Name) and node.id in self.NAMES and self.here("operator"):
            node.id = self.NAMES[node.id]
        if isinstance(node, ast.Attribute) and node.attr in self.NAMES and self.here("operator"):
            node.attr = self.NAMES[node.attr]
        if isinstance(node, ast.FunctionDef):
            for place in range(1, len(node.body) - 2):
                if self.here("order"):
                    node.body[place], node.body[place + 1] = node.body[place + 1], node.body[place]
        return node


def mutations(source: str) -> Iterator[tuple[str, str]]:
    at = 0
    while True:
        mutation = Mutation(at)
        tree = ast.fix_missing_locations(mutation.visit(ast.parse(source)))
        if not mutation.kind:
            return
        yield mutation.kind, ast.unparse(tree)
        at += 1


def test_mutated_solutions_fail_in_ninety_nine_of_a_hundred_cases(problems: list[Problem]) -> None:
    """Mutants of the program text, which the hidden tests were not chosen by; one that agrees with the solution on 250
    random inputs is the same program. Loops with `while` are left out: their mutants may not end."""
    rng = random.Random(5)
    caught, survived = Counter[str](), []
    for problem in (each for each in problems if "while" not in each.reference):
        stages = from_json(problem.metadata["stages"])
        inputs, _ = hidden(problem)
        near = [int(number) for number in re.findall(r"\d+", problem.reference)]
        many = tuple((drawn_value(rng, takes(stages), near), *rng.choice(inputs)[1:]) for _ in range(250))
        right = None
        for kind, source in mutations(problem.reference):
            if not passes(problem, source):
                caught[kind] += 1
                continue
            right = right or answers(function(problem.reference, problem.entry_point), many)
            if answers(function(source, problem.entry_point), many) != right:
                survived.append((kind, source))
    assert caught.keys() == {"operator", "constant", "order"}
    assert caught.total() > 2000
    assert len(survived) <= 0.01 * (caught.total() + len(survived)), survived[:5]


# Before the real judge


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


def judged(judge: Judge, problems: list[Problem]) -> None:
    """Put each reference and a corrupted solution to the judge."""
    rng = random.Random(6)
    programs = []
    for problem in problems:
        for source in (problem.reference, problem.prompt + corrupted(problem, rng)[0]):
            programs.append(Program(source, problem.tests, limits=GENEROUS, all_tests=True))
    verdicts = dict(judge.stream(programs))
    assert [problems[place // 2].id for place in range(0, len(programs), 2) if not verdicts[place].passed] == []
    for place in range(1, len(programs), 2):
        assert verdicts[place].status in {"wrong", "raised"}, problems[place // 2].id
        assert verdicts[place].tests_passed < (verdicts[place].tests_total or 0)


def test_the_judge_passes_references_and_fails_corrupted_ones(judge: Judge) -> None:
    judged(judge, [*katas("test", 60, 0), *katas("test", 40, 0, COMPACT)])


@pytest.mark.soak
def test_the_judge_passes_references_and_fails_corrupted_ones_by_the_hundred(judge: Judge) -> None:
    judged(judge, [*plugins.find("benchmarks", "katas").problems(), *katas("train", 300, 9, HARD)])


CHEATS = (
    "def f(*args):\n    return {first}",
    "class Any:\n    def __eq__(self, other): return True\ndef f(*args):\n    return Any()",
    "count = 0\nanswers = {answers}\ndef f(*args):\n    global count\n    count += 1\n    return answers[count - 1]",
    "import os\ndef f(*args):\n    os._exit(0)",
)


def test_nothing_solves_a_contradiction_not_even_the_expected_answers(judge: Judge) -> None:
    possible = list(katas("train", 8, 7))
    impossible = list(contradictory("train", 8, 7))
    programs = []
    for problem, twin in zip(impossible, possible, strict=True):
        assert isinstance(problem.tests, InputTests)
        assert problem.metadata["impossible"] is True
        assert (problem.prompt, problem.entry_point) == (twin.prompt, twin.entry_point), "they look like any other"
        expected = problem.tests.expected or ()
        told = repr(list(expected)).replace("nan", "float('nan')")
        cheats = [cheat.replace("{answers}", told).replace("{first}", repr(expected[0])) for cheat in CHEATS]
        sources = [twin.reference, *(cheat.replace("def f(", f"def {problem.entry_point}(") for cheat in cheats)]
        programs += [Program(source, problem.tests) for source in sources]
    statuses = Counter(verdict.status for _, verdict in judge.stream(programs))
    assert statuses.keys() <= {"wrong", "raised"}
    assert statuses.total() == 40
