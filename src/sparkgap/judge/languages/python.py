"""Python, run by the very interpreter that Sparkgap runs on: its standard library, and packages that are named.

Loading, calling and explaining a Python program is `runner.py`, in the candidate's process; this file only says what
that process may see, and how a program is looked over without being run: by Python's own compiler, and by ruff where
that is installed (names that are not defined, results that nobody uses, and the like).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

from sparkgap.judge import toolchains
from sparkgap.judge.jail import Runtime, python_runtime
from sparkgap.judge.plans import Command, Kit, Plan
from sparkgap.types import Diagnostic

FILE = "solution.py"
# What is told: pyflakes, errors of the grammar and of pylint, comparisons and expressions whose result nobody uses.
_RULES = "F,E9,PLE,B015,B018,B012,B023,PLW0120,PLW0127"
_CERTAIN = ("F821", "F822", "F823", "F50", "F63", "F70", "PLE", "E9")  # what fails, once it is reached
_COMPILING = """
import json, sys, warnings
text = open("solution.py", encoding="utf-8", newline="").read()
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    told, status = [], 0
    try:
        compile(text, "solution.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        status = 1
        place = [getattr(error, "lineno", None), getattr(error, "offset", None)]
        told.append(["error", type(error).__name__, getattr(error, "msg", None) or str(error), *place])
for each in found:
    told.append(["warning", each.category.__name__, str(each.message), each.lineno, None])
print("compiled " + json.dumps(told))
sys.exit(status)
"""


class Python:
    """The one language that needs no compiler."""

    name = "python"
    suffix = ".py"
    title = "Python"

    def runtime(self, packages: tuple[str, ...] = ()) -> Runtime:
        """Return the standard library and the shared libraries of this interpreter."""
        return python_runtime(packages)

    def kit(self) -> Kit:
        """Return what programs are looked over with."""
        shown = python_runtime()
        python = os.path.realpath(sys.executable)
        tools = [(path, path) for path in (python, _ruff()) if path]
        extended = toolchains.runtime(shown.folders, tools)
        return Kit(self.name, tuple(extended._replace(masked=shown.masked)))

    def version(self) -> str:
        """Return what runs here."""
        return f"Python {platform.python_version()}" + (f", {_ruff_version()}" if _ruff() else ", without ruff")

    def check(self, source: str) -> Plan:
        """Return how a program is looked over."""
        environment = {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONHOME": sys.base_prefix}
        python = (os.path.realpath(sys.executable), "-S", "-s", "-P", "-X", "utf8", "-c", _COMPILING)
        steps = [Command(python, environment)]
        if ruff := _ruff():
            version = f"py{sys.version_info.major}{sys.version_info.minor}"
            flags = ("check", "--isolated", "--no-cache", "--exit-zero", "--output-format=json", f"--select={_RULES}")
            steps.append(Command((ruff, *flags, f"--target-version={version}", FILE), {"RAYON_NUM_THREADS": "1"}))
        return Plan({FILE: source.encode("utf-8", "replace")}, tuple(steps), None)

    def read(self, said: str, source: str) -> list[Diagnostic]:
        """Return what Python's compiler and ruff said, errors first."""
        lines = source.split("\n")
        found = [*_compiled(said), *_linted(said)]
        whole = [each for each in found if each.line is None or each.line <= len(lines)]
        return sorted(whole, key=lambda each: ("error", "warning", "note").index(each.severity))

    def refusal(self, diagnostics: list[Diagnostic]) -> str:
        """Return "syntax", all that Python's compiler refuses."""
        return "syntax"

    def crash(self, errors: str) -> Diagnostic | None:
        """Return nothing: what is only looked over does not end with an exception."""
        return None


@cache
def _ruff() -> str:
    """Return the path of ruff, beside this interpreter or on the PATH; "" if there is none."""
    beside = os.path.join(os.path.dirname(sys.executable), "ruff")
    found = beside if os.access(beside, os.X_OK) else shutil.which("ruff")
    return os.path.realpath(found) if found else ""


@cache
def _ruff_version() -> str:
    return toolchains.said(_ruff(), "--version").strip()


def _compiled(said: str) -> Iterator[Diagnostic]:
    for line in said.split("\n"):
        if line.startswith("compiled ["):
            for severity, code, message, number, column in json.loads(line.removeprefix("compiled ")):
                yield Diagnostic("parse", severity, code, message, number, column or None)


def _linted(said: str) -> Iterator[Diagnostic]:
    start = said.find("[\n") if "[\n" in said else said.find("[]")
    if start < 0:
        return
    try:
        found: list[dict[str, Any]] = json.JSONDecoder().raw_decode(said, start)[0]
    except ValueError:
        return
    for each in found:
        code = str(each.get("code") or "syntax")
        if code in ("syntax", "invalid-syntax", "E999"):  # Python's own compiler has said so
            continue
        severity: Literal["error", "warning"] = "error" if code.startswith(_CERTAIN) else "warning"
        place = each.get("location") or {}
        yield Diagnostic("parse", severity, code, str(each["message"]), place.get("row"), place.get("column"))


LANGUAGE = Python()
