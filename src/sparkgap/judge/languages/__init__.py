"""Languages that the judge can build and run: one file each, with one public name, `LANGUAGE`.

Python is the language of the judge itself: `runner.py` loads its programs, forked from a warm interpreter. Every other
language is `Built`: its file turns source and tests into plans (`judge/plans.py`), which workers carry out without
knowing the language, and reads what its compiler said. Files that start with an underscore are shared parts.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sparkgap.judge.plans import Kit, Plan
from sparkgap.types import CodeTests, Diagnostic


@runtime_checkable
class Language(Protocol):
    """What `LANGUAGE` in each file is."""

    name: str  # what `Program.language` says
    suffix: str  # of a source file, with the dot


@runtime_checkable
class Built(Language, Protocol):
    """A language that has a compiler or a runtime of its own."""

    title: str  # one line for a person

    def kit(self) -> Kit:
        """Return what programs are built and run with on this machine.

        Raises:
            ToolchainError: something is not installed; the text says what, and how to get it.
        """
        ...

    def version(self) -> str:
        """Return what compiles or runs here, as it names itself.

        Raises:
            ToolchainError: it is not installed.
        """
        ...

    def check(self, source: str) -> Plan:
        """Return how a program, or a part of one, is looked over and not run, with all the warnings there are."""
        ...

    def program(self, source: str) -> Plan:
        """Return how a whole program is built and run, one that reads stdin and writes stdout."""
        ...

    def candidate(self, source: str, tests: CodeTests) -> Plan:
        """Return how a program is built and run that answers calls of the functions which the tests declare.

        Raises:
            ValueError: the tests cannot be put to a program in this language; the text says why.
        """
        ...

    def examiner(self, tests: CodeTests, *, all_tests: bool) -> Plan:
        """Return how the tests are built and run, in processes of their own.

        Raises:
            ValueError: as `candidate` has it.
        """
        ...

    def read(self, said: str, source: str) -> list[Diagnostic]:
        """Return what the compiler said of the program's own source, errors first."""
        ...

    def refusal(self, diagnostics: list[Diagnostic]) -> str:
        """Return the status of a program that the compiler refused: "syntax" or "compile"."""
        ...

    def crash(self, errors: str) -> Diagnostic | None:
        """Return what a program's stderr says of its own end, None if nothing."""
        ...
