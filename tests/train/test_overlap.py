"""Training data that shares problems with what is measured is refused, however it is laid out."""

from __future__ import annotations

import ast
import builtins
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap import plugins
from sparkgap.errors import DataError, InputError
from sparkgap.train.overlap import Apart, Measured, fingerprint, measured, set_apart
from sparkgap.train.problems import Source, problem_set
from sparkgap.train.solutions import hashes_in
from sparkgap.types import CodeTests, Problem

PROSE = "Write a function that returns every second word of a sentence in reverse order, without the last one."
SOLUTION = "def every_second(sentence):\n    words = sentence.split()\n    return words[::2][::-1][:-1]  # done\n"


def problem(name: str = "mine/1", prompt: str = "Say something else.", reference: str = "") -> Problem:
    return Problem(name, "mine", prompt, reference, CodeTests("assert True"), split="train")


def only(monkeypatch: pytest.MonkeyPatch, *problems: Problem) -> Measured:
    """Let one benchmark of these problems be all there is; return what is measured then."""

    class Known:
        name = "known"
        split = "test"

        def problems(self) -> list[Problem]:
            return list(problems)

    monkeypatch.setattr("sparkgap.plugins.find", lambda kind, name: Known())
    monkeypatch.setattr("sparkgap.plugins.names", lambda kind: ("known",))
    return measured(("known",))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Measured:
    tested = replace(problem("known/7", PROSE, SOLUTION), split="test")
    return only(monkeypatch, tested, replace(problem("known/8"), split="train"))


@pytest.mark.parametrize(
    "shared",
    [
        problem("known/7"),
        problem(prompt=PROSE),
        problem(prompt=f'"""\n{PROSE.upper()}\n"""\n'),
        problem(prompt=PROSE.replace(" ", "\n    ")),
        problem(reference=SOLUTION.replace("    ", "\t").replace("# done", "# another word")),
    ],
)
def test_a_shared_problem_is_refused(known: Measured, shared: Problem) -> None:
    with pytest.raises(InputError, match="known/7, on which the model will be measured"):
        set_apart([problem("mine/0", "Another thing."), shared], ("known",))


def test_what_is_not_shared_goes_through_and_the_benchmarks_are_told(known: Measured) -> None:
    mine = [problem(reference="def f(x): return x"), problem("mine/2", "Write a function that returns every word.")]
    assert set_apart(mine, None) == Apart(tuple(mine), ("known",), {})


def test_a_test_split_is_refused_whatever_is_measured() -> None:
    with pytest.raises(InputError, match="mine/1 is of a test split"):
        set_apart([replace(problem(), split="test")], ())


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(["\n", "  \n\t", " "]))
def test_a_text_with_a_whole_problem_in_it_is_found(before: str, after: str, gap: str) -> None:
    words = PROSE.split()
    joined = " ".join(
        each.lower().strip(",.") if each[-1] not in ",." else f"{each[:-1].lower()} {each[-1]}" for each in words
    )
    texts = {joined: "known/7"}
    shingle = " ".join(joined.split(" ")[:10])
    known = Measured(("known",), frozenset(), texts, {shingle: [(joined, "known/7")]})
    assert known.in_text(f"{before}\n{gap.join(words)}\n{after}") in ("known/7",)
    assert known.in_text(f"{before}\n{gap.join(words[:-5])}\n{after}") == ""


def test_a_benchmark_that_is_not_here_is_an_error_only_where_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(tmp_path))
    with pytest.raises(DataError):
        measured(("humaneval",))
    assert "humaneval" not in measured(("humaneval", "hello"), named=False).benchmarks


