"""Text that a model wrote, made safe to look at: what cannot be seen is shown, what is too long is cut and said.

Markup is not this module's business: pages escape it, the script of the page writes text and never markup.
"""

from __future__ import annotations

import re

MOST_CHARS = 20_000  # of one text; a reply that never ends is of no use to a reader
MOST_LINES = 600

# Controls save tab and newline; lone surrogates; the letters that turn the direction of a line (Unicode TR 36, and
# "Trojan Source", CVE-2021-42574), split it, or take no room.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)

_FOLDERS = re.compile(r"(?<!:)(?<!:/)(?<![\w.~<-])/(?:[^/\s,]+/)+")  # but not of an address


def visible(text: str) -> str:
    """Return text with each invisible character named: ␀ for NUL, ⟨U+202E⟩ for a turn of direction.

    A carriage return before a newline is dropped.
    """
    return _UNSEEN.sub(_named, text.replace("\r\n", "\n"))


def shown(text: str, chars: int = MOST_CHARS, lines: int = MOST_LINES) -> str:
    """Return `visible` text of at most so many characters and lines; the last line says how much was cut."""
    kept = text[:chars]
    rows = kept.split("\n")
    if len(rows) > lines:
        kept = "\n".join(rows[:lines])
    cut = len(text) - len(kept)
    return visible(kept) + (f"\n[... {cut:,} more characters]" if cut else "")


def one_line(text: str, chars: int = 120) -> str:
    """Return text as one visible line, for names and reasons."""
    line = " ".join(visible(text).split())
    return line if len(line) <= chars else line[: chars - 1] + "…"


def without_folders(text: str) -> str:
    """Return text with the folders of each absolute path left out: a report travels, and they tell of a machine."""
    return _FOLDERS.sub("…/", text)


def _named(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"
