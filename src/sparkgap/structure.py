"""The structure of a function: its tree without names, docstring, annotations and decorators, as one hash.

Names that the function binds are numbered in order of their first use, so that renaming changes nothing and swapping
two of them does; builtins, attributes and keywords keep theirs. A method's instance is left out. Literals count by
their kind alone, or by their value where that is asked for.

Where two programs are built otherwise, `likeness` says how much.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sparkgap.parsing import Definition, docstring_nodes

_BUILTIN = frozenset(dir(builtins))
_SKIPPED = frozenset({"annotation", "returns", "decorator_list", "type_comment", "type_ignores", "ctx", "type_params"})


@dataclass(frozen=True, slots=True)
class Shape:
    """One function's structure: a 64-bit hash, and how many nodes it has, which says how telling it is."""

    hash: int
    nodes: int


def outline(node: Definition) -> tuple[int, ...]:
    """Return what is cheap to know of a function: how many arguments, and the kinds of its statements."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    bound = bool(arguments) and arguments[0].arg in {"self", "cls"}
    return (len(arguments) - bound, *(_KINDS.get(type(each), 0) for each in _body(node)))


_KINDS = {kind: number for number, kind in enumerate(
    (ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While, ast.If, ast.With, ast.Raise, ast.Try,
     ast.Expr, ast.FunctionDef, ast.Import, ast.ImportFrom, ast.Assert, ast.ClassDef), 1)}  # fmt: skip


def shape(node: Definition, literals: bool = False) -> Shape:
    """Return the structure of a function, the values of its literals included if `literals`."""
    told = list(_told(node, literals))
    digest = hashlib.blake2b("\x1f".join(told).encode("utf-8", "replace"), digest_size=8).digest()
    return Shape(int.from_bytes(digest, "big"), sum(not each.startswith(("=", ".")) for each in told))


def _body(node: Definition) -> list[ast.stmt]:
    match node.body:
        case [ast.Expr(ast.Constant(str())), *rest]:
            return rest
    return node.body


def _told(node: Definition, literals: bool) -> Iterator[str]:
    """Yield a word for each node, in order."""
    numbers: dict[str, int] = {}
    builtin = _BUILTIN - bound(node)

    def named(name: str) -> str:
        if name in builtin:
            return f"={name}"
        return f"={numbers.setdefault(name, len(numbers))}"

    arguments = [*node.args.posonlyargs, *node.args.args]
    if arguments and arguments[0].arg in {"self", "cls"}:
        arguments = arguments[1:]
    for argument in arguments:
        yield "arg"
        yield named(argument.arg)
    waiting: list[ast.AST | str] = [*reversed(_body(node))]
    numbers.setdefault(node.name, len(numbers))
    while waiting:
        current = waiting.pop()
        if isinstance(current, str):
            yield current
            continue
        yield type(current).__name__
        if isinstance(current, ast.Constant):
            yield f"={current.value!r}" if literals else f"={type(current.value).__name__}"
            continue
        inner: list[ast.AST | str] = []
        for name, value in ast.iter_fields(current):
            if name in _SKIPPED:
                continue
            if isinstance(value, ast.AST):
                inner.append(value)
            elif isinstance(value, list):
                inner.append(f".{name}{len(value)}")
                inner += [each if isinstance(each, ast.AST) else named(str(each)) for each in value if each is not None]
            elif isinstance(value, str):
                kept = isinstance(current, ast.Attribute | ast.keyword | ast.alias | ast.ImportFrom)
                inner.append(f"={value}" if kept else named(value))
        waiting += reversed(inner)


def bound(tree: ast.AST) -> set[str]:
    """Return the names that are bound somewhere in a tree: what is called `list` there may be no builtin."""
    return {
        node.arg if isinstance(node, ast.arg) else node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }


def likeness(one: Counter[str], other: Counter[str]) -> float:
    """Return how much of two programs is built of the same `parts`, 0 to 1: their Jaccard index."""
    return (one & other).total() / max(1, (one | other).total())


def parts(tree: ast.Module) -> Counter[str]:
    """Return how often each part stands in a program's functions, in no order.

    Parts are the kinds of nodes, and for builtins, attributes and literals which one it is. Names are all one;
    docstrings, type hints, decorators, imports, arguments, and what a definition is called do not count.
    """
    counted: Counter[str] = Counter()
    builtin = _BUILTIN - bound(tree)
    left_out = {id(each) for each in docstring_nodes(tree)}
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if id(node) in left_out or (isinstance(node, ast.Expr) and id(node.value) in left_out):
            continue
        if not isinstance(node, _HOMES):
            counted[_part(node, builtin)] += 1
        for name, value in ast.iter_fields(node):
            if name not in _SKIPPED:
                inner = value if isinstance(value, list) else [value]
                waiting += [each for each in inner if isinstance(each, ast.AST)]
    return counted


_HOMES = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.arguments, ast.arg, ast.Import,
          ast.ImportFrom, ast.alias)  # fmt: skip


def _part(node: ast.AST, builtin: frozenset[str]) -> str:
    match node:
        case ast.Name(id=name):
            return f"={name}" if name in builtin else "Name"
        case ast.Attribute(attr=name):
            return f".{name}"
        case ast.Constant(value=value):
            return f"={value!r}"
    return type(node).__name__
