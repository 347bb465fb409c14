"""GCC as it is installed: where its parts are, what a jail must show of it, and what it says, as JSON."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

from sparkgap.judge import toolchains
from sparkgap.judge.jail import Runtime
from sparkgap.types import Diagnostic

ENVIRONMENT = {"PATH": "/usr/bin", "LC_ALL": "C.UTF-8", "TMPDIR": "."}
MEND = "on Debian or Ubuntu `apt-get install g++`, on Fedora `dnf install gcc-c++`"
SAID = ("-fdiagnostics-format=json", "-fmax-errors=20", "-Wall")
_GOLD = "/usr/bin/ld.gold"
_LINKER = re.compile(r"(?:undefined reference to|multiple definition of) [`'](?P<name>[^`']+)'")


@cache
def compiler(name: str) -> str:
    """Return the path of `gcc` or `g++`.

    Raises:
        ToolchainError: it is not installed.
    """
    return toolchains.program(name, "C" if name == "gcc" else "C++", MEND)


@cache
def version(path: str) -> str:
    """Return what the compiler says it is."""
    return toolchains.said(path, "-v").strip().splitlines()[-1]


@cache
def linker() -> tuple[str, ...]:
    """Return how the quicker linker of binutils is chosen, where it is installed: a third of the usual one's time."""
    return ("-fuse-ld=gold",) if os.access(_GOLD, os.X_OK) else ()


def runtime(path: str, language: str, *more: str) -> Runtime:
    """Return what a jail shows for a compiler (`language` as GCC's -x has it) and the folders in `more`."""
    parts = [toolchains.said(path, f"-print-prog-name={name}").strip() for name in ("cc1", "cc1plus", "collect2")]
    folders = [os.path.dirname(part) for part in parts if part.startswith("/")]
    folders += [os.path.dirname(_file(path, name)) for name in ("crt1.o", "crtbegin.o", "libc.so", "libstdc++.so")]
    listed = toolchains.said(path, "-E", "-v", "-x", language, "/dev/null").partition("search starts here:")[2]
    folders += [line.strip() for line in listed.partition("End of search")[0].splitlines() if line.startswith(" /")]
    tools = [("/usr/bin/" + name, _tool(path, name)) for name in ("as", "ld")]
    tools += [(_GOLD, os.path.realpath(_GOLD))] if linker() else []
    return toolchains.runtime([*(f for f in folders if f), *more], [(path, path), *tools])


def _file(path: str, name: str) -> str:
    found = toolchains.said(path, f"-print-file-name={name}").strip()
    return os.path.realpath(found) if found.startswith("/") else ""


def _tool(path: str, name: str) -> str:
    found = toolchains.said(path, f"-print-prog-name={name}").strip()
    return os.path.realpath(found) if found.startswith("/") else toolchains.program(name, "C", MEND)


def read(said: str, source: str, file: str) -> list[Diagnostic]:
    """Return what GCC said of `file`, whose text is `source`; errors first."""
    lines = source.split("\n")
    found = [_diagnostic(each, lines, file) for each in _objects(said)]
    order = {"error": 0, "warning": 1, "note": 2}
    kept = sorted((each for each in found if each is not None), key=lambda each: order[each.severity])
    if not any(each.severity == "error" for each in kept):
        for match in list(dict.fromkeys(m["name"] for m in _LINKER.finditer(said)))[:5]:
            undefined = "undefined reference" in said
            text = f"it does not define `{match}`" if undefined else f"it defines `{match}` twice"
            kept.insert(0, Diagnostic("parse", "error", "linker", text))
    return kept


def refusal(diagnostics: list[Diagnostic]) -> str:
    """Return "syntax" where the first error is one of the grammar, else "compile"."""
    first = next((each.message for each in diagnostics if each.severity == "error"), "")
    grammar = ("expected ", "stray ", "missing terminating", "unterminated", "extraneous")
    return "syntax" if first.startswith(grammar) and not first.startswith("expected type") else "compile"


def _objects(said: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of every JSON list in the text (one for each file compiled), however much surrounds them."""
    decoder = json.JSONDecoder()
    for line in said.split("\n"):
        if line.startswith("[{"):
            try:
                listed, _ = decoder.raw_decode(line)
            except (ValueError, RecursionError):
                continue
            yield from (each for each in listed if isinstance(each, dict))


def _diagnostic(said: dict[str, Any], lines: list[str], file: str) -> Diagnostic | None:
    kind = str(said.get("kind", "error"))
    severity: Literal["error", "warning", "note"] = (
        "error" if "error" in kind else "warning" if kind == "warning" else "note"
    )
    message = str(said.get("message", ""))
    where = _place(said, file)
    if "sparkgap_" in message and where is None:
        return None
    line = column = None
    if where is not None:
        line = where.get("line")
        byte = where.get("byte-column", where.get("column"))
        if isinstance(line, int) and isinstance(byte, int) and 1 <= line <= len(lines):
            column = len(lines[line - 1].encode()[: byte - 1].decode("utf-8", "replace")) + 1
        elif line is not None and not 1 <= line <= len(lines) + 1:
            line = None
    code = str(said.get("option", "") or ("error" if severity == "error" else severity))
    return Diagnostic("parse", severity, code, message, line, column)


def _place(said: dict[str, Any], file: str) -> dict[str, Any] | None:
    """Return the first place in the file that an object, or one of its notes, names."""
    for location in said.get("locations", ()):
        for name in ("caret", "start"):
            where = location.get(name)
            if isinstance(where, dict) and where.get("file") == file:
                return where
    for child in said.get("children", ()):
        if (where := _place(child, file)) is not None:
            return where
    return None
