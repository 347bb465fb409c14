"""Disguises: a benchmark's solution as it turns up in other people's code, to test what finds it.

    verbatim       as it is published
    renamed        the function, its arguments and its variables under other names
    re-documented  other docstrings, no comments, no type hints
    re-wrapped     another indentation, a line for each item in brackets, within a class
    disguised      renamed, re-documented and re-wrapped at once
    re-implemented loops, comprehensions, conditions and assignments written in another way, and disguised

A disguise that breaks the solution is no disguise; whoever uses one runs the benchmark's tests on it. What a person
writes anew from the task alone is another matter: that is measured on answers of models, not here.
"""

from __future__ import annotations

import ast
import builtins
import io
import tokenize
from collections.abc import Callable, Mapping

from sparkgap.parsing import docstring_node, parsed

_KEPT = frozenset(dir(builtins)) | {"self", "cls"}
_DOCSTRING = "Work out the value that the caller wants, from what it hands in."


def renamed(source: str) -> str:
    """Return a program with other names for all that it defines itself, `f0`, `f1` and so on."""
    tree = _tree(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                if name not in _KEPT and not name.startswith("__"):
                    names.setdefault(name, f"f{len(names)}")
    for node in ast.walk(tree):
        for field in ("name", "arg", "id"):
            if isinstance(node, ast.FunctionDef | ast.arg | ast.Name | ast.keyword) and hasattr(node, field):
                told = getattr(node, field)
                setattr(node, field, names.get(told, told))
            elif isinstance(node, ast.Global | ast.Nonlocal):
                node.names = [names.get(each, each) for each in node.names]
    return ast.unparse(tree) + "\n"


def redocumented(source: str) -> str:
    """Return a program with other docstrings, and without comments and type hints."""
    tree = _tree(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            if docstring_node(node) is not None:
                node.body = node.body[1:]
            node.body = [ast.Expr(ast.Constant(_DOCSTRING)), *node.body]
        elif isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def rewrapped(source: str) -> str:
    """Return a program with its functions in a class, three blanks of indentation, and a line for each item."""
    tree = _tree(source)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    others = [node for node in tree.body if node not in imports and node not in defined]
    if len(defined) == 1 and not any(isinstance(each, ast.Name) and each.id == defined[0].name
                                     for each in ast.walk(defined[0])):  # fmt: skip
        defined[0].decorator_list.append(ast.Name("staticmethod", ast.Load()))
        home: ast.stmt = ast.ClassDef("Tools", bases=[], keywords=[], body=[*defined], decorator_list=[])
        tree.body = [*imports, *others, home]
    text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    return _broken_lines(text)


def disguised(source: str) -> str:
    """Return a program renamed, re-documented and re-wrapped."""
    return rewrapped(redocumented(renamed(source)))


def reimplemented(source: str) -> str:
    """Return a program that does the same by other statements, disguised."""
    tree = _Otherwise().visit(_tree(source))
    return disguised(ast.unparse(ast.fix_missing_locations(tree)))


DISGUISES: Mapping[str, Callable[[str], str]] = {
    "verbatim": lambda source: source,
    "renamed": renamed,
    "re-documented": redocumented,
    "re-wrapped": rewrapped,
    "disguised": disguised,
    "re-implemented": reimplemented,
}


class _Otherwise(ast.NodeTransformer):
    """Statements written in another way; expressions as far as that is safe."""

    def __init__(self) -> None:
        self._count = 0

    def _new(self) -> str:
        self._count += 1
        return f"held{self._count}"

    def visit_For(self, node: ast.For) -> ast.AST | list[ast.stmt]:
        """Write a loop over items as a loop over an iterator."""
        self.generic_visit(node)
        if node.orelse:
            return node
        name = self._new()
        step = ast.Try(
            body=[ast.Assign([node.target], _call("next", ast.Name(name, ast.Load())))],
            handlers=[ast.ExceptHandler(ast.Name("StopIteration", ast.Load()), None, [ast.Break()])],
            orelse=[], finalbody=[],
        )  # fmt: skip
        return [
            ast.Assign([ast.Name(name, ast.Store())], _call("iter", node.iter)),
            ast.While(ast.Constant(True), [step, *node.body], []),
        ]

    def visit_If(self, node: ast.If) -> ast.AST:
        """Turn a condition and its branches round."""
        self.generic_visit(node)
        if not node.orelse:
            return node
        return ast.If(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Write x += y as x = x + y, where x is a name."""
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        value = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        return ast.Assign([node.target], value)

    def visit_Return(self, node: ast.Return) -> ast.AST | list[ast.stmt]:
        """Fill the list that a comprehension would make item by item, and name a value before it is returned."""
        self.generic_visit(node)
        if node.value is None or isinstance(node.value, ast.Constant | ast.Name):
            return node
        name = self._new()
        back = ast.Return(ast.Name(name, ast.Load()))
        match node.value:
            case ast.ListComp(elt=item, generators=[ast.comprehension(is_async=0) as each]):
                add = ast.Expr(ast.Call(ast.Attribute(ast.Name(name, ast.Load()), "append", ast.Load()), [item], []))
                inner: list[ast.stmt] = [add]
                for condition in reversed(each.ifs):
                    inner = [ast.If(condition, inner, [])]
                return [ast.Assign([ast.Name(name, ast.Store())], ast.List([], ast.Load())),
                        ast.For(each.target, each.iter, inner, []), back]  # fmt: skip
        return [ast.Assign([ast.Name(name, ast.Store())], node.value), back]

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Write a < b as b > a."""
        self.generic_visit(node)
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _TURNED:
                return ast.Compare(right, [_TURNED[type(operator)]()], [left])
        return node


_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq, ast.NotEq: ast.NotEq,
}  # fmt: skip


def _call(name: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


def _tree(source: str) -> ast.Module:
    """Return a tree that may be changed; that of `parsed` is shared."""
    if parsed(source) is None:
        raise ValueError("not a program")
    return ast.parse(source)


def _broken_lines(text: str) -> str:
    """Return a program with a line break after each comma in brackets, and three blanks for four."""
    parts: list[str] = []
    depth, end = 0, (1, 0)
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
            continue
        if token.start[0] == end[0]:
            parts.append(lines[token.start[0] - 1][end[1] : token.start[1]])
        elif token.type != tokenize.NL:
            parts.append(" " * (token.start[1] // 4 * 3))
        parts.append(token.string)
        depth += (token.string in "([{" and token.type == tokenize.OP) - (
            token.string in ")]}" and token.type == tokenize.OP
        )
        if token.string == "," and depth:
            parts.append("\n" + " " * (3 * depth))
        end = token.end
    return "".join(parts)
