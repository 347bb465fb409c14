from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sparkgap.claims import Claim, Claimed
from sparkgap.report import read, report
from sparkgap.report.markdown import plain
from sparkgap.report.plaintext import one_line

RENDER = MarkdownIt("commonmark").enable("table").enable("strikethrough")


def rows(rendered: str) -> list[list[str]]:
    found = re.findall(r"<tr>(.*?)</tr>", rendered, re.DOTALL)
    return [[cell for _, cell in re.findall(r"<t([hd])[^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in found]


@given(st.text(min_size=1).map(lambda text: one_line(f"a{text}")))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    (row,) = rows(RENDER.render(f"| {plain(text)} |\n| --- |\n"))
    assert [unescape(cell) for cell in row] == [text]


def test_the_table_holds_the_figures_with_their_intervals(
    graded: tuple[Path, Path], training: Path, hostile: tuple[str, ...]
) -> None:
    claim = Claim("X_1", "hello", 0.9, "share", "a <b> paper", "2026", "here|there")
    evil = f"m|{hostile[0]}"
    runs = [read(graded[0]), read(graded[1], evil), read(training, "t")]
    text = report(runs, claims=[Claimed("X_1", "X_1", {"hello": claim})], form="md", title="# T")
    rendered = RENDER.render(text)
    assert not re.search("<(?!/?(h2|p|table|thead|tbody|tr|th|td|em|strong|ul|li)\\b)", rendered)
    table = rows(rendered)
    summary = read(graded[1]).benchmarks["hello"].metrics["pass@1"]  # type: ignore[union-attr]
    figures = [f"{100 * value:.1f}" for value in (summary.value, summary.low, summary.high)]
    assert table[0] == ["model", "hello, %"]
    assert table[1][0] == "right"
    assert table[1][1].startswith("100.0 (")
    assert unescape(table[2][0]) == evil
    assert table[2][1] == f"{figures[0]} ({figures[1]} to {figures[2]}, 1 unscored)"
    assert table[3] == ["<em>X_1</em>, reported, not measured", "<em>90.0</em>"]
    assert "reported, not measured: a &lt;b&gt; paper, 2026 (here|there)" in rendered
    assert ["reward", "0", "0.95", "0", "0.95"] in table
    assert text.endswith(".\n") or text.endswith("|\n")
