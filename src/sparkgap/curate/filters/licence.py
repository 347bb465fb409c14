"""The licence, fail-closed: what the file's header says, else the nearest licence file, else the metadata, else out.

Whether a licence may be used is decided by the user's allow-list. That a file seen as copyleft anywhere is copyleft
everywhere needs all files and is decided after them (`copies`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sparkgap.curate import licences
from sparkgap.curate.documents import Document, Values
from sparkgap.curate.rules import Rule, Step

_CHARS, _LINES = 8000, 120  # of the start, where a header stands
_COMMENT = re.compile(r"^[ \t]*(#|//|/\*|\*|--|;|<!--|%|\.\.)")
_QUOTES = re.compile(r"[rRuU]?(\"\"\"|''')")
_DUNDER = re.compile(r"^__licen[sc]e__\s*=\s*[\"']([^\"'\n]+)[\"']", re.MULTILINE)
_COPYRIGHT = re.compile(r"(?:copyright|\(c\)|©)[^\n]{0,8}\d{4}[^\n]{0,120}", re.IGNORECASE)


def header(text: str) -> str:
    """Return the comments and the docstring at the start of a file."""
    lines = text[:_CHARS].split("\n", _LINES)[:_LINES]
    comments = [line for line in lines if _COMMENT.match(line)]
    first = next((place for place, line in enumerate(lines) if line.strip() and not _COMMENT.match(line)), len(lines))
    rest = "\n".join(lines[first:]).lstrip()
    docstring = ""
    if opened := _QUOTES.match(rest):
        docstring = rest[opened.end() :].partition(opened[1])[0]
    return "\n".join([docstring, *comments]) if docstring else "\n".join(comments)


class Licence:
    """One SPDX expression for each file, and who said it."""

    name = "licence"
    version = "1"
    step: Step = "licence"
    order = 0
    attributes: Mapping[str, type] = {"licence": str, "licence_from": str, "copyright": str}
    rules = (Rule("licence", "licence", "licensed", licences.DEFAULT_ALLOWED, "the licence that governs the file"),)

    def measure(self, document: Document) -> Values:
        """Read the header, else take what the source says."""
        top = header(document.text)
        named, said = licences.of_header(top), "header"
        if not named and (dunder := _DUNDER.search(document.text[: 4 * _CHARS])):
            named = licences.of_name(dunder[1], known_only=True)
        if not named:
            named, said = document.licence, document.licence_from
        held = _COPYRIGHT.search(top)
        return {"licence": named, "licence_from": said, "copyright": " ".join(held[0].split()) if held else None}


FILTER = Licence()
