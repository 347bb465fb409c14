"""All that tests ask, where that is certain beforehand: a program can then be run by it before it is examined.

Most tests are a row of asserts, each with calls whose arguments stand there as literals. As long as the asserts hold,
their calls come one after another, and once one fails nobody wants the rest. The examiner still runs the tests' code as
it is, and takes the recorded answers in order as its calls come.

No expected value is sent, and no argument that was made of an answer. But what is expected of one call may be the
argument of a later one (`assert encode("a") == "n"`, then `assert decode("n") == "a"`): a program could answer with
what it was not asked yet. There a new row begins, which is asked only once the answers to the one before are recorded.
"""

from __future__ import annotations

import ast
import contextlib
import marshal
import opcode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sparkgap.judge.hashing import INERT_MODULES
from sparkgap.judge.testcode import packed

MOST_BYTES, MOST_ROWS = 32768, 64  # of the arguments of one row: they must fit into a socket that nobody reads yet
_SAME = frozenset({"list", "tuple"})  # what they make of an answer is what is expected of it


class Call(NamedTuple):
    """A call of a function of the program's, by name, with positional arguments."""

    name: str
    args: tuple[object, ...]


class _Uncertain(Exception):
    """From here on it is not certain what is called."""


def certain_calls(
    body: Sequence[ast.stmt], wanted: frozenset[str], own: set[str], *, all_tests: bool
) -> list[list[Call]] | None:
    """Return all calls that tests make of what the program defines, in rows; None if that is not certain.

    Args:
        body: the statements of the tests.
        wanted: the names that are the program's to define.
        own: the names that the tests and their prelude define.
        all_tests: the tests go on after an assert that fails.
    """
    rows: list[list[Call]] = [[]]
    size = 0
    try:
        for call in _Reading(wanted, own, 1 if all_tests else MOST_BYTES).module(body):
            length = len(packed(*call)) if call else MOST_BYTES
            if size + length > MOST_BYTES and rows[-1]:
                rows.append([])
                size = 0
            if call:
                rows[-1].append(call)
                size += length
            if size > MOST_BYTES or len(rows) > MOST_ROWS:
                return None
    except (_Uncertain, RecursionError, MemoryError):
        return None
    return rows


def leaves_nothing(prelude: Sequence[ast.stmt], tests: Sequence[ast.stmt]) -> bool:
    """Whether running a prelude, and tests that `certain_calls` has read, leaves nothing behind in the process."""
    return all(map(_only_binds, prelude)) and all(
        _only_binds(node) for node in tests if isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom)
    )


def _only_binds(node: ast.stmt) -> bool:
    """Whether a statement does no more than to give names values that it makes itself."""
    if isinstance(node, ast.Import):
        return INERT_MODULES.issuperset(alias.name.partition(".")[0] for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in INERT_MODULES
    if isinstance(node, ast.FunctionDef):
        given = node.args
        named = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
        evaluated = [*given.defaults, *given.kw_defaults, node.returns, *(each.annotation for each in named if each)]
        acts = (isinstance(inner, ast.Call | ast.Await) for each in evaluated if each for inner in ast.walk(each))
        return not node.decorator_list and not any(acts)
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Name) for target in node.targets) and _is_literal(node.value)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_literal(node: ast.expr) -> bool:
    try:
        _literal(node)
    except _Uncertain:
        return False
    return True


def question(row: Sequence[Call]) -> bytes:
    """Return the message that asks for a row of calls."""
    return b"m" + marshal.dumps(("each", [tuple(call) for call in row]))


