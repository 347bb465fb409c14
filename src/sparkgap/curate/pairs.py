"""Pairs for supervised fine-tuning: a function up to its docstring as the prompt, the rest of it as the completion.

Only functions that stand alone, with what they need in the prompt, so that nothing has to be guessed. Not covered:
fill-in-the-middle, which a trainer makes of the whole files as it goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sparkgap.curate.evidence import body, is_tests, program_start, stripped
from sparkgap.curate.functions import functions

LEAST_WORDS = 4  # of a docstring, to say what is wanted
LEAST_LINES, MOST_LINES = 2, 80  # of a body


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
