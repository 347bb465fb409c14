"""Test code made ready: which names the candidate must supply, and asserts that can explain themselves.

An assert keeps its exact meaning; two names are bound on the way so that a failure can show both sides, and a counter
follows it. This happens once for each set of tests, in the worker; examiners get the compiled code.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from typing import Any

from sparkgap.judge.foretelling import certain_calls, leaves_nothing, question
from sparkgap.judge.questionnaire import Questionnaire
from sparkgap.judge.testcode import COUNT, LEFT, MISS, PRELUDE, RIGHT, TESTS, TestCode, packed

_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


_BUILTINS = vars(builtins).keys() | {COUNT, MISS, LEFT, RIGHT}


def prepare(code: str, prelude: str, *, all_tests: bool = False) -> tuple[TestCode, Questionnaire | None]:
    """Compile tests and their prelude; return also all that they ask, where that is certain.

    Args:
        all_tests: go on after an assert that fails, and count it as missed.

    Raises:
        SyntaxError, ValueError, RecursionError: the tests themselves do not parse.
    """
    tree = ast.parse(code, TESTS)
    before = ast.parse(prelude, PRELUDE)
    nodes = _nodes(tree)
    asserts = [node for node in nodes if isinstance(node, ast.Assert)]
    operators = {
        node.lineno: _OPERATORS[type(node.test.ops[0])]
        for node in asserts
        if isinstance(node.test, ast.Compare) and len(node.test.ops) == 1
    }
    total = None if _repeats(nodes) or not asserts else len(asserts)
    own = _bound_names(tree.body)
    stubs = {
        node.name
        for node in before.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and all(map(_says_nothing, node.body))
    }
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    names = {n.id for n in (*nodes, *_nodes(before)) if isinstance(n, ast.Name)} | _call_test_functions(tree, calls)
    names -= _BUILTINS - _subjects(calls, names - own)
    passes_sets = _passes_sets(nodes)
    # A function that the prelude only declares is the candidate's to supply.
    bound = _bound_names(before.body) - stubs
    wanted = frozenset(names - own - bound)
    buffers = any(word in code or word in prelude for word in ("bytearray", "memoryview", "array"))
    asks_early = any(_runs(node) and not wanted.isdisjoint(_names(node)) for node in before.body)
    rows = None if asks_early else certain_calls(tree.body, wanted, own | bound, all_tests=all_tests)
    plain = rows is not None and leaves_nothing(before.body, tree.body)
    _explain(nodes, all_tests)
    compiled = compile(tree, TESTS, "exec", dont_inherit=True)
    ready = compile(before, PRELUDE, "exec", dont_inherit=True)
    classes = _classes(before.body)
    asked = foretold = None
    if rows is not None and any(rows):
        messages = tuple((question(row), len(row)) for row in rows)
        asked = Questionnaire(sorted(wanted), sorted(classes), messages, plain)
        foretold = tuple(packed(*call) for row in rows for call in row)
    tests = TestCode(ready, compiled, code, wanted, classes, total, operators, buffers, passes_sets, foretold)
    return tests, asked


def ready_tree(code: str) -> ast.Module:
    """Return the tests as they will run, but with their asserts as they stand."""
    tree = ast.parse(code, TESTS)
    _call_test_functions(tree, [node for node in _nodes(tree) if isinstance(node, ast.Call)])
    return tree


def _nodes(tree: ast.AST) -> list[ast.AST]:
    """Return a tree's nodes, each before those that it holds: `ast.walk` takes four times as long."""
    found = [tree]
    for node in found:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                found += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def _runs(node: ast.stmt) -> bool:
    """Whether a statement does more than to define a function or to import."""
    return not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Import | ast.ImportFrom)


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in _nodes(tree) if isinstance(node, ast.Name)}


