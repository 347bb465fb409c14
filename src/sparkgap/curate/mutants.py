"""Mutants: a function with one small change that should make good tests fail.

The changes are those of mutation testing's usual operators (comparison, arithmetic, logic, constant, condition,
statement, return value; Offutt 1996). Some change nothing that could be seen, so that not every mutant can be asked to
fail. Not covered: changes of several places at once.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator

from sparkgap.parsing import docstring_node

MOST = 10

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


def mutants(own: str, most: int = MOST) -> tuple[str, ...]:
    """Return mutants of a function's source, the hollow one (it returns None at once) first; () if it does not parse.

    Of more changes than `most`, those are taken that lie evenly over the function.
    """
    try:
        tree = ast.parse(own)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    sites = list(_sites(tree))
    chosen = sites if len(sites) < most else [sites[place * len(sites) // (most - 1)] for place in range(most - 1)]
    made = [_hollow(tree)]
    for place, change in chosen:
        other = copy.deepcopy(tree)
        change(list(ast.walk(other))[place])
        made.append(ast.unparse(ast.fix_missing_locations(other)))
    return tuple(dict.fromkeys(f"{each}\n" for each in made))


def _hollow(tree: ast.Module) -> str:
    other = copy.deepcopy(tree)
    for node in other.body:
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Return(ast.Constant(None))]
    return ast.unparse(ast.fix_missing_locations(other))


def _sites(tree: ast.Module) -> Iterator[tuple[int, Callable[[ast.AST], None]]]:
    """Yield each node that can be changed, as its place in `ast.walk`, and how."""
    docstrings = {
        id(docstring_node(node)) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    for place, node in enumerate(ast.walk(tree)):
        match node:
            case ast.Compare(ops=[operator, *_]) if type(operator) in _COMPARISONS:
                yield place, _other_comparison
            case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in _OPERATORS:
                yield place, _other_operator
            case ast.BoolOp():
                yield place, _other_logic
            case ast.Constant(value=bool() | int() | float() | str()) if id(node) not in docstrings:
                yield place, _other_constant
            case ast.If() | ast.While() | ast.IfExp():
                yield place, _negated
            case ast.Return(value=value) if value is not None:
                yield place, _nothing_returned


def _other_comparison(node: ast.AST) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = _COMPARISONS[type(node.ops[0])]()


def _other_operator(node: ast.AST) -> None:
    if isinstance(node, ast.BinOp | ast.AugAssign):
        node.op = _OPERATORS[type(node.op)]()


def _other_logic(node: ast.AST) -> None:
    if isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


def _other_constant(node: ast.AST) -> None:
    if isinstance(node, ast.Constant):
        value = node.value
        node.value = not value if isinstance(value, bool) else value + "x" if isinstance(value, str) else value + 1  # type: ignore[operator]


def _negated(node: ast.AST) -> None:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        node.test = ast.UnaryOp(ast.Not(), node.test)


def _nothing_returned(node: ast.AST) -> None:
    if isinstance(node, ast.Return):
        node.value = ast.Constant(None)
