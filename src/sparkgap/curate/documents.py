"""The nouns of curation: an entry as a source lists it, and a document as the filters see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | float | bool | None
Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file that came in, before anybody has read it.

    `content` holds its bytes where the source had to read them (an archive), `place` the file on this machine's disk
    where it did not. `stamp` changes when the content does (time of change, blob id). `fault` says why it will not be
    read at all. `licence` is what the nearest licence file or the package's metadata says, as an SPDX expression.
    """

    source: str
    repo: str
    path: str  # within the source, with slashes
    size: int  # bytes; what the source says, which may be a lie
    stamp: str = ""
    content: bytes | None = None
    place: str = ""
    fault: str = ""
    licence: str = ""
    licence_from: str = ""  # "file <path>", "metadata <path>" or "column"
    language: str = ""  # where the source knows it


@dataclass(frozen=True, slots=True)
class Document:
    """One text that was read: what filters measure. Filters that rewrite give a new one."""

    text: str
    path: str
    repo: str = ""
    source: str = ""
    sha256: str = ""  # hex, of the bytes that came in
    language: str = ""
    licence: str = ""  # of the nearest licence file or the metadata
    licence_from: str = ""
    attributes: Values = field(default_factory=dict)  # measured so far
