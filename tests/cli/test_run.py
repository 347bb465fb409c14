"""`sparkgap run` as people run it: one program, with tests or input, and its verdict in full."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sparkgap import cli
from sparkgap.types import Diagnostic, Failure, Program, Verdict

HALF = "def half(n):\n    return n // 2\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.main, ["run", *words])


def run_files(program: str, tests: str | None = None, *words: str) -> Result:
    Path("answer.py").write_text(program, "utf-8")
    if tests is None:
        return run("answer.py", *words)
    Path("t.py").write_text(tests, "utf-8")
    return run("answer.py", "--tests", "t.py", *words)


def as_json(result: Result) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(result.stdout)
    return plain


def test_a_script_that_ends_cleanly_passes_and_its_output_is_shown() -> None:
    Path("in.txt").write_text("3\n4\n")
    result = run_files("print(int(input()) * int(input()))\n", None, "--stdin", "in.txt")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("passed  answer.py\n")
    assert result.stdout.endswith("output\n  12\n")
    for row in ("  stage      done\n", "  CPU        0.", "s on the wall", "MB at most", "  isolation  "):
        assert row in result.stdout


def test_an_exception_is_pointed_at_in_the_source() -> None:
    result = run_files("def f(n):\n\tif n:\n\t\tx = [1]; return x[n]\n\nprint('before')\nf(7)\n")
    assert result.exit_code == 1
    assert "raised  answer.py\n" in result.stdout
    assert "answer.py:3:19 error: IndexError: list index out of range\n" in result.stdout
    lines = result.stdout.splitlines()
    code = next(number for number, line in enumerate(lines) if line.startswith("     3 |"))
    assert lines[code + 1].index("^") == lines[code].index("x[n]")
    assert "output\n  before\n" in result.stdout


def test_a_syntax_error_is_pointed_at() -> None:
    result = run_files("x = 1\ny = (2 +* 3)\n")
    assert result.exit_code == 1
    assert "syntax  answer.py\n  stage      parse\n" in result.stdout
    assert (
        "answer.py:2:9 error: SyntaxError: invalid syntax\n     2 | y = (2 +* 3)\n       |         ^\n" in result.stdout
    )


def test_a_failing_assert_shows_call_expected_and_actual() -> None:
    result = run_files(
        HALF, "from answer import half\n\nassert half(4) == 2\nassert half(5) == 2.5\nassert half(0) == 0\n"
    )
    assert result.exit_code == 1
    assert result.stdout.startswith("wrong  answer.py\n  stage      test\n")
    assert "  tests      1 passed of 3\n" in result.stdout
    assert (
        "the first test that failed\n  test       assert half(5) == 2.5\n  call       half(5)\n"
        "  expected   2.5\n  actual     2\n"
    ) in result.stdout


IMPORTS = {
    "by name": "from answer import half\nassert half(4) == 2\n",
    "renamed": "from answer import half as h, half as g\nassert h(4) == 2 and g(2) == 1\n",
    "over lines": "from answer import (\n    half,\n    half as h,\n)\nassert half(h(8)) == 2\n",
    "everything": "from answer import *\nassert half(4) == 2\n",
    "relative": "from .answer import half\nassert half(4) == 2\n",
    "the module": "import answer\nassert answer.half(4) == 2 and answer.half(answer.half(4)) == 1\n",
    "the module, renamed": "import math, answer as a, re\nassert a.half(int(math.sqrt(16))) == 2 and re\n",
    "within a function": "def test_half():\n    from answer import half\n    assert half(4) == 2\n",
    "after a semicolon": "import math; from answer import half; assert half(4) == math.sqrt(4)\n",
    "beyond ASCII": "import answer\nassert 'ä€😀' and answer.half(4) == 2\n",
    "not at all": "assert half(4) == 2\n",
}


@pytest.mark.parametrize("name", IMPORTS)
def test_tests_may_import_the_program_as_they_do_elsewhere(name: str) -> None:
    result = run_files(HALF, IMPORTS[name], "--json")
    assert (result.exit_code, as_json(result)["tests_passed"]) == (0, 1), result.output


def test_test_functions_are_called_and_lines_stay_as_written() -> None:
    tests = (
        "from answer import (\n    half,\n)\n\n\ndef helper(n):\n    return half(n)\n\n\n"
        "def test_even():\n    assert helper(4) == 2\n\n\ndef test_odd(start=5):\n    assert helper(start) == 3\n"
    )
    plain = as_json(run_files(HALF, tests, "--json"))
    assert (plain["status"], plain["tests_passed"]) == ("wrong", 1)
    assert plain["failure"] == {
        "test": "assert helper(start) == 3", "call": "half(5)", "expected": "3", "actual": "2",
    }  # fmt: skip


def test_json_is_the_whole_verdict() -> None:
    result = run_files(HALF, "assert half(4) == 2\n", "--json")
    plain = as_json(result)
    assert result.exit_code == 0
    assert plain["file"] == "answer.py"
    assert plain["isolation"] in ("full", "reduced")
    assert (plain["status"], plain["stage"], plain["tests_passed"], plain["tests_total"]) == ("passed", "done", 1, 1)
    assert 0 < plain["cpu_s"] < 3
    assert plain["memory_mb"] > 1
    assert {"reason", "diagnostics", "failure", "wall_s", "output", "output_clipped"} <= plain.keys()


def test_limits_are_taken() -> None:
    spin = run_files("while True:\n    pass\n", None, "--cpu", "0.2")
    assert spin.exit_code == 1
    assert "timeout  answer.py\n" in spin.stdout
    assert "0.2 s of CPU" in spin.stdout
    big = run_files("x = bytearray(200 << 20)\n", None, "--memory", "64")
    assert big.exit_code == 1
    assert "memory  answer.py\n" in big.stdout
    assert run_files("x = bytearray(200 << 20)\n").exit_code == 0


def test_unsafe_is_said() -> None:
    assert as_json(run_files("print(1)\n", None, "--unsafe", "--json"))["isolation"] == "unsafe"


MISTAKES: dict[str, tuple[tuple[str, ...], str]] = {
    "no such program": (("nothing.py",), "there is no file nothing.py"),
    "a folder": (("folder",), "folder cannot be read: Is a directory"),
    "not text": (("latin.py",), "latin.py is not UTF-8 text: byte 5 is not"),
    "no such tests": (("answer.py", "--tests", "nothing.py"), "there is no file nothing.py"),
    "no such input": (("answer.py", "--stdin", "nothing.txt"), "there is no file nothing.txt"),
    "tests that are not Python": (("answer.py", "--tests", "broken.py"), "broken.py:2 is not Python: invalid syntax"),
    "tests that do not compile": (
        ("answer.py", "--tests", "outside.py"),
        "outside.py:1 is not Python: 'return' outside",
    ),
    "tests that test nothing": (("answer.py", "--tests", "idle.py"), "idle.py tests nothing"),
    "a fixture": (("answer.py", "--tests", "fixture.py"), "fixture.py:1 test_half is async or takes arguments"),
    "an async test": (("answer.py", "--tests", "async.py"), "async.py:1 test_half is async or takes arguments"),
    "tests and input": (("answer.py", "--tests", "idle.py", "--stdin", "idle.py"), "give one of them"),
    "a jail and none": (("answer.py", "--unsafe", "--isolation", "full"), "give one of them"),
    "no time": (("answer.py", "--cpu", "0"), "--cpu"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_before_anything_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_judge(*_: object, **__: object) -> None:
        raise AssertionError("a judge was started")

    monkeypatch.setattr("sparkgap.judge.judge.Judge", no_judge)
    Path("folder").mkdir()
    for file, text in {
        "answer.py": HALF, "broken.py": "assert True\nassert +\n", "outside.py": "return 1\nassert True\n",
        "idle.py": "import unittest\n", "fixture.py": "def test_half(n):\n    assert n\n",
        "async.py": "async def test_half():\n    assert True\n",
    }.items():  # fmt: skip
        Path(file).write_text(text)
    Path("latin.py").write_bytes(b"x = '\xe4'\n")
    words, said = MISTAKES[name]
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


class Judged:
    """Stands for the judge, and says what a test wants said."""

    isolation = "reduced"
    verdict = Verdict("passed")
    given: Program

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Judged:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, program: Program) -> Verdict:
        Judged.given = program
        return Judged.verdict


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> type[Judged]:
    monkeypatch.setattr("sparkgap.judge.judge.Judge", Judged)
    return Judged


def test_infra_exits_with_4(judged: type[Judged]) -> None:
    judged.verdict = Verdict("infra", "load", "a worker's process broke")
    result = run_files(HALF)
    assert result.exit_code == 4
    assert "infra  answer.py\n  stage      load\n  reason     a worker's process broke\n" in result.stdout
    assert "isolation  reduced" in result.stdout


def test_what_a_program_says_cannot_steer_the_terminal_or_the_layout(judged: type[Judged]) -> None:
    nasty = "\x1b[2J\x07[bold]x[/]\u202e\r\ud800é"
    judged.verdict = Verdict(
        "wrong", "test", nasty, failure=Failure(nasty, nasty, nasty, nasty), output=nasty + "\n", output_clipped=True,
        diagnostics=(Diagnostic("test", "error", "E", nasty, 1, 1), Diagnostic("test", "error", "E", "", 99, 1)),
    )  # fmt: skip
    shown = run_files(f"# {nasty.encode('utf-8', 'ignore').decode()}\n", "assert True\n").stdout
    assert not {"\x1b", "\x07", "\u202e", "\r", "\ud800"} & set(shown)
    # The reason, the message, four rows of the failure and the output.
    assert shown.count("\\x1b[2J\\x07[bold]x[/]\\u202e\\r\\ud800é") == 7
    assert "output, clipped: it wrote more\n" in shown
    assert "answer.py:99:1 error: E\n" in shown


def test_long_things_are_cut_and_it_is_said(judged: type[Judged]) -> None:
    output = "\n".join(f"line {number}" for number in range(100)) + "\n" + "w" * 5000 + "\n"
    judged.verdict = Verdict(
        "raised", "test", "r" * 5000, output=output,
        diagnostics=(Diagnostic("test", "error", "E", "m" * 5000, 1, 901),),
    )  # fmt: skip
    shown = run_files("a" * 900 + "!" + "b" * 900 + "\n").stdout
    assert max(map(len, shown.splitlines())) < 1200
    assert "... (5,000 characters)" in shown
    assert "  line 19\n  ... 61 lines not shown ...\n  line 81\n" in shown
    code, caret = shown.splitlines()[shown.splitlines().index(next(x for x in shown.splitlines() if "!" in x)) :][:2]
    assert code[caret.index("^")] == "!"


def test_the_caret_stands_under_wide_characters_and_tabs(judged: type[Judged]) -> None:
    judged.verdict = Verdict("raised", "test", "E", diagnostics=(Diagnostic("test", "error", "E", "", 1, 5),))
    shown = run_files("\t世界 x\n").stdout
    assert f"     1 |     世界 x\n       | {' ' * (4 + 2 * 2 + 1)}^\n" in shown


def test_a_byte_order_mark_is_no_part_of_the_program(judged: type[Judged]) -> None:
    Path("answer.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    judged.verdict = Verdict("passed")
    assert run("answer.py").exit_code == 0
    assert judged.given.source == "x = 1\n"
