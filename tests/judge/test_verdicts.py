"""What a verdict says: the stage, the place in the candidate's own source, the failing test with both sides."""

from __future__ import annotations

import pytest

from sparkgap import CodeTests, DocTests, InputTests, Judge, Limits, Program, Verdict
from sparkgap.types import Diagnostic, Failure, Tests


def run(judge: Judge, source: str, tests: str, prelude: str = "", *, all_tests: bool = False) -> Verdict:
    return judge.run(Program(source, CodeTests(tests, prelude), limits=Limits(cpu_s=2), all_tests=all_tests))


@pytest.mark.parametrize(
    ("source", "code", "line", "column"),
    [
        ("def f(x):\n    return (x\n", "SyntaxError", 2, 12),
        ("x = 1\n  y = 2\n", "IndentationError", 2, None),
        ("def f(x):\n\tif x:\n        return 1\n", "TabError", 3, None),
        ("é = 1; x = = 2\n", "SyntaxError", 1, 12),
        ("return 5\n", "SyntaxError", 1, 1),
    ],
)
def test_syntax_errors_name_their_place(judge: Judge, source: str, code: str, line: int, column: int | None) -> None:
    verdict = run(judge, source, "assert f(1) == 1")
    assert (verdict.status, verdict.stage) == ("syntax", "parse")
    (diagnostic,) = verdict.diagnostics
    assert (diagnostic.code, diagnostic.line) == (code, line)
    assert column is None or diagnostic.column == column
    assert diagnostic.stage == "parse"
    assert diagnostic.message


def test_an_exception_in_a_nested_function_names_the_innermost_place(judge: Judge) -> None:
    source = "def f(x):\n    def inner(y):\n        é = 0; return y / é\n    return [inner(x)]\n"
    verdict = run(judge, source, "assert f(1) == 1")
    assert (verdict.status, verdict.stage) == ("raised", "test")
    assert verdict.diagnostics == (
        Diagnostic("test", "error", "ZeroDivisionError", "division by zero", line=3, column=23),
    )
    assert verdict.failure == Failure("assert f(1) == 1", call="f(1)")


def test_an_exception_while_loading_has_its_stage(judge: Judge) -> None:
    verdict = run(judge, "import math\nx = math.no_such\n", "assert True")
    assert (verdict.status, verdict.stage) == ("raised", "load")
    assert (verdict.diagnostics[0].code, verdict.diagnostics[0].line) == ("AttributeError", 2)


def test_an_exception_of_a_library_is_placed_in_the_callers_line(judge: Judge) -> None:
    verdict = run(judge, "import json\ndef f(x):\n    return json.loads(x)\n", "assert f('{') == 1")
    assert (verdict.diagnostics[0].code, verdict.diagnostics[0].line) == ("JSONDecodeError", 3)


def test_a_failed_test_shows_call_and_both_sides(judge: Judge) -> None:
    source = "def f(x, *, twice=False): return x * 2\n"
    verdict = run(judge, source, "assert f(1) == 2\nassert f([1], twice=True) == [1]\nassert f(3) == 3")
    assert (verdict.status, verdict.stage) == ("wrong", "test")
    assert (verdict.tests_passed, verdict.tests_total) == (1, 3)
    assert verdict.failure == Failure("assert f([1], twice=True) == [1]", "f([1], twice=True)", "[1]", "[1, 1]")


def test_the_call_shown_is_the_one_made_not_what_it_left_of_its_arguments(judge: Judge) -> None:
    verdict = run(judge, "def f(xs): xs.sort(reverse=True)\n", "xs = [1, 3, 2]\nf(xs)\nassert xs == [1, 2, 3]")
    assert verdict.failure is not None
    assert verdict.failure.call == "f([1, 3, 2])"
    assert (verdict.failure.expected, verdict.failure.actual) == ("[1, 2, 3]", "[3, 2, 1]")


def test_long_values_and_texts_are_cut(judge: Judge) -> None:
    source = "def f(x):\n    if x: raise ValueError('y' * 10**6)\n    return ['x' * 10**5] * 1000\n"
    verdict = run(judge, source, "assert f(0) == []")
    assert verdict.failure is not None
    assert len(verdict.failure.actual) <= 400
    verdict = run(judge, source, "assert f(1) == []")
    assert len(verdict.reason) <= 3000
    assert len(verdict.diagnostics[0].message) <= 2000


@pytest.mark.parametrize("text", ["\\ud800", "\\x00\\x1b[31m", "\\u202e"])
def test_a_verdict_can_be_written_down_whatever_the_program_says(judge: Judge, text: str) -> None:
    source = f"class E(Exception): pass\nE.__name__ = '{text}'\nprint('{text}'.encode('utf-8', 'surrogatepass'))\n"
    for tail in (f"def f(x): raise E('{text}')\n", f"def f(x): return '{text}'\n", f"raise E('{text}')\n"):
        verdict = run(judge, source + tail, "assert f(1) == 1")
        assert verdict.status in ("raised", "wrong")
        assert repr(verdict).encode()
        assert verdict.reason.encode()
        assert all(part.message.encode() and part.code.encode() for part in verdict.diagnostics)


def test_output_is_kept_and_clipped(judge: Judge) -> None:
    verdict = run(judge, "print('hello')\ndef f(x):\n    print('again')\n    return x\n", "assert f(1) == 1")
    assert (verdict.status, verdict.output, verdict.output_clipped) == ("passed", "hello\nagain\n", False)
    verdict = run(judge, "print('x' * 200_000)\ndef f(x): return x\n", "assert f(1) == 1")
    assert (verdict.status, verdict.output_clipped) == ("passed", True)
    assert verdict.output == "x" * 65536


