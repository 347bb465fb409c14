"""Files in other languages than Python: what their compilers say of them, and what comes of it."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import corpus
from sparkgap import plugins
from sparkgap.curate import CurateOptions, curate
from sparkgap.curate.asking import explanations, forget, what_if
from sparkgap.curate.compiling import compiled, facts, judged_as
from sparkgap.curate.contamination.behaviour import Verdicts
from sparkgap.errors import ToolchainError
from sparkgap.judge import Judge
from sparkgap.types import Diagnostic, Verdict
from toolchain import needed

SHELL = (
    '#!/bin/bash\n# Say where we are, and who is there.\nfor each in one two three; do\n    echo "$each $PWD"\ndone\n'
)
C = "/* The sum of two. */\nint sum(int a, int b)\n{\n    return a + b;\n}\n"
# language -> a file that builds, one that only parses since a part of its project is missing, one that does neither
SOURCES = {
    "c": ("a.c", C, f'#include "ours.h"\n{C}', C.replace("b;", "b")),
    "c++": ("a.cpp", C, f'#include "ours.h"\n{C}', C.replace("b;", "b")),
    "rust": ("a.rs", "pub fn f() -> i32 { 1 }\n", "use crate::x::Y;\npub fn f(y: Y) {}\n", "pub fn f( -> i32 { 1 }\n"),
    "go": (
        "a.go",
        "package a\n\nfunc F() int { return 1 }\n",
        "package a\n\nfunc F() int { return g() }\n",
        "func {\n",
    ),
    "java": ("A.java", "class A { int f() { return 1; } }\n", "class A extends Ours { }\n", "class A { int f() { } \n"),
    "javascript": (
        "a.js",
        "const f = () => 1;\n",
        "import f from './f.js';\nexport default f;\n",
        "const f = ( => 1;\n",
    ),
    "typescript": (
        "a.ts",
        "export const f = (): number => 1;\n",
        "import { g } from './g';\ng();\n",
        "const f = (: 1;\n",
    ),
    "shell": ("a.sh", SHELL, SHELL, SHELL.replace("done", "don")),
}


@pytest.mark.parametrize("language", SOURCES)
def test_errors_of_grammar_are_told_from_what_is_missing(judge: Judge, tmp_path: Path, language: str) -> None:
    path, *texts = SOURCES[language]
    for text in texts:
        needed(judged_as(language, path, text))
    kept = Verdicts(tmp_path / "c.jsonl")
    found = compiled(judge, enumerate(texts), lambda _: (language, path), kept)
    kept.close()
    builds, parses, neither = (found.rows[row] for row in range(3))
    assert (builds.parses, builds.builds, builds.said) == (1, 1, "")
    assert (parses.parses, parses.builds) == (1, int(language == "shell"))
    assert (neither.parses, neither.builds) == (0, 0)
    assert neither.said.split(":")[0].isdigit()


@pytest.mark.parametrize(
    ("language", "path", "text", "said"),
    [
        ("c", "a.h", "", ""), ("javascript", "a.js", "import('x')\n", "javascript"), ("typescript", "a.d.ts", "", ""),
        ("javascript", "a.js", "// x\nexport default 1;\n", "typescript"), ("jsx", "a.jsx", "", ""),
        ("perl", "a.pl", "", ""),
    ],
)  # fmt: skip
def test_what_is_looked_over_as_what(language: str, path: str, text: str, said: str) -> None:
    assert judged_as(language, path, text) == said


class Compiler:
    """A judge of which the compiler says the same of everything, and counts."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict, self.asked = verdict, 0

    def check(self, source: str, language: str) -> Future[Verdict]:
        self.asked += 1
        future: Future[Verdict] = Future()
        future.set_result(self.verdict)
        return future


def looked(judge: Any, path: Path, texts: list[str], language: str = "shell") -> Any:
    kept = Verdicts(path)
    try:
        return compiled(judge, enumerate(texts), lambda _: (language, "a"), kept)
    finally:
        kept.close()


def test_the_same_text_is_looked_over_once(tmp_path: Path) -> None:
    refuses = Compiler(Verdict("compile", "parse", diagnostics=(Diagnostic("parse", "error", "E", "no x", 3),)))
    texts = [f"echo {number % 40}\n" for number in range(100)]
    first = looked(refuses, tmp_path / "c.jsonl", texts)
    assert refuses.asked == 40
    assert {(each.parses, each.builds, each.said) for each in first.rows.values()} == {(1, 0, "3: no x")}
    assert sorted(first.rows) == list(range(100))
    assert looked(refuses, tmp_path / "c.jsonl", texts).rows == first.rows
    assert refuses.asked == 40
    assert facts(first)["files"] == facts(first)["parse"] == 100


@pytest.mark.parametrize("status", ["timeout", "memory", "infra"])
def test_a_compiler_that_says_nothing_drops_nothing(tmp_path: Path, status: Any) -> None:
    assert looked(Compiler(Verdict(status)), tmp_path / "c.jsonl", [SHELL]).rows == {}


def test_a_language_without_a_compiler_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: Any) -> Any:
        raise ToolchainError("no bash; install it")

    monkeypatch.setattr(type(plugins.find("languages", "shell")), "kit", absent)
    found = looked(Compiler(Verdict("passed")), tmp_path / "c.jsonl", [SHELL, SHELL])
    assert (found.rows, found.missing) == ({}, {"shell": "no bash; install it"})


def test_what_does_not_parse_goes_and_the_ledger_says_why(judge: Judge, tmp_path: Path) -> None:
    source = tmp_path / "source"
    texts = {
        "LICENSE": corpus.MIT,
        "good.sh": SHELL,
        "bad.sh": SHELL.replace("done", "do ne"),
        "m.py": corpus.module(1),
    }
    for name, text in texts.items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text)
    options = CurateOptions({"language": "python,shell"}, against=("hello",), behaviour=False, proof=False)
    made = curate([str(source)], tmp_path / "out", options, judge)
    told = {row["path"]: row for row in pq.read_table(made.folder / "ledger.parquet").to_pylist()}
    assert (told["bad.sh"]["step"], told["bad.sh"]["rule"], told["bad.sh"]["parses"]) == ("quality", "parses", 0)
    assert (told["good.sh"]["kept"], told["good.sh"]["builds"], told["m.py"]["parses"]) == (True, 1, None)
    ((_, words),) = explanations(made.folder, "bad.sh")
    assert "its compiler says, line" in words
    assert "Of 2 files in other languages than Python 1 parse" in (made.folder / "README.md").read_text()
    assert [each.path for each in what_if(made.folder, {"parses": "0"}).come] == ["bad.sh"]
    assert forget(made.folder, told["m.py"]["sha256"]).after == 1
    alone = curate([str(source)], tmp_path / "alone", CurateOptions(**{**_told(options), "compiling": False}), judge)
    assert {row["parses"] for row in pq.read_table(alone.folder / "ledger.parquet").to_pylist()} == {None}


def _told(options: CurateOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in options.__dataclass_fields__}
