"""Test code made ready: which names the candidate must supply, and asserts that can explain themselves.

An assert keeps its exact meaning; two names are bound on the way so that a failure can show both sides, and a counter
follows it. This happens once for each set of tests, in the worker; examiners get the compiled code.
"""

from __future__ import annotations

import ast
import builtins

from sparkgap.judge.testcode import COUNT, LEFT, MISS, PRELUDE, RIGHT, TESTS, TestCode

_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


_BUILTINS = vars(builtins).keys() | {COUNT, MISS, LEFT, RIGHT}


def prepare(code: str, prelude: str, *, all_tests: bool = False) -> TestCode:
    """Compile tests and their prelude.

    Args:
        all_tests: go on after an assert that fails, and count it as missed.

    Raises:
        SyntaxError, ValueError, RecursionError: the tests themselves do not parse.
    """
    tree = ast.parse(code, TESTS)
    before = ast.parse(prelude, PRELUDE)
    asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    operators = {
        node.lineno: _OPERATORS[type(node.test.ops[0])]
        for node in asserts
        if isinstance(node.test, ast.Compare) and len(node.test.ops) == 1
    }
    total = None if _repeats(tree) or not asserts else len(asserts)
    own = _bound_names(tree.body)
    stubs = {
        node.name
        for node in before.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and all(map(_says_nothing, node.body))
    }
    _call_test_functions(tree)
    names = {n.id for n in (*ast.walk(tree), *ast.walk(before)) if isinstance(n, ast.Name)}
    names -= _BUILTINS - _subjects(tree, names)
    shown = ast.fix_missing_locations(_Explaining(all_tests).visit(tree))
    compiled = compile(shown, TESTS, "exec", dont_inherit=True)
    ready = compile(before, PRELUDE, "exec", dont_inherit=True)
    # A function that the prelude only declares is the candidate's to supply.
    wanted = names - own - (_bound_names(before.body) - stubs)
    buffers = any(word in code or word in prelude for word in ("bytearray", "memoryview", "array"))
    return TestCode(
        ready, compiled, code, frozenset(wanted), _classes(before.body), total, operators, buffers, _passes_sets(tree)
    )


def _call_test_functions(tree: ast.Module) -> None:
    """Have functions named test_* called, as pytest would, unless the tests call them by themselves."""
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    for node in list(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.name not in called:
            call = ast.Expr(ast.Call(ast.Name(node.name, ast.Load()), [], []))
            ast.copy_location(call, node)
            tree.body.append(call)


def _subjects(tree: ast.Module, names: set[str]) -> set[str]:
    """Return the names of builtins that must be the candidate's own: tests that call nothing else (MBPP's `sum`).

    Where the tests call a function that is no builtin, that one is the subject, and builtins are the examiner's.
    """
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    if names - _BUILTINS - _bound_names(tree.body):
        return set()
    innermost = (c for c in calls if not any(isinstance(n, ast.Call) for a in c.args for n in ast.walk(a)))
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


def _passes_sets(tree: ast.AST) -> bool:
    """Whether the candidate may be given a set, whose order depends on the hash seed (when in doubt, yes)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _BUILTINS):
            places: list[ast.AST] = [*node.args, *node.keywords]
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.For | ast.Return):
            places = [node]
        else:
            continue
        for inner in (inside for place in places for inside in ast.walk(place)):
            if isinstance(inner, ast.Set | ast.SetComp):
                return True
            if isinstance(inner, ast.Name) and inner.id in ("set", "frozenset"):
                return True
    return False


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
        handler = ast.ExceptHandler(ast.Name("BaseException", ast.Load()), "_sparkgap_error", [missed])
        return ast.copy_location(ast.Try([node], [handler], [counted], []), node)
