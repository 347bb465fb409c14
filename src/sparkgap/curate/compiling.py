"""Files in other languages than Python, looked over by their own compilers in the judge's jail; nothing of them runs.

A file of a project rarely compiles alone: its headers, modules and packages are elsewhere. So only errors of grammar
drop a file unless more is asked for; that it compiles by itself is noted beside (`builds`). What was looked over once
is kept under a sha256 of the text, the language and the compiler's version. Not covered: headers, which may be C or
C++; JSX; languages that the judge does not know. A file of which the compiler says nothing in time is not told about.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sparkgap import plugins
from sparkgap.curate.contamination.behaviour import Verdicts
from sparkgap.errors import ToolchainError
from sparkgap.types import Verdict

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sparkgap.judge import Judge

VERSION = "compiling 1"
_NAMES = {  # a file's language, by its name -> the judge's
    "c": "c", "c++": "cpp", "rust": "rust", "go": "go", "java": "java", "javascript": "javascript",
    "typescript": "typescript", "shell": "shell",
}  # fmt: skip
_HEADER = re.compile(r"\.(h|hh|hpp|hxx|inc|d\.ts)$", re.IGNORECASE)
_MODULE = re.compile(r"^\s*(import\b(?!\s*\()|export\b)", re.MULTILINE)
_AHEAD = 32  # files that are looked over at once
_MOST_SAID = 200  # characters of a compiler's words that are kept


@dataclass(frozen=True, slots=True)
class Looked:
    """What a compiler said of one file: does it parse, does it compile by itself, and the first error."""

    parses: int
    builds: int
    said: str


@dataclass(slots=True)
class Compiled:
    """What was looked over: rows, and each language's compiler, or why there is none."""

    rows: dict[int, Looked] = field(default_factory=dict)
    compilers: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def judged_as(language: str, path: str, text: str) -> str:
    """Return the language that the judge looks a file over in; "" where it cannot.

    Node takes a file for a script; TypeScript's parser takes modules, and all of JavaScript's grammar.
    """
    name = _NAMES.get(language, "")
    if _HEADER.search(path):
        return ""
    return "typescript" if name == "javascript" and _MODULE.search(text) else name


def compiled(
    judge: Judge, documents: Iterable[tuple[int, str]], facts: Callable[[int], tuple[str, str]], kept: Verdicts,
    progress: Callable[[int], None] | None = None,
) -> Compiled:  # fmt: skip
    """Return what the compilers say of some documents.

    Args:
        judge: has them.
        documents: rows and their texts.
        facts: a row -> its language and its path.
        kept: answers from earlier runs; new ones are added.
        progress: called with the number of files looked over so far.
    """
    found = Compiled()

    def asked() -> Iterator[tuple[int, str, str, str]]:
        for row, text in documents:
            language = judged_as(*facts(row), text)
            if language and (version := _version(found, language)):
                told = hashlib.sha256(f"{VERSION} {language} {version}\n{text}".encode("utf-8", "replace"))
                yield row, told.hexdigest(), language, text

    for done, (row, told) in enumerate(_answers(judge, asked(), kept), 1):
        if told is not None:
            found.rows[row] = Looked(**told)
        if progress is not None:
            progress(done)
    return found


def facts(found: Compiled) -> dict[str, Any]:
    """Return what was looked over, as it stands in the summary."""
    return {
        "files": len(found.rows), "parse": sum(each.parses for each in found.rows.values()),
        "build": sum(each.builds for each in found.rows.values()),
        "compilers": dict(sorted(found.compilers.items())), "missing": dict(sorted(found.missing.items())),
    }  # fmt: skip


def _answers(
    judge: Judge, asked: Iterable[tuple[int, str, str, str]], kept: Verdicts
) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    """Yield the answer to each row in order, asking those that are not known, some at a time."""
    flying: deque[tuple[int, str, Future[Verdict] | None]] = deque()
    coming: set[str] = set()

    def landed() -> tuple[int, Mapping[str, Any] | None]:
        row, key, future = flying.popleft()
        if future is not None:
            kept.keep(key, _told(future.result()))
            coming.discard(key)
        return row, kept[key]

    for row, key, language, text in asked:
        ask = key not in kept and key not in coming
        if ask:
            coming.add(key)
        flying.append((row, key, judge.check(text, language) if ask else None))
        if len(flying) >= _AHEAD:
            yield landed()
    while flying:
        yield landed()


def _told(verdict: Verdict) -> dict[str, Any] | None:
    """Return what is kept of a verdict; None where it says nothing of the file."""
    if verdict.status not in {"passed", "syntax", "compile"}:
        return None
    builds = int(verdict.passed)
    first = next((each for each in verdict.diagnostics if each.severity == "error"), None)
    said = "" if builds or first is None else f"{first.line or 1}: {first.message}"
    return {"parses": int(verdict.status != "syntax"), "builds": builds, "said": said[:_MOST_SAID]}


def _version(found: Compiled, language: str) -> str:
    """Return what compiles a language here; "" where nothing does, of which a note is made once."""
    if language not in found.compilers and language not in found.missing:
        known = plugins.find("languages", language)
        try:
            known.kit()
            found.compilers[language] = known.version()
        except ToolchainError as fault:
            found.missing[language] = str(fault)
    return found.compilers.get(language, "")
