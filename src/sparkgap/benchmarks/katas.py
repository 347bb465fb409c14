"""Katas: 400 Python functions made on the spot from compositions of operations, which no training set can have held.

The problems are those of the test split under seed 0: a hundred each of one to four operations over numbers, strings,
lists and dicts, with conditions and loops among them from three on. Any number more come from other seeds, see
`sparkgap.benchmarks._katas`. Nothing is published that a model could have learnt by heart, and what training draws from
other splits shares no composition with these.

Not covered: anything but small pure functions. It tells whether a model can follow and combine plain instructions.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._katas import NATURAL, katas
from sparkgap.types import Decoding, Message, Problem, Reply, Request, Variant

COUNT = 400
_STOP = ("\nclass", "\ndef", "\n#", "\nif", "\nprint", "\n@", "\n```")
_ASK = (
    "Complete this Python function so that it does what its docstring says. Reply with the whole function, "
    "its signature included, in one fenced code block.\n\n```python\n{prompt}```"
)
_CHAT = Variant("chat", "asked for the function, zero-shot", frozenset({"chat"}), Decoding(max_tokens=1024))
_COMPLETION = Variant(
    "completion",
    "the prompt continued",
    frozenset({"completion"}),
    Decoding(max_tokens=384, stop=_STOP),
    form="completion",
)


class Katas:
    """400 problems in the test split, levels 1 to 4 in turn."""

    name = "katas"
    title = "Katas: 400 composed Python functions that no training set can have held"
    files: tuple[str, ...] = ()
    ability: Ability = "code"
    split = "test"
    variants: tuple[Variant, ...] = (_CHAT, _COMPLETION)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems; they are made as they are asked for, the same each time."""
        return katas("test", COUNT, 0, NATURAL)

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one question about a problem."""
        if replies:
            return None
        if variant.form == "completion":
            return Request(text=problem.prompt, decoding=variant.decoding)
        return Request(messages=(Message("user", _ASK.format(prompt=problem.prompt)),), decoding=variant.decoding)


BENCHMARK = Katas()
