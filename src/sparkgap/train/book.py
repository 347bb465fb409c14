"""The difficulty book: which problems a batch is made of, so that most groups of completions carry signal.

A group whose completions all pass, or all fail, says nothing about which of them to prefer. So every problem is looked
at once; if its completions disagree it is *live* and due again a round later, a round being as many batches as it takes
to see every problem; if all pass or all fail it is set aside for two rounds, the next time for four, then for eight.
This is dynamic sampling (DAPO, Yu et al. 2025, arXiv:2503.14476) without throwing away batches that were paid for.

New problems go first: one that comes again soon carries as much signal, but a small model learns it by heart
(`docs/rlcf-log.md`). Where most new ones carry none, a smaller `explore` brings live ones back earlier.

Everything follows from the seed and from what was noted: processes that note the same pick the same, and a book that
was saved goes on as if nothing had happened. No torch here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

MOST_ROUNDS = 8  # that a problem is set aside for
State = Literal["new", "live", "solved", "unsolved"]


@dataclass(slots=True)
class Entry:
    """What is known of one problem: its state, when it is due again, and the share that passed when last sampled."""

    state: State = "new"
    due: int = 0  # in batches
    rest: int = 0  # rounds that it was set aside for, the last time
    rate: float | None = None
    visits: int = 0


class Book:
    """Problems by their number, 0 to `count` - 1, and what sampling them showed."""

    def __init__(self, count: int, *, seed: int = 0, explore: float = 1.0, dynamic: bool = True) -> None:
        """Start with every problem new.

        Args:
            count: how many problems there are.
            seed: of the order in which new ones come.
            explore: the share of a batch for problems that are new, while there are such.
            dynamic: False takes the problems in turn, whatever they showed.
        """
        self.entries = [Entry() for _ in range(count)]
        self._random = random.Random(seed)  # noqa: S311
        self._explore, self._dynamic = explore, dynamic
        self._fresh = list(range(count))
        self._random.shuffle(self._fresh)
        self._round = 1  # batches
        self.batches = 0

    def pick(self, size: int) -> list[int]:
        """Return `size` different problems for the next batch; all there are, several times, where there are fewer."""
        self.batches += 1
        self._round = max(1, len(self.entries) // max(1, size))
        if not self._dynamic or size >= len(self.entries):
            return self._in_turn(size)
        picked = self._unseen(round(self._explore * size))
        seen = [at for at, entry in enumerate(self.entries) if entry.state != "new"]
        picked += sorted(seen, key=lambda at: (self.entries[at].due, at))[: size - len(picked)]
        return picked + self._unseen(size - len(picked))

    def note(
        self, results: Mapping[int, Sequence[float | None]], passed: Mapping[int, Sequence[float | None]] | None = None
    ) -> None:
        """Take in what each picked problem's completions were worth, None for not judged, and which of them passed.

        Without `passed`, those worth 1 passed. A problem that nothing was learnt of keeps its state.
        """
        for at, values in results.items() if self._dynamic else ():
            known = [value for value in values if value is not None]
            entry = self.entries[at]
            entry.visits += 1
            if not known:
                entry.due = self.batches + self._round
                if entry.state == "new":
                    self._fresh.append(at)
                continue
            done = [value for value in (passed or results)[at] if value is not None]
            entry.rate = sum(value >= 1 for value in done) / max(1, len(done))
            if len(set(known)) > 1:
                entry.state, entry.rest = "live", 0
            else:
                entry.state = "solved" if entry.rate == 1 else "unsolved"
                entry.rest = min(2 * entry.rest or 2, MOST_ROUNDS)
            entry.due = self.batches + max(1, entry.rest) * self._round

    def informative(self, results: Mapping[int, Sequence[float | None]]) -> float:
        """Return the share of groups whose judged completions are not all worth the same."""
        known = ([value for value in values if value is not None] for values in results.values())
        return sum(len(set(values)) > 1 for values in known) / max(1, len(results))

    def counts(self) -> dict[State, int]:
        """Return how many problems are in each state."""
        told: dict[State, int] = {"new": 0, "live": 0, "solved": 0, "unsolved": 0}
        for entry in self.entries:
            told[entry.state] += 1
        return told

    def save(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        kind, state, gauss = self._random.getstate()
        entries = [[e.state, e.due, e.rest, e.rate, e.visits] for e in self.entries]
        return {"batches": self.batches, "entries": entries, "fresh": list(self._fresh),
                "random": [kind, list(state), gauss]}  # fmt: skip

    def load(self, told: Mapping[str, Any]) -> None:
        """Go on from what `save` returned, of a book with as many problems."""
        if len(told["entries"]) != len(self.entries):
            raise ValueError(f"a book of {len(told['entries'])} problems, where there are {len(self.entries)}")
        self.batches = told["batches"]
        self.entries = [Entry(*values) for values in told["entries"]]
        self._fresh = list(told["fresh"])
        kind, state, gauss = told["random"]
        self._random.setstate((kind, tuple(state), gauss))

    def _in_turn(self, size: int) -> list[int]:
        picked: list[int] = []
        while len(picked) < size:
            if not self._fresh:
                self._fresh = list(range(len(self.entries)))
                self._random.shuffle(self._fresh)
            picked += self._unseen(size - len(picked))
        return picked

    def _unseen(self, most: int) -> list[int]:
        taken, self._fresh = self._fresh[: max(0, most)], self._fresh[max(0, most) :]
        return taken