def test_of_published_problems_the_shared_ones_are_left_out(published: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    every = list(plugins.find("benchmarks", "mbpp").problems())
    train = [each for each in every if each.split == "train"]
    within = set_apart(train, ("mbpp",), leave_out=True)
    assert within.left_out["Mbpp/704"] == "Mbpp/248"  # the same sentence in both splits of MBPP
    assert len(within.left_out) < 10
    plus = set_apart(train, ("mbpp", "mbpp_plus"), leave_out=True)
    tasks = {each.id for each in plugins.find("benchmarks", "mbpp_plus").problems()}
    assert not {each.id for each in plus.problems} & tasks
    assert len(plus.left_out) > 100
    tests = [replace(each, id="other", split="train") for each in every if each.split == "test"]
    with pytest.raises(InputError, match="other is Mbpp/"):
        set_apart(tests, ("mbpp",))


def test_a_fingerprint_tells_problems_apart_by_what_decides_them() -> None:
    assert fingerprint([problem()]) == fingerprint([problem()])
    assert fingerprint([problem()]) != fingerprint([replace(problem(), tests=CodeTests("assert 1"))])


RUNNING = '''def running(values):
    """Return of every place in a list the largest value up to that place, the place itself included.

    >>> running([1, 3, 2])
    [1, 3, 3]
    """
    best, found = None, []
    for value in values:
        best = value if best is None else max(best, value)
        found.append(best * 7)
    return found
'''
RENAMED = '''def f(a: list[int]) -> list[int]:
    """Something else."""
    b, c = None, []  # two
    for d in a:
        b = d if b is None else max(b, d)
        c.append(b * 7)
    return c
'''


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Measured:
    prompt = RUNNING.partition("    best")[0]
    return only(monkeypatch, replace(problem("known/9", prompt, RUNNING), split="test", entry_point="running"))


@pytest.mark.parametrize(
    ("given", "learnt"),
    [
        ("", RENAMED),
        ("Solve it.", f"Sure:\n\n```python\n{RENAMED}```\nThat is all."),
        ("<|user|>Solve it.<|assistant|>", f" {RENAMED}"),
        (RENAMED[: RENAMED.index("    b, c")], RENAMED[RENAMED.index("    b, c") :]),
        (RENAMED[: RENAMED.index("\n    b, c")], RENAMED[RENAMED.index("\n    b, c") :]),
        ("class A:", "\n" + RENAMED.replace("f(a", "f(self, a").replace("\n", "\n    ").replace("def", "    def", 1)),
        ("def f(", f"a):\n{RENAMED.split(chr(10), 1)[1]}"),
        ('def g(x):\n    """Return of every place in a list the largest value up to that', "place, itself."),
        ("# Return of every place in a list\n# the largest value up to that place, the place itself included.", "..."),
    ],
)
def test_a_row_with_a_solution_or_a_description_in_it_is_found(running: Measured, given: str, learnt: str) -> None:
    assert running.in_row(given, learnt) == ("" if "itself." in learnt else "known/9")


def test_a_solution_built_otherwise_or_with_other_constants_is_another(running: Measured) -> None:
    assert running.in_row("", RENAMED.replace("b * 7", "b * 8")) == ""
    assert running.in_row("", RENAMED.replace("max(b, d)", "max(d, b)")) == ""
    assert running.in_row("", "def f(a):\n    return a") == ""


def test_a_problem_with_a_known_solution_is_refused(running: Measured) -> None:
    with pytest.raises(InputError, match="mine/1 is known/9"):
        set_apart([problem(reference=RENAMED)], ("known",))


@given(st.text(max_size=40), st.sampled_from(["", "def ", "def f(x):\n  return (", "async def g(): pass\n"]))
def test_any_text_is_looked_through(text: str, more: str) -> None:
    list(hashes_in(f"{text}{more}{text}"))


def renamed(code: str) -> str:
    """The same program with other names and descriptions."""
    tree = ast.parse(code)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        bound = node.name if isinstance(node, ast.FunctionDef) else node.arg if isinstance(node, ast.arg) else ""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound = node.id
        if bound and not hasattr(builtins, bound):
            names.setdefault(bound, f"name_{len(names)}")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.name = names.get(node.name, node.name)
            if ast.get_docstring(node) is not None:
                node.body[0] = ast.Expr(ast.Constant("Described anew."))
        elif isinstance(node, ast.arg):
            node.arg = names.get(node.arg, node.arg)
        elif isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return ast.unparse(tree)


def test_most_of_humanevals_solutions_are_known_again(published: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    known = measured(("humaneval",))
    solved = [each.reference for each in plugins.find("benchmarks", "humaneval").problems()]
    found = [known.in_row("Write the code.\n", f"```python\n{renamed(code)}\n```") for code in solved]
    assert sum(map(bool, found)) >= 0.78 * len(solved)


def test_generated_katas_are_no_published_problems(published: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    known = measured(("humaneval", "humaneval_plus", "mbpp", "mbpp_plus"))
    train = problem_set(Source("katas", count=200), 10).train
    assert [name for each in train if (name := known.in_row("", each.reference) or known.shared_by(each))] == []
