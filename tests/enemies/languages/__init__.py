"""Attacks in other languages than Python: one file each, NAME.txt, with whole programs and what must come of them.

In these languages the program and its tests are two processes as well, so what an attack can reach is its own answers.
Beside the cheats of the language each file tries to get out of the jail, and to read what the tests expect.

A line `=== what | ...` starts each program of a file:

    tests, prelude                              two calls of `add`, and what they declare
    right, wrong, right script, wrong script    programs for these tests, and for two lines of stdin
    attack | name | statuses                    must not pass; the statuses that are right
    siege | name | statuses                     the same, and takes seconds
    bomb | name | statuses                      the same, and costs the compiler all that it may use
    refused | code | line:column | message      the compiler refuses it, and this error must be told
    warned | code | line:column | message       passes, and this warning must be told
    raises | word                               ends with an exception that says so
    grammar                                     is not of the language
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from enemies import QUICK, Attack, Trial
from sparkgap.types import CodeTests, Diagnostic, StdioTests

CASES = StdioTests((("2 3\n", "5\n"), ("10 -4\n", "6\n")))
NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.txt")))


@dataclass(frozen=True)
class Enemies:
    """What is put to the judge in one language, as the module's docstring has it."""

    calls: Trial
    script: Trial
    attacks: tuple[Attack, ...]
    sieges: tuple[Attack, ...]
    bombs: tuple[Attack, ...]
    refused: tuple[str, Diagnostic] | None
    warned: tuple[str, Diagnostic] | None
    raises: tuple[str, str] | None
    grammar: str


@cache
def enemies_of(name: str) -> Enemies:
    """Return the attacks in a language."""
    text = (Path(__file__).parent / f"{name}.txt").read_text("utf-8")
    heads = re.findall(r"^=== (.*)$", text, re.MULTILINE)
    bodies = re.split(r"^=== .*\n", text, flags=re.MULTILINE)[1:]
    programs = [
        ([part.strip() for part in head.split(" | ")], body.strip("\n") + "\n")
        for head, body in zip(heads, bodies, strict=True)
    ]
    plain = {head[0]: body for head, body in programs if len(head) == 1}
    calls = Trial(CodeTests(plain["tests"], plain.get("prelude", "")), plain["right"], plain["wrong"], name)
    script = Trial(CASES, plain["right script"], plain["wrong script"], name)

    def attacks(kind: str) -> tuple[Attack, ...]:
        return tuple(
            Attack(head[1], body, frozenset(head[2].split()), calls, replace(QUICK, cpu_s=QUICK_S.get(name, 0.5)))
            for head, body in programs
            if head[0] == kind
        )

    def told(kind: str) -> tuple[str, Diagnostic] | None:
        for head, body in programs:
            if head[0] == kind:
                line, _, column = head[2].partition(":")
                severity = "error" if kind == "refused" else "warning"
                return body, Diagnostic("parse", severity, head[1], head[3], int(line), int(column))
        return None

    raises = next(((body, head[1]) for head, body in programs if head[0] == "raises"), None)
    return Enemies(
        calls,
        script,
        attacks("attack"),
        attacks("siege"),
        attacks("bomb"),
        told("refused"),
        told("warned"),
        raises,
        plain["grammar"],
    )


QUICK_S = {"java": 2.0, "go": 1.0}  # CPU seconds, where starting takes longer
