"""What came in at all: language, size, encoding. Files that fail here are never measured further."""

from __future__ import annotations

from collections.abc import Mapping

from sparkgap.curate.documents import Document, Values
from sparkgap.curate.rules import Rule, Step


class Readable:
    """Size of the text; what could not be read has the attributes that reading gave it (`fault`, `language`)."""

    name = "readable"
    version = "2"
    step: Step = "read"
    order = 0
    attributes: Mapping[str, type] = {"fault": str, "language": str, "bytes": int, "lines": int}
    rules = (
        Rule("fault", "fault", "is", "", "why the file could not be read"),
        Rule("language", "language", "one of", ("python",), "the file's language, by its name and first line"),
        Rule("max_bytes", "bytes", "at most", 1_000_000, "bytes"),
        Rule("max_lines", "lines", "at most", 100_000, "lines"),
    )

    def measure(self, document: Document) -> Values:
        """Count the lines."""
        return {"lines": document.text.count("\n") + 1}


FILTER = Readable()
