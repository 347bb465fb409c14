"""Asking a model: many requests in flight, as many as it bears; tried again, bounded; counted.

An `Asker` stands between whoever has requests and a `Model`. Three things are its own, and no provider's:

- how many requests are in flight. When the server says that there are too many, the limit is halved, at most once a
  round trip, and creeps up again with every answer (additive increase, multiplicative decrease, as TCP does it).
- when a request is sent again: after a random part of a delay that doubles (full jitter), at most `retries` times.
  What a crowded server turns away counts against the clock alone. A `Retry-After` holds everybody back.
- when going on is pointless: many requests in a row that fail for good with one error end the run, which can be
  resumed.

A request that fails for good is a `Reply` with its `error` set: unscored, never zero. Not covered: a budget of tokens
a minute known beforehand, and several event loops (an Asker belongs to the one that it is used on).
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

from sparkgap.models import Model, ModelError, Refused, Transient
from sparkgap.types import Reply, Request


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request is kept up.

    A try that failed is repeated at most `retries` times; those that a crowded server turned away are not counted.
    Neither goes on past `total_s` seconds after the first. The delay before try k is a random part of
    `first_delay_s` * 2^k, or of `longest_delay_s` if that is less. After `failures_in_a_row` requests in a row that
    failed for good with the same error, the model is given up.
    """

    retries: int = 6
    total_s: float = 900.0
    first_delay_s: float = 1.0
    longest_delay_s: float = 60.0
    failures_in_a_row: int = 20