class _Reading:
    """Reads tests from their start for as long as it is certain what they call."""

    def __init__(self, wanted: frozenset[str], own: set[str], most: int) -> None:
        self._names = {name: name for name in wanted}
        self._own = own
        self._most = most  # calls in one assert: one that raises keeps the others from being made
        self._defined: dict[str, ast.FunctionDef] = {}
        self._expected: set[str] = set()  # by the asserts of this row, see `traces`

    def module(self, body: Sequence[ast.stmt]) -> Iterator[Call | None]:
        """Yield the calls, and None where a new row begins."""
        for node in body:
            if isinstance(node, ast.FunctionDef):
                if node.decorator_list:
                    raise _Uncertain
                self._new(node.name)
                self._defined[node.name] = node
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    self._new(alias.asname or alias.name.partition(".")[0])
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and len(node.targets) == 1:
                _literal(node.value)  # METADATA = {...}
                self._new(node.targets[0].id)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                yield from self._function(node.value)
            else:
                yield from self._statement(node, self._names)

    def _new(self, name: str) -> None:
        if name in self._defined or name in self._names or name == "*":
            raise _Uncertain

    def _function(self, call: ast.Call) -> Iterator[Call | None]:
        """Yield the calls that the call of a function of the tests' own comes to: `check(solve)` or `test_solve()`."""
        function = self._defined.get(call.func.id) if isinstance(call.func, ast.Name) else None
        if function is None or call.keywords:
            raise _Uncertain
        given = function.args
        if given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg or given.defaults:
            raise _Uncertain
        if len(given.args) != len(call.args):
            raise _Uncertain
        inside = dict(self._names)
        for parameter, argument in zip(given.args, call.args, strict=True):
            if not isinstance(argument, ast.Name) or argument.id not in self._names or parameter.arg in {"abs", *_SAME}:
                raise _Uncertain
            inside[parameter.arg] = argument.id
        for node in function.body:
            yield from self._statement(node, inside)

    def _statement(self, node: ast.stmt, names: Mapping[str, str]) -> Iterator[Call | None]:
        if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return
        if not isinstance(node, ast.Assert):
            raise _Uncertain
        literals: list[object] = []
        calls = list(self._expression(node.test, names, literals))
        if len(calls) > (1 if literals else self._most):
            raise _Uncertain
        if self._expected and any(not self._expected.isdisjoint(traces(call.args)) for call in calls):
            self._expected.clear()
            yield None
        self._expected.update(map(trace, literals))
        yield from calls

    def _expression(self, node: ast.expr, names: Mapping[str, str], literals: list[object]) -> Iterator[Call]:
        """Yield the calls of an expression in the order in which they are made, none of which may be skipped.

        What else it is made of is added to `literals`: what answers are compared with. An answer that something is
        made of before it is compared, as in `f(2) + 1 == 4`, would hide what is expected of it.
        """
        with contextlib.suppress(_Uncertain):
            literals.append(_literal(node))
            return
        inner: Sequence[ast.expr]
        if isinstance(node, ast.Call):
            if node.keywords or not isinstance(node.func, ast.Name):
                raise _Uncertain
            if node.func.id in names:
                yield Call(names[node.func.id], tuple(_literal(argument) for argument in node.args))
                return
            if node.func.id in self._own or len(node.args) != 1:
                raise _Uncertain
            argument = node.args[0]
            if node.func.id == "abs" and isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Sub):
                inner = (argument.left, argument.right)
            elif node.func.id in _SAME:
                inner = (argument,)
            else:
                raise _Uncertain
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = (node.operand,)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:  # in a chain, one that is false ends it
            inner = (node.left, *node.comparators)
            if isinstance(node.ops[0], ast.In) and isinstance(node.comparators[0], ast.List | ast.Tuple | ast.Set):
                inner = (node.left, *node.comparators[0].elts)  # each may be the answer
        else:
            raise _Uncertain
        for each in inner:
            yield from self._expression(each, names, literals)


def trace(value: object) -> str:
    """Return the same text for values that tests may take for each other: 1 and 1.0, [1] and (1,), 3.14 and 3.1."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(trace, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(sorted(f'{trace(k)}:{trace(v)}' for k, v in value.items()))}}}"
    if isinstance(value, set):
        return f"{{{','.join(sorted(map(trace, value)))}}}"
    if isinstance(value, float):
        value = float(f"{value:.2g}")
        value = int(value) if value.is_integer() else value
    return hex(value) if isinstance(value, int) else repr(value)  # decimal digits have a limit


def traces(value: object) -> set[str]:
    """Return the traces of a value and of all that it holds, but for those that anybody would guess."""
    found = set() if value in _GUESSED else {trace(value)}
    inner: Iterable[object] = ()
    if isinstance(value, list | tuple | set):
        inner = value
    elif isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
    for each in inner:
        found |= traces(each)
    return found


_GUESSED: tuple[object, ...] = (None, True, False, "", [], (), {}, set())  # True is 1 here, and False 0


def _literal(node: ast.expr) -> object:
    """Return the value of an expression that is one, whatever names mean."""
    if isinstance(node, ast.Constant):
        return node.value
    try:
        if isinstance(node, ast.List):
            return list(map(_literal, node.elts))
        if isinstance(node, ast.Tuple):
            return tuple(map(_literal, node.elts))
        if isinstance(node, ast.Set):
            return set(map(_literal, node.elts))
        if isinstance(node, ast.Dict) and None not in node.keys:
            return {_literal(key): _literal(value) for key, value in zip(node.keys, node.values, strict=True) if key}
    except TypeError:  # it cannot be hashed
        raise _Uncertain from None
    if isinstance(node, ast.UnaryOp | ast.BinOp):
        code = compile(ast.Expression(node), "", "eval", dont_inherit=True)
        if len(code.co_consts) == 1 and _CONSTANT.issuperset(code.co_code[::2]):  # the compiler keeps to small ones
            return code.co_consts[0]
    raise _Uncertain


_CONSTANT = {opcode.opmap.get(name, -1) for name in ("RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST")}
