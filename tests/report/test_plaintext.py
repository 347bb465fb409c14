from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkgap.report.plaintext import MOST_CHARS, one_line, shown, visible, without_folders

ANY = st.text(st.characters(codec=None))  # lone surrogates too


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\x00b", "a␀b"),
        ("\x1b[2J", "␛[2J"),
        ("\x7f\x85", "␡⟨U+0085⟩"),
        ("if a:\u202e}\u2066", "if a:⟨U+202E⟩}⟨U+2066⟩"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("a\r\nb\rc\td", "a\nb␍c\td"),
        ("שלום, 漢字 é 👍", "שלום, 漢字 é 👍"),
    ],
)
def test_what_cannot_be_seen_is_named(text: str, said: str) -> None:
    assert visible(text) == said


@given(ANY)
def test_nothing_that_steers_or_hides_is_left(text: str) -> None:
    told = visible(text)
    told.encode()  # no lone surrogate
    assert not [c for c in told if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") and c not in "\t\n"]
    assert not [
        c
        for c in told
        if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    ]
    assert visible(told) == told


@given(ANY, st.integers(0, 30), st.integers(1, 5))
def test_what_is_cut_is_counted(text: str, chars: int, lines: int) -> None:
    told = shown(text, chars, lines)
    kept, cut, rest = told.partition("\n[... ")
    if not cut:
        assert told == visible(text)
        return
    left_out = int(rest.removesuffix(" more characters]").replace(",", ""))
    assert kept == visible(text[: len(text) - left_out])
    assert kept.count("\n") < lines


def test_a_line_of_megabytes_is_cut() -> None:
    assert len(shown("x" * 5_000_000)) < MOST_CHARS + 100
    assert shown("x" * 5_000_000).endswith("[... 4,980,000 more characters]")
    assert len(shown("\n" * 5_000_000)) < 1000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("replay//home/me/x/some_samples.jsonl", "replay/…/some_samples.jsonl"),
        ("hf//out/checkpoint-1", "hf/…/checkpoint-1"),
        ("files: /a/b/c.jsonl: 12, /d/e.jsonl", "files: …/c.jsonl: 12, …/e.jsonl"),
        ("https://api.example.org/v1/chat", "https://api.example.org/v1/chat"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1/"),
        ("openai/gpt/x", "openai/gpt/x"),
        ("and/or / x", "and/or / x"),
    ],
)
def test_folders_of_a_machine_stay_on_it(text: str, said: str) -> None:
    assert without_folders(text) == said


@given(ANY)
def test_one_line_is_one_line(text: str) -> None:
    told = one_line(text, 20)
    assert len(told) <= 20
    assert len(told.splitlines()) <= 1
    assert told == told.strip()
