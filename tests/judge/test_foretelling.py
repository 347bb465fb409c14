"""Calls that tests are certain to make: foretold rightly, and no verdict changes because they are made early."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap import CodeTests, InputTests, Judge, Limits, Program
from sparkgap.benchmarks import humaneval, mbpp
from sparkgap.judge import wire
from sparkgap.judge.foretelling import certain_calls
from sparkgap.judge.preparing import prepare
from sparkgap.judge.questionnaire import batches
from sparkgap.judge.testcode import packed


def foretold(code: str, *, all_tests: bool = False) -> list[list[tuple[str, Any]]] | None:
    rows = certain_calls(ast.parse(code).body, frozenset({"f", "g"}), set(), all_tests=all_tests)
    return None if rows is None else [[(call.name, call.args) for call in row] for row in rows]


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("assert f(1) == 2\nassert f([1, -2], {'a': (3,)}) == g('x')", [["f(1)", "f([1,-2],{'a':(3,)})", "g('x')"]]),
        ("def check(c):\n    'Text.'\n    assert c(1) == 2, 'no'\n    assert True\n\ncheck(f)\n", [["f(1)"]]),
        (
            "def test_one():\n    assert not f(1)\ndef test_two():\n    assert g()\ntest_one()\ntest_two()",
            [["f(1)", "g()"]],
        ),
        ("import math\nMETADATA = {'a': 1}\nassert abs(f(1.5) - 2) < 1e-6", [["f(1.5)"]]),
        ("assert tuple(f(2)) == g(3)", [["f(2)", "g(3)"]]),
        ("assert f(3 * 19, [2**3, 'a' + 'b']) == 4 + 5", [["f(57, [8, 'ab'])"]]),
        # What is expected of one call is no argument of another that is asked with it.
        ("assert f('a') == 'n'\nassert g('n') == 'a'", [["f('a')"], ["g('n')"]]),
        ("assert f('a') == 'n'\nassert g('n') == 'a'\nassert f('a') == 'n'", [["f('a')"], ["g('n')"], ["f('a')"]]),
        ("assert f(2) == [5]\nassert f([(5.0,), 7])\nassert f(8)", [["f(2)"], ["f([(5.0,), 7])", "f(8)"]]),
        ("assert f(2) == (5, 6)\nassert g(5, 6)", [["f(2)"], ["g(5, 6)"]]),
        ("assert abs(f(2) - 7) < 9\nassert f({7: 8})", [["f(2)"], ["f({7: 8})"]]),
        ("assert abs(f(2) - 3.14) < 0.1\nassert f(3.1416)", [["f(2)"], ["f(3.1416)"]]),
        ("assert f(2) == 7 * 7\nassert f(49)", [["f(2)"], ["f(49)"]]),
        ("assert f(2) == True\nassert f(1) == 3\nassert f(3) == 3", [["f(2)", "f(1)"], ["f(3)"]]),
        ("assert f(2) == 0x1" + "0" * 5000 + "\nassert f(3) == 4", [["f(2)", "f(3)"]]),  # too long in decimal digits
        # No more than a socket holds goes at once.
        ("assert f(" + "'" + "a" * 40000 + "')", None),
        # What may be skipped, depends on an answer, or is nobody's certain business.
        ("assert f(1) == 1\nassert math.fabs(f(2)) < 1", None),
        ("assert [f(1), f(5)] == [5, 7]", None),
        # What is made of an answer does not tell what is expected of it.
        ("assert f(1) + 2 == 5", None),
        ("assert -f(1) == 5", None),
        ("assert f(1)[0] == 5", None),
        ("assert str(f(1)) == '5'", None),
        ("assert sorted(f(1)) == [5]", None),
        ("assert abs(f(1)) == 5", None),
        ("assert abs(f(1) * 2 - 5) < 1", None),
        ("assert f(1) == int('5')", None),
        ("assert f(1) == 1\nx = f(2)\nassert f(3)", None),
        ("assert f(1) == 1 and f(2)", None),
        ("assert f(1) < f(2) < f(3)", None),
        ("assert f(1) if g(2) else f(3)", None),
        ("assert f(g(1))", None),
        ("assert f(x)", None),
        ("assert f(x + 1)", None),
        ("assert f(9**9**9)", None),
        ("assert f('%s' % (5,))", None),
        ("assert f(x=1)", None),
        ("assert f(*[1])", None),
        ("assert f(1).count == 2", None),
        ("assert [f(i) for i in (1, 2)] == [1, 2]", None),
        ("for i in (1, 2):\n    assert f(i)", None),
        ("if f(1):\n    assert f(2)", None),
        ("with open('x'):\n    assert f(1)", None),
        ("assert h(f(1))", None),
        ("assert (lambda: f(1))()", None),
        ("def check(c, d=1):\n    assert c(1)\ncheck(f)", None),
        ("@property\ndef check(c):\n    assert c(1)\ncheck(f)", None),
        ("def check(c):\n    assert c(1)\ncheck = print\ncheck(f)", None),
        ("def check(c):\n    assert c(1)\nfrom x import check\ncheck(f)", None),
        ("def check(c):\n    assert c(1)\nfrom x import *\ncheck(f)", None),
        ("def check(c):\n    assert c(1)\nimport check.x\ncheck(f)", None),
        ("def check(c):\n    assert c(1)\n    check(c)\ncheck(f)", None),
        ("def check(sum):\n    assert sum([f(1)])\ncheck(g)", None),
        ("f = 5\nassert f(1)", None),
        ("print(f(1))\nassert f(2)", None),
    ],
)
def test_what_is_certain(code: str, rows: list[list[str]] | None) -> None:
    def read(call: str) -> tuple[str, Any]:
        node = ast.parse(call, mode="eval").body
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Name)
        return node.func.id, tuple(map(ast.literal_eval, node.args))

    assert foretold(code) == (None if rows is None else [list(map(read, row)) for row in rows])


def test_no_row_is_longer_than_a_socket_holds() -> None:
    calls = [f"assert f('{letter * 12000}')\n" for letter in "abcde"]
    rows = foretold("".join(calls))
    assert rows is not None
    assert [len(row) for row in rows] == [2, 2, 1]


def test_a_prelude_that_asks_the_program_comes_first() -> None:
    for tests, prelude, certain in (
        ("assert f(root) == 1\n", "root = Node(1)\n", False),
        ("assert f(2) == 1\n", "root = Node(1)\n", False),
        ("assert list(f(2)) == 1\n", "def list(x): return -x\n", False),
        ("assert f(2) == 1\n", "def helper(): return Node(1)\n", True),
        ("assert f(2) == 1\n", "class Node: pass\nroot = Node()\n", True),
    ):
        prepared, asked = prepare(tests, prelude)
        assert prepared.foretold == ((packed("f", (2,)),) if certain else None)
        assert (asked is not None) == certain


def test_tests_that_ask_nothing_are_left_to_the_examiner() -> None:
    assert prepare("assert True\n", "")[1] is None


def test_where_all_tests_are_run_an_assert_has_one_call() -> None:
    assert foretold("assert f(1) == 1\nassert f(4)", all_tests=True) == [[("f", (1,)), ("f", (4,))]]
    assert foretold("assert f(1) == 1\nassert f(2) == g(3)\nassert f(4)", all_tests=True) is None


class Recorder:
    """Stands for a program: notes the calls of it, and answers them with what comes next."""

    def __init__(self, answers: list[Any]) -> None:
        self._answers = answers
        self.calls: list[tuple[str, Any]] = []

    def function(self, name: str) -> Any:
        def answer(*args: Any) -> Any:
            self.calls.append((name, args))
            found = self._answers[len(self.calls) % len(self._answers)]
            if isinstance(found, Exception):
                raise found
            return found

        return answer


_values = st.recursive(st.integers(-3, 3) | st.text("ab", max_size=2) | st.booleans(), st.lists, max_leaves=3)
_calls = st.builds(lambda n, v: f"{n}({v!r})", st.sampled_from("fg"), _values)
_leaves = _calls | st.builds(repr, _values) | st.sampled_from(["x", "f(x)", "f(g(1))", "h(f(1))"])
_expressions = st.recursive(
    _leaves,
    lambda inner: st.builds(
        lambda form, a, b: form.format(a, b),
        st.sampled_from(
            ["({} == {})", "({} + {})", "({} and {})", "[{}, {}]", "len([{}, {}])", "(not {})", "({} in [{}])",
             "(1 < {} < {})", "str({})", "({} if {} else 2)", "[{} for _ in (1, 2)]", "sorted({})"]
        ),
        inner, inner,
    ),
    max_leaves=5,
)  # fmt: skip
_statements = st.builds("assert {}, 'no'".format, _expressions) | st.sampled_from(["x = f(7)", "pass", "g(1)", "x = 1"])


@settings(max_examples=250, deadline=None)
@given(st.lists(_statements, min_size=1, max_size=5), st.lists(_values | st.just(ValueError()), min_size=1, max_size=6))
def test_tests_that_go_on_make_the_calls_foretold(statements: list[str], answers: list[Any]) -> None:
    code = "def check(f):\n    " + "\n    ".join(statements) + "\ncheck(f)\n"
    recorder = Recorder(answers)
    ended = True
    with contextlib.suppress(Exception):
        exec(code, {"f": recorder.function("f"), "g": recorder.function("g"), "h": len})
        ended = False
    rows = foretold(code)
    if rows is None:
        return
    expected = [packed(*call) for row in rows for call in row]
    made = [packed(*call) for call in recorder.calls]
    assert made == expected[: len(made)]
    assert ended or len(made) == len(expected)


@pytest.mark.parametrize("benchmark", [humaneval.BENCHMARK, mbpp.BENCHMARK])
@pytest.mark.filterwarnings("ignore:invalid escape")
@pytest.mark.usefixtures("published")
def test_published_tests_make_the_calls_foretold(benchmark: Any) -> None:
    certain, problems = 0, list(benchmark.problems())[::3]
    for problem in problems:
        tests = problem.tests
        prepared, _ = prepare(tests.code, tests.prelude)
        made: list[bytes] = []
        program: dict[str, Any] = {}
        exec(problem.reference, program)
        supplied = {name: program[name] for name in prepared.wanted & program.keys()}
        supplied |= {name: _noted(value, name, made) for name, value in supplied.items() if callable(value)}
        around = dict(supplied)
        exec(tests.prelude, around)
        exec(tests.code, around | supplied)
        if prepared.foretold is not None:
            assert made == list(prepared.foretold), problem.id
            certain += 1
    assert certain > 0.95 * len(problems)


def _noted(function: Any, name: str, made: list[bytes]) -> Any:
    def noting(*args: Any, **kwargs: Any) -> Any:
        with contextlib.suppress(ValueError):
            made.append(packed(name, args))
        return function(*args, **kwargs)

    return noting


TESTS = CodeTests("assert f(1) == 1\nassert f(2) == 2\nassert f(3) == 3\n")
INPUTS = InputTests("f", ((1,), (2,), (3,)), (1, 2, 3))
# What happens at the second call, while the answer to the first, a wrong one, is still on its way.
DISASTERS = {
    "exits": "import os; os._exit(0)",
    "exits otherwise": "import sys; sys.exit(3)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "aborts": "import os; os.abort()",
    "never ends": "while True: pass",
    "sleeps": "import time; time.sleep(600)",
    "eats memory": "x = [0]\n        while True: x += x",
    "closes its pipes": "import os; os.closerange(3, 64); os.read(0, 1); x = 0\n        while True: x += 1",
    "floods its output": "while True: print('x' * 10000)",
}


@pytest.mark.parametrize("tests", [TESTS, INPUTS], ids=["asserts", "inputs"])
@pytest.mark.parametrize("disaster", DISASTERS)
def test_a_wrong_answer_is_what_counts_whatever_comes_later(judge: Judge, tests: Any, disaster: str) -> None:
    source = f"def f(x):\n    if x == 2:\n        {DISASTERS[disaster]}\n    return 5\n"
    verdict = judge.run(Program(source, tests, limits=Limits(cpu_s=0.5)))
    assert (verdict.status, verdict.tests_passed) == ("wrong", 0)


@pytest.mark.parametrize("tests", [TESTS, INPUTS], ids=["asserts", "inputs"])
@pytest.mark.parametrize(
    ("disaster", "status"), [("exits", "raised"), ("crashes", "raised"), ("never ends", "timeout")]
)
def test_what_happens_later_counts_where_the_answers_before_are_right(
    judge: Judge, tests: Any, disaster: str, status: str
) -> None:
    source = f"def f(x):\n    if x == 2:\n        {DISASTERS[disaster]}\n    return x\n"
    verdict = judge.run(Program(source, tests, limits=Limits(cpu_s=0.5)))
    assert (verdict.status, verdict.tests_passed) == (status, 1)


HANDLES = """
class Several:
    made = 0
    def __init__(self, n): self.n = n; Several.made += 1
    def __iter__(self): return iter([self.n, Several.made])
