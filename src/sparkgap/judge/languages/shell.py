"""Shell scripts, by the bash on the PATH, with whatever programs /usr/bin holds.

The program and its tests are two shells. A function that the tests' prelude declares (`declare -F f`) is the program's:
called in the tests, it prints what the program's function printed, and returns its status; nothing else crosses. Each
`[[ ]]` of the tests is one test.

Not covered: functions that change variables of their caller; bytes that are no text; job control; `/proc`, so that
`<(...)` needs a C compiler, with which the library is built that opens /dev/fd/N.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from sparkgap.errors import ToolchainError
from sparkgap.judge import toolchains
from sparkgap.judge.languages._c import gcc
from sparkgap.judge.plans import Command, Kit, Plan
from sparkgap.types import CodeTests, Diagnostic

FILE = "solution.sh"
_MEND = "every distribution has the package `bash`"
_DECLARED = re.compile(r"^[ \t]*declare -F (?P<name>\w+)[ \t]*$", re.MULTILINE)
_TOLD = re.compile(rf"^(?:[\w./-]*bash: )?{re.escape(FILE)}: line (?P<line>\d+): (?P<text>.*)$", re.MULTILINE)


class Shell:
    """Shell by bash."""

    name = "shell"
    suffix = ".sh"
    title = "shell (bash)"

    def kit(self) -> Kit:
        """Return what programs are run with.

        Raises:
            ToolchainError: bash is not installed.
        """
        folders = [
            os.path.dirname(_bash()),
            str(_home()),
            "/etc/alternatives",
            "/usr/lib/locale",
            "/usr/share/zoneinfo",
        ]
        return Kit(self.name, tuple(toolchains.runtime(folders, [("/usr/bin/bash", _bash())])))

    def version(self) -> str:
        """Return what runs here."""
        return _version()

    def check(self, source: str) -> Plan:
        """Return how a program is looked over: by bash, and by shellcheck where that is installed."""
        steps = [_command("-n", FILE)]
        if found := shutil.which("shellcheck"):
            warned = ("-c", f"{os.path.realpath(found)} --format=json1 --shell=bash {FILE} || true")
            steps.append(_command(*warned))
        return Plan({FILE: source.encode()}, tuple(steps), None)

    def program(self, source: str) -> Plan:
        """Return how a whole program is run."""
        return Plan({FILE: source.encode()}, (_command("-n", FILE),), _command(FILE))

    def candidate(self, source: str, tests: CodeTests) -> Plan:
        """Return how a program is run that serves the functions which the tests declare.

        Raises:
            ValueError: they declare none.
        """
        _declared(tests)
        start = f"source {_home()}/harness.sh && source ./{FILE}\nsparkgap_serve\n"
        texts = {FILE: source.encode(), "start.sh": start.encode()}
        return Plan(texts, (_command("-n", FILE),), _command("start.sh", text=True))

    def examiner(self, tests: CodeTests, *, all_tests: bool) -> Plan:
        """Return how the tests are run.

        Raises:
            ValueError: they declare no function of the program's.
        """
        text = _tests(tests, _declared(tests), all_tests)
        return Plan({"tests.sh": text.encode()}, (_command("-n", "tests.sh"),), _command("tests.sh", text=True))

    def read(self, said: str, source: str) -> list[Diagnostic]:
        """Return what bash said of the grammar, and shellcheck of the rest."""
        return [*_checked(said), *self._refused(said, source)]

    def _refused(self, said: str, source: str) -> list[Diagnostic]:
        return [
            Diagnostic("parse", "error", "syntax", told["text"].strip(), min(int(told["line"]), source.count("\n") + 1))
            for told in _TOLD.finditer(said)
            if not told["text"].startswith("`")  # the line itself, once more
        ]

    def refusal(self, diagnostics: list[Diagnostic]) -> str:
        """Return "syntax", all that bash refuses."""
        return "syntax"

    def crash(self, errors: str) -> Diagnostic | None:
        """Return the last complaint that bash made of a line."""
        found = list(_TOLD.finditer(errors))
        if not found:
            return None
        return Diagnostic("load", "error", "bash", found[-1]["text"].strip(), int(found[-1]["line"]))


def _checked(said: str) -> list[Diagnostic]:
    """Return what shellcheck said, as JSON."""
    found = []
    for line in said.split("\n"):
        if line.startswith('{"comments"'):
            for each in json.loads(line)["comments"]:
                place = each["line"], each["column"]
                found.append(Diagnostic("parse", "warning", f"SC{each['code']}", each["message"], *place))
    return found


def _command(*arguments: str, text: bool = False) -> Command:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": ".", "LC_ALL": "C.UTF-8", "TZ": "UTC"}  # noqa: S108
    if (_home() / "fd.so").is_file():
        environment["LD_PRELOAD"] = f"{_home()}/fd.so"
    return Command(("/usr/bin/bash", *arguments), environment, memory_mb=64, forks=True, text_frames=text)


@cache
def _bash() -> str:
    return toolchains.program("bash", "shell", _MEND)


@cache
def _version() -> str:
    return toolchains.said(_bash(), "--version").splitlines()[0]


@cache
def _home() -> Path:
    """Return the folder with the harness, and the library that opens /dev/fd/N where there is a C compiler."""
    own = files(__package__) / "_shell"
    texts = {name: (own / name).read_text("utf-8") for name in ("harness.sh", "fd.c")}
    try:
        compiler = gcc.compiler("gcc")
    except ToolchainError:
        compiler = ""

    def make(folder: Path) -> None:
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
        if compiler:
            toolchains.run((compiler, "-O1", "-shared", "-fPIC", "fd.c", "-o", "fd.so", "-ldl"), folder)

    return toolchains.made("shell", [_version(), compiler, *texts.values()], make)


@lru_cache(maxsize=512)
def _declared(tests: CodeTests) -> tuple[str, ...]:
    names = tuple(found["name"] for found in _DECLARED.finditer(tests.prelude))
    if not names:
        raise ValueError("the tests' prelude declares no function that the program must define")
    return names


_INNER = "$BASH_SUBSHELL -gt 0 || ${FUNCNAME[0]-} == sparkgap_*"  # not a command of the tests' own


def _tests(tests: CodeTests, names: tuple[str, ...], all_tests: bool) -> str:
    """Return the tests as a program that reports when it ends."""
    counting = (
        f"trap '[[ {_INNER} || $BASH_COMMAND != \"[[ \"* ]] || ((++sparkgap_tests))' DEBUG\n"
        f"trap '[[ {_INNER} ]] || sparkgap_miss \"$BASH_COMMAND\"' ERR\n"
        "trap 'sparkgap_report $? \"$BASH_COMMAND\"' EXIT\n"
    )
    stands = "".join(f'{name}() {{ sparkgap_call {name} "$@"; }}\n' for name in names)
    every = "set() { :; }\n" if all_tests else ""  # no `set -e` then
    head = f"source {_home()}/harness.sh\nsparkgap_all={int(all_tests)}\nset -ET\n{every}"
    return f"{head}{_DECLARED.sub('', tests.prelude)}\n{stands}{counting}{tests.code}\n"


LANGUAGE = Shell()
