"""What tests ask that loop: found out where no answer decides it, and never more than may be known beforehand."""

from __future__ import annotations

import contextlib
import marshal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap import CodeTests, Judge, Limits, Program
from sparkgap.judge.preparing import prepare
from sparkgap.judge.rehearsing import questions
from sparkgap.judge.testcode import packed

ROT = "def rot(s): return ''.join(chr((ord(c) - 84) % 26 + 97) for c in s)\n"


def asked(code: str, prelude: str = "") -> list[list[tuple[str, Any]]]:
    """Return the calls of f and g, in rows."""
    prepared, _ = prepare(code, prelude)
    rows, calls = questions(code, prepared.prelude, prepared.wanted | {"f", "g"})
    found: list[list[tuple[str, Any]]] = []
    for _, due in rows:
        found.append([])
        for call in calls[sum(map(len, found)) :][:due]:
            found[-1].append(marshal.loads(call))
    assert sum(due for _, due in rows) == len(calls)
    return found


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("for i in range(3):\n    assert f(i, [i]) == -i", [[("f", (0, [0])), ("f", (1, [1])), ("f", (2, [2]))]]),
        ("x = [1]\nassert f(x) == 9\nx.append(2)\nassert f(x) == 8", [[("f", ([1],)), ("f", ([1, 2],))]]),
        ("def test_it():\n    for i in 'ab':\n        assert f(i)", [[("f", ("a",)), ("f", ("b",))]]),
        ("for i in (1, 2):\n    assert abs(f(i) - 0.5) < 1e-6 and not g(i) != 7", [[("f", (1,)), ("g", (1,))] * 1
          + [("f", (2,)), ("g", (2,))]]),
        ("import random\nrandom.seed(3)\nx = random.randint(0, 9)\nassert f(x) == 99", [[("f", (3,))]]),
        # What an answer is compared with is not asked in the same row.
        ("for a, b in (('x', 'k'), ('k', 'x'), ('y', 'l')):\n    assert f(a) == b",
         [[("f", ("x",))], [("f", ("k",)), ("f", ("y",))]]),
        ("for i in (5, 6, 7):\n    assert abs(f(i) - i - 1) < 1", []),
        ("for i in (5, 6):\n    assert abs(i + 0.96 - f(i)) < 0.1", [[("f", (5,))], [("f", (6,))]]),
        ("for i in (2, 3):\n    assert 3 == f(i)", [[("f", (2,))], [("f", (3,))]]),
        # What is made of an answer does not tell what is expected of it.
        ("for i in (1, 2):\n    assert f(i) + 2 == i", []),
        ("for i in (1, 2):\n    assert f(i) - 2 == i", []),
        ("for i in (1, 2):\n    assert abs(f(i) - 2) == i", []),
        ("for i in (1, 2):\n    assert abs(f(i)) == i", []),
        ("for i in (1, 2):\n    assert round(f(i), 2) == i", []),
        ("for i in (1, 2):\n    assert -f(i) == i", []),
        # An answer that decides what is asked, or is asked about, or passed on.
        ("x = f(1)\nassert g(x) == 1", []),
        ("x = f(1)\nassert g([x]) == 1", []),
        ("for x in f(1):\n    assert g(x)", []),
        ("assert f(1)[0] == 1", []),
        ("assert len(f(1)) == 1", []),
        ("assert f(1).x == 1", []),
        ("assert f(1)() == 1", []),
        ("assert str(f(1)) == '1'", []),
        ("assert f'{f(1)}' == '1'", []),
        ("assert int(f(1)) == 1", []),
        ("import math\nassert math.isclose(f(1), 2)", []),
        ("assert [1, 2][f(1)] == 1", []),
        ("assert {f(1): 2}", []),
        ("assert sorted(f(1)) == [1]", []),
        ("assert isinstance(f(1), (int, str))", [[("f", (1,))]]),
        ("try:\n    f(1).x\nexcept BaseException:\n    pass\nassert g(2)", [[("f", (1,)), ("g", (2,))]]),
        # What lets several answers be right.
        ("assert f(1) in (2, 3)\nassert f(2)", []),
        ("assert f(1) == 2 or f(1) == 3\nassert f(2)", []),
        ("assert any(f(1) == x for x in (2, 3))\nassert f(2)", []),
        # One that is expected of another call of the same assert.
        ("for i in (1, 2):\n    assert [f(i), f(i + 1)] == [i + 1, i + 2]", []),
        # What cannot be sent as it is.
        ("assert f(a=1)", []),
        ("assert f(object())", []),
        ("assert f(f)", []),
        ("while f(1) != 2: pass", []),
        ("for i in range(100000):\n    assert f(i)", []),
        ("assert f('x' * 100000)", []),
        ("raise ValueError", []),
        ("assert True", []),
        ("1 / 0", []),
    ],
)  # fmt: skip
def test_what_is_found_out(code: str, rows: list[list[tuple[str, Any]]]) -> None:
    assert asked(code) == rows


