"""Signatures of C and C++ functions, read from a text that declares them (the tests' prelude, trusted).

A function that is declared and not defined is the program's. What the text defines (helpers), and its `typedef` and
`using` lines, belong to the tests; those that name types are what a signature may need beside it.

Not covered: function templates, function pointers among the parameters, `operator` functions, member functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEAD = re.compile(r"(?P<returns>[\w:<>,\s*&\[\]]+?[\s*&>])(?P<name>[A-Za-z_]\w*)\s*\((?P<parameters>.*)\)", re.DOTALL)
_NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL
)  # comments, strings, characters
_QUALIFIERS = re.compile(r"\b(?:extern|static|inline|constexpr)\b\s*")
_OPENING, _CLOSING = "([{<", ")]}>"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its type as it is written, and its name."""

    type: str
    name: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A function: what it returns, its name, its parameters."""

    returns: str
    name: str
    parameters: tuple[Parameter, ...]

    def declared_as(self, name: str) -> str:
        """Return its declaration under another name, without a semicolon."""
        return f"{self.returns} {name}({', '.join(f'{p.type} {p.name}' for p in self.parameters)})"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a text declares: functions without a body, and the lines that name types or import names."""

    functions: tuple[Signature, ...]
    names: str


def declared(text: str) -> Declared:
    """Return what a text of declarations declares.

    Raises:
        ValueError: a declaration is of a form that is not covered.
    """
    plain = "\n".join(line for line in _blanked(text).split("\n") if not line.lstrip().startswith("#"))
    functions, names = [], []
    for chunk, ended in _chunks(plain):
        words = chunk.split()
        if not words or not ended:
            continue
        if words[0] in ("typedef", "using"):
            names.append(chunk.strip() + ";")
        elif words[0] not in ("struct", "class", "union", "enum", "namespace", "template") and "=" not in words:
            found = _HEAD.fullmatch(_QUALIFIERS.sub("", chunk).strip())
            if found:
                functions.append(_signature(found))
    return Declared(tuple(functions), "\n".join(names))


def _signature(found: re.Match[str]) -> Signature:
    parameters = []
    for place, part in enumerate(_parts(found["parameters"])):
        text = part.partition("=")[0].strip()
        if text in ("void", ""):
            continue
        named = re.fullmatch(r"(?P<type>.*?[\s*&>])(?P<name>[A-Za-z_]\w*)\s*(?P<array>\[\s*\w*\s*\])?", text, re.DOTALL)
        if "(" in text:
            raise ValueError(f"a function cannot cross between the program and its tests: `{text}`")
        unnamed = named is None or named["type"].split()[-1:] == ["unsigned"] or named["type"].strip() == "const"
        if unnamed or named is None:
            parameters.append(Parameter(text, f"a{place}"))
        else:
            kind = named["type"].strip() + ("*" if named["array"] else "")
            parameters.append(Parameter(kind, named["name"]))
    return Signature(" ".join(found["returns"].split()), found["name"], tuple(parameters))


def _blanked(text: str) -> str:
    """Return the text with comments, strings and characters made blank, lines kept."""
    return _NOISE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _chunks(text: str) -> list[tuple[str, bool]]:
    """Return what stands at the top level, piece by piece, and whether a semicolon ends it (else it has a body)."""
    chunks: list[tuple[str, bool]] = []
    depth, start = 0, 0
    for place, char in enumerate(text):
        if char == "{":
            if depth == 0 and not text[start:place].lstrip().startswith(
                ("typedef", "struct", "union", "enum", "class")
            ):
                chunks.append((text[start:place], False))
            depth += 1
        elif char == "}":
            depth = max(0, depth - 1)
            if depth == 0 and not text[start:place].lstrip().startswith(
                ("typedef", "struct", "union", "enum", "class")
            ):
                start = place + 1
        elif char == ";" and depth == 0:
            chunks.append((text[start:place], True))
            start = place + 1
    return chunks


def _parts(text: str) -> list[str]:
    """Return what stands between the commas that are inside no brackets."""
    parts, depth, start = [], 0, 0
    for place, char in enumerate(text):
        if char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]