def _call_test_functions(tree: ast.Module, calls: Sequence[ast.Call]) -> set[str]:
    """Have functions named test_* called, as pytest would, unless the tests call them by themselves; return which."""
    called = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    added = set()
    for node in list(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.name not in called:
            tree.body.append(_called(node.name, node))
            added.add(node.name)
    return added


def _called(name: str, place: ast.stmt) -> ast.stmt:
    """Return a statement that calls a function without arguments, as if it stood at `place`."""
    at = _at(place)
    return ast.Expr(ast.Call(ast.Name(name, ast.Load(), **at), [], [], **at), **at)


def _at(place: ast.stmt | ast.expr) -> dict[str, Any]:
    return {name: getattr(place, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}


def _subjects(calls: Sequence[ast.Call], foreign: set[str]) -> set[str]:
    """Return the names of builtins that must be the candidate's own: tests that call nothing else (MBPP's `sum`).

    Where the tests call a function that is no builtin, that one is the subject, and builtins are the examiner's.

    Args:
        foreign: the names that the tests use and do not bind.
    """
    if foreign - _BUILTINS:
        return set()
    innermost = (c for c in calls if not any(isinstance(n, ast.Call) for a in c.args for n in _nodes(a)))
    return {c.func.id for c in innermost if isinstance(c.func, ast.Name)}


def _classes(body: list[ast.stmt]) -> frozenset[str]:
    """Return the classes that the problem itself defines, by statement or by call (`P = namedtuple("P", ...)`)."""
    found = {node.name for node in body if isinstance(node, ast.ClassDef)}
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            maker = node.value.func
            name = maker.attr if isinstance(maker, ast.Attribute) else getattr(maker, "id", "")
            if name in ("namedtuple", "NamedTuple", "Enum", "IntEnum", "make_dataclass"):
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(found)


def _passes_sets(nodes: Sequence[ast.AST]) -> bool:
    """Whether the candidate may be given a set, whose order depends on the hash seed (when in doubt, yes)."""
    if not any(map(_makes_set, nodes)):
        return False
    for node in nodes:
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _BUILTINS):
            places: list[ast.AST] = [*node.args, *node.keywords]
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.For | ast.Return):
            places = [node]
        else:
            continue
        if any(_makes_set(inner) for place in places for inner in _nodes(place)):
            return True
    return False


def _makes_set(node: ast.AST) -> bool:
    kind = type(node)
    return kind is ast.Set or kind is ast.SetComp or (kind is ast.Name and node.id in ("set", "frozenset"))  # type: ignore[attr-defined]


def _repeats(nodes: Sequence[ast.AST]) -> bool:
    loops = (node for node in nodes if isinstance(node, ast.For | ast.While | ast.AsyncFor))
    return any(isinstance(node, ast.Assert) for loop in loops for node in _nodes(loop))


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


def _explain(nodes: Sequence[ast.AST], all_tests: bool) -> None:
    """Bind both sides of each compared assert, and count every assert that held."""
    for node in nodes:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and any(isinstance(statement, ast.Assert) for statement in block):
                block[:] = [made for each in block for made in _explained(each, all_tests)]


def _explained(node: ast.stmt, all_tests: bool) -> list[ast.stmt]:
    if not isinstance(node, ast.Assert):
        return [node]
    test = node.test
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) is not ast.Is:
        at = _at(test)
        test.left = ast.NamedExpr(ast.Name(LEFT, ast.Store(), **at), test.left, **at)
        test.comparators = [ast.NamedExpr(ast.Name(RIGHT, ast.Store(), **at), test.comparators[0], **at)]
    counted = _called(COUNT, node)
    if not all_tests:
        return [node, counted]
    missed = ast.Expr(ast.Call(ast.Name(MISS, ast.Load()), [ast.Name("_sparkgap_error", ast.Load())], []))
    handler = ast.ExceptHandler(ast.Name("BaseException", ast.Load()), "_sparkgap_error", [missed])
    return [ast.fix_missing_locations(ast.copy_location(ast.Try([node], [handler], [counted], []), node))]
