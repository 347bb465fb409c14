"""`sparkgap run` with programs in other languages, and what `sparkgap check` says of their toolchains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sparkgap import plugins
from sparkgap.cli import main
from toolchain import needed


@pytest.fixture
def file(tmp_path: Path):
    """Return a function that writes a program to a file, and skips where its language is not installed."""

    def write(name: str, text: str, language: str = "") -> str:
        if language:
            needed(language)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def run(*words: str):
    return CliRunner().invoke(main, ["run", *words])


def test_the_suffix_tells_the_language_and_a_caret_the_column(file) -> None:
    path = file("main.cpp", "#include <iostream>\nint main() {\n  std::cout << undefined;\n}\n", "cpp")
    done = run(path)
    assert done.exit_code == 1
    assert "compile" in done.stdout.splitlines()[0]
    assert f"{path}:3:16 error: error: 'undefined' was not declared in this scope" in done.stdout
    lines = done.stdout.splitlines()
    place = next(number for number, line in enumerate(lines) if "std::cout << undefined;" in line)
    assert lines[place].index("undefined") == lines[place + 1].index("^")


def test_a_program_reads_and_writes(file, tmp_path: Path) -> None:
    path = file("sum", "read -r a b\necho $((a + b))\n", "shell")
    given = tmp_path / "given"
    given.write_text("2 3\n")
    done = run(path, "--language", "shell", "--stdin", str(given))
    assert done.exit_code == 0
    assert done.stdout.rstrip().endswith("5")


def test_check_runs_nothing(file) -> None:
    path = file("endless.py", "import os\nwhile True:\n    pass\n")
    done = run(path, "--check", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["status"] == "passed"


def test_mistakes_are_told(file) -> None:
    path = file("program.xyz", "")
    done = run(path)
    assert done.exit_code == 2
    assert "the suffix '.xyz' tells no language" in done.stderr
    assert "rust" in done.stderr
    tests = file("tests.py", "assert f() == 1\n")
    done = run(file("program.rs", ""), "--tests", tests)
    assert done.exit_code == 2
    assert "--tests is for Python" in done.stderr
    assert run(file("program.py", ""), "--tests", tests, "--check").exit_code == 2
    done = run(path, "--language", "cobol")
    assert done.exit_code == 2
    assert "no language 'cobol'" in done.stderr


def test_check_names_every_language_and_its_version() -> None:
    done = CliRunner().invoke(main, ["check", "--json"])
    told = {each["language"]: each for each in json.loads(done.stdout)["languages"]}
    assert set(told) == set(plugins.names("languages"))
    assert told["python"]["ok"]
    assert all(each["detail"] for each in told.values())
