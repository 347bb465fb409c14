"""Compositions in words: the prompts of katas, paraphrased at random.

Two styles. `natural` is a whole function to complete: signature with types, a docstring in sentences, examples.
`compact` is for models of a few hundred thousand parameters: `def f(x):` and a short line of clauses, with no newline
at the end.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sparkgap.benchmarks._katas.catalogue import Kind, Operation
from sparkgap.benchmarks._katas.composition import (
    Argument,
    Choice,
    Repetition,
    Stage,
    Stages,
    Step,
    gives,
    steps,
    takes,
)

Style = Literal["natural", "compact"]
Example = tuple[tuple[Any, ...], Any]  # the arguments of a call, and its answer

_FUNCTIONS = ("transform", "process", "convert", "derive", "compute", "evaluate", "work_out", "produce", "rework")
_PARAMETERS: dict[Kind, tuple[str, ...]] = {
    "n": ("number", "value", "n"),
    "s": ("text", "string", "s"),
    "l": ("numbers", "values", "items"),
    "w": ("words", "strings", "names"),
    "d": ("table", "counts", "scores"),
}
_TYPES: dict[Kind, str] = {"n": "int", "s": "str", "l": "list[int]", "w": "list[str]", "d": "dict[str, int]"}
_NOUNS: dict[Kind, str] = {
    "n": "an integer",
    "s": "a text",
    "l": "a list of integers",
    "w": "a list of strings",
    "d": "a dict from strings to integers",
}
_TIMES = {2: "twice", 3: "three times"}
_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Wording:
    """A prompt, and the names that a solution to it uses."""

    prompt: str
    function: str
    parameter: str
    result: str  # the variable for what comes of the parameter


def compact(stages: Stages, rng: random.Random, without: Operation | None) -> Wording:
    """Return the prompt for tiny models; `without` is an operation that the words say not to do."""
    clauses = [_brief(stage, rng) for stage in stages]
    if without is not None:
        clauses.insert(rng.randrange(len(clauses) + 1), "not " + _said(Step(without, _any(without, rng)), "brief", rng))
    arguments = "x, k" if _has_argument(stages) else "x"
    return Wording(f'def f({arguments}):\n    "{", ".join(clauses)}"', "f", "x", "x")


def natural(stages: Stages, rng: random.Random, without: Operation | None, examples: Sequence[Example]) -> Wording:
    """Return the prompt for models that read English: signature, docstring, examples."""
    function, parameter = rng.choice(_FUNCTIONS), rng.choice(_PARAMETERS[takes(stages)])
    second = next((step.operation for step in steps(stages) if isinstance(step.constant, Argument)), None)
    arguments = f"{parameter}: {_TYPES[takes(stages)]}"
    if second is not None:
        arguments += f", k: {type(second.constants[0]).__name__}"
    clauses = [_full(stage, rng) for stage in stages]
    # "if a: b; otherwise: c; then d" would leave open whether d is always done.
    plain = all(isinstance(stage, Step) for stage in stages)
    text = rng.choice(_FRAMES if plain else _SENTENCES)(clauses)
    start = rng.choice(("", f"Given {_NOUNS[takes(stages)]}, do the following. ", f"Take {_NOUNS[takes(stages)]}. "))
    end = rng.choice((" Return the result.", f" Return {_NOUNS[gives(stages)]}.", ""))
    if without is not None:
        end = f" Do not {_said(Step(without, _any(without, rng)), 'full', rng)}.{end}"
    lines = textwrap.wrap(start + text + end, _WIDTH)
    shown = [line for call, answer in examples for line in _shown(function, call, answer)]
    lines = [*lines, "", *shown] if shown else lines
    doc = "\n".join(f"    {line}".rstrip() for line in ['"""' + lines[0], *lines[1:], '"""'])
    prompt = f"def {function}({arguments}) -> {_TYPES[gives(stages)]}:\n{doc}\n"
    return Wording(prompt, function, parameter, "result")


def _shown(function: str, call: tuple[Any, ...], answer: Any) -> list[str]:
    return [f">>> {function}({', '.join(map(repr, call))})", repr(answer)]


def _brief(stage: Stage, rng: random.Random) -> str:
    match stage:
        case Choice(test, then, other):
            parts = [_said(step, "brief", rng) for step in (test, then, other)]
            return rng.choice(("if {}: {}; else {}", "when {}: {}; else {}")).format(*parts)
        case Repetition(step, times):
            return rng.choice(("{1}x: {0}", "{1} times: {0}")).format(_said(step, "brief", rng), times)
        case Step():
            return _said(stage, "brief", rng)


def _full(stage: Stage, rng: random.Random) -> str:
    match stage:
        case Choice(test, then, other):
            parts = [_said(step, "full", rng) for step in (test, then, other)]
            words = ("if the value so far {}: {}; otherwise: {}", "where the value by now {}, {}, and otherwise {}")
            return rng.choice(words).format(*parts)
        case Repetition(step, times):
            words = ("{0} (do this step {1} in all)", "{0} (this whole step is done {1})")
            return rng.choice(words).format(_said(step, "full", rng), _TIMES[times])
        case Step():
            return _said(stage, "full", rng)


def _said(step: Step, length: Literal["brief", "full"], rng: random.Random) -> str:
    words = rng.choice(step.operation.brief if length == "brief" else step.operation.full)
    constant = "k" if isinstance(step.constant, Argument) else repr(step.constant)
    return words.replace("{k}", constant)


def _any(op: Operation, rng: random.Random) -> int | str | None:
    return rng.choice(op.constants) if op.constants else None


def _has_argument(stages: Stages) -> bool:
    return any(isinstance(step.constant, Argument) for step in steps(stages))


def _then(clauses: Sequence[str]) -> str:
    return _capital("; then ".join(clauses)) + "."


def _first_finally(clauses: Sequence[str]) -> str:
    if len(clauses) == 1:
        return _capital(clauses[0]) + "."
    middle = "".join(f" Next, {clause}." for clause in clauses[1:-1])
    return f"First, {clauses[0]}.{middle} Finally, {clauses[-1]}."


def _numbered(clauses: Sequence[str]) -> str:
    if len(clauses) == 1:
        return _capital(clauses[0]) + "."
    return " ".join(f"({number}) {_capital(clause)}." for number, clause in enumerate(clauses, 1))


def _capital(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


_SENTENCES: tuple[Callable[[Sequence[str]], str], ...] = (_first_finally, _numbered)
_FRAMES = (_then, *_SENTENCES)
