"""Python source of others: parsed once for all that look at its tree, its functions, docstrings and strings."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from functools import lru_cache

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=2)
def parsed(text: str) -> ast.Module | None:
    """Return the module's tree, None if Python refuses it; it is compiled as well, for what the grammar lets through.

    The text is another's, so warnings about it are none of ours, and nothing of it is run.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text)
            compile(tree, "<document>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return None
    return tree


def definitions(tree: ast.AST) -> Iterator[Definition | ast.ClassDef]:
    """Yield every function and class in a tree, those within others too; only statements are looked through."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Definition | ast.ClassDef):
            yield node
        for name in _BLOCKS:
            waiting += reversed(getattr(node, name, ()))


def functions_in(tree: ast.AST) -> Iterator[Definition]:
    """Yield every function in a tree."""
    return (node for node in definitions(tree) if isinstance(node, Definition))


_BLOCKS = ("cases", "finalbody", "orelse", "handlers", "body")  # the first of these is looked through last


def docstring_nodes(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the docstrings of a module and of all that it defines."""
    for node in (tree, *definitions(tree)):
        if (found := docstring_node(node)) is not None:
            yield found


def docstring_node(node: ast.Module | ast.ClassDef | Definition) -> ast.Constant | None:
    """Return the docstring of a definition, as a node."""
    match node.body:
        case [ast.Expr(ast.Constant(str()) as constant), *_]:
            return constant
    return None


def quoted_spans(text: str) -> list[tuple[int, int]] | None:
    """Return where strings and comments stand, as offsets into `text`; None where Python's tokenizer gives up."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [
                (starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1])
                for token in tokenize.generate_tokens(io.StringIO(text).readline)
                if token.type in _QUOTED
            ]
    except (tokenize.TokenError, SyntaxError, IndexError, RecursionError):
        return None


_QUOTED = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
