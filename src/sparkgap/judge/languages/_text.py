"""Reading declarations without a parser: comments blanked, pieces at the top level, what stands between commas."""

from __future__ import annotations

import re

_COMMENTS = r"//[^\n]*|/\*.*?\*/"
_STRINGS = r'"(?:\\.|[^"\\])*"'
_NOISE = re.compile(rf"{_COMMENTS}|{_STRINGS}|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_NOISE_WITH_LIFETIMES = re.compile(rf"{_COMMENTS}|{_STRINGS}|'(?:\\[^']*|[^'\\\n])'", re.DOTALL)
_OPENING, _CLOSING = "([{<", ")]}>"


def blanked(text: str, *, lifetimes: bool = False) -> str:
    """Return the text with comments, strings and characters made blank, lines kept.

    Args:
        lifetimes: a quote may also begin a name, as Rust's lifetimes do.
    """
    noise = _NOISE_WITH_LIFETIMES if lifetimes else _NOISE
    return noise.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def top_level(text: str, keeping: tuple[str, ...] = ()) -> list[tuple[str, bool]]:
    """Return what stands at the top level, piece by piece, and whether a semicolon ends it (else it has a body).

    Args:
        keeping: words that begin a piece whose body belongs to it, up to the semicolon behind it.
    """
    pieces: list[tuple[str, bool]] = []
    depth, start = 0, 0
    for place, char in enumerate(text):
        kept = char in "{};" and bool(keeping) and text[start:place].lstrip().startswith(keeping)
        if char == "{":
            if depth == 0 and not kept:
                pieces.append((text[start:place], False))
            depth += 1
        elif char == "}":
            depth = max(0, depth - 1)
            if depth == 0 and not kept:
                start = place + 1
        elif char == ";" and depth == 0:
            pieces.append((text[start:place], True))
            start = place + 1
    return pieces


def parts(text: str) -> list[str]:
    """Return what stands between the commas that are inside no brackets."""
    found, depth, start = [], 0, 0
    for place, char in enumerate(text):
        if char in _OPENING:
            depth += 1
        elif char in _CLOSING and text[place - 1 : place] != "-":
            depth -= 1
        elif char == "," and depth == 0:
            found.append(text[start:place])
            start = place + 1
    return [*found, text[start:]]


def enclosed(text: str) -> tuple[str, str]:
    """Return what is inside the parentheses that the text begins with, and what comes behind them."""
    depth = 0
    for place, char in enumerate(text):
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return text[1:place], text[place + 1 :]
    return text[1:], ""