def test_costs_are_measured(judge: Judge) -> None:
    source = "x = bytearray(64 << 20)\ndef f(n):\n    while n: n -= 1\n    return 5\n"
    verdict = run(judge, source, "assert f(2 * 10**6) == 5")
    assert 0.01 < verdict.cpu_s < 2
    assert verdict.wall_s >= verdict.cpu_s * 0.5
    assert 64 < verdict.memory_mb < 256


def test_a_crash_is_raised_with_the_signals_name(judge: Judge) -> None:
    for source, name in (
        ("import os\ndef f(x): os.abort()\n", "SIGABRT"),
        ("import ctypes\ndef f(x): ctypes.string_at(0)\n", "SIGSEGV"),
    ):
        verdict = run(judge, source, "assert f(1) == 1")
        assert verdict.status == "raised"
        assert name in verdict.reason
        assert (verdict.diagnostics[0].code, verdict.diagnostics[0].line) == (name, 2)


def test_all_tests_go_on_after_a_failure(judge: Judge) -> None:
    tests = "assert f(1) == 1\nassert f(2) == 0\nassert f(3) == 3\nassert f(4) == 0\n"
    verdict = run(judge, "def f(x): return x\n", tests, all_tests=True)
    assert (verdict.status, verdict.tests_passed, verdict.tests_total) == ("wrong", 2, 4)
    assert verdict.failure is not None
    assert verdict.failure.test == "assert f(2) == 0"


def test_groups_of_inputs_are_counted_apart(judge: Judge) -> None:
    inputs = tuple((i,) for i in range(6))
    tests = InputTests("f", inputs, (0, 1, 2, 3, 0, 5), groups=(("base", 2), ("plus", 4)))
    first = judge.run(Program("def f(x): return x\n", tests))
    assert (first.status, first.groups, first.tests_passed) == ("wrong", {"base": (2, 2), "plus": (2, 3)}, 4)
    assert first.failure == Failure("input 4", "f(4)", "0", "4") or first.failure is not None
    every = judge.run(Program("def f(x): return x\n", tests, all_tests=True))
    assert (every.status, every.groups, every.tests_passed) == ("wrong", {"base": (2, 2), "plus": (3, 4)}, 5)
    assert every.tests_total == 6


def test_inputs_without_expected_outputs_record_the_answers(judge: Judge) -> None:
    tests = InputTests("f", ((1,), (2.5,), ("a",)), None)
    verdict = judge.run(Program("def f(x): return (x, {x})\n", tests))
    assert (verdict.status, verdict.answers) == ("passed", ((1, {1}), (2.5, {2.5}), ("a", {"a"})))


def test_doctests_show_what_was_wanted_and_got(judge: Judge) -> None:
    tests = DocTests(
        ">>> f(1)\n2\n>>> print(f(2))\n3\n>>> f('a')\nTraceback (most recent call last):\n    ...\nTypeError: no\n"
    )
    right = "def f(x):\n    if x == 'a': raise TypeError('no')\n    return x + 1\n"
    assert judge.run(Program(right, tests)).status == "passed"
    verdict = judge.run(Program("def f(x): return x * 2\n", tests))
    assert (verdict.status, verdict.tests_passed, verdict.tests_total) == ("wrong", 1, 3)
    assert verdict.failure is not None
    assert (verdict.failure.expected, verdict.failure.actual) == ("3", "4")


def test_tests_that_pass_functions_of_their_own_are_infra_with_the_reason(judge: Judge) -> None:
    verdict = run(judge, "def f(g): return g(1)\n", "assert f(lambda x: x) == 1")
    assert (verdict.status, verdict.stage) == ("infra", "test")
    assert "cannot cross" in verdict.reason


def test_tests_that_do_not_parse_are_infra(judge: Judge) -> None:
    assert run(judge, "def f(x): return x\n", "assert f(1) ==").status == "infra"


def test_a_name_that_the_program_lacks_is_its_own_error(judge: Judge) -> None:
    verdict = run(judge, "def g(x): return x\n", "assert f(1) == 1")
    assert verdict.status == "raised"
    assert "'f'" in verdict.reason


@pytest.mark.parametrize(
    ("tests", "reason"),
    [
        (InputTests("add", ((1, 2), (3, 4)), (3,)), "2 inputs, but 1 expected outputs"),
        (InputTests("add", (), ()), "no input to try"),
        (InputTests("add", (1, 2), (1, 2)), "input 0 is no list of arguments: 1"),  # type: ignore[arg-type]
        (InputTests("add", ((1, 2),), (3,), oracle="nope"), "no such oracle: 'nope'; there are"),
        (CodeTests("assert add(1, 2) ==\n"), "do not compile: SyntaxError"),
        (CodeTests("assert add(" + "(" * 300 + ")" * 300 + ")\n"), "do not compile"),
        (DocTests("no examples"), "the text has no examples"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tests_that_are_none_are_no_failure_of_the_programs(judge: Judge, tests: Tests, reason: str) -> None:
    workers = [worker._pid for worker in judge._pool]
    verdict = judge.run(Program("def add(a, b): return a + b\n", tests))
    assert verdict.status == "infra"
    assert reason in verdict.reason
    assert [worker._pid for worker in judge._pool] == workers
