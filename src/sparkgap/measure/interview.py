"""Asking, on a thread and an event loop of its own: conversations go out as the model bears, and come back when done.

A conversation is all that is said over one sample: the turns that the benchmark asks for, then the rater's ratings.
Those that are not over when the process dies go on from the last reply that came: `steps` keeps them. The first turn of
all samples of one problem goes out as one request, where the model can give several replies at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, TypeVar

from sparkgap import plugins
from sparkgap.asking import Asker, Patience
from sparkgap.benchmarks import Rated
from sparkgap.errors import InputError
from sparkgap.measure.plan import Part
from sparkgap.models import Model, Recording
from sparkgap.types import Problem, Reply

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that was said over one sample. The sample is unscored where the last of `replies` has an error."""

    part: Part
    problem: Problem
    index: int
    ordinal: int
    replies: tuple[Reply, ...] = ()
    ratings: tuple[Reply, ...] = ()
    form: str = ""  # of the last reply, where it is not the variant's

    @property
    def error(self) -> str:
        """Why there is no reply to score; "" if there is one."""
        return self.replies[-1].error if self.replies else "nothing was asked"


@dataclass(frozen=True, slots=True)
class Todo:
    """The samples of one problem that are still to be obtained, some of them half-way."""

    part: Part
    problem: Problem
    begun: tuple[Conversation, ...]


class Loop:
    """An event loop on a thread of its own, as a context manager."""

    def __enter__(self) -> Loop:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sparkgap-asking", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel what still runs, and end the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def start(self, job: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(job, self._loop)

    def call(self, job: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop to its end, and return what it does."""
        return self.start(job).result()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


async def open_model(name: str, options: Mapping[str, str]) -> Model:
    """Return the model called "provider/model"; to be run on the loop that asks it.

    Raises:
        InputError: that is no name of a model.
        PluginError: there is no such provider.
        ModelError: the provider cannot give it.
    """
    provider, slash, rest = name.partition("/")
    if not slash or not rest:
        known = ", ".join(f"{each}/..." for each in plugins.names("models"))
        raise InputError(f"{name!r} names no model; name it provider/model ({known})")
    model: Model = plugins.find("models", provider).open(rest, options)
    return model


class Interview:
    """Puts the parts of a run to a model (and to a rater), and gives each conversation to `done` once it is over."""

    def __init__(
        self,
        model: Model,
        rater: Model | None,
        *,
        concurrency: int | None,
        patience: Patience,
        done: SimpleQueue[Conversation | None],
        step: Callable[[Conversation], None],
    ) -> None:
        """Ask with at most `concurrency` requests in flight; `step` keeps conversations that are not over yet."""
        self._model = model
        self.asker = Asker(model, concurrency, patience)
        self.rater = Asker(rater, concurrency, patience) if rater is not None else None
        self._done, self._step = done, step

    async def run(self, todo: Iterable[Todo]) -> None:
        """Obtain all that is to do, in its order.

        Raises:
            ModelError: a model cannot be used (any more).
        """
        if isinstance(self._model, Recording):
            for each in todo:
                for conversation in _recorded(self._model, each):
                    await self._rated(conversation)
            return
        work = iter(todo)
        lanes = min(self.asker.concurrency, 4096)
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(self._lane(work))

    async def _lane(self, work: Iterator[Todo]) -> None:
        for each in work:
            await self._obtain(each)

    async def _obtain(self, todo: Todo) -> None:
        """Obtain the samples of one problem; what is asked for the first time, by as few requests as may be."""
        async with asyncio.TaskGroup() as group:
            for each in todo.begun:
                if each.replies:
                    group.create_task(self._go_on(each))
            for fresh in _neighbours([each for each in todo.begun if not each.replies]):
                group.create_task(self._begin(fresh, group))

    async def _begin(self, fresh: list[Conversation], group: asyncio.TaskGroup) -> None:
        """Ask for the first replies of neighbouring samples, and go on with each the moment that it is there."""
        request = fresh[0].part.request(fresh[0].problem, (), fresh[0].index)
        if request is None:
            raise InputError(f"{fresh[0].part.name} asks nothing about {fresh[0].problem.id}")

        def go_on(place: int, reply: Reply) -> None:
            begun = replace(fresh[place], replies=(cut(reply, request.decoding.stop),))
            group.create_task(self._go_on(begun))

        await self.asker.ask(request, len(fresh), go_on)

    async def _go_on(self, each: Conversation) -> None:
        """Ask all further turns, then the rater."""
        while not each.replies[-1].error:
            request = each.part.request(each.problem, each.replies, each.index)
            if request is None:
                break
            self._step(each)
            (reply,) = await self.asker.ask(request)
            each = replace(each, replies=(*each.replies, cut(reply, request.decoding.stop)))
        await self._rated(each)

    async def _rated(self, each: Conversation) -> None:
        benchmark, variant = each.part.benchmark, each.part.variant
        if self.rater is not None and isinstance(benchmark, Rated) and not each.error:
            while (request := benchmark.rate(each.problem, variant, each.replies, each.ratings)) is not None:
                self._step(each)
                (rating,) = await self.rater.ask(request)
                each = replace(each, ratings=(*each.ratings, rating))
                if rating.error:
                    break
        self._done.put(each)


def _neighbours(fresh: list[Conversation]) -> Iterator[list[Conversation]]:
    """Yield runs of samples whose indices, and hence seeds, follow one another."""
    run: list[Conversation] = []
    for each in fresh:
        if run and each.index != run[-1].index + 1:
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def cut(reply: Reply, stops: tuple[str, ...]) -> Reply:
    """Return a reply cut before the first of `stops`: not every server takes them all, or leaves them out."""
    places = [at for stop in stops if (at := reply.text.find(stop)) >= 0]
    return replace(reply, text=reply.text[: min(places)], finish_reason="stop") if places else reply


def _recorded(model: Recording, todo: Todo) -> Iterator[Conversation]:
    """Yield the samples of one problem as they lie on disk."""
    recorded = model.recorded(todo.part.benchmark.name, todo.problem)
    for each in todo.begun:
        yield replace(each, replies=recorded[each.index].replies, form=recorded[each.index].form)
