"""How a worker waits: until something is said, or somebody ends; meanwhile it ends what takes more than it may."""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Callable

from sparkgap.judge.handles import HungUp, ZygoteProcess
from sparkgap.judge.patience import NOTHING, Looks, Patience

TICK_S = 0.25
CHILD_ENDED = {signal.SIGCHLD}  # blocked in a worker, and waited for


class Watch:
    """The worker's eye on programs and examiners, and on the judge, without whom nobody waits for a verdict."""

    def __init__(self, judge: int) -> None:
        self._judge = judge
        self._judge_alone = select.poll()
        self._judge_alone.register(judge, 0)

    def for_word(
        self, awaited: int, patience: Patience, candidate: ZygoteProcess | None, examiner: ZygoteProcess | None = None
    ) -> None:
        """Wait until there is something to read.

        Raises:
            HungUp: the judge is gone.
        """
        poller = select.poll()
        poller.register(awaited, select.POLLIN)
        poller.register(self._judge, 0)  # only to hear that it is gone
        now = time.monotonic()
        tick = now + TICK_S
        while not (ready := poller.poll((min(candidate.due() if candidate else tick, tick) - now) * 1000 + 1)):
            now = time.monotonic()
            if candidate:
                candidate.enforce(now)
            if now >= tick:
                self._tick(patience, candidate, examiner)
                tick = now + TICK_S
        if any(descriptor != awaited for descriptor, _ in ready):
            raise HungUp

    def for_end(self, candidate: ZygoteProcess, patience: Patience, looks: Looks, decided: Callable[[], bool]) -> None:
        """Wait until a program has ended; end it when a look at it says that its verdict is decided.

        What is waited for is the signal of a child's end: to learn the program's pidfd first would take a turn more.

        Raises:
            HungUp: the judge is gone.
        """
        now = time.monotonic()
        tick = now + TICK_S
        while True:
            signal.sigtimedwait(CHILD_ENDED, max(0.0, min(candidate.due(), tick, looks.due) - now) + 0.001)
            if candidate.has_ended():
                return
            now = time.monotonic()
            candidate.enforce(now)
            if now >= tick:
                self._tick(patience, candidate, None)
                if self._judge_alone.poll(0):
                    raise HungUp
                tick = now + TICK_S
            if looks.is_due() and decided():
                candidate.end()

    @staticmethod
    def _tick(patience: Patience, candidate: ZygoteProcess | None, examiner: ZygoteProcess | None) -> None:
        """Ask what they have had of the machine; end the one that has had too much, or whoever sleeps."""
        examined = examiner.usage() if examiner else NOTHING
        if examined is None:
            return
        patience.note((candidate.usage() if candidate else None) or NOTHING, examined)
        if examiner and (patience.burnt or (patience.asleep and not candidate)):
            examiner.end()
        elif candidate and patience.asleep:
            candidate.end()