def test_helpers_of_the_prelude_may_make_what_is_asked() -> None:
    code = "for s in ('ab', 'cd'):\n    assert f(rot(s)) == s"
    assert asked(code, ROT) == [[("f", ("no",)), ("f", ("pq",))]]
    there_and_back = "for s in ('ab', 'no', 'cd'):\n    assert f(rot(s)) == s"  # the second asks what the first expects
    assert asked(there_and_back, ROT) == [[("f", ("no",))], [("f", ("ab",)), ("f", ("pq",))]]


_parts = st.sampled_from(["i", "i + 1", "[i, 1]", "n", "str(i)", "(i,)", "3"])
_looks = st.sampled_from(["== {}", "!= {}", "< {}", "+ 1 == {}", "- {} > 0", "in [{}]", "[0] == {}", ".x == {}"])
_calls = st.builds("{}({})".format, st.sampled_from("fg"), _parts)
_lines = st.one_of(
    st.builds(lambda call, look, part: f"assert {call} {look.format(part)}", _calls, _looks, _parts),
    st.builds("n = {}".format, _parts | _calls), st.builds("if {}: n = {}".format, _calls, _parts),
    st.builds("assert {} == {}".format, _calls, _calls), st.builds("assert not {}".format, _calls),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(_lines, min_size=1, max_size=4), st.lists(st.integers(-2, 5) | st.just([1]), min_size=1, max_size=5))
def test_tests_that_hold_make_the_calls_found_out_unless_answers_decide(lines: list[str], answers: list[Any]) -> None:
    code = "n = 0\nfor i in (1, 2, 3):\n    " + "\n    ".join(lines) + "\n"
    rows = asked(code)
    made: list[bytes] = []

    def answer(name: str) -> Any:
        def function(*args: Any) -> Any:
            made.append(packed(name, args))
            return answers[len(made) % len(answers)]

        return function

    held = False
    with contextlib.suppress(Exception):
        exec(code, {"f": answer("f"), "g": answer("g")})
        held = True
    decided = any(word in code for word in (" if ", " not ", "n = f", "n = g"))
    if rows and held and ("f(" in code or "g(" in code) and not decided:
        assert made == [packed(*call) for row in rows for call in row]


LOOP = CodeTests("for i in range(40):\n    assert f(i) == i * 2\n")
SHORT = Limits(cpu_s=0.4)
RIGHT = "def f(x): return x * 2\n"


def test_verdicts_stay_the_same_once_what_is_asked_is_known(judge: Judge) -> None:
    programs = {
        "passed": RIGHT,
        "wrong": "def f(x): return x * 2 if x < 30 else 0\n",
        "raised": "def f(x): return 84 // (42 - x) and [x * 2][x // 39]\n",
        "timeout": "def f(x):\n    while x > 20: pass\n    return x * 2\n",
    }
    first = [judge.run(Program(source, LOOP, limits=SHORT)) for source in programs.values()]
    again = [judge.run(Program(source, LOOP, limits=SHORT)) for source in programs.values()]
    for name, one, other in zip(programs, first, again, strict=True):
        assert one.status == other.status == name
        assert (one.tests_passed, one.tests_total, one.failure) == (
            other.tests_passed,
            other.tests_total,
            other.failure,
        )


def test_tests_of_true_chance_are_asked_one_by_one_for_ever(judge: Judge) -> None:
    code = "import time\nfor i in range(40):\n    x = time.perf_counter_ns()\n    assert f(x) == x * 2\n"
    tests = CodeTests(code)
    for _ in range(4):
        assert judge.run(Program(RIGHT, tests)).passed
        assert judge.run(Program("def f(x): return 0\n", tests)).status == "wrong"


PEEKING = """
import sys
def f(x):
    frame = sys._getframe()
    while frame is not None:
        known = [args[0] for _, args in frame.f_locals.get("calls", ())]
        if x in known and len(known) > 1:
            return known[(known.index(x) + 1) % len(known)]
        frame = frame.f_back
    return rot(x) if False else x
"""


def test_no_answer_is_found_among_what_is_asked_later(judge: Judge) -> None:
    code = "for s in WORDS:\n    assert f(s) == rot(s)\n    assert f(rot(s)) == s\n"
    prelude = ROT + f"WORDS = {[chr(97 + n) * 3 for n in range(13)] * 2}\n"
    tests = CodeTests(code, prelude)
    right = ROT + "def f(s): return rot(s)\n"
    assert [judge.run(Program(right, tests)).status for _ in range(3)] == ["passed"] * 3
    assert [judge.run(Program(PEEKING, tests)).status for _ in range(2)] == ["wrong"] * 2
