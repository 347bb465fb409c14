"""The difficulty book: which problems a batch is made of, so that most groups of completions carry signal.

A group whose completions all pass, or all fail, says nothing about which of them to prefer. So a problem is looked at
once; if its completions disagree it is *live* and comes again in turn; if all pass or all fail it is set aside, and
looked at again after a while, each time after twice as long. This is dynamic sampling (DAPO, Yu et al. 2025,
arXiv:2503.14476) without throwing away whole batches that were already paid for.

Everything follows from the seed and from what was noted: processes that note the same pick the same, and a book that
was saved goes on as if nothing had happened. No torch here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["new", "live", "solved", "unsolved"]


@dataclass(slots=True)
class Entry:
    """What is known of one problem: its state, when it is due again, and the share that passed when last sampled."""

    state: State = "new"
    due: int = 0
    rest: int = 0  # batches that it was set aside for, the last time
    rate: float | None = None
    visits: int = 0


class Book:
    """Problems by their number, 0 to `count` - 1, and what sampling them showed."""

    def __init__(self, count: int, *, seed: int = 0, explore: float = 0.4, rest: int = 8, dynamic: bool = True) -> None:
        """Start with every problem new.

        Args:
            count: how many problems there are.
            seed: of the order in which new ones come.
            explore: the share of a batch for problems that are new or due again, while there are live ones.
            rest: for how many batches a problem is set aside the first time.
            dynamic: False takes the problems in turn, whatever they showed.
        """
        self.entries = [Entry() for _ in range(count)]
        self._random = random.Random(seed)  # noqa: S311
        self._explore, self._rest, self._dynamic = explore, rest, dynamic
        self._fresh = list(range(count))
        self._random.shuffle(self._fresh)
        self._turn: list[int] = []  # live problems, the one that waited longest first
        self.batches = 0

    def pick(self, size: int) -> list[int]:
        """Return `size` different problems for the next batch; all there are, several times, where there are fewer."""
        self.batches += 1
        if not self._dynamic or size >= len(self.entries):
            return self._in_turn(size)
        due = [at for at in self._aside() if self.entries[at].due <= self.batches]
        new = min(size, max(round(self._explore * size), size - len(self._turn)))
        # Those set aside longest go before those never seen, but take at most half of the places.
        picked = due[: new if not self._fresh else (new + 1) // 2]
        picked += self._unseen(new - len(picked))
        picked += self._live(size - len(picked))
        for spare in (due, self._aside()):
            taken = set(picked)
            picked += [at for at in spare if at not in taken][: size - len(picked)]
        picked += self._unseen(size - len(picked))
        return picked

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
                if entry.state in ("new", "live"):  # the others are due as they were
                    (self._fresh if entry.state == "new" else self._turn).append(at)
                continue
            done = [value for value in (passed or results)[at] if value is not None]
            entry.rate = sum(value >= 1 for value in done) / max(1, len(done))
            if len(set(known)) > 1:
                entry.state, entry.rest = "live", 0
                self._turn.append(at)
            else:
                entry.state = "solved" if entry.rate == 1 else "unsolved"
                entry.rest = min(2 * entry.rest or self._rest, 1 << 20)
                entry.due = self.batches + entry.rest

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
        fresh, turn = list(self._fresh), list(self._turn)
        return {"batches": self.batches, "entries": entries, "fresh": fresh, "turn": turn,
                "random": [kind, list(state), gauss]}  # fmt: skip

    def load(self, told: Mapping[str, Any]) -> None:
        """Go on from what `save` returned, of a book with as many problems."""
        if len(told["entries"]) != len(self.entries):
            raise ValueError(f"a book of {len(told['entries'])} problems, where there are {len(self.entries)}")
        self.batches = told["batches"]
        self.entries = [Entry(*values) for values in told["entries"]]
        self._fresh, self._turn = list(told["fresh"]), list(told["turn"])
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

    def _live(self, most: int) -> list[int]:
        taken, self._turn = self._turn[: max(0, most)], self._turn[max(0, most) :]
        return taken

    def _aside(self) -> list[int]:
        """Problems set aside, the one that is due soonest first."""
        aside = [at for at, entry in enumerate(self.entries) if entry.state in ("solved", "unsolved")]
        return sorted(aside, key=lambda at: (self.entries[at].due, at))