@dataclass(slots=True)
class Counters:
    """What was asked so far, for a live display. `limit` is how many requests may be in flight now."""

    requests: int = 0  # answered or failed for good
    failed: int = 0  # of these, failed for good
    retries: int = 0  # tries after the first
    crowded: int = 0  # tries that a crowded server turned away
    in_flight: int = 0
    waiting: int = 0  # for a place in flight
    limit: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Asker:
    """Asks one model, from one event loop."""

    def __init__(
        self,
        model: Model,
        concurrency: int | None = None,
        patience: Patience = Patience(),
        seed: int | None = None,
    ) -> None:
        """Ask `model` with at most `concurrency` requests in flight, by default its own; `seed` fixes the jitter."""
        self.model = model
        self.concurrency = max(1, model.concurrency if concurrency is None else concurrency)
        self._patience = patience
        self._random = random.Random(seed)  # noqa: S311  jitter
        self._limit = float(self.concurrency)
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._cut_at = 0.0  # when the limit was last halved
        self._opens_at = 0.0  # nothing is sent before
        self._at_once: int | None = None  # most replies that one request gets, once it is known
        self._broken: ModelError | None = None
        self._answered = False
        self._failures: tuple[str, int] = ("", 0)  # the last error, and how many had it in a row
        self._counters = Counters()

    @property
    def counters(self) -> Counters:
        """What was asked so far."""
        self._counters.in_flight = self._in_flight
        self._counters.waiting = sum(not waiting.done() for waiting in self._waiting)
        self._counters.limit = int(self._limit)
        return self._counters

    async def ask(
        self, request: Request, n: int = 1, each: Callable[[int, Reply], None] | None = None
    ) -> tuple[Reply, ...]:
        """Return exactly `n` replies to `request`, in one request to the model where it gives several at once.

        A reply that could not be had has its `error` set. Where `n` takes several requests, each has a seed of its own:
        that of `request`, if it has one, plus the index of its first reply. `each` is called with (index, reply) the
        moment a reply is there, while others may still be out.

        Raises:
            ModelError: the model cannot be used (any more).
        """
        found: dict[int, Reply] = {}

        async def obtain(first: int, end: int) -> int:
            """Obtain replies from `first` on, at most to `end`, by one request; return where it got."""
            replies = await self._obtain(_reseeded(request, first), end - first)
            if len(replies) < end - first:  # it gives fewer at once than were asked for
                self._at_once = len(replies)
            for index, reply in enumerate(replies, first):
                found[index] = reply
                if each is not None:
                    each(index, reply)
            return first + len(replies)

        async def obtain_all(first: int, end: int) -> None:
            while first < end:
                first = await obtain(first, end)

        first = await obtain(0, n if self._at_once is None else min(n, self._at_once))
        if first < n:
            at_once = self._at_once or 1
            parts = (obtain_all(at, min(n, at + at_once)) for at in range(first, n, at_once))
            for outcome in await asyncio.gather(*parts, return_exceptions=True):
                if outcome is not None:
                    raise outcome
        return tuple(found[index] for index in range(n))

    async def _obtain(self, request: Request, n: int) -> tuple[Reply, ...]:
        """Return 1 to n replies from the model, or n that say why there are none."""
        started, failures, tries = monotonic(), 0, 0
        while True:
            sent = await self._enter(again=tries > 0)
            tries += 1
            if tries == 1:
                started = sent  # waiting for a place is no time of the request
            else:
                self._counters.retries += 1
            try:
                replies = (await self.model.generate(request, n))[:n]
                if not replies:
                    raise Transient("the model gave no reply")
            except Transient as fault:
                failures += not fault.crowded
                delay = self._delay(fault, failures, sent)
                if failures > self._patience.retries or monotonic() + delay - started > self._patience.total_s:
                    after = f"after {tries} {'try' if tries == 1 else 'tries'} in {monotonic() - started:.1f} s"
                    return self._failed(str(fault), after, n, always=True)
            except Refused as fault:
                return self._failed(str(fault), "refused", n, always=False)
            except ModelError as fault:
                self._broken = fault
                raise
            else:
                return self._succeeded(replies, monotonic() - started)
            finally:
                self._leave()
            await asyncio.sleep(delay)

    def _delay(self, fault: Transient, failures: int, sent: float) -> float:
        """Return how long to wait after `fault`, in seconds; let the others wait too where the server says so."""
        doubled = self._patience.first_delay_s * 2.0 ** min(failures, 30)
        delay = self._random.uniform(0, min(doubled, self._patience.longest_delay_s))
        now = monotonic()
        if fault.after_s is not None:
            delay = min(delay, self._patience.first_delay_s) + fault.after_s
            if fault.after_s <= self._patience.total_s:
                self._opens_at = max(self._opens_at, now + fault.after_s)
        if fault.crowded:
            self._counters.crowded += 1
            if sent >= self._cut_at:
                self._limit, self._cut_at = max(1.0, self._limit / 2), now
        return delay

    def _succeeded(self, replies: tuple[Reply, ...], seconds: float) -> tuple[Reply, ...]:
        """Count an answer, and give each of its replies its share of the time."""
        self._limit = min(self.concurrency, self._limit + max(1.0, self.concurrency / 16) / self._limit)
        self._answered, self._failures = True, ("", 0)
        self._counters.requests += 1
        self._counters.prompt_tokens += sum(reply.prompt_tokens or 0 for reply in replies)
        self._counters.completion_tokens += sum(reply.completion_tokens or 0 for reply in replies)
        return tuple(replace(reply, seconds=seconds / len(replies)) for reply in replies)

    def _failed(self, error: str, how: str, n: int, always: bool) -> tuple[Reply, ...]:
        """Count a request that failed for good; give up on the model after too many of one kind in a row.

        Refusals count only as long as nothing was ever answered (not `always`): a row of problems may be too long.
        """
        self._counters.requests += 1
        self._counters.failed += 1
        kind = re.sub(r"\d+", "0", error)
        self._failures = (kind, 1 + (self._failures[1] if self._failures[0] == kind else 0))
        row = self._failures[1] >= self._patience.failures_in_a_row and (always or not self._answered)
        if row and self._broken is None:
            self._broken = ModelError(
                f"{self.model.name}: {self._failures[1]} requests in a row failed for good, the last one with: {error} "
                "(once that is mended, the run can be resumed)"
            )
        if self._broken is not None:
            raise self._broken
        return (Reply(error=f"{error} ({how})"),) * n

    async def _enter(self, again: bool) -> float:
        """Wait for a place in flight, those that were there before first; return when it was had."""
        if self._waiting or self._in_flight >= int(self._limit):
            turn = asyncio.get_running_loop().create_future()
            if again:
                self._waiting.appendleft(turn)
            else:
                self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # it was its turn at the same moment
                    self._leave()
                raise
        else:
            self._in_flight += 1
        try:
            while (wait := self._opens_at - monotonic()) > 0:
                await asyncio.sleep(wait + self._random.uniform(0, min(1.0, wait / 10)))
            if self._broken is not None:
                raise self._broken
        except BaseException:
            self._leave()
            raise
        return monotonic()

    def _leave(self) -> None:
        """Give a place in flight to whoever waits for one, as far as the limit lets."""
        self._in_flight -= 1
        while self._waiting and self._in_flight < int(self._limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)


def _reseeded(request: Request, offset: int) -> Request:
    """Return `request` with its seed, if it has one, raised by `offset`: two requests alike would be answered alike."""
    seed = request.decoding.seed
    if seed is None or offset == 0:
        return request
    return replace(request, decoding=replace(request.decoding, seed=seed + offset))