def f(x): return Several(x)
"""


@pytest.mark.parametrize(
    ("source", "code", "status"),
    [
        # An object that stays over there is asked at once, before the next call is made.
        (HANDLES, "assert list(f(1)) == [1, 1]\nassert list(f(2)) == [2, 2]\n", "passed"),
        (HANDLES, "assert list(f(1)) == [1, 2]\nassert list(f(2)) == [2, 2]\n", "wrong"),
        ("def f(x): return x\n", "assert f(1) == 2, f(3)\nassert f(2) == 2\n", "wrong"),
        ("n = 7\ndef f(x): return x\n", "assert f(1) == 1\nassert n == 7\n", "passed"),
        ("f = lambda x: x\n", "assert f(1) == 1\nassert f(2) == 3\n", "wrong"),
        ("class f(int): pass\n", "assert f(1) == 1\nassert f(2) == 2\n", "passed"),
        ("f = 3\n", "assert f(1) == 1\n", "wrong"),
        ("def g(x): return x\n", "assert f(1) == 1\n", "raised"),
        ("def f(x): x.append(1); return len(x)\n", "assert f([1]) == 2\nassert f([1]) == 2\n", "passed"),
        ("def f(x): raise ValueError(x)\n", "assert f(1) == 1\n", "raised"),
        ("seen = []\ndef f(x): seen.append(x); return len(seen)\n", "assert f(5) == 1\nassert f(5) == 2\n", "passed"),
        ("def f(x): return 'a' * 200000\n", "assert len(f(1)) == 200000\nassert len(f(2)) == 200000\n", "passed"),
        ("def f(x): print(x); return x\n", "assert f(1) == 1\nassert f(2) == 2\n", "passed"),
    ],
)
def test_verdicts_are_those_of_one_call_after_the_other(judge: Judge, source: str, code: str, status: str) -> None:
    verdict = judge.run(Program(source, CodeTests(code)))
    assert verdict.status == status, verdict


PEEKING = """
import sys
def f(x):
    frame = sys._getframe()
    while frame is not None:
        calls = frame.f_locals.get("calls", ())
        known = [args[0] for _, args in calls]
        if x in known and len(known) > 1:
            return known[(known.index(x) + 1) % len(known)]  # the argument of the call after this one
        frame = frame.f_back
