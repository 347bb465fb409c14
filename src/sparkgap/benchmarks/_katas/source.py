"""Compositions as program text: the body of a function, in several surface styles that do the same."""

from __future__ import annotations

import ast
import random
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from sparkgap.benchmarks._katas.composition import Argument, Choice, Repetition, Stages, Step

Surface = Literal["nested", "steps", "loops"]  # one expression where possible; a line a stage; loops for comprehensions

_INDENT = "    "
_SLOT = re.compile(r"(?<!['\w.])([xk])(?!['\w])")
_PART = r"(?:(?! for | if ).)+"  # of a comprehension: one without another inside it
_COMPREHENSION = re.compile(
    rf"\[(?P<item>{_PART}) for (?P<names>[a-z, ]+?) in (?P<of>{_PART})(?: if (?P<test>{_PART}))?\]"
)
_ATOMS = (ast.Name, ast.Call, ast.Subscript, ast.List, ast.ListComp, ast.DictComp, ast.Constant)


def body(
    stages: Stages, surface: Surface, names: tuple[str, str] = ("x", "x"), rng: random.Random | None = None
) -> str:
    """Return the statements of a function that does what the composition does, indented, ending in a newline.

    `names` are the parameter and the variable for what comes of it (the same name reuses the parameter). With a `rng`
    each operation's code is any of its equivalent forms, else the canonical one.
    """
    writing = _Writing(surface, names[0], names[1], rng)
    for stage in stages:
        match stage:
            case Step():
                writing.step(stage)
            case Choice():
                writing.choice(stage)
            case Repetition():
                writing.repetition(stage)
    return "".join(f"{_INDENT}{line}\n" for line in [*writing.lines, f"return {writing.value}"])


@dataclass(slots=True)
class _Writing:
    """A body being written: the lines so far, and the expression that holds the value."""

    surface: Surface
    value: str
    target: str
    rng: random.Random | None
    lines: list[str] = field(default_factory=list)
    atomic: bool = True
    fresh: bool = True  # nothing was done to the value yet

    def step(self, step: Step) -> None:
        form = self._form(step)
        if "\n" in form:
            self._assigned()
            self.lines += _filled(form, self.target, step).split("\n")
            self.fresh = False
            return
        loop = _COMPREHENSION.fullmatch(form) if self.surface == "loops" else None
        if loop is not None:
            self._settled()
            self.lines += _loop(loop, self.value, step)
            self.value, self.atomic, self.fresh = "out", True, False
            return
        if not self.fresh and (self.surface != "nested" or _uses(form) != 1):
            self._settled()
        inner = self.value if self.atomic else f"({self.value})"
        self.value = _filled(form, inner, step, bare=self.value)
        self.atomic, self.fresh = _is_atom(form), False

    def choice(self, choice: Choice) -> None:
        self._settled()
        test = _filled(self._form(choice.test), self.value, choice.test)
        then, other = (_filled(self._form(step), self.value, step) for step in (choice.then, choice.other))
        if self.surface == "nested":
            self.value, self.atomic = f"{then} if {test} else {other}", False
        else:
            at = self.target
            self.lines += [f"if {test}:", f"{_INDENT}{at} = {then}", "else:", f"{_INDENT}{at} = {other}"]
            self.value, self.atomic = at, True
        self.fresh = False

    def repetition(self, repetition: Repetition) -> None:
        self._assigned()
        again = _filled(self._form(repetition.step), self.target, repetition.step)
        self.lines += [f"for _ in range({repetition.times}):", f"{_INDENT}{self.target} = {again}"]
        self.fresh = False

    def _form(self, step: Step) -> str:
        forms = step.operation.forms
        return self.rng.choice(forms) if self.rng else forms[0]

    def _settled(self) -> None:
        """Have the value in a variable, any one."""
        if not self.value.isidentifier():
            self._assigned()

    def _assigned(self) -> None:
        """Have the value in the variable that is worked on."""
        if self.value != self.target:
            self.lines.append(f"{self.target} = {self.value}")
        self.value, self.atomic = self.target, True


def _filled(form: str, value: str, step: Step, bare: str = "") -> str:
    """Put the value and the constant into code; `bare` is the value without brackets, for where it stands alone."""

    def put(slot: re.Match[str]) -> str:
        if slot[1] == "k":
            return _constant(step)
        alone = form[slot.start() - 1 : slot.start()] == "(" and form[slot.end() : slot.end() + 1] in {")", ","}
        return bare if bare and alone else value

    return _SLOT.sub(put, form)


def _constant(step: Step) -> str:
    if not isinstance(step.constant, Argument):
        return repr(step.constant)
    plus = step.constant.plus
    return f"(k {'+' if plus > 0 else '-'} {abs(plus)})" if plus else "k"


def _loop(found: re.Match[str], value: str, step: Step) -> list[str]:
    """Return a list comprehension as a loop that fills `out`."""
    item, names, of, test = (part and _filled(part, value, step) for part in found.group("item", "names", "of", "test"))
    # The list that is read may itself be `out`.
    lines = ["seen, out = out, []"] if value == "out" else ["out = []"]
    item, of, test = (
        part and re.sub(r"\bout\b", "seen", part) if value == "out" else part for part in (item, of, test)
    )
    lines.append(f"for {names} in {of}:")
    if test is None:
        return [*lines, f"{_INDENT}out.append({item})"]
    return [*lines, f"{_INDENT}if {test}:", f"{_INDENT * 2}out.append({item})"]


def _uses(form: str) -> int:
    return sum(slot[1] == "x" for slot in _SLOT.finditer(form))


@cache
def _is_atom(form: str) -> bool:
    return isinstance(ast.parse(form, mode="eval").body, _ATOMS)
