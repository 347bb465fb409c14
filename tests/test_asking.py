"""Asking: how many at once, how often again, and that nothing is lost or made up on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap.asking import Asker, Patience
from sparkgap.models import Model, ModelError, Refused, Transient
from sparkgap.types import Decoding, Feature, Reply, Request

QUICK = Patience(first_delay_s=0.001, longest_delay_s=0.004)
REQUEST = Request(text="say something")


@dataclass
class Scripted:
    """A model whose every answer is `script(try, request, n)`; notes what it was asked and how many at once."""

    script: Callable[[int, Request, int], Awaitable[tuple[Reply, ...]]]
    name: str = "test/scripted"
    features: frozenset[Feature] = frozenset({"completion"})
    concurrency: int = 8
    asked: list[tuple[Request, int]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def generate(self, request: Request, n: int = 1) -> tuple[Reply, ...]:
        self.asked.append((request, n))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self.script(len(self.asked), request, n)
        finally:
            self.at_once -= 1

    def identity(self) -> Mapping[str, Any]:
        return {"model": "scripted"}

    async def close(self) -> None:
        pass


def failing(*faults: Exception | None, pause_s: float = 0.0) -> Scripted:
    """Return a model that raises `faults` in turn, None being an answer, and then answers."""

    async def script(tried: int, request: Request, n: int) -> tuple[Reply, ...]:
        await asyncio.sleep(pause_s)
        fault = faults[tried - 1] if tried <= len(faults) else None
        if fault is not None:
            raise fault
        return tuple(Reply(f"{request.text} {i}", "stop", 3, 5) for i in range(n))

    return Scripted(script)


def ask(model: Model, n: int = 1, request: Request = REQUEST, patience: Patience = QUICK) -> tuple[Reply, ...]:
    return asyncio.run(Asker(model, patience=patience, seed=0).ask(request, n))


def test_the_scripted_model_keeps_the_contract() -> None:
    assert isinstance(failing(), Model)


def test_a_request_that_succeeds_is_asked_once() -> None:
    model = failing()
    replies = ask(model, 3)
    assert [reply.text for reply in replies] == ["say something 0", "say something 1", "say something 2"]
    assert model.asked == [(REQUEST, 3)]


def test_a_transient_fault_is_tried_again_and_leaves_no_trace_in_the_reply() -> None:
    model = failing(Transient("500"), Transient("cut"))
    (reply,) = ask(model)
    assert (reply.text, reply.error) == ("say something 0", "")
    assert len(model.asked) == 3


def test_a_request_that_fails_for_good_is_an_error_and_not_an_exception() -> None:
    model = failing(*[Transient("500 from the server")] * 99)
    replies = ask(model, 2)
    assert len(replies) == 2
    assert replies[0].error.startswith("500 from the server (after 7 tries in ")
    assert replies[0].text == ""
    assert len(model.asked) == 7


def test_a_refused_request_is_not_tried_again() -> None:
    model = failing(Refused("400: too long"))
    (reply,) = ask(model)
    assert reply.error == "400: too long (refused)"
    assert len(model.asked) == 1


def test_what_a_crowded_server_turns_away_is_not_counted_as_a_try() -> None:
    (reply,) = ask(failing(*[Transient("429", crowded=True)] * 20))
    assert reply.error == ""


def test_patience_ends_in_time_with_a_server_that_stays_crowded() -> None:
    model = failing(*[Transient("429", crowded=True)] * 10_000)
    (reply,) = ask(model, patience=Patience(total_s=0.05, first_delay_s=0.001, longest_delay_s=0.002))
    assert reply.error.startswith("429 (after ")
    assert 2 < len(model.asked) < 1000


def test_a_wait_beyond_all_patience_fails_at_once() -> None:
    model = failing(Transient("daily limit", crowded=True, after_s=86_400))
    (reply,) = ask(model)
    assert reply.error.startswith("daily limit (after 1 try")


def test_a_bug_in_a_model_crashes() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(failing(ZeroDivisionError()))


def test_a_model_that_gives_no_reply_is_tried_again() -> None:
    async def script(tried: int, request: Request, n: int) -> tuple[Reply, ...]:
        return () if tried < 3 else (Reply("at last"),)

    assert [reply.text for reply in ask(Scripted(script))] == ["at last"]


@given(n=st.integers(1, 12), most=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_any_server_that_gives_fewer_at_once_is_asked_for_the_rest(n: int, most: list[int], seed: int) -> None:
    async def script(tried: int, request: Request, n: int) -> tuple[Reply, ...]:
        count = min(n, most[tried % len(most)])
        return tuple(Reply(f"{request.decoding.seed}/{i}") for i in range(count))

    model = Scripted(script)
    replies = ask(model, n, Request(text="t", decoding=Decoding(temperature=1, seed=seed)))
    assert len(replies) == n
    assert len({reply.text for reply in replies}) == n  # no request was sent twice with the same seed


def test_how_many_a_server_gives_at_once_is_learnt_and_then_asked_for_side_by_side() -> None:
    async def script(tried: int, request: Request, n: int) -> tuple[Reply, ...]:
        await asyncio.sleep(0.01)
        return (Reply("one"),)

    async def twice(model: Model) -> None:
        asker = Asker(model)
        assert len(await asker.ask(REQUEST, 4)) == 4
        assert len(await asker.ask(REQUEST, 4)) == 4

    model = Scripted(script)
    asyncio.run(twice(model))
    assert [n for _, n in model.asked] == [4, 1, 1, 1, 1, 1, 1, 1]
    assert model.most_at_once == 3


def test_each_reply_is_told_the_moment_it_is_there() -> None:
    told: list[tuple[int, str]] = []

    async def script(tried: int, request: Request, n: int) -> tuple[Reply, ...]:
        await asyncio.sleep(0.001)
        if tried == 3:
            assert len(told) >= 2
            raise Refused("no")
        return (Reply(f"reply {tried}"), Reply(f"and {tried}"))[:n]

    model = Scripted(script)
    replies = asyncio.run(Asker(model, 1).ask(REQUEST, 7, lambda index, reply: told.append((index, reply.text))))
    assert sorted(told) == list(enumerate(reply.text for reply in replies))
    assert [reply.error for reply in replies].count("no (refused)") == 2


def test_the_time_of_a_request_is_shared_by_its_replies_and_counts_no_waiting_for_a_place() -> None:
    async def both() -> list[tuple[Reply, ...]]:
        asker = Asker(failing(pause_s=0.05), concurrency=1)
        return await asyncio.gather(asker.ask(REQUEST, 5), asker.ask(REQUEST, 5))

    for replies in asyncio.run(both()):
        assert 0.05 <= sum(reply.seconds or 0 for reply in replies) < 0.099
        assert len({reply.seconds for reply in replies}) == 1


def run_many(model: Model, count: int, concurrency: int = 8, patience: Patience = QUICK) -> tuple[list[Any], Asker]:
    async def run() -> tuple[list[Any], Asker]:
        asker = Asker(model, concurrency, patience, seed=0)
        asked = (asker.ask(Request(text=str(i))) for i in range(count))
        return await asyncio.gather(*asked, return_exceptions=True), asker

    return asyncio.run(run())


def test_no_more_are_in_flight_than_the_limit_and_no_fewer() -> None:
    model = failing(pause_s=0.002)
    replies, asker = run_many(model, 100, 8)
    assert model.most_at_once == 8
    assert [reply.text for (reply,) in replies] == [f"{i} 0" for i in range(100)]
    counters = asker.counters
    assert (counters.requests, counters.failed, counters.retries, counters.in_flight, counters.waiting) == (
        100, 0, 0, 0, 0,
    )  # fmt: skip
    assert (counters.prompt_tokens, counters.completion_tokens) == (300, 500)


def crowded_above(bearable: int, pause_s: float = 0.004) -> Scripted:
    """Return a model that turns away whatever comes while it has `bearable` requests."""

    async def script(tried: int, request: Request, n: int) -> tuple[Reply, ...]:
        if model.at_once > bearable:
            raise Transient("429", crowded=True)
        await asyncio.sleep(pause_s)
        return (Reply(request.text),)

    model = Scripted(script)
    return model


def test_the_limit_falls_to_what_the_server_bears_and_nothing_is_lost() -> None:
    replies, asker = run_many(crowded_above(5), 300, 64)
    assert [reply.text for (reply,) in replies] == [str(i) for i in range(300)]
    assert asker.counters.limit <= 24
    assert asker.counters.crowded == asker.counters.retries > 0


def test_one_crowd_halves_the_limit_once() -> None:
    faults = [Transient("429", crowded=True)] * 16
    model = failing(*faults, pause_s=0.001)

    async def run() -> int:
        asker = Asker(model, 16, Patience(first_delay_s=0.2), seed=0)
        tasks = [asyncio.create_task(asker.ask(REQUEST)) for _ in range(16)]
        while asker.counters.crowded < 16:
            await asyncio.sleep(0)
        limit = asker.counters.limit
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert asker.counters.in_flight == 0
        return limit

    assert asyncio.run(run()) == 8


def test_the_limit_creeps_up_again() -> None:
    _, asker = run_many(failing(Transient("429", crowded=True)), 200, 16)
    assert asker.counters.limit == 16


def test_retry_after_holds_everybody_back() -> None:
    sent: list[float] = []

    async def script(tried: int, request: Request, n: int) -> tuple[Reply, ...]:
        sent.append(monotonic())
        if tried == 1:
            raise Transient("429", crowded=True, after_s=0.15)
        await asyncio.sleep(0.001)
        return (Reply("ok"),)

    replies, _ = run_many(Scripted(script), 30, 1)
    assert all(reply.text == "ok" for (reply,) in replies)
    assert min(sent[1:]) >= sent[0] + 0.15


def test_a_retry_goes_before_those_that_have_not_begun() -> None:
    model = failing(Transient("cut"), pause_s=0.01)
    run_many(model, 12, 1)
    assert "0" in [request.text for request, _ in model.asked[1:4]]


def test_the_same_failure_again_and_again_ends_the_run() -> None:
    model = failing(*[Transient(f"500 from the server, id {i}") for i in range(9999)])
    outcomes, _ = run_many(model, 60, 4)
    failed = [each for each in outcomes if not isinstance(each, ModelError)]
    assert len(failed) == 19
    assert all(reply.error for (reply,) in failed)
    said = str(next(each for each in outcomes if isinstance(each, ModelError)))
    assert said.startswith("test/scripted: 20 requests in a row failed for good, the last one with: 500 from")
    assert "resumed" in said
    assert len(model.asked) < 60 * 7


def test_refusals_end_the_run_only_where_nothing_was_ever_answered() -> None:
    refusals = [Refused("400: 5000 tokens are too many")] * 40
    outcomes, _ = run_many(failing(*refusals), 60, 1)
    assert sum(isinstance(each, ModelError) for each in outcomes) == 41
    outcomes, _ = run_many(failing(None, *refusals), 60, 1)
    assert sum(bool(reply.error) for (reply,) in outcomes) == 40


def test_different_failures_do_not_end_the_run() -> None:
    refusals = [Refused("400: too long" if i % 2 else "400: filtered") for i in range(40)]
    outcomes, _ = run_many(failing(*refusals), 60, 1)
    assert sum(bool(reply.error) for (reply,) in outcomes) == 40


def test_a_model_error_goes_through_and_stops_all_others() -> None:
    outcomes, asker = run_many(failing(None, None, ModelError("no such key")), 50, 1)
    assert [isinstance(each, ModelError) for each in outcomes] == [False, False] + [True] * 48
    assert len(asker.model.asked) == 3
    assert asker.counters.in_flight == 0


def test_a_model_error_goes_through_where_one_question_takes_several_requests() -> None:
    async def script(tried: int, request: Request, n: int) -> tuple[Reply, ...]:
        if tried == 3:
            raise ModelError("key revoked")
        return (Reply("one"),)

    with pytest.raises(ModelError, match="key revoked"):
        ask(Scripted(script), 5)


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=30), st.integers(1, 4), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_no_place_is_lost_whoever_is_cancelled(steps: list[tuple[int, bool]], limit: int, seed: int) -> None:
    async def script(tried: int, request: Request, n: int) -> tuple[Reply, ...]:
        for _ in range(tried % 4):
            await asyncio.sleep(0)
        if tried % 5 == 0:
            raise Transient("cut", crowded=tried % 2 == 0)
        return (Reply("ok"),)

    async def run() -> None:
        asker = Asker(Scripted(script), limit, Patience(first_delay_s=0, longest_delay_s=0), seed)
        tasks = [asyncio.create_task(asker.ask(REQUEST)) for _ in range(31)]
        for victim, pause in steps:
            tasks[victim].cancel()
            if pause:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (asker.counters.in_flight, asker.counters.waiting) == (0, 0)
        assert (await asker.ask(REQUEST))[0].text == "ok"

    asyncio.run(run())