"""


@pytest.mark.parametrize("first", ["f('stop') == 'pots'", "f('stop') + '!' == 'pots!'", "[f('stop')] == ['pots']"])
def test_no_answer_is_found_among_the_arguments_of_later_calls(judge: Judge, first: str) -> None:
    code = f"assert {first}\nassert f('pots') == 'stop'\n"
    assert judge.run(Program("def f(x): return x[::-1]\n", CodeTests(code))).passed
    assert judge.run(Program(PEEKING, CodeTests(code))).status == "wrong"


def test_nor_among_later_inputs(judge: Judge) -> None:
    words = ["stop", "pots", "abc", "cba", "stop"]
    tests = InputTests("f", tuple((word,) for word in words), tuple(word[::-1] for word in words))
    assert judge.run(Program("def f(x): return x[::-1]\n", tests)).passed
    verdict = judge.run(Program(PEEKING, tests))
    assert (verdict.status, verdict.tests_passed) == ("wrong", 0)


_answers = st.sampled_from([1.0, 2.0, True]) | st.recursive(
    st.integers(-3, 3) | st.text("ab", max_size=2) | st.sampled_from([None, 10**30]),
    lambda inner: st.lists(inner, max_size=2) | st.tuples(inner, inner) | st.dictionaries(st.text("k"), inner),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.lists(_answers, max_size=2).map(tuple), _answers), min_size=1, max_size=30))
def test_batches_hold_all_inputs_and_no_answer_to_an_earlier_one(cases: list[tuple[tuple[Any, ...], Any]]) -> None:
    found = batches("f", [args for args, _ in cases], [answer for _, answer in cases])
    given: list[Any] = []
    for message, size in found:
        assert message[:1] == b"j"
        what, name, many = wire.Decoder({}, lambda number, name: None).loads(message[1:])
        assert (what, name, len(many)) == ("calls", "f", size)
        answers: list[Any] = []
        for args in many:
            place = len(given)
            assert not any(answer == arg for answer in answers for arg in args), "asked beside what it answers"
            if cases[place][1] not in ("", [], {}, 0, 1, None):
                answers.append(cases[place][1])
            given.append(args)
    assert given == [args for args, _ in cases]


def test_batches_are_short_enough_for_a_socket() -> None:
    found = batches("f", [("x" * 9000,)] * 10, None)
    assert [size for _, size in found] == [3, 3, 3, 1]


def test_what_is_printed_is_kept(judge: Judge) -> None:
    verdict = judge.run(Program("print('loading')\ndef f(x): print(x); return x\n", TESTS))
    assert (verdict.status, verdict.output) == ("passed", "loading\n1\n2\n3\n")


def test_the_failing_call_is_shown(judge: Judge) -> None:
    verdict = judge.run(Program("def f(x): return min(x, 2)\n", TESTS))
    assert verdict.failure is not None
    assert (verdict.failure.call, verdict.failure.expected, verdict.failure.actual) == ("f(3)", "3", "2")
    assert verdict.tests_passed == 2
