"""What JavaScript and TypeScript share: Node, the two halves of a run, and what Node says of a program."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from sparkgap.judge import toolchains
from sparkgap.judge.jail import Runtime
from sparkgap.judge.plans import Command, Errand
from sparkgap.types import CodeTests, Diagnostic

MEND = "https://nodejs.org has it; on Debian or Ubuntu `apt-get install nodejs`"
RESERVED_MB = 1536  # of address space, which V8 takes at its start
_DECLARED = re.compile(r"^[ \t]*(?:export\s+)?declare\s+function\s+(?P<name>[\w$]+)[^\n]*$", re.MULTILINE)
_PLACE = re.compile(r"solution\.[jt]s:(?P<line>\d+)(?::(?P<column>\d+))?")
_ERROR = re.compile(r"^(?:Uncaught )?(?P<type>[A-Z]\w*(?:Error|Exception)?)(?: \[\w+\])?: (?P<text>.*)$", re.MULTILINE)
_UNPARSED = "sparkgap: it does not parse\n"


@cache
def node() -> str:
    """Return the path of Node.

    Raises:
        ToolchainError: it is not installed.
    """
    return toolchains.program("node", "JavaScript", MEND)


@cache
def version() -> str:
    """Return what Node says it is."""
    return "node " + toolchains.said(node(), "--version").strip()


@cache
def home() -> Path:
    """Return the folder with both halves of a run."""
    names = ("values.js", "candidate.js", "examiner.js", "compiler.js")
    texts = {name: (files(__package__) / name).read_text("utf-8") for name in names}

    def make(folder: Path) -> None:
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")

    return toolchains.made("node", [version(), *texts.values()], make)


def runtime(*folders: str) -> Runtime:
    """Return what a jail shows for Node, and the folders besides."""
    return toolchains.runtime([str(home()), *folders], [(node(), node())])


def command(script: str, *arguments: str, limit_mb: int | None = None) -> Command:
    """Return how a script of ours is started: one that lives on within its own limit, else within the program's."""
    flags = ["--no-warnings", f"--max-old-space-size={limit_mb or '{memory_mb}'}"]
    flags += [] if limit_mb else ["--single-threaded", "--max-semi-space-size=4"]
    environment = {
        "OPENSSL_CONF": "/dev/null",
        "NODE_NO_WARNINGS": "1",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "UV_THREADPOOL_SIZE": "1",
    }
    return Command((node(), *flags, f"{home()}/{script}", *arguments), environment, memory_mb=RESERVED_MB)


def servers() -> dict[str, Command]:
    """Return the examiner, which takes tests as they come."""
    return {"examiner": command("examiner.js", limit_mb=2048)}


@lru_cache(maxsize=512)
def declared(tests: CodeTests) -> tuple[tuple[str, ...], str]:
    """Return the names that a prelude declares (`declare function f(a)`), and the prelude without them.

    Raises:
        ValueError: it declares none.
    """
    names = tuple(found["name"] for found in _DECLARED.finditer(tests.prelude))
    if not names:
        raise ValueError("the tests' prelude declares no function that the program must define")
    return names, _DECLARED.sub("", tests.prelude)


def exam(names: tuple[str, ...], prelude: str, code: str, *, all_tests: bool) -> Errand:
    """Return what the examiner is asked to run."""
    body = json.dumps({"names": names, "prelude": prelude, "code": code, "all": all_tests})
    return Errand("examiner", body.encode())


def crash(errors: str) -> Diagnostic | None:
    """Return the error that ended a program, as Node's stderr has it; one of parsing is of the stage "parse"."""
    unparsed = _UNPARSED in errors
    text = errors.partition(_UNPARSED)[2] if unparsed else errors
    all_found = list(_ERROR.finditer(text))
    if not all_found:
        return None
    found = all_found[0 if unparsed else -1]
    within = text[: found.start()] if unparsed else text[found.start() :]
    place = _PLACE.search(within) or _PLACE.search(text)
    line = int(place["line"]) if place else None
    column = int(place["column"]) if place and place["column"] else None
    if unparsed and place is not None and column is None:
        column = _caret(within[place.end() :])
    return Diagnostic("parse" if unparsed else "load", "error", found["type"], found["text"], line, column)


def _caret(text: str) -> int | None:
    """Return the column that a caret stands under, two lines below the place."""
    lines = text.split("\n")
    return lines[2].index("^") + 1 if len(lines) > 2 and "^" in lines[2] else None
