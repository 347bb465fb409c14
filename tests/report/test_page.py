from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from run_folders import flags, write_measure
from sparkgap.errors import InputError
from sparkgap.report import read, report
from sparkgap.report.plaintext import one_line

TAGS = {  # every element that the template and the charts have, and no other
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "button", "p", "main", "section",
    "div", "table", "thead", "tbody", "tr", "th", "td", "b", "bdi", "span", "figure", "figcaption", "details",
    "summary", "ul", "li", "i", "noscript", "label", "select", "option", "input", "output", "footer", "script", "pre",
    "svg", "g", "path", "line", "text",
}  # fmt: skip
EMPTY = {"meta", "input"}


class Page(HTMLParser):
    """A page taken apart, and checked on the way: every element closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.comments: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif not self._open or self._open[-1] != "style":
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_a_page_refers_to_nothing_outside_of_it(page: str) -> None:
    parsed = Page(page)
    for _, attributes in parsed.tags:
        assert not {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "ping"} & attributes.keys()
    assert not re.search(r"url\(|@import|https?:", page.replace("http://www.w3.org/", ""))
    assert len(page) < 1_000_000


def test_the_policy_allows_our_script_alone(page: str) -> None:
    parsed = Page(page)
    (policy,) = [a["content"] for _, a in parsed.tags if a.get("http-equiv") == "Content-Security-Policy"]
    (script,) = [text for attributes, text in parsed.scripts if "type" not in attributes]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy is not None
    assert policy.split("; ") == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        f"script-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    data = {attributes["type"] for attributes, _ in parsed.scripts if "type" in attributes}
    assert data == {"application/json", "text/plain"}


def test_hostile_text_is_words_and_never_markup(page: str, hostile: tuple[str, ...]) -> None:
    parsed = Page(page)
    assert {tag for tag, _ in parsed.tags} <= TAGS
    assert not [
        name for _, attributes in parsed.tags for name in attributes if name.startswith("on") or name == "srcdoc"
    ]
    assert parsed.comments == []
    for words in (f"model {hostile[0]}", f"X-1 {hostile[1]}", hostile[2], f"Title {hostile[3]}"):
        assert words in parsed.text
    assert one_line(hostile[6]) in parsed.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    names = next(text for attributes, text in parsed.scripts if attributes.get("id") == "names")
    assert json.loads(names)[1] == f"model {hostile[0]}"
    assert "<" not in names


def test_every_figure_is_in_a_table_beside_its_chart(page: str) -> None:
    parsed = Page(page)
    text = parsed.text
    assert "reported, not measured" in text
    labels = [attributes["aria-label"] for tag, attributes in parsed.tags if tag == "svg"]
    assert len(labels) == 4
    figures = re.findall(r"(?<!\d)\d+\.\d(?!\d)", labels[0] or "")
    assert len(figures) == 3
    for figure in figures:
        assert f" {figure} " in text


def test_the_same_runs_give_the_same_bytes(graded: tuple[Path, Path]) -> None:
    script = "import sys; from sparkgap.report import report; sys.stdout.buffer.write(report(sys.argv[1:]).encode())"
    pages = [
        subprocess.run(
            [sys.executable, "-c", script, *map(str, graded)],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert pages[0] == pages[1]
    assert pages[0].decode() == report(graded)


def test_sections_are_there_where_they_have_something_to_say(graded: tuple[Path, Path], training: Path) -> None:
    def sections(text: str) -> list[str]:
        return re.findall(r'<section id="(\w+)"', text)

    always = ["comparison", "differences", "charts", "failures", "readings", "problems", "method"]
    assert sections(report(graded)) == always
    assert sections(report([training])) == ["training"]
    assert sections(report([graded[0], training])) == [
        "comparison",
        "charts",
        "failures",
        "readings",
        "training",
        "problems",
        "method",
    ]


def test_usage_metrics_notes_and_history_are_told(tmp_path: Path) -> None:
    folders = []
    for step in (1, 2):
        folder = write_measure(
            tmp_path / str(step),
            f"hf/m/step-{step}",
            {"translation": {"p": [31.0 + step]}},
            translation={"unit": "score"},
        )
        for path in (folder / "manifest.json", folder / "translation-chat" / "summary.json"):
            told = json.loads(path.read_text()) | {"started": f"2026-0{step}-01T00:00:00Z"}
            told |= {
                "notes": {"BLEU signature": "nrefs:1|tok:13a"},
                "usage": {"requests": 1234, "prompt_tokens": 10**6, "cost": None},
            }
            told |= {"rater_usage": {"model": "openai/rater", "requests": 77}}
            path.write_text(json.dumps(told))
        folders.append(folder)
    text = Page(report(folders)).text
    assert "BLEU signature all: nrefs:1|tok:13a" in text
    assert "hf/m/step-1 translation (chat) 1,234 1,000,000" in text
    assert "hf/m/step-2, rated by openai/rater translation (chat) 77" in text
    assert "completion tokens" not in text
    assert "hf/m translation (chat), 0 to 100" in text
    assert "hf/m/step-2 2026-02-01T00:00:00Z 33.0 (32.9 to 33.1)" in text


def test_what_cannot_be_reported_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to report on"):
        report([])
    with pytest.raises(InputError, match="there is no folder"):
        report([tmp_path / "none"])
    folder = write_measure(tmp_path / "m", "m", {"humaneval": flags([1])})
    (folder / "humaneval-chat" / "scores.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"scores.jsonl:1"):
        read(folder)


def test_a_missing_package_is_named_with_its_extra(graded: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(InputError, match=r"altair is not installed.*pip install 'sparkgap\[report\]'"):
        report(graded)
    assert report(graded, form="md")
