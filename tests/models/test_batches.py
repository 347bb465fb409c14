"""Batches: who comes together, who comes first, and what happens when they do not fit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkgap.models import Refused
from sparkgap.models._batches import Batcher, OutOfMemory


def put_all(batcher: Batcher[str, str], jobs: Sequence[str]) -> list[str | BaseException]:
    async def run() -> list[str | BaseException]:
        try:
            return await asyncio.gather(*map(batcher.put, jobs), return_exceptions=True)
        finally:
            batcher.close()

    return asyncio.run(run())


@given(st.lists(st.text("abc", max_size=6), max_size=30), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_every_job_gets_its_own_answer_in_batches_of_a_kind(jobs: list[str], size: int, fits: int) -> None:
    batches: list[list[str]] = []

    def run(batch: Sequence[str]) -> list[str]:
        if len(batch) > fits:
            raise OutOfMemory("too many")
        batches.append(list(batch))
        return [job.upper() for job in batch]

    batcher = Batcher(run, size, key=lambda job: job[:1], length=len)
    assert put_all(batcher, jobs) == [job.upper() for job in jobs]
    assert sorted(job for batch in batches for job in batch) == sorted(jobs)
    for batch in batches:
        assert len(batch) <= min(size, fits)
        assert len({job[:1] for job in batch}) == 1
        assert [len(job) for job in batch] == sorted(len(job) for job in batch)


def test_jobs_put_at_once_come_into_one_batch_and_the_oldest_is_in_the_first() -> None:
    batches: list[list[str]] = []

    def run(batch: Sequence[str]) -> list[str]:
        batches.append(list(batch))
        return list(batch)

    put_all(Batcher(run, 3, length=len), ["ccc", "a", "bb", "dddd", "", "eeeee", "ffffff"])
    assert batches[0] == ["ccc", "dddd", "eeeee"]
    assert [len(batch) for batch in batches] == [3, 3, 1]


def test_a_job_that_does_not_fit_alone_is_refused_and_the_others_go_on() -> None:
    def run(batch: Sequence[str]) -> list[str]:
        if "huge" in batch:
            raise OutOfMemory("no")
        return list(batch)

    outcomes = put_all(Batcher(run, 4), ["a", "huge", "b", "c"])
    assert isinstance(outcomes[1], Refused)
    assert [each for each in outcomes if isinstance(each, str)] == ["a", "b", "c"]


def test_a_bug_fails_its_batch_alone() -> None:
    def run(batch: Sequence[str]) -> list[str]:
        return [str(1 // len(job)) for job in batch]

    outcomes = put_all(Batcher(run, 1), ["a", "", "b"])
    assert (outcomes[0], type(outcomes[1]), outcomes[2]) == ("1", ZeroDivisionError, "1")


def test_a_job_that_nobody_waits_for_is_left_out() -> None:
    seen: list[str] = []

    def run(batch: Sequence[str]) -> list[str]:
        seen.extend(batch)
        return list(batch)

    async def cancelled() -> None:
        batcher = Batcher(run, 1)
        tasks = [asyncio.create_task(batcher.put(job)) for job in ("a", "b", "c")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(outcomes[1], asyncio.CancelledError)
        assert await batcher.put("d") == "d"
        batcher.close()

    asyncio.run(cancelled())
    assert seen == ["a", "c", "d"]


def test_what_is_not_an_answer_for_each_job_is_a_bug() -> None:
    async def run() -> None:
        batcher: Batcher[str, str] = Batcher(lambda batch: [], 2)
        with pytest.raises(ValueError, match="shorter"):
            await asyncio.wait_for(batcher.put("a"), 1)
        batcher.close()

    asyncio.run(run())
