"""The plain reward: 1 for a program that passes every hidden test, 0 for any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sparkgap.rewards import Bounds, Judged


@dataclass(frozen=True, slots=True)
class Tests:
    """All or nothing (RLEF, arXiv:2410.02089, pays at the end of an episode in the same way)."""

    name: ClassVar[str] = "tests"
    title: ClassVar[str] = "1 if every hidden test passes, else 0"
    passing: ClassVar[Bounds] = (1.0, 1.0)
    failing: ClassVar[Bounds] = (0.0, 0.0)

    def values(self, judged: Sequence[Judged]) -> list[float | None]:
        """Return 1.0 or 0.0 for each, None where nothing can be said."""
        return [None if each.unscored else float(each.verdict.passed) for each in judged]


REWARD = Tests()
