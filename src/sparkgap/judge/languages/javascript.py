"""JavaScript, by the Node on the PATH, as a CommonJS script.

The program runs in a process of its own. Functions that the tests' prelude declares (`declare function f(a)`) are the
program's; tests run in another process, which lives on from program to program, and values cross as JSON with tags
(`_node/values.js`). `console.assert` and `node:assert` of the tests count what holds.

Not covered: ES modules, packages, tests that use the program's own classes; a function as an argument.
"""

from __future__ import annotations

from sparkgap.judge.languages import _node
from sparkgap.judge.plans import Kit, Plan
from sparkgap.types import CodeTests, Diagnostic

FILE = "solution.js"


class JavaScript:
    """JavaScript by Node."""

    name = "javascript"
    suffix = ".js"
    title = "JavaScript (Node)"

    def kit(self) -> Kit:
        """Return what programs are run with.

        Raises:
            ToolchainError: Node is not installed.
        """
        return Kit(self.name, tuple(_node.runtime()), _node.servers())

    def version(self) -> str:
        """Return what runs here."""
        return _node.version()

    def check(self, source: str) -> Plan:
        """Return how a program is looked over."""
        return Plan({FILE: source.encode()}, (_node.command("candidate.js", "--check", FILE),), None)

    def program(self, source: str) -> Plan:
        """Return how a whole program is run."""
        return Plan({FILE: source.encode()}, (), _node.command("candidate.js", FILE))

    def candidate(self, source: str, tests: CodeTests) -> Plan:
        """Return how a program is run that serves the functions which the tests declare.

        Raises:
            ValueError: they declare none.
        """
        names, _ = _node.declared(tests)
        return Plan({FILE: source.encode()}, (), _node.command("candidate.js", FILE, *names))

    def examiner(self, tests: CodeTests, *, all_tests: bool) -> Plan:
        """Return what the examiner is asked.

        Raises:
            ValueError: they declare no function of the program's.
        """
        names, prelude = _node.declared(tests)
        return Plan({}, (), _node.exam(names, prelude, tests.code, all_tests=all_tests))

    def read(self, said: str, source: str) -> list[Diagnostic]:
        """Return what Node said of a program that does not parse."""
        told = _node.crash(said)
        return [told] if told is not None and told.stage == "parse" else []

    def refusal(self, diagnostics: list[Diagnostic]) -> str:
        """Return "syntax", all that Node refuses."""
        return "syntax"

    def crash(self, errors: str) -> Diagnostic | None:
        """Return the error that ended the program."""
        return _node.crash(errors)


LANGUAGE = JavaScript()
