"""The operations that katas are composed of, as `operations.tsv` lists them: their kinds, constants, code and wording.

The table has a row for each operation: what it takes and gives, the constants it may have, its code over `x` (the
value) and `k` (the constant), and how it is said, briefly and in full; alternatives are parted by ` | ` (code: ` || `).
Code of several lines assigns `x`. What an operation *means* is not here but in `meaning.py`, written independently.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files
from itertools import zip_longest

Kind = str  # one letter of KINDS
Value = int | str | list[int] | list[str] | dict[str, int]
Constant = int | str | None

KINDS = "nslwd"  # int, str, list[int], list[str], dict[str, int]
PREDICATE = "?"  # what the tests of conditions give


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: from a value of one kind to a value of another, perhaps with a constant."""

    name: str
    takes: Kind
    gives: Kind
    constants: tuple[int | str, ...]  # () where it has none
    forms: tuple[str, ...]  # equivalent code, the canonical one first
    brief: tuple[str, ...]
    full: tuple[str, ...]

    @property
    def loops(self) -> bool:
        """Whether its code is statements (a loop) and no expression."""
        return "\n" in self.forms[0]


@cache
def operations() -> tuple[Operation, ...]:
    """Return every operation that changes a value, in the order of the table."""
    return tuple(each for each in _rows() if each.gives != PREDICATE)


@cache
def predicates(kind: Kind) -> tuple[Operation, ...]:
    """Return the tests that a condition may put to a value of this kind."""
    return tuple(each for each in _rows() if each.gives == PREDICATE and each.takes == kind)


@cache
def operation(name: str) -> Operation:
    """Return the operation or predicate called `name`; KeyError if there is none."""
    return {each.name: each for each in _rows()}[name]


@cache
def keeping(kind: Kind) -> tuple[Operation, ...]:
    """Return the operations, no loops, that keep a value's kind."""
    return tuple(each for each in operations() if each.takes == each.gives == kind and not each.loops)


@cache
def siblings(name: str) -> tuple[Operation, ...]:
    """Return the other operations of the same kinds, the one whose code is most like that of `name` first.

    A loop stands in for a loop alone.
    """
    one = operation(name)
    others = [each for each in _rows() if (each.takes, each.gives) == (one.takes, one.gives) and each.name != name]
    alike = {each.name: SequenceMatcher(None, one.forms[0], each.forms[0], autojunk=False).ratio() for each in others}
    return tuple(sorted((each for each in others if each.loops <= one.loops), key=lambda each: -alike[each.name]))


@cache
def selection(count: int | None, kinds: str) -> tuple[Operation, ...]:
    """Return the operations between these kinds: all of them, or `count`, taken from each kind in turn.

    Operations that are loops come on top of `count`; only compositions with a loop in them use those.
    """
    among = [each for each in operations() if each.takes in kinds and each.gives in kinds]
    plain = [each for each in among if not each.loops]
    if count is not None:
        lanes = ([each for each in plain if each.takes == kind] for kind in kinds)
        turns: Iterable[Operation | None] = (each for row in zip_longest(*lanes) for each in row)
        plain = [each for each in turns if each is not None][:count]
    return tuple(plain + [each for each in among if each.loops])


@cache
def _rows() -> tuple[Operation, ...]:
    text = (files(__package__) / "operations.tsv").read_text("utf-8")
    return tuple(_row(line) for line in text.splitlines()[1:])


def _row(line: str) -> Operation:
    name, kinds, constants, code, brief, full = line.split("\t")
    takes, _, gives = kinds.partition(">")
    return Operation(
        name=name,
        takes=takes,
        gives=gives,
        constants=tuple(ast.literal_eval(f"[{constants}]")),
        forms=tuple(code.replace("\\n", "\n").split(" || ")),
        brief=tuple(brief.split(" | ")),
        full=tuple(full.split(" | ")),
    )
