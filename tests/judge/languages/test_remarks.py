"""What compilers and linters say of a program that is not run: diagnostics, and the text made of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enemies.languages import NAMES, enemies_of
from sparkgap import Judge, plugins
from sparkgap.judge import feedback
from sparkgap.judge.remarks import rendered
from sparkgap.types import Diagnostic


@pytest.mark.parametrize("name", ["python", *NAMES])
def test_feedback_is_the_same_for_the_same_program(judge: Judge, installed, name: str) -> None:
    installed(name)
    broken = enemies_of(name).grammar if name != "python" else "def f(:\n    pass\n"
    told = feedback(broken, name, judge=judge)
    assert told.status == "syntax"
    assert told.errors >= 1
    assert told.diagnostics[0].severity == "error"
    assert told.text.startswith(f"solution{plugins.find('languages', name).suffix}:")
    assert told == feedback(broken, name, judge=judge)
    assert len(told.text) < 4000


@pytest.mark.parametrize("name", NAMES)
def test_a_right_program_is_not_refused_and_not_run(judge: Judge, installed, name: str) -> None:
    installed(name)
    told = feedback(enemies_of(name).calls.right, name, judge=judge)
    assert told.status == "passed"
    assert told.errors == 0


def test_python_tells_names_that_are_not_defined_and_results_that_nobody_uses(judge: Judge) -> None:
    source = "import os\ndef f(x):\n    y = 1\n    x == 2\n    return z\n"
    told = feedback(source, judge=judge)
    assert told.status == "passed"
    found = {(each.severity, each.code, each.line, each.column) for each in told.diagnostics}
    assert found == {
        ("error", "F821", 5, 12), ("warning", "F401", 1, 8), ("warning", "F841", 3, 5), ("warning", "B015", 4, 5),
    }  # fmt: skip
    assert told.text.startswith("solution.py:5:12: error[F821]: Undefined name `z`\n    5 |     return z\n")
    assert told.text.endswith("1 error, 3 warnings\n")


def test_python_tells_what_its_own_compiler_warns_of(judge: Judge) -> None:
    told = feedback("x = 'a\\d'\nassert (x, 'always true')\n", judge=judge)
    assert {"DeprecationWarning", "SyntaxWarning"} & {each.code for each in told.diagnostics}


def test_a_program_that_is_looked_over_is_not_run(judge: Judge) -> None:
    told = feedback("while True: pass\n", judge=judge)
    assert told.status == "passed"
    assert told.text == "no errors, no warnings\n"


def test_go_tells_what_vet_found(judge: Judge, installed) -> None:
    installed("go")
    source = 'package main\n\nimport "fmt"\n\nfunc f(a int) { fmt.Printf("%s\\n", a) }\n'
    (told,) = feedback(source, "go", judge=judge).diagnostics
    assert (told.severity, told.code, told.line, told.column) == ("warning", "vet:printf", 5, 17)


def test_columns_count_characters(judge: Judge, installed) -> None:
    installed("cpp")
    source = 'const char *s = "äöü→𝄞"; int f() { return q; }\n'
    told = feedback(source, "cpp", judge=judge).diagnostics[0]
    assert told.column == source.index("q;") + 1
    installed("rust")
    source = 'fn f() -> i32 { let _s = "äöü→𝄞"; q }\n'
    assert feedback(source, "rust", judge=judge).diagnostics[0].column == source.index("q }") + 1


def test_more_diagnostics_than_fit_are_counted() -> None:
    many = [Diagnostic("parse", "error", f"E{n}", "wrong " * 100, n + 1, 1) for n in range(30)]
    text = rendered(many, "x\n" * 30, "solution.x", most=3)
    assert "27 more not shown" in text
    assert text.count(" ...\n") == 3
    assert text.endswith("30 errors, 0 warnings\n")


@given(st.text(max_size=300), st.integers(-2, 20), st.integers(-2, 400), st.text(max_size=40))
def test_a_caret_stands_below_its_column(source: str, line: int, column: int, message: str) -> None:
    text = rendered([Diagnostic("parse", "error", "E", message, line, column)], source, "s")
    shown = text.split("\n")
    lines = source.split("\n")
    if 1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1].rstrip("\r")) + 1:
        assert shown[2].endswith("^")
        place = len(shown[2]) - 1
        wanted = lines[line - 1].rstrip("\r")[column - 1 : column]
        assert shown[1][place : place + 1] in (wanted, " ")


_ASK = """
import sys
from sparkgap import Judge, Program
from sparkgap.errors import SparkgapError
with Judge(1) as judge:
    for name in sys.argv[1:]:
        try:
            judge.submit(Program("x", language=name))
        except SparkgapError as error:
            print(name, error)
"""


def test_a_missing_toolchain_is_told_with_the_command_that_installs_it() -> None:
    environment = {**os.environ, "PATH": "/nowhere", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _ASK, *NAMES], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    told = done.stdout.splitlines()
    assert [line.split()[0] for line in told] == list(NAMES)
    for line in told:
        assert "which is not on the PATH" in line
        assert "install" in line or "https://" in line or "package" in line
