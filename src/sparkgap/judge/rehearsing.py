"""What tests ask that are no straight row of asserts: they are run once against a program that answers nothing.

Loops, helpers and seeded chance decide what such tests ask, and mostly not the answers. So a run in which each answer
is a blank finds it out; where the tests want to know more of an answer than how it compares, nothing is found. What is
asked then can hold nothing that was made of an answer, since there was none. What an answer is compared with is noted,
and begins a new row where it is asked later (`foretelling.py` says why); tests that leave a choice of answers would
hide some of that, and are left alone.
"""

from __future__ import annotations

import ast
import marshal
import random
from collections.abc import Callable, Iterable
from functools import partial
from types import CodeType
from typing import Any

from sparkgap.judge import testcode
from sparkgap.judge.foretelling import MOST_BYTES, MOST_ROWS, Call, question, trace, traces
from sparkgap.judge.preparing import ready_tree

_MOST_CALLS = 2000


class _Unknown(BaseException):
    """The tests depend on an answer in a way that a blank cannot stand for. No Exception: they must not catch it."""


def _refuse(*_: object, **__: object) -> Any:
    raise _Unknown


class _Blank:
    """An answer that nobody has given: it compares as the tests would like.

    Nothing is made of it but a difference whose size is then compared: what is expected of `f(2) + 1 == 4` would not
    be seen.
    """

    __slots__ = ("_note",)

    def __init__(self, note: Callable[[object], None]) -> None:
        object.__setattr__(self, "_note", note)

    def _compared(self, other: object) -> bool:
        if type(other) is not _Blank:
            object.__getattribute__(self, "_note")(other)
        return True

    def _minus(self, other: object) -> _Difference:
        self._compared(other)
        return _Difference()

    def __bool__(self) -> bool:
        return True

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compared
    __sub__ = __rsub__ = _minus
    __hash__ = __getattr__ = __setattr__ = __iter__ = __getitem__ = __len__ = __contains__ = _refuse
    __call__ = __str__ = __repr__ = __format__ = __int__ = __index__ = __float__ = __reduce_ex__ = _refuse


class _Difference:
    """What is left of a blank when something was taken from it."""

    def __abs__(self) -> _Size:
        return _Size()

    __bool__ = __eq__ = __hash__ = __getattr__ = __reduce_ex__ = __str__ = __repr__ = _refuse


class _Size:
    """The size of a difference, to be found small enough."""

    def _small(self, _: object) -> bool:
        return True

    __lt__ = __le__ = _small
    __bool__ = __eq__ = __hash__ = __getattr__ = __reduce_ex__ = __str__ = __repr__ = _refuse


class _Calls:
    """The calls that are made, in rows."""

    def __init__(self) -> None:
        self.rows: list[list[Call]] = [[]]
        self.packed: list[bytes] = []
        self._expected: set[str] = set()  # of the last row
        self._size = 0

    def function(self, name: str) -> Callable[..., Any]:
        """Return what stands for a function of the program's."""

        def asked(*args: Any, **kwargs: Any) -> Any:
            return self._asked(name, args, kwargs)

        asked.sparkgap_candidate = name  # type: ignore[attr-defined]
        return asked

    def _asked(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Blank:
        try:
            packed = testcode.packed(name, args)
        except ValueError:  # an object, or a blank
            raise _Unknown from None
        self._size += len(packed)
        if self.rows[-1] and (self._size > MOST_BYTES or not self._expected.isdisjoint(traces(args))):
            self.rows.append([])
            self._expected.clear()
            self._size = len(packed)
        if kwargs or self._size > MOST_BYTES or len(self.rows) > MOST_ROWS or len(self.packed) >= _MOST_CALLS:
            raise _Unknown
        row = self.rows[-1]
        row.append(Call(*marshal.loads(packed)))  # noqa: S302 - the arguments as they are now
        self.packed.append(packed)
        return _Blank(partial(self._note, row, len(row)))

    def _note(self, row: list[Call], place: int, other: object) -> None:
        """Have nothing that a call's answer is compared with be asked in the same row."""
        expected = trace(other)
        if any(expected in traces(later.args) for later in row[place:]):
            raise _Unknown
        if row is self.rows[-1]:
            self._expected.add(expected)


def _leaves_a_choice(node: ast.AST) -> bool:
    return isinstance(node, ast.In | ast.NotIn | ast.Or) or (isinstance(node, ast.Name) and node.id == "any")


class _Unasserted(ast.NodeTransformer):
    """Has tests go on whatever an assert comes to."""

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        return ast.copy_location(ast.Expr(node.test), node)


def questions(source: str, prelude: CodeType, wanted: Iterable[str]) -> tuple[list[tuple[bytes, int]], list[bytes]]:
    """Return all that tests ask: messages with the number of answers due to each, and the calls, `testcode.packed`.

    Both are empty where that depends on the answers.

    Args:
        source: the tests.
        prelude: what is run before them.
        wanted: the names that the program must supply.
    """
    calls = _Calls()
    supplied = {name: calls.function(name) for name in wanted}
    namespace: dict[str, Any] = {"__name__": "tests", **supplied}
    try:
        tree = ready_tree(source)
        if any(map(_leaves_a_choice, ast.walk(tree))):
            return [], []
        tree = ast.fix_missing_locations(_Unasserted().visit(tree))
        random.seed(0)  # as before any program
        exec(prelude, namespace)  # noqa: S102 - trusted, and jailed all the same
        namespace |= supplied
        exec(compile(tree, testcode.TESTS, "exec", dont_inherit=True), namespace)  # noqa: S102
    except (Exception, _Unknown):
        return [], []
    if not calls.packed:
        return [], []
    return [(question(row), len(row)) for row in calls.rows], calls.packed
