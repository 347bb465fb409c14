"""StarCoder's rules for any language (Li et al. 2023, arXiv:2305.06161): lines, letters, encoded data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from sparkgap.curate.documents import Document, Values
from sparkgap.curate.rules import Rule, Step

_ENCODED = re.compile(r"[a-zA-Z0-9+/\n=]{64,}|(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,|\b\s*)){8,}|(?:\\u[0-9a-fA-F]{4}){8,}")


_ALNUM = "".join(filter(str.isalnum, map(chr, range(128)))).encode("ascii")


class Lines:
    """Lengths in characters; shares of the whole text."""

    name = "lines"
    version = "1"
    step: Step = "quality"
    order = 0
    attributes: Mapping[str, type] = {
        "max_line": int, "mean_line": float, "alnum_share": float, "encoded_run": int, "encoded_share": float,
        "repeated_lines": float,
    }  # fmt: skip
    rules = (
        Rule("max_line", "max_line", "at most", 1000, "characters of the longest line"),
        Rule("mean_line", "mean_line", "at most", 100, "characters a line"),
        Rule("min_alnum", "alnum_share", "at least", 0.25, "share of letters and digits"),
        Rule("encoded_run", "encoded_run", "at most", 1024, "characters of the longest run of encoded data"),
        Rule("encoded_share", "encoded_share", "at most", 0.5, "share of encoded data"),
        Rule("repeated_lines", "repeated_lines", "at most", 0.7, "share of lines that stand there already"),
    )

    def measure(self, document: Document) -> Values:
        """Measure a text; an empty one has no attributes but its longest line."""
        text = document.text
        lines = text.splitlines()
        longest = max(map(len, lines), default=0)
        if not text:
            return {"max_line": 0, "mean_line": 0.0, "alnum_share": 0.0}
        runs = [len(each) for each in _runs(text)]
        told = [stripped for line in lines if (stripped := line.strip())]
        return {
            "max_line": longest,
            "mean_line": round(sum(map(len, lines)) / max(1, len(lines)), 2),
            "alnum_share": round(_alnum(text) / len(text), 4),
            "encoded_run": max(runs, default=0),
            "encoded_share": round(sum(runs) / len(text), 4),
            "repeated_lines": round(1 - len(Counter(told)) / len(told), 4) if told else 0.0,
        }


def _alnum(text: str) -> int:
    """Return how many characters are letters or digits."""
    if text.isascii():
        return len(text) - len(text.encode("ascii").translate(None, _ALNUM))
    return sum(map(str.isalnum, text))


def _runs(text: str) -> Iterable[str]:
    return (match[0] for match in _ENCODED.finditer(text))


FILTER = Lines()
