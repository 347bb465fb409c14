"""Does code that makes sets ever look at their order?

Most sets are made to be asked for membership, counted or sorted, and then no hash seed shows. What follows is a proof
for single code objects, from their instructions: each set must be used up at once in such a way, or lie in a local
variable all of whose uses are of that kind. Whatever is not understood counts as looking.

`sorted`, `min` and `max` are taken to find the same whatever the order, as they do for values that have an order (not
for NaN, nor for instances of a program's own that compare as they like).
"""

from __future__ import annotations

import opcode
from types import CodeType
from typing import NamedTuple

_BLIND = frozenset({"len", "sorted", "min", "max", "sum", "bool", "any", "all"})
_COPIES = frozenset({"set", "frozenset", "list", "tuple"})  # of which the same is to be shown
_METHODS = frozenset({"add", "discard", "remove", "clear", "update", "isdisjoint", "issubset", "issuperset"})
_NAMES = _BLIND | _COPIES  # which must mean what they do

_NAME_OF = {number: name for name, number in opcode.opmap.items()}
_LEAPS = frozenset({*opcode.hasjrel, *opcode.hasjabs, opcode.opmap["RETURN_VALUE"]})


class _Step(NamedTuple):
    """One instruction: its name, its number as an opcode, its argument."""

    name: str
    op: int
    argument: int


def rebinds(code: CodeType) -> bool:
    """Whether a program gives any of the names that count here another meaning."""
    stored = {step.argument for step in _steps(code) if step.name in ("STORE_NAME", "STORE_GLOBAL", "EXTENDED_ARG")}
    names = {name for place, name in enumerate(code.co_names) if place % 256 in stored}
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return not names.isdisjoint(_NAMES) or any(map(rebinds, inner))


def looks(code: CodeType) -> bool:
    """Whether a code object, but for those in it, may look at the order of a set that it makes."""
    reading = _Reading(code)
    return not (reading.sets_are_used_up() and reading.variables_are_used_up())


def _steps(code: CodeType) -> list[_Step]:
    pairs = zip(code.co_code[::2], code.co_code[1::2], strict=True)
    return [_Step(_NAME_OF[op], op, argument) for op, argument in pairs if op]  # 0 is room for the interpreter's notes


_END = _Step("", 0, 0)


class _Reading:
    """The instructions of one code object, and the local variables that may hold a set, or what was copied of one."""

    def __init__(self, code: CodeType) -> None:
        self._names, self._steps = code.co_names, [*_steps(code), _END, _END, _END]
        self._variables: set[int] = set()

    def sets_are_used_up(self) -> bool:
        """Whether each set goes where its order does not show, or into a variable."""
        for place, step in enumerate(self._steps):
            end: int | None = None
            if step.name in ("EXTENDED_ARG", "SET_ADD") or (step.name == "LOAD_NAME" and self._named(step) in _COPIES):
                return False
            if step.name == "LOAD_GLOBAL" and self._named(step) in ("set", "frozenset"):
                end = self._end_of_call(place)
                start = place
            elif step.name == "BUILD_SET":
                filled = [each.name for each in self._steps[place + 1 : place + 3]] == ["LOAD_CONST", "SET_UPDATE"]
                end = place + 2 if filled else place
                start = 0 if step.argument else place  # where its elements begin is not known
            else:
                continue
            if end is None or not self._is_used_up(start, end):
                return False
        return True

    def variables_are_used_up(self) -> bool:
        """Whether what those variables hold goes where no order shows."""
        checked: set[int] = set()
        while waiting := self._variables - checked:
            for place, step in enumerate(self._steps):
                if step.argument in waiting and step.name.startswith("LOAD_FAST") and not self._is_used(place):
                    return False
            checked |= waiting
        return True

    def _named(self, step: _Step) -> str:
        return self._names[step.argument >> (step.name in ("LOAD_GLOBAL", "LOAD_ATTR"))]

    def _is_used(self, place: int) -> bool:
        """Whether a variable that is loaded at a place is asked what shows no order."""
        then = self._steps[place + 1]
        method = then.name == "LOAD_METHOD" or (then.name == "LOAD_ATTR" and then.argument & 1)
        if method and "LOAD_METHOD" in opcode.opmap and then.name == "LOAD_ATTR":
            method = False  # there the lowest bit belongs to the name
        return self._named(then) in _METHODS if method else self._is_used_up(place, place)

    def _end_of_call(self, place: int) -> int | None:
        """Return where the call ends whose function is loaded at a place; None if that is no call, or not known."""
        depth = 2
        if not self._steps[place].argument & 1:
            return None
        for end in range(place + 1, len(self._steps) - 3):
            name, op, argument = self._steps[end]
            if op in _LEAPS:
                return None
            depth += opcode.stack_effect(op, argument if op >= opcode.HAVE_ARGUMENT else None)
            if depth == 1:
                return end if name == "CALL" else None
        return None

    def _is_used_up(self, start: int, end: int) -> bool:
        """Whether a set, or what was copied of one, that the steps from `start` to `end` make goes where it may."""
        then = self._steps[end + 1]
        if then.name == "STORE_FAST":
            self._variables.add(then.argument)
            return True
        if then.name in ("CONTAINS_OP", "POP_TOP", "UNARY_NOT") or then.name.startswith("POP_JUMP_"):
            return True
        if then.name == "COMPARE_OP":
            return self._is_second(start)
        if then.name == "LOAD_GLOBAL" and self._named(then) in ("set", "frozenset"):  # the other side of a comparison?
            after = self._end_of_call(end + 1)
            return after is not None and self._steps[after + 1].name == "COMPARE_OP"
        before = self._steps[start - 1] if start else _END
        if before.name != "LOAD_GLOBAL" or not before.argument & 1:
            return False
        last = end + 2 if then.name == "PRECALL" else end + 1
        if then.argument != 1 or self._steps[last].name != "CALL" or self._steps[last].argument != 1:
            return False
        function = self._named(before)
        return function in _BLIND or (function in _COPIES and self._is_used_up(start - 1, last))

    def _is_second(self, start: int) -> bool:
        """Whether what begins at `start` is compared with a set that another call has just made."""
        for place in range(start - 1, -1, -1):
            step = self._steps[place]
            if step.name == "LOAD_GLOBAL" and self._named(step) in ("set", "frozenset"):
                return self._end_of_call(place) == start - 1
        return False
