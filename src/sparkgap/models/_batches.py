"""Concurrent calls gathered into batches for an engine that works on many at once, on a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from sparkgap.models import Refused

Job = TypeVar("Job")
Answer = TypeVar("Answer")


class OutOfMemory(Exception):
    """The engine could not hold a batch; half of it may fit."""


class Batcher(Generic[Job, Answer]):
    """Runs jobs in batches of up to `size` with the same `key`, those of like `length` together.

    The oldest job that waits is in the next batch. A batch that does not fit into memory is run in halves, and from
    then on batches are no bigger than that.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Job]], Sequence[Answer]],
        size: int,
        key: Callable[[Job], Hashable] = lambda job: None,
        length: Callable[[Job], int] = lambda job: 0,
    ) -> None:
        """Run nothing yet. `run` returns an answer for each job, in their order."""
        self._run, self.size, self._key, self._length = run, size, key, length
        self._waiting: list[tuple[Job, asyncio.Future[Answer]]] = []
        self._pump: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sparkgap-model")

    async def put(self, job: Job) -> Answer:
        """Return the engine's answer to one job.

        Raises:
            Refused: the job alone does not fit into memory.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, answer))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._work())
        return await answer

    def close(self) -> None:
        """End the thread, once its batch is done."""
        self._thread.shutdown(cancel_futures=True)

    async def _work(self) -> None:
        """Run batches for as long as there are jobs."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)  # those asked at the same time come into the first batch
        while batch := self._taken():
            jobs = [job for job, _ in batch]
            try:
                answers = await loop.run_in_executor(self._thread, self._run, jobs)
                answered = list(zip(batch, answers, strict=True))
            except OutOfMemory as fault:
                if len(batch) == 1:
                    _fail(batch, Refused(f"the device's memory does not hold this request ({fault})"))
                else:
                    self.size = len(batch) // 2
                    self._waiting = batch + self._waiting
            except Exception as error:  # a bug, and the one who asked must see it
                _fail(batch, error)
            except BaseException:
                for _, future in batch + self._waiting:
                    future.cancel()
                raise
            else:
                for (_, future), answer in answered:
                    if not future.done():
                        future.set_result(answer)

    def _taken(self) -> list[tuple[Job, asyncio.Future[Answer]]]:
        """Take the next batch out of what waits."""
        self._waiting = [each for each in self._waiting if not each[1].done()]
        if not self._waiting:
            return []
        first = self._waiting[0]
        alike = [each for each in self._waiting if self._key(each[0]) == self._key(first[0])]
        alike.sort(key=lambda each: self._length(each[0]))
        start = alike.index(first) // self.size * self.size
        batch = alike[start : start + self.size]
        taken = {id(answer) for _, answer in batch}
        self._waiting = [each for each in self._waiting if id(each[1]) not in taken]
        return batch


def _fail(batch: Sequence[tuple[object, asyncio.Future[Answer]]], error: Exception) -> None:
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(error)
