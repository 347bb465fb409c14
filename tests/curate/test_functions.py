"""Functions cut out of modules, what they need, their mutants, and the tests beside them."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import corpus
from sparkgap.curate.evidence import beside, body, examples, is_tests, stripped
from sparkgap.curate.functions import functions
from sparkgap.curate.mutants import mutants
from sparkgap.curate.pairs import pairs

MODULE = '''
from __future__ import annotations
import math, requests
from itertools import chain as linked
from . import sibling
LIMIT = 3
TABLE = {name: LIMIT for name in "ab"}
count = 0
count = 1


def helper(x):
    return x + LIMIT


def alone(values: Sequence[int]) -> list:
    """Return them, raised."""
    total = [helper(value) for value in linked(values, [math.floor(2.5)])]
    return total


def foreign(x):
    y = requests.get(x)
    return y


def unknown(x):
    y = nowhere + x
    return y


def twice(x):
    y = count + x
    return y


def relative(x):
    y = sibling.f(x)
    return y


def mutual(n):
    if n == 0:
        return 0
    return other(n - 1)


def other(n):
    m = mutual(n)
    return m


def nothing(x):
    """Return it."""
    return x


class Box:
    size = 2

    def uses(self, x):
        y = self.size + x
        return y

    def free(self, x, y=1):
        """Add."""
        z = x + y
        return z

    @staticmethod
    def plain(x):
        y = TABLE["a"] + x
        return y

    @property
    def shown(self):
        a = 1
        return a + 1
'''


def test_only_what_stands_alone_is_cut_out() -> None:
    found = {each.name: each for each in functions(MODULE)}
    assert set(found) == {"helper", "alone", "mutual", "other", "free", "plain"} - {"helper"} | {"helper"}
    assert (found["free"].required, found["free"].most) == (1, 2)
    assert found["alone"].imports == ("itertools", "math")


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [("alone", ([1, 2],), [4, 5, 5]), ("mutual", (4,), 0), ("free", (3,), 4), ("plain", (3,), 6)],
)
def test_what_is_cut_out_runs_alone(name: str, arguments: tuple[Any, ...], answer: Any) -> None:
    (function,) = [each for each in functions(MODULE) if each.name == name]
    space: dict[str, Any] = {}
    exec(function.program, space)
    assert space[name](*arguments) == answer


def test_functions_of_the_standard_library_load_alone() -> None:
    root = Path(sysconfig.get_paths()["stdlib"])
    loaded = 0
    for name in ("textwrap.py", "statistics.py", "bisect.py", "colorsys.py", "posixpath.py", "shlex.py", "heapq.py"):
        for function in functions((root / name).read_text("utf-8")):
            exec(function.program, {"__name__": "alone"})
            loaded += 1
    assert loaded > 40


def test_mutants_differ_and_the_hollow_one_is_first() -> None:
    (function,) = [each for each in functions(corpus.PROVEN) if each.name == "gaps"]
    made = mutants(function.own)
    assert len(set(made)) == len(made) >= 2
    plain = ast.unparse(ast.parse(function.own))
    for text in made:
        assert ast.unparse(ast.parse(text)) != plain
    space: dict[str, Any] = {}
    exec(made[0], space)
    assert space["gaps"]([1, 2]) is None


def test_each_kind_of_change_is_made() -> None:
    source = "def f(x, y):\n    if x < y and x:\n        return x + 1\n    return y\n"
    made = "".join(mutants(source, 50))
    for change in ("x >= y", "x - 1", "or x", "x + 2", "if not", "return None"):
        assert change in made


def test_examples_become_asserts() -> None:
    found = {each.name: examples(each) for each in functions(corpus.PROVEN)}
    assert found["gaps"] is not None
    assert (
        found["gaps"].code == "assert gaps([1, 4, 9]) == [3, 5]\nassert gaps([2, 2]) == [0]\nassert gaps([7]) == []\n"
    )
    assert found["untested"] is None  # only one of them says something


def test_a_prompt_and_its_body_are_the_function() -> None:
    for seed in range(20):
        for pair in pairs(corpus.module(seed), "m.py"):
            space: dict[str, Any] = {}
            exec(pair.prompt + pair.completion, space)
            assert callable(space[pair.function])
            assert ast.get_docstring(ast.parse(pair.prompt).body[-1])  # type: ignore[arg-type]


def test_a_docstring_with_quotes_and_backslashes_survives() -> None:
    source = 'def f(x):\n    r"""Say \\d and \'\'\' and "it" of x.\n\n    Twice.\n    """\n    y = x\n    return y\n'
    (function,) = functions(source)
    prompt = stripped(function)
    docstring = ast.get_docstring(ast.parse(prompt + body(function)).body[0])  # type: ignore[arg-type]
    assert docstring == function.docstring


TESTS = """
import pytest
from package.line import gaps, stretch as wide
from other import thing

ROW = [1, 2, 4]


def rises():
    return ROW


def test_gaps():
    assert gaps(rises()) == [1, 2]
    assert gaps([]) == []


def test_both():
    assert gaps(wide([1])) == []


@pytest.mark.parametrize("x", [1])
def test_case(x):
    assert gaps([x]) == []


def test_other():
    assert thing(gaps)
"""


def test_tests_beside_the_code_are_taken_with_what_they_need() -> None:
    found = list(beside(TESTS, "tests/test_line.py", {"gaps": "gaps", "stretch": "stretch"}))
    assert [name for name, _ in found] == ["gaps"]
    told = found[0][1]
    assert (told.asserts, told.origin) == (2, "tests of tests/test_line.py")
    space: dict[str, Any] = {}
    exec(corpus.PROVEN + told.prelude + told.code, space)


@pytest.mark.parametrize(
    ("path", "tests"), [("tests/a.py", True), ("a/test_b.py", True), ("b_test.py", True), ("contest.py", False)]
)
def test_files_of_tests_are_known(path: str, tests: bool) -> None:
    assert is_tests(path) == tests
