"""Pairs for supervised fine-tuning: a function up to its docstring as the prompt, the rest of it as the completion.

Only functions that stand alone, with what they need in the prompt, so that nothing has to be guessed.

Where a model's tokens for it are given, files with a gap as well, as prefix, suffix and middle (Bavarian et al. 2022,
arXiv:2207.14255): the gap is some whole statements of one function, and what is around it comes from the file.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass

from sparkgap.curate.evidence import body, is_tests, program_start, stripped
from sparkgap.curate.functions import functions
from sparkgap.parsing import Definition, docstring_node, functions_in, parsed

LEAST_WORDS = 4  # of a docstring, to say what is wanted
LEAST_LINES, MOST_LINES = 2, 80  # of a body
MOST_GAP, BEFORE, AFTER = 16, 80, 40  # lines of a gap, and of what is shown around it
MOST_GAPS = 4  # of one file


@dataclass(frozen=True, slots=True)
class Pair:
    """One prompt and its completion, which together are a program; and of which function."""

    prompt: str
    completion: str
    function: str


def pairs(text: str, path: str) -> Iterator[Pair]:
    """Yield the pairs of a file; none of a file of tests."""
    if is_tests(path):
        return
    for function in functions(text):
        if len(function.docstring.split()) < LEAST_WORDS:
            continue
        rest = body(function)
        if LEAST_LINES <= rest.count("\n") <= MOST_LINES:
            yield Pair(f"{program_start(function)}{stripped(function)}", rest, function.name)


def gaps(text: str, path: str, tokens: tuple[str, str, str]) -> Iterator[Pair]:
    """Yield pairs whose completion is a gap in a file, at most one a function; none of a file of tests.

    Args:
        text: the file.
        path: where it is.
        tokens: what a model has before the prefix, the suffix and the middle.
    """
    tree = parsed(text)
    if is_tests(path) or tree is None or any(token in text for token in tokens):
        return
    lines = text.split("\n")
    chance = random.Random(text)  # noqa: S311  # no secret: the same gaps every time are what is wanted
    found = [(node.name, run) for node in functions_in(tree) if (run := _run(node, lines, chance)) is not None]
    for name, (first, last) in chance.sample(found, min(MOST_GAPS, len(found))):
        before = "".join(f"{line}\n" for line in lines[max(0, first - BEFORE) : first])
        after = "\n".join(lines[last : last + AFTER])
        prompt = f"{tokens[0]}{before}{tokens[1]}{after}{tokens[2]}"
        yield Pair(prompt, "".join(f"{line}\n" for line in lines[first:last]), name)


def _run(node: Definition, lines: list[str], chance: random.Random) -> tuple[int, int] | None:
    """Return the lines (from, up to) of some whole statements of a function; None if no line is theirs alone."""
    body = node.body[1:] if docstring_node(node) is not None else node.body
    runs = []
    for place, one in enumerate(body):
        for other in body[place:]:
            first, last = _start(one) - 1, other.end_lineno or other.lineno
            if last - first <= MOST_GAP and _alone(one, other, lines):
                runs.append((first, last))
    return chance.choice(runs) if runs else None


def _start(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _alone(one: ast.stmt, other: ast.stmt, lines: list[str]) -> bool:
    """Whether nothing else stands on the first line of one statement and on the last line of another."""
    start = lines[one.lineno - 1].encode()[: one.col_offset]
    end = lines[(other.end_lineno or other.lineno) - 1].encode()[other.end_col_offset or 0 :].strip()
    decorated = _start(one) < one.lineno
    return (decorated or not start.strip()) and (not end or end.startswith(b"#"))
