"""Trusted test code made ready: which names the candidate must supply, and asserts that can explain themselves.

An assert keeps its exact meaning; two names are bound on the way so that a failure can show both sides, and a counter
follows it. Tests are compiled once and run afresh, in a namespace of their own, for every program.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from types import CodeType

LEFT, RIGHT, COUNT, MISS = "_sparkgap_left", "_sparkgap_right", "_sparkgap_count", "_sparkgap_miss"
TESTS = "<tests>"
PRELUDE = "<prelude>"

_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TestCode:
    """Compiled tests. `total` is the number of asserts, None where loops decide how many will run."""

    prelude: CodeType
    code: CodeType
    source: str
    wanted: frozenset[str]  # names to look up in the candidate's program
    stubs: frozenset[str]  # names that the prelude only declares: the candidate's stand before them
    total: int | None
    operators: dict[int, str]  # line of an assert -> its comparison


def prepare(code: str, prelude: str, *, all_tests: bool = False) -> TestCode:
    """Compile tests and their prelude.

    Args:
        all_tests: go on after an assert that fails, and count it as missed.

    Raises:
        SyntaxError: the tests themselves do not parse.
    """
    tree = ast.parse(code, TESTS)
    before = ast.parse(prelude, PRELUDE)
    asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    operators = {
        node.lineno: _OPERATORS[type(node.test.ops[0])]
        for node in asserts
        if isinstance(node.test, ast.Compare) and len(node.test.ops) == 1
    }
    total = None if _repeats(tree) else len(asserts)
    own = _bound_names(tree.body)
    stubs = frozenset(
        node.name
        for node in before.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and all(map(_says_nothing, node.body))
    )
    shown = ast.fix_missing_locations(_Explaining(all_tests).visit(tree))
    compiled = compile(shown, TESTS, "exec", dont_inherit=True)
    ready = compile(before, PRELUDE, "exec", dont_inherit=True)
    wanted = _used_names(compiled) - _BUILTINS - own - (_bound_names(before.body) - stubs)
    return TestCode(ready, compiled, code, frozenset(wanted), stubs, total, operators)


def _repeats(tree: ast.AST) -> bool:
    loops = (ast.For, ast.While, ast.AsyncFor)
    return any(
        isinstance(node, ast.Assert) for loop in ast.walk(tree) if isinstance(loop, loops) for node in ast.walk(loop)
    )


def _says_nothing(node: ast.stmt) -> bool:
    """Whether a statement of a declared function's body says nothing of what the function does."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass | ast.Import | ast.ImportFrom)


def _bound_names(body: list[ast.stmt]) -> set[str]:
    """Return the names that a module's own statements bind, not those local to its functions."""
    bound: set[str] = set()
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return bound


def free_names(source: str, mode: str = "exec") -> set[str]:
    """Return the names that a piece of trusted source may take from elsewhere (attributes' names among them)."""
    return _used_names(compile(source, TESTS, mode, dont_inherit=True)) - _BUILTINS


_BUILTINS = vars(builtins).keys() | {COUNT, MISS, LEFT, RIGHT}


def _used_names(code: CodeType) -> set[str]:
    used = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            used |= _used_names(constant)
    return used


class _Explaining(ast.NodeTransformer):
    """Bind both sides of a compared assert, and count every assert that held."""

    def __init__(self, all_tests: bool) -> None:
        self._all_tests = all_tests

    def visit_Assert(self, node: ast.Assert) -> ast.stmt | list[ast.stmt]:
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) is not ast.Is:
            test.left = ast.NamedExpr(ast.Name(LEFT, ast.Store()), test.left)
            test.comparators = [ast.NamedExpr(ast.Name(RIGHT, ast.Store()), test.comparators[0])]
        counted = ast.Expr(ast.Call(ast.Name(COUNT, ast.Load()), [], []))
        ast.copy_location(counted, node)
        if not self._all_tests:
            return [node, counted]
        missed = ast.Expr(ast.Call(ast.Name(MISS, ast.Load()), [ast.Name("_sparkgap_error", ast.Load())], []))
        handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), "_sparkgap_error", [missed])
        return ast.copy_location(ast.Try([node], [handler], [counted], []), node)
