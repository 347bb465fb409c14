"""Python expressions in replies: found by parsing, and let through only where they compute a value and nothing else.

An answer of CRUXEval is evaluated in the process that holds the function it is about, so it must not be able to change
that function: no names but those of builtins without effects, no attributes but public methods of builtin types. Then
`f(...)` is what the function gives, and an answer cannot give it in the function's stead.
"""

from __future__ import annotations

import ast
import re
import symtable
import threading
import warnings

_LONGEST = 20_000  # characters of an answer
_UNPARSEABLE = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError, SystemError)
_QUIET = threading.Lock()  # the warning filters are the process's, and replies may be read in threads

# Builtins that only compute; not `type`, `getattr`, `open`, `eval` and the like.
_NAMES = frozenset({
    "abs", "all", "any", "bin", "bool", "bytearray", "bytes", "chr", "complex", "dict", "divmod", "enumerate", "filter",
    "float", "format", "frozenset", "hex", "int", "isinstance", "iter", "len", "list", "map", "max", "min", "next",
    "oct", "ord", "pow", "range", "repr", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip",
})  # fmt: skip
_METHODS = frozenset(
    name
    for kind in (str, bytes, list, tuple, dict, set, frozenset, int, float, complex, range)
    for name in dir(kind)
    if not name.startswith("_")
)
_REFUSED = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)


def assertion(text: str, function: str) -> tuple[ast.Call | None, ast.expr | None]:
    """Return the call of `function` and the value it is said to have, from an assert, a comparison, or one side alone.

    A text that is neither whole is read line by line, from the last; (None, None) where nothing is found.
    """
    text = text.strip().removeprefix(">>> ")
    for part in (text, *reversed(text.split("\n"))):
        found = _sides(_parsed(part.strip()), function)
        if found != (None, None):
            return found
    return None, None


def harmless(expression: ast.expr) -> bool:
    """Whether evaluating an expression can only give a value (or fail, or take long)."""
    for node in ast.walk(expression):
        if isinstance(node, _REFUSED) or (isinstance(node, ast.Attribute) and node.attr not in _METHODS):
            return False
    free = _free(source(expression.value if isinstance(expression, ast.Starred) else expression))
    return free is not None and free <= _NAMES


def source(expression: ast.AST) -> str:
    """Return the source of an expression, "" where it cannot be written (too deep)."""
    try:
        return ast.unparse(expression)
    except (RecursionError, ValueError):
        return ""


def _free(text: str) -> set[str] | None:
    """Return the names that an expression takes from outside of itself; None where it is too deep to tell."""
    try:
        waiting = [symtable.symtable(text, "answer", "eval")]
    except _UNPARSEABLE:
        return None
    free: set[str] = set()
    while waiting:
        table = waiting.pop()
        inside = table.get_type() != "module"
        free |= {s.get_name() for s in table.get_symbols() if (s.is_global() if inside else not s.is_assigned())}
        waiting += table.get_children()
    return free


def _sides(node: ast.AST | None, function: str) -> tuple[ast.Call | None, ast.expr | None]:
    match node:
        case ast.Assert(test=test):
            return _sides(test, function)
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]) if _calls(left, function):
            return _call(left), right
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]) if _calls(right, function):
            return _call(right), left
        case ast.Call() if _calls(node, function):
            return _call(node), None
        case ast.expr():
            return None, node
    return None, None


def _calls(node: ast.AST, function: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function


def _call(node: ast.expr) -> ast.Call | None:
    return node if isinstance(node, ast.Call) else None


def _parsed(text: str) -> ast.AST | None:
    """Return the one assert or expression that a text is."""
    if not text or len(text) > _LONGEST:
        return None
    text = re.sub(r"^assert\s*\((.*)\)$", r"assert \1", text) if text.count("==") == 1 else text
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            body = ast.parse(text).body
        except _UNPARSEABLE:
            return None
    if len(body) != 1:
        return None
    return body[0].value if isinstance(body[0], ast.Expr) else body[0]
