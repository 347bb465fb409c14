"""Python source parsed once for all the filters that look at its tree."""

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


def docstring_nodes(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the docstrings of a module and of all that it defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | Definition) and (found := docstring_node(node)):
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
