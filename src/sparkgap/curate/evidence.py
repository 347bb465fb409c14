"""Tests that stand beside the code: examples in docstrings, and `test_*` functions of the same repository.

Both become plain Python that the judge can run against the function alone: an example becomes an assert if what it
shows is a literal; a test function is taken with what it needs of its own file. Not covered: tests with fixtures,
classes of tests, examples whose output is printed, and tests of several functions of the repository at once.
"""

from __future__ import annotations

import ast
import doctest
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from sparkgap.curate.functions import FUTURE, Function, functions
from sparkgap.parsing import parsed

_TEST_FILE = re.compile(r"(^|/)(test_\w+|\w+_test|tests?)\.py$|(^|/)tests?/[^/]+\.py$")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Tests of one function: Python for the examiner, what it needs, how many asserts, and where it is from."""

    code: str
    prelude: str
    asserts: int
    origin: str  # "examples" or "tests of <path>"


def is_tests(path: str) -> bool:
    """Whether a file of this path holds tests."""
    return bool(_TEST_FILE.search(path))


def examples(function: Function) -> Evidence | None:
    """Return the examples of a function's docstring as asserts; None if fewer than two show a literal."""
    if ">>>" not in function.docstring:
        return None
    try:
        found = doctest.DocTestParser().get_examples(function.docstring)
    except ValueError:
        return None
    lines: list[str] = []
    asserts = 0
    for each in found:
        if each.exc_msg is not None or any(each.options.values()):
            continue
        source = each.source.strip()
        if not each.want:
            lines.append(source)
        elif (want := _literal(each.want)) and (shown := _expression(source)):
            lines.append(f"assert {shown} == {want}")
            asserts += function.name in shown
    if asserts < 2:
        return None
    return Evidence("\n".join(lines) + "\n", "", asserts, "examples")


def beside(text: str, path: str, known: dict[str, str]) -> Iterator[tuple[str, Evidence]]:
    """Yield the tests in a file, each with the function that it is of.

    Args:
        text: the file.
        path: where it is.
        known: names that the file may import, and of which function each is.
    """
    tree = parsed(text)
    if tree is None:
        return
    imported = {alias.asname or alias.name: alias.name for node in tree.body if isinstance(node, ast.ImportFrom)
                for alias in node.names if alias.name in known}  # fmt: skip
    if not imported:
        return
    stubs = "".join(f"def {name}(*arguments, **named):\n    return arguments, named\n" for name in imported)
    cut = ast.unparse(ast.Module([node for node in tree.body if not _imports_any(node, set(imported))], []))
    for test in functions(f"{stubs}\n{cut}\n"):
        used = {node.id for node in ast.walk(ast.parse(test.own)) if isinstance(node, ast.Name)} & set(imported)
        if not test.name.startswith("test") or test.most or len(used) != 1:
            continue
        name = used.pop()
        needs = test.needs.replace(f"def {name}(*arguments, **named):\n    return arguments, named\n", "")
        asserts = sum(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(test.own)))
        if asserts:
            alias = f"{name} = {imported[name]}\n" if name != imported[name] else ""
            yield (
                known[imported[name]],
                Evidence(f"{test.own}{alias}{test.name}()\n", needs, asserts, f"tests of {path}"),
            )


def stripped(function: Function) -> str:
    """Return the start of a function up to the end of its docstring, of whose examples only the first is left."""
    tree = ast.parse(function.own)
    node = next(each for each in tree.body if isinstance(each, ast.FunctionDef))
    first = node.body[0]
    lines = function.own.split("\n")
    head = "\n".join(lines[: first.lineno - 1])
    text = "\n".join(_few_examples(function.docstring.split("\n")))
    quoted = text.replace("\\", "\\\\").replace('"""', r"\"\"\"")
    indent = " " * first.col_offset
    inside = quoted.replace("\n", f"\n{indent}").replace(f"\n{indent}\n", "\n\n")
    return f'{head}\n{indent}"""{inside}\n{indent}"""\n'


def body(function: Function) -> str:
    """Return what follows a function's docstring."""
    tree = ast.parse(function.own)
    node = next(each for each in tree.body if isinstance(each, ast.FunctionDef))
    end = node.body[0].end_lineno or node.body[0].lineno
    return "\n".join(function.own.split("\n")[end:]).rstrip() + "\n"


def program_start(function: Function) -> str:
    """Return what a function needs, after the import that makes annotations need nothing."""
    return f"{FUTURE}{function.needs}"


def _few_examples(lines: list[str]) -> list[str]:
    kept: list[str] = []
    seen, inside = 0, False
    for line in lines:
        if line.lstrip().startswith(">>>"):
            seen, inside = seen + 1, True
        elif inside and not line.strip():
            inside = False
        if not inside or seen <= 1:
            kept.append(line.rstrip())
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _imports_any(node: ast.stmt, names: set[str]) -> bool:
    return isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) in names for alias in node.names)


def _literal(want: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(want.strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return ""
    return want.strip() if repr(value) == want.strip() or "\n" not in want.strip() else repr(value)


def _expression(source: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.unparse(ast.parse(source, mode="eval"))
    except (ValueError, SyntaxError, RecursionError):
        return ""
