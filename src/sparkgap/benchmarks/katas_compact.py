"""Compact katas: 400 one-line functions of two or three operations, for models of a few hundred thousand parameters.

What `sparkgap demo` measures. The problems are those of the test split under seed 0, every one another composition; the
words are clauses, solutions one expression. Whoever trains on any katas of another split has seen none of them.

Not covered: what `katas` covers, problems that read like those people write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._katas import COMPACT, katas
from sparkgap.benchmarks._prompts import CHAT, COMPLETION, ask_for_function
from sparkgap.types import Decoding, Problem, Reply, Request, Variant

NAME = "katas_compact"
COUNT = 400
LEVELS = (2, 3)
_SHORT = replace(COMPLETION, decoding=Decoding(max_tokens=64, stop=COMPLETION.decoding.stop))


class KatasCompact:
    """400 problems in the test split, levels 2 and 3 in turn."""

    name = NAME
    title = "Compact katas: 400 one-line functions, for models trained on the spot"
    files: tuple[str, ...] = ()
    ability: Ability = "code"
    split = "test"
    variants: tuple[Variant, ...] = (CHAT, _SHORT)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems; they are made as they are asked for, the same each time."""
        yield from _problems()

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one question about a problem."""
        return None if replies else ask_for_function(problem, variant)


@cache
def _problems() -> tuple[Problem, ...]:
    """Return the problems, made once: finding their tests takes seconds, and training looks at them again and again."""
    drawn = katas("test", COUNT, 0, replace(COMPACT, levels=LEVELS))
    return tuple(replace(each, id=each.id.replace("Katas", "KatasCompact", 1), benchmark=NAME) for each in drawn)


BENCHMARK = KatasCompact()
