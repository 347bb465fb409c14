"""Files with a gap: what fills the gap is whole statements, and prefix, middle and suffix are the file."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import corpus
from sparkgap.cli import main
from sparkgap.curate.pairs import AFTER, BEFORE, MOST_GAP, MOST_GAPS, gaps

TOKENS = ("<before>", "<after>", "<fill>")
ODD = '''"""Odd layouts."""
import functools


def one_line(x): return x + 1


def several(x):
    """Return something."""
    y = x; z = y  # two on a line
    é = "é"; w = z

    @functools.cache
    def inner(v):
        return v

    if x:
        y = 2
    return inner(w)  # a comment goes along


class Box:
    async def hold(self):
        text = """a
    text of some
lines"""
        return text
'''


def taken(prompt: str) -> tuple[str, str]:
    assert [prompt.count(token) for token in TOKENS] == [1, 1, 1]
    before, _, rest = prompt.removeprefix(TOKENS[0]).partition(TOKENS[1])
    assert rest.endswith(TOKENS[2])
    return before, rest.removesuffix(TOKENS[2])


@pytest.mark.parametrize("text", [ODD, *(corpus.module(seed) for seed in range(4)), corpus.PROVEN])
def test_a_gap_is_some_whole_statements_of_the_file(text: str) -> None:
    found = list(gaps(text, "a.py", TOKENS))
    assert found == list(gaps(text, "a.py", TOKENS))
    assert 1 <= len(found) <= MOST_GAPS
    for each in found:
        before, after = taken(each.prompt)
        whole = f"{before}{each.completion}{after}"
        assert whole in text + "\n"
        ast.parse(f"if True:\n{each.completion}" if each.completion.startswith(" ") else each.completion)
        assert 1 <= each.completion.count("\n") <= MOST_GAP
        if whole.strip() == text.strip():
            ast.parse(f"{before}{' ' * (len(each.completion) - len(each.completion.lstrip()))}pass\n{after}")


def test_what_is_shown_around_a_gap_is_bounded() -> None:
    for each in gaps(corpus.module(1, functions=60), "a.py", TOKENS):
        before, after = taken(each.prompt)
        assert before.count("\n") <= BEFORE
        assert after.count("\n") < AFTER


@pytest.mark.parametrize(
    ("text", "path"),
    [(corpus.module(1), "test_a.py"), ("def f(:\n", "a.py"), ("x = 1\n", "a.py"), ("def f(): return 1\n", "a.py"),
     (corpus.module(1) + "# <fill>\n", "a.py")],
)  # fmt: skip
def test_files_that_have_no_gap(text: str, path: str) -> None:
    assert list(gaps(text, path, TOKENS)) == []


def test_gaps_are_written_where_tokens_are_given(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "LICENSE").write_text(corpus.MIT)
    (source / "a.py").write_text(corpus.module(1))
    words = ["curate", str(source), "-o", str(tmp_path / "out"), "--against", "hello", "--no-behaviour", "--no-proof",
             "--no-compile", "--quiet", "--workers", "1"]  # fmt: skip
    done = CliRunner().invoke(main, [*words, "--fim", ",".join(TOKENS)])
    assert done.exit_code == 0, done.output
    rows = pq.read_table(tmp_path / "out" / "fim").to_pylist()
    assert json.loads((tmp_path / "out" / "summary.json").read_bytes())["gaps"]["train"] == len(rows) > 0
    assert {row["license"] for row in rows} == {"MIT"}
    assert "path: fim/train-*.parquet" in (tmp_path / "out" / "README.md").read_text("utf-8")
    for wrong in ("<a>,<b>", "<a>,<a>,<b>", "<a>,,<b>"):
        assert CliRunner().invoke(main, [*words, "--fim", wrong]).exit_code == 2
    assert CliRunner().invoke(main, words).exit_code == 0
    assert not (tmp_path / "out" / "fim").exists()
