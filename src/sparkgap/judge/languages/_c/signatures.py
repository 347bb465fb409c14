"""Signatures of C and C++ functions, read from a text that declares them (the tests' prelude, trusted).

A function that is declared and not defined is the program's. What the text defines (helpers), and its `typedef` and
`using` lines, belong to the tests; those that name types are what a signature may need beside it.

Not covered: function templates, function pointers among the parameters, `operator` functions, member functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparkgap.judge.languages._text import blanked, parts, top_level

_HEAD = re.compile(r"(?P<returns>[\w:<>,\s*&\[\]]+?[\s*&>])(?P<name>[A-Za-z_]\w*)\s*\((?P<parameters>.*)\)", re.DOTALL)
_QUALIFIERS = re.compile(r"\b(?:extern|static|inline|constexpr)\b\s*")
_BODIES = ("typedef", "struct", "union", "enum", "class")


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
    plain = "\n".join(line for line in blanked(text).split("\n") if not line.lstrip().startswith("#"))
    functions, names = [], []
    for chunk, ended in top_level(plain, _BODIES):
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
    for place, part in enumerate(parts(found["parameters"])):
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
