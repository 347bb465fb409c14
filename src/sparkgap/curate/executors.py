"""Who does the work: this process, processes of this machine, or a Ray cluster. The results are the same, in order.

Not covered: machines that go away for good in the middle; Ray tries a lost task again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, TypeVar

from sparkgap.errors import InputError

Task = TypeVar("Task")
Result = TypeVar("Result")
_AHEAD = 2  # tasks in flight for each worker


def in_order(
    work: Callable[[Any, Task], Result], shared: Any, tasks: Iterable[Task], workers: int = 1, ray: str = ""
) -> Iterator[Result]:
    """Yield `work(shared, task)` for each task, in the tasks' order; they are drawn only as fast as they are done.

    Args:
        work: a function of a module, which other processes can import.
        shared: what all tasks need; sent once to each worker.
        tasks: what differs.
        workers: processes on this machine; 1 is this process itself.
        ray: the address of a Ray cluster, which then does the work.
    """
    if ray:
        yield from _by_ray(work, shared, tasks, ray)
    elif workers == 1:
        for task in tasks:
            yield work(shared, task)
    else:
        yield from _by_processes(work, shared, tasks, workers)


_shared: Any = None


def _begin(shared: Any) -> None:
    global _shared  # noqa: PLW0603  # a process of the pool keeps it for all of its tasks
    _shared = shared


def _with_shared(work: Callable[[Any, Task], Result], task: Task) -> Result:
    return work(_shared, task)


def _by_processes(
    work: Callable[[Any, Task], Result], shared: Any, tasks: Iterable[Task], workers: int
) -> Iterator[Result]:
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing import get_context

    waiting: deque[Future[Result]] = deque()
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (shared,))
    try:
        for task in tasks:
            waiting.append(pool.submit(_with_shared, work, task))
            while len(waiting) >= _AHEAD * workers or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _by_ray(work: Callable[[Any, Task], Result], shared: Any, tasks: Iterable[Task], address: str) -> Iterator[Result]:
    try:
        ray: Any = import_module("ray")
    except ModuleNotFoundError as fault:
        raise InputError("--ray needs the package 'ray'; pip install 'sparkgap[ray]'") from fault
    ours = not ray.is_initialized()
    if ours:
        ray.init(address=address, log_to_driver=False)
    remote, kept = ray.remote(work), ray.put(shared)
    most = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
    waiting: deque[Any] = deque()
    try:
        for task in tasks:
            waiting.append(remote.remote(kept, task))
            if len(waiting) >= most:
                yield ray.get(waiting.popleft())
        while waiting:
            yield ray.get(waiting.popleft())
    finally:
        if ours:
            ray.shutdown()
