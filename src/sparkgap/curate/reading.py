"""From an entry to its text: what kind of file it is, its bytes, its encoding."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
import tokenize
from dataclasses import dataclass
from functools import lru_cache

from sparkgap.curate.documents import Entry

_NO_LANGUAGE = {"text", "binary", "plain-text", "executable", "non-executable", "file", "header"}
_CALLED = {"ts": "typescript", "sh": "shell", "bash": "shell", "node": "javascript"}  # as tables of code name them
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading an entry gave: its text, or the fault that there is none for; "" for both where it is too large."""

    text: str = ""
    fault: str = ""
    language: str = ""
    sha256: str = ""  # of the bytes; "" where they were not read
    size: int = 0


def read(entry: Entry, max_bytes: int, languages: frozenset[str]) -> Reading:
    """Read an entry if it is of one of the `languages` (a rule's threshold) and not too large.

    Bytes that are no UTF-8 are read as what a Python file declares (PEP 263), else they are a fault.
    """
    language, binary = of_name(entry.path)
    language = entry.language or language
    if entry.fault or binary:
        return Reading(fault=entry.fault or "binary", language=language, size=entry.size)
    if entry.size > max_bytes or (language and language not in languages):
        return Reading(language=language, size=entry.size)
    try:
        data = _bytes(entry, max_bytes)
    except OSError as refused:
        return Reading(fault=f"unreadable: {refused.strerror}", language=language, size=entry.size)
    if len(data) > max_bytes:  # it grew since it was listed
        return Reading(language=language, size=len(data))
    sha = hashlib.sha256(data).hexdigest()
    language = language or _of_first_line(data)
    if language not in languages:
        return Reading(language=language, sha256=sha, size=len(data))
    text, fault = _decoded(data, language)
    return Reading(text, fault, language, sha, len(data))


@lru_cache(maxsize=1 << 14)
def _of_ending(name: str) -> tuple[str, bool]:
    from identify.identify import tags_from_filename

    tags = tags_from_filename(name)
    named = sorted(tags - _NO_LANGUAGE)
    language = "python" if "python" in tags else named[0] if named else ""
    return _CALLED.get(language, language), "binary" in tags


def of_name(path: str) -> tuple[str, bool]:
    """Return the language that a file's name tells ("" if none), and whether it tells a binary file."""
    name = path.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return _of_ending(f"x.{ending}" if dot and stem else name)


def _bytes(entry: Entry, most: int) -> bytes:
    if entry.content is not None:
        return entry.content
    with open(entry.place, "rb") as stream:
        return stream.read(most + 1)


def _of_first_line(data: bytes) -> str:
    from identify.identify import parse_shebang

    words = parse_shebang(io.BytesIO(data[:256]))
    name = words[0].rpartition("/")[2] if words else ""
    return "python" if name.startswith("python") else _CALLED.get(name, name)


def _decoded(data: bytes, language: str) -> tuple[str, str]:
    """Return the text with line ends as `\\n`, or why there is none."""
    if not data.strip():
        return "", "empty"
    if b"\0" in data[: 1 << 16] or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "", "binary"
    encoding = "utf-8-sig"
    if language == "python" and _COOKIE.search(b"\n".join(data.split(b"\n", 2)[:2])):
        try:
            encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        except (SyntaxError, ValueError):
            return "", "encoding: the one declared does not hold"
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return "", f"encoding: not {encoding.removesuffix('-sig')}"
    return text.replace("\r\n", "\n").replace("\r", "\n"), ""
