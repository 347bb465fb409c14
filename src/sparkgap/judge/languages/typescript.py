"""TypeScript, checked by the compiler whose `tsc` is on the PATH (version 4 or 5) and run by Node.

The compiler is a process that lives on, in a jail of its own: it checks one program after the other, with its own
library read once, and never runs any. Errors of types refuse a program. Settings are tsc's own, but: target and library
ES2022, CommonJS modules, and of Node's own names only what `_node/compiler.js` declares, as `any`. What comes after is
as in JavaScript.

Not covered: version 7 and later, whose compiler has no interface in JavaScript; packages; more files than one.
"""

from __future__ import annotations

import json
import os
from functools import cache

from sparkgap.errors import ToolchainError
from sparkgap.judge import toolchains
from sparkgap.judge.languages import _node
from sparkgap.judge.plans import Errand, Kit, Plan
from sparkgap.types import CodeTests, Diagnostic

FILE = "solution.js"  # what Node runs; the program's own lines are told
_MEND = "`npm install --global typescript@5`, or on Debian and Ubuntu `apt-get install node-typescript`"


class TypeScript:
    """TypeScript by its own compiler, kept warm, and Node."""

    name = "typescript"
    suffix = ".ts"
    title = "TypeScript (tsc, Node)"

    def kit(self) -> Kit:
        """Return what programs are checked and run with.

        Raises:
            ToolchainError: Node or the compiler is not installed.
        """
        compiler = _node.command("compiler.js", _library(), limit_mb=2048)
        shown = _node.runtime(_library())
        return Kit(self.name, tuple(shown), {**_node.servers(), "compiler": compiler})

    def version(self) -> str:
        """Return what compiles here."""
        return _version()

    def check(self, source: str) -> Plan:
        """Return how a program is looked over."""
        return Plan({}, (_asked(program=source),), None)

    def program(self, source: str) -> Plan:
        """Return how a whole program is checked and run."""
        return Plan({}, (_asked(program=source),), _node.command("candidate.js", FILE))

    def candidate(self, source: str, tests: CodeTests) -> Plan:
        """Return how a program is checked, and run to serve the functions which the tests declare.

        Raises:
            ValueError: they declare none.
        """
        names, _ = _node.declared(tests)
        return Plan({}, (_asked(program=source),), _node.command("candidate.js", FILE, *names))

    def examiner(self, tests: CodeTests, *, all_tests: bool) -> Plan:
        """Return what the examiner is asked, once the compiler has made JavaScript of it.

        Raises:
            ValueError: they declare no function of the program's.
        """
        names, prelude = _node.declared(tests)
        exam = {"names": names, "prelude": prelude, "code": tests.code, "all": all_tests}
        return Plan({}, (_asked(exam=exam),), Errand("examiner", b""))

    def read(self, said: str, source: str) -> list[Diagnostic]:
        """Return what the compiler said, errors first."""
        found = []
        for line in said.split("\n"):
            if line.startswith("["):
                for each in json.loads(line):
                    place = each.get("line"), each.get("column")
                    found.append(Diagnostic("parse", each["severity"], each["code"], each["message"], *place))
        return sorted(found, key=lambda each: ("error", "warning", "note").index(each.severity))

    def refusal(self, diagnostics: list[Diagnostic]) -> str:
        """Return "syntax" where the first error is one of the parser's, whose numbers begin with 1."""
        first = next((each.code for each in diagnostics if each.severity == "error"), "")
        return "syntax" if len(first) == 6 and first.startswith("TS1") else "compile"

    def crash(self, errors: str) -> Diagnostic | None:
        """Return the error that ended the program."""
        return _node.crash(errors)


def _asked(**what: object) -> Errand:
    return Errand("compiler", json.dumps(what).encode())


@cache
def _library() -> str:
    """Return the folder with `typescript.js` and the declarations of JavaScript's own library."""
    found = toolchains.program("tsc", "TypeScript", _MEND)
    for folder in (os.path.dirname(os.path.dirname(found)), os.path.dirname(found)):
        for library in (f"{folder}/lib", folder):
            if os.path.isfile(f"{library}/typescript.js") and os.path.isfile(f"{library}/lib.es2022.d.ts"):
                return library
    raise ToolchainError(f"the `tsc` at {found} has no typescript.js beside it (version 7 has none); {_MEND}")


@cache
def _version() -> str:
    return f"{toolchains.said(_node.node(), f'{_library()}/tsc.js', '--version').strip()}, {_node.version()}"


LANGUAGE = TypeScript()
