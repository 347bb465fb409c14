"""The control: 1 or 0 by the throw of a coin, whatever the program does.

Some models gain from training on such a reward alone (Shao et al. 2025, arXiv:2506.10947: 21 points on MATH-500 for
one), because the optimiser amplifies what they already do. What a run with this reward gains is not owed to feedback.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sparkgap.errors import InputError
from sparkgap.rewards import Bounds, Judged


@dataclass(frozen=True, slots=True)
class Coin:
    """Heads with probability `heads`, decided by `seed`, the problem and the number of the draw; never by the program.

    A coin that looked at the program would pay the same text the same each time, and so be something to learn.
    """

    heads: float = 0.5
    seed: float = 0

    name: ClassVar[str] = "random"
    title: ClassVar[str] = "1 or 0 at random, as a control"
    passing: ClassVar[Bounds] = (0.0, 1.0)
    failing: ClassVar[Bounds] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        if not 0 <= self.heads <= 1:
            raise InputError(f"`heads` is a probability between 0 and 1, not {self.heads:g}")

    def values(self, judged: Sequence[Judged]) -> list[float | None]:
        """Return 1.0 or 0.0 for each, None where another reward would say so too."""
        return [None if each.unscored else float(self._throw(each) < self.heads) for each in judged]

    def _throw(self, judged: Judged) -> float:
        told = f"{self.seed:g}/{judged.problem.id}/{judged.draw}".encode()
        return int.from_bytes(hashlib.blake2b(told, digest_size=7).digest(), "big") / (1 << 56)


REWARD = Coin()
