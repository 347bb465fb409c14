"""The judge: programs in, verdicts out, from any thread or from asyncio, by a pool of worker processes.

    with Judge() as judge:
        verdict = judge.run(Program("def f(x): return x + 1", CodeTests("assert f(1) == 2")))

One thread of the caller's process hands jobs to the workers and takes their verdicts. It keeps more jobs waiting at
each worker, so that none idles while the caller is busy and programs of the same tests can be examined together, and
runs what timed out once more with nothing else in flight.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import queue
import selectors
import threading
import weakref
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Literal, Self

from sparkgap.errors import InfraError, IsolationError
from sparkgap.judge.foreign import Unjudgeable
from sparkgap.judge.job import Job
from sparkgap.judge.jobs import JobMaker
from sparkgap.judge.pool import WorkerProcess
from sparkgap.types import Program, Verdict

IsolationChoice = Literal["auto", "full", "reduced", "unsafe"]

_LEVELS: dict[str, tuple[str, ...]] = {
    "auto": ("full", "reduced"),
    "full": ("full",),
    "reduced": ("reduced",),
    "unsafe": ("unsafe",),
}
_MOST_AT_ONE = 32  # jobs that one worker has
_LOOK_AHEAD = 64  # how far from the front a worker looks for a job of the tests that it has
_LONELY_BATCH = 4  # for each worker: how many timeouts wait for each other before everything else stops for them


class Judge:
    """A pool of jailed workers that compile and run programs and say what came of it.

    Args:
        workers: how many programs run at once; by default one for each CPU this process may use.
        isolation: the walls: "auto" takes "full", else "reduced", and refuses to go lower; "unsafe" must be named.
        packages: importable packages besides the standard library that programs may use, where installed.

    Raises:
        IsolationError: this machine gives no walls that are safe.
        InfraError: the workers do not start.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        isolation: IsolationChoice = "auto",
        packages: tuple[str, ...] = ("numpy",),
    ) -> None:
        if isolation not in _LEVELS:
            raise ValueError(f"isolation is one of {', '.join(_LEVELS)}, not {isolation!r}")
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self.workers = workers or len(os.sched_getaffinity(0))
        self._jobs = JobMaker(packages)
        self._levels = _LEVELS[isolation]
        cores = sorted(os.sched_getaffinity(0))
        # A judge that has the machine gives each worker a core. One that takes a part of it leaves that to the kernel:
        # beside other judges of its kind, all would take the same cores.
        self._pool = [self._spawn(c) for c in ([*cores] if len(cores) == self.workers else [None] * self.workers)]
        try:
            levels = [worker.wait_ready() for worker in self._pool]
        except (InfraError, IsolationError):
            for worker in self._pool:
                worker.end()
            raise
        order = ("full", "reduced", "unsafe")
        self.isolation: str = max(levels, key=order.index)
        self._state = _State(self._pool, self._spawn)
        self._thread = threading.Thread(target=self._state.serve, name="sparkgap-judge", daemon=True)
        self._thread.start()
        self._finalizer = weakref.finalize(self, _State.shut, self._state, self._thread)

    def _spawn(self, core: int | None) -> WorkerProcess:
        return WorkerProcess(self._levels, self._jobs.package_paths, core)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and everything below them. Verdicts not yet out are cancelled."""
        self._finalizer()

    def submit(self, program: Program) -> Future[Verdict]:
        """Hand in one program and return at once; the future's result is the verdict.

        Raises:
            PluginError: there is no such language.
            ToolchainError: its compiler is not installed.
        """
        future: Future[Verdict] = Future()
        try:
            self._state.put(self._jobs.make(program, future))
        except Unjudgeable as error:
            future.set_result(Verdict("infra", "load", str(error)))
        return future

    def check(self, source: str, language: str) -> Future[Verdict]:
        """Have a program looked over by its compiler and linters, and not run; "passed" is what none refused.

        Raises:
            PluginError: there is no such language.
            ToolchainError: its compiler is not installed.
        """
        future: Future[Verdict] = Future()
        self._state.put(self._jobs.check(source, language, future))
        return future

    def run(self, program: Program) -> Verdict:
        """Return the verdict on one program."""
        return self.submit(program).result()

    def stream(self, programs: Iterable[Program], *, window: int | None = None) -> Iterator[tuple[int, Verdict]]:
        """Yield (index, verdict) as verdicts come out; programs are drawn only as fast as they are judged.

        Args:
            window: how many programs may be in flight; by default 32 for each worker, and at least 64.
        """
        done: queue.SimpleQueue[tuple[int, Future[Verdict]]] = queue.SimpleQueue()
        most = window or max(64, 32 * self.workers)
        flying = 0
        source = enumerate(programs)
        try:
            for index, program in source:
                self.submit(program).add_done_callback(lambda f, i=index: done.put((i, f)))  # type: ignore[misc]
                flying += 1
                while flying >= most or (flying and not done.empty()):
                    place, future = done.get()
                    flying -= 1
                    yield place, future.result()
            while flying:
                place, future = done.get()
                flying -= 1
                yield place, future.result()
        finally:
            self._state.flush()

    async def run_async(self, program: Program) -> Verdict:
        """Return the verdict on one program, from asyncio."""
        return await asyncio.wrap_future(self.submit(program))

    async def stream_async(
        self, programs: Iterable[Program], *, window: int | None = None
    ) -> AsyncIterator[tuple[int, Verdict]]:
        """Yield (index, verdict) as verdicts come out, from asyncio."""
        most = window or max(64, 32 * self.workers)
        waiting: dict[asyncio.Future[Verdict], int] = {}
        for index, program in enumerate(programs):
            waiting[asyncio.wrap_future(self.submit(program))] = index
            if len(waiting) >= most:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    yield waiting.pop(future), future.result()
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                yield waiting.pop(future), future.result()


def _apart(cores: Sequence[int | None]) -> list[int]:
    """Return the places of as many workers as can run with none disturbing another: one for each physical core.

    Where workers keep to no core of their own, or the kernel does not say which share one, that is half of them.

    Args:
        cores: the CPU that each worker keeps to.
    """
    siblings: dict[str, int] = {}
    for place, core in enumerate(cores):
        try:
            with open(_SIBLINGS.format(core)) as said:
                siblings.setdefault(said.read(), place)
        except OSError:
            return list(range(max(1, len(cores) // 2)))
    return list(siblings.values())


_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


class _State:
    """What the judge's own thread works on."""

    def __init__(self, pool: list[WorkerProcess], spawn: Any) -> None:
        self._pool = pool
        self._spawn = spawn
        self._incoming: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._pending: deque[Job] = deque()
        self._lonely: deque[Job] = deque()
        self._alone: list[Job] = []  # running with nothing else in flight
        self._apart = _apart([worker.core for worker in pool])
        self._batch = _LONELY_BATCH * len(pool)
        self._closed = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._awake = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ)
        for worker in pool:
            self._selector.register(worker.channel, selectors.EVENT_READ, worker)

    def put(self, job: Job) -> None:
        """Take a job, from any thread."""
        if self._closed:
            raise InfraError("the judge is closed")
        self._incoming.put(job)
        if not self._awake.is_set():
            self._awake.set()
            os.eventfd_write(self._wake, 1)

    def flush(self) -> None:
        """Have the thread look again at what waits."""
        if not self._closed:
            os.eventfd_write(self._wake, 1)

    @staticmethod
    def shut(state: _State, thread: threading.Thread) -> None:
        """End the thread, then the workers."""
        state._closed = True
        os.eventfd_write(state._wake, 1)
        thread.join()
        os.close(state._wake)

    def serve(self) -> None:
        """Hand out jobs and take in verdicts until the judge is closed."""
        try:
            while not self._closed:
                self._hand_out()
                for key, _ in self._selector.select(1.0):
                    if key.data is None:
                        os.eventfd_read(self._wake)
                        self._awake.clear()
                    else:
                        self._take_in(key.data)
                self._check_overdue()
        finally:
            self._closed = True
            for worker in self._pool:
                worker.close()
            for worker in self._pool:
                worker.end()
            self._drain()
            for job in (*self._pending, *self._lonely, *(j for w in self._pool for j in w.jobs)):
                if not job.future.done() and not job.future.cancel():
                    job.future.set_exception(InfraError("the judge was closed before the verdict was out"))
            self._selector.close()

    def _drain(self) -> None:
        while True:
            try:
                self._pending.append(self._incoming.get_nowait())
            except queue.Empty:
                return

    def _hand_out(self) -> None:
        self._drain()
        if self._alone or (self._lonely and (len(self._lonely) >= self._batch or not self._pending or self._draining)):
            self._hand_out_alone()
            return
        # Every worker gets its first job before any gets a second; where few wait, no worker has many.
        most = min(_MOST_AT_ONE, 2 + len(self._pending) // (2 * len(self._pool)))
        for depth in range(1 + min(len(worker.jobs) for worker in self._pool), 1 + most):
            for worker in list(self._pool):
                if self._pending and len(worker.jobs) < depth:
                    job = self._next_for(worker)
                    if job is not None:
                        self._give(worker, job)

    _draining = False

    def _hand_out_alone(self) -> None:
        """Run what timed out again, once nothing else is in flight, on so few workers that none disturbs another."""
        self._draining = bool(self._lonely)
        others = sum(len(worker.jobs) for worker in self._pool) - len(self._alone)
        if others:
            return
        for place in self._apart:
            worker = self._pool[place]
            if self._lonely and not worker.jobs:
                job = self._lonely.popleft()
                self._alone.append(job)
                self._give(worker, job)
        self._draining = bool(self._lonely)

    def _next_for(self, worker: WorkerProcess) -> Job | None:
        """Return the next job for a worker: near the front, of the tests that it has, or of those that no other has."""
        pending = self._pending
        chosen = self._place_for(worker)
        if not worker.has_room_for(pending[chosen]):
            return None
        job = pending[chosen]
        if chosen:
            pending[0].passed_over += 1
        del pending[chosen]
        return job

    def _place_for(self, worker: WorkerProcess) -> int:
        pending = self._pending
        if pending[0].passed_over >= _LOOK_AHEAD:
            return 0
        others = {other.key for other in self._pool if other.jobs and other is not worker}
        free = None
        for place, job in enumerate(itertools.islice(pending, _LOOK_AHEAD)):
            if job.key == worker.key:
                return place
            if free is None and job.key not in others:
                free = place
        return free or 0

    def _give(self, worker: WorkerProcess, job: Job) -> None:
        if not job.future.done() and not job.started:
            job.started = job.future.set_running_or_notify_cancel()
        if not job.started:
            if job in self._alone:
                self._alone.remove(job)
            return
        try:
            worker.give(job)
        except EOFError:
            self._lost(worker)

    def _take_in(self, worker: WorkerProcess) -> None:
        try:
            worker.channel.read_some()
        except EOFError:
            self._lost(worker)
            return
        while (message := worker.channel.take()) is not None:
            job = worker.finished()
            verdict = job.verdict(message)
            if job in self._alone:
                self._alone.remove(job)
            elif verdict.status == "timeout" and not job.lonely:
                job.retry_alone()
                self._lonely.append(job)
                continue
            job.future.set_result(verdict)

    def _lost(self, worker: WorkerProcess) -> None:
        """Replace a worker that died; what it had is tried once more, each by itself: any may have been the cause."""
        self._selector.unregister(worker.channel)
        worker.end()
        fresh = self._spawn(worker.core)
        self._pool[self._pool.index(worker)] = fresh
        try:
            fresh.wait_ready()
        except (InfraError, IsolationError) as error:
            self._fail_all(worker, str(error))
            return
        self._selector.register(fresh.channel, selectors.EVENT_READ, fresh)
        for job in reversed(worker.jobs):
            job.deaths += 1
            if job in self._alone:
                self._alone.remove(job)
            if job.deaths > 1:
                job.future.set_result(Verdict("infra", "load", "its worker died twice under it"))
            elif job.lonely:
                self._lonely.appendleft(job)
            else:
                self._pending.appendleft(job)
        worker.jobs.clear()

    def _fail_all(self, worker: WorkerProcess, why: str) -> None:
        """No new worker starts: everything that waits is unscored."""
        self._closed = True
        for job in (*worker.jobs, *self._pending, *self._lonely):
            if not job.future.done():
                job.future.set_result(Verdict("infra", "load", f"a worker died and no new one starts: {why}"))
        worker.jobs.clear()
        self._pending.clear()
        self._lonely.clear()

    def _check_overdue(self) -> None:
        for worker in self._pool:
            if worker.overdue():
                worker.kill()  # its socket then closes, and `_lost` does the rest
