"""How many asserts a text of tests will make, where that is known before it runs.

It is, if each stands where it is reached once: at the top in Python; in other languages in blocks that neither repeat
nor choose nor catch. An assert in a loop runs as often as the program's answers make it.

Not covered: tables of cases (Go), lists of truths that are looked at together (Java), shell; helpers that assert and
are called more than once. Of these nobody knows the number.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache

_NOISE = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`",
    re.DOTALL,
)
_ASSERT = re.compile(r"(?:(?<=[;{}\n])|^)\s*(?:console\.)?assert(?:(?:_eq|_ne)?!|\.\w+)?[ \t]*(?=[\w(!])")
_UNCERTAIN = re.compile(
    r"\b(?:for|while|loop|do|if|else|switch|match|case|select|try|catch|finally|defer|go)\b|\?|"
    r"\b(?:forEach|map|filter|reduce|every|some|for_each|Run)\s*\("
)


@lru_cache(maxsize=4096)
def number_of_asserts(code: str, language: str) -> int | None:
    """Return how many there are, all different from each other; None where that is not known."""
    return _in_python(code) if language == "python" else _in_braces(code)


def _in_python(code: str) -> int | None:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None
    top = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Assert)]
    every = sum(isinstance(node, ast.Assert) for node in ast.walk(tree))
    return len(top) if every == len(top) == len(set(top)) else None


def _in_braces(code: str) -> int | None:
    plain = _NOISE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), code)
    asserts = {found.end() for found in _ASSERT.finditer(plain)}
    blocks: list[tuple[bool, int]] = []  # of each that is open: whether it is reached once; parentheses around it
    certain, depth, begun = True, 0, 0
    texts = []
    for place, char in enumerate(plain):
        if place in asserts:
            if not certain or _UNCERTAIN.search(plain, begun, place):
                return None
            texts.append("".join(_statement(code, plain, place).split()))
        depth += (char in "([") - (char in ")]")
        if char == "{":
            blocks.append((certain, depth))
            head = min(begun, plain.rfind("\n", 0, place) + 1)  # Go's `for` has semicolons without parentheses
            certain, depth = certain and not _UNCERTAIN.search(plain, head, place), 0
        elif char == "}" and blocks:
            certain, depth = blocks.pop()
        if char in "{}" or (char == ";" and depth == 0):
            begun = place + 1
    return len(texts) if texts and len(set(texts)) == len(texts) else None


def _statement(code: str, plain: str, start: int) -> str:
    """Return the text from `start` to the end of its statement: a semicolon, or the end of a line, outside brackets."""
    depth = 0
    for place in range(start, len(plain)):
        depth += (plain[place] in "([{") - (plain[place] in ")]}")
        if depth < 0 or (depth == 0 and plain[place] in ";\n"):
            return code[start:place]
    return code[start:]
