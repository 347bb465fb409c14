"""Parsing hostile text as Python: guarded, silent, each text once, and within a budget for one reply."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import threading
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LONGEST = 200_000  # characters; nobody answers a benchmark with more, and parsing that much takes a quarter second
_BUDGET = 600_000  # characters parsed for one reply
_WINDOW = 1000  # lines within which a run of code must end
_ATTEMPTS = 400  # parses for one reply
_KNOWN = frozenset(dir(builtins)) | {"__file__", "__annotations__"}
_UNPARSEABLE = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError, SystemError)
_QUIET = threading.Lock()  # the warning filters are the process's, and replies may be read in threads


@dataclass(frozen=True, slots=True)
class Facts:
    """What parsing a text tells: its tree if it compiles, the names it binds and lacks, else the line at fault."""

    tree: ast.Module | None = None
    bound: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()
    error_line: int = 0

    @property
    def ok(self) -> bool:
        """Whether the text compiles."""
        return self.tree is not None


class Parser:
    """Parses texts for one reply, each once, within a budget; past it nothing parses."""

    def __init__(self, entry_point: str) -> None:
        """Start with the whole budget; `entry_point` is "" where a program has none."""
        self.entry_point = entry_point
        self._seen: dict[str, Facts] = {}
        self._attempts, self._left = _ATTEMPTS, _BUDGET

    def facts(self, source: str) -> Facts:
        """What `source` is: compiled, not only parsed, so that a `return` outside a function is an error too."""
        if source in self._seen:
            return self._seen[source]
        if self.spent or len(source) > _LONGEST:
            return Facts()
        self._attempts -= 1
        facts = _parse(source)
        # A parser stops at the first error: a text that is wrong on its first line is cheap.
        self._left -= len(source) if facts.ok else sum(map(len, source.split("\n", facts.error_line)[:-1]))
        self._seen[source] = facts
        return facts

    def defines(self, source: str) -> bool:
        """Whether `source` binds the entry point at its top level; by its look where it does not parse."""
        facts = self.facts(source)
        if facts.ok:
            return self.entry_point in facts.bound
        found = self.mentions(source)
        return found is not None and not found[1]

    def mentions(self, text: str) -> re.Match[str] | None:
        """Where a text, parseable or not, has the first line of the entry point; group 1 is its indentation."""
        entry = rf"^([ \t]*)(?:async[ \t]+)?(?:def|class)[ \t]+{re.escape(self.entry_point)}\b"
        return re.search(entry, text, re.MULTILINE) if self.entry_point else None

    def answers(self, source: str) -> bool:
        """Whether `source` is a program with the entry point in it, and with something in the entry point."""
        facts = self.facts(source)
        if facts.tree is None:
            return False
        if not self.entry_point:
            return any(not idle(node) for node in facts.tree.body)
        if self.entry_point not in facts.bound:
            return False
        function = self.function(source)
        return function is None or any(
            not idle(node) and getattr(node, "name", "") != self.entry_point for node in function.body
        )

    def function(self, source: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The last function of the entry point's name at the top level, if it is a function."""
        tree = self.facts(source).tree
        named = [
            node
            for node in (_top_level(tree.body) if tree else ())
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == self.entry_point
        ]
        return named[-1] if named else None

    def returns(self, source: str) -> bool:
        """Whether the entry point's function itself, not one inside it, gives anything back."""
        function = self.function(source)
        kinds = (ast.Return, ast.Yield, ast.YieldFrom)
        return function is not None and any(isinstance(node, kinds) for node in _own(function.body))

    @property
    def spent(self) -> bool:
        """Whether the budget is used up, and nothing parses any more."""
        return self._attempts <= 0 or self._left <= 0

    def prefix(self, lines: list[str], start: int = 0) -> tuple[str, int]:
        """The longest run of whole lines from `start` that compiles, found by going back before each error.

        A function that would lose lines by it is left out: half a function is an error to show, not a program.
        Returns the text and the number of the line after it; ("", start) where there is none.
        """
        self._attempts -= 1  # not only new texts count: ten thousand lines may be the same
        end = min(len(lines), start + _WINDOW)
        for _ in range(40):
            source = "\n".join(lines[start:end])
            facts = self.facts(source)
            if facts.tree:
                dropped = next((line for line in lines[end:] if line.strip()), "")
                body = [*facts.tree.body]
                while dropped[:1].isspace() and not _is_whole(body):
                    end = start + first_line(body.pop()) - 1
                return "\n".join(lines[start:end]), end
            end = min(end - 1, start + facts.error_line - 1) if facts.error_line else start
            if end <= start:
                break
        return "", start


def _parse(source: str) -> Facts:
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            compile(tree, "<reply>", "exec", dont_inherit=True)
            top = symtable.symtable(source, "<reply>", "exec")
        tables = list(_tables(top))
    except _UNPARSEABLE as error:
        return Facts(error_line=getattr(error, "lineno", 0) or 0)
    bound = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    used: set[str] = set()
    for table in tables:
        for symbol in table.get_symbols():
            if table is not top and symbol.is_declared_global() and symbol.is_assigned():
                bound.add(symbol.get_name())
            if symbol.is_referenced() and (table is top or symbol.is_global()):
                used.add(symbol.get_name())
    return Facts(tree, frozenset(bound), frozenset(used - bound - _KNOWN))


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The statements that run on load: those in a top-level `if` or `try` too, not those in a function or class."""
    return (node for node in _own(body) if isinstance(node, ast.stmt))


def _own(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes of these statements, in order, but not those inside a function or class that they define."""
    waiting: list[ast.AST] = [*reversed(body)]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += reversed([*ast.iter_child_nodes(node)])


def first_line(node: ast.stmt) -> int:
    """Return the line on which a statement starts, its decorators with it."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _is_whole(body: list[ast.stmt]) -> bool:
    """Whether an indented line after these statements adds nothing: the last function ends in `return` or `raise`."""
    while body and isinstance(body[-1], ast.ClassDef):
        body = body[-1].body
    if not body or not isinstance(body[-1], ast.FunctionDef | ast.AsyncFunctionDef):
        return not body
    return isinstance(body[-1].body[-1], ast.Return | ast.Raise)


def idle(node: ast.stmt) -> bool:
    """Whether a statement does nothing: `pass`, `...`, a docstring, a bare name, an annotation without a value."""
    if isinstance(node, ast.Expr) or (isinstance(node, ast.AnnAssign) and node.value is None):
        busy = ast.Call | ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr | ast.ListComp
        return not any(isinstance(part, busy) for part in ast.walk(node))
    return isinstance(node, ast.Pass)


def names_bound(facts: Iterable[Facts]) -> frozenset[str]:
    """Return the names that any of these texts binds at its top level."""
    return frozenset().union(*(each.bound for each in facts))
