"""One call of `measure`: the thread that asks, the journals, the marking, and the summary at the end."""

from __future__ import annotations

import platform
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from sparkgap import __version__
from sparkgap.asking import Patience
from sparkgap.benchmarks import Scored
from sparkgap.errors import InputError
from sparkgap.judge import Judge
from sparkgap.measure.folder import PartRun
from sparkgap.measure.interview import Conversation, Interview, Loop, Todo, open_model
from sparkgap.measure.marking import CodeMarking, Marking, OwnMarking
from sparkgap.measure.options import MeasureOptions, MeasureProgress, MeasureResult
from sparkgap.measure.plan import Part, needs_rater, parts
from sparkgap.measure.usage import Usage
from sparkgap.models import Model, Recording
from sparkgap.prices import Prices, read_prices
from sparkgap.references import processor
from sparkgap.runs import Run, open_run
from sparkgap.scoring import code_sha256

TICK_S = 0.05  # between looks at the verdicts while no reply comes
SHOW_S = 0.1  # between calls of `progress`
SPEED_S = 10.0  # over which tokens a second are taken

Json = dict[str, Any]


class Measuring:
    """Holds what one call needs open: the loop, the models, the judge, the folders."""

    def __init__(
        self,
        model: str,
        names: tuple[str, ...],
        options: MeasureOptions,
        progress: Callable[[MeasureProgress], None],
        judge: Judge | None,
    ) -> None:
        """Open nothing yet."""
        self._name, self._names, self.options, self._progress = model, names, options, progress
        self._judge = judge
        self._stack = ExitStack()
        self._done: SimpleQueue[Conversation | None] = SimpleQueue()
        self._spoken: deque[tuple[float, int]] = deque()
        self._shown = 0.0
        self._from: tuple[float, int] | None = None  # when it was first shown, and how many samples were done then

    def __enter__(self) -> Measuring:
        """Start the loop, open the models, and find out what is asked for."""
        try:
            options = self.options
            self._loop = self._stack.enter_context(Loop())
            self._model = self._opened(self._name, options.model_args)
            self._parts = parts(self._names, self._model.features, options)
            if isinstance(self._model, Recording):
                pairs = zip(self._parts, self._names, strict=True)
                self._parts = tuple(
                    _as_recorded(part, self._model, options.samples, ":" in name) for part, name in pairs
                )
            rated = needs_rater(self._parts)
            if rated and not options.rater:
                raise InputError(f"{', '.join(rated)}: the replies are rated by another model; name it with --rater")
            self._rater = self._opened(options.rater, options.rater_args) if rated else None
            self._prices = self._priced(options.prices) if options.prices else None
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close all of it."""
        self._stack.close()

    def measured(self, out: Path | None) -> MeasureResult:
        """Measure, in the folder `out` or a new one."""
        asked = self._question()
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", self._model.name).strip("-")[-60:]
        options = self.options
        with open_run(asked, root=options.root, out=out, fresh=options.fresh, name=f"measure-{slug}") as run:
            with ExitStack() as stack:
                runs = [
                    stack.enter_context(PartRun(part, run.path, self._part_question(part), self._prices, self._name))
                    for part in self._parts
                ]
                for each in runs:
                    each.resume(retry_failed=options.retry_failed)
                if run.finished and not any(each.open for each in runs):
                    return self._result(run, runs)
                run.begin(self._session())
                self._work(runs)
                result = self._result(run, runs)
            told = result.as_json()
            del told["run"]
            run.finish(told)
            return result

    def _work(self, runs: list[PartRun]) -> None:
        """Ask and mark until nothing is left."""
        for each in runs:
            if each.open:
                each.begin(self._session(), self._marking(each))
        interview = Interview(
            self._model, self._rater, concurrency=self.options.concurrency,
            patience=Patience(retries=self.options.retries), done=self._done, step=self._step,
        )  # fmt: skip
        self._by_part = {each.part.name: each for each in runs}
        asking = self._loop.start(interview.run(todo for each in runs if each.open for todo in self._todo(each)))
        asking.add_done_callback(lambda _: self._done.put(None))
        try:
            for each in runs:
                for conversation in each.unmarked():
                    each.mark(conversation)
                    self._show(interview)
            self._take(interview)
        finally:
            asking.cancel()
            for each in runs:
                each.flush()
        _raise_first(asking.exception())
        for each in runs:
            if each.open:
                each.marking.finish()
                each.finish(getattr(self._model, "remarks", ()))
            self._show(interview, force=True)

    def _take(self, interview: Interview) -> None:
        """Take conversations in as they come, and verdicts as they are ready."""
        while True:
            try:
                conversation = self._done.get(timeout=TICK_S)
            except Empty:
                pass
            else:
                if conversation is None:
                    return
                self._by_part[conversation.part.name].take(conversation)
                self._spoken.append(
                    (time.monotonic(), sum(reply.completion_tokens or 0 for reply in conversation.replies))
                )
            for each in self._by_part.values():
                each.poll()
            self._show(interview)

    def _step(self, conversation: Conversation) -> None:
        """Keep a conversation that is not over (called on the asking thread)."""
        self._by_part[conversation.part.name].keep_step(conversation)

    def _todo(self, each: PartRun) -> Iterator[Todo]:
        for place, problem in enumerate(each.part.problems):
            count = each.part.samples
            if isinstance(self._model, Recording):
                count = min(count, len(self._model.recorded(each.part.benchmark.name, problem)))
            begun = tuple(
                each.begun.get(ordinal) or Conversation(each.part, problem, index, ordinal)
                for index in range(count)
                if (ordinal := place * each.part.samples + index) not in each.obtained
            )
            if begun:
                yield Todo(each.part, problem, begun)

    def _marking(self, each: PartRun) -> Marking:
        options, benchmark = self.options, each.part.benchmark
        if isinstance(benchmark, Scored):
            return OwnMarking(each.part, benchmark, each.add)
        if self._judge is None:
            self._judge = self._stack.enter_context(Judge(options.workers, isolation=options.isolation))
        return CodeMarking(each.part, self._judge, options, each.add)

    def _opened(self, name: str, args: Any) -> Model:
        model = self._loop.call(open_model(name, args))
        self._stack.callback(lambda: self._loop.call(model.close()))
        return model

    def _priced(self, path: Path) -> Prices:
        """Return the price table, which must know whoever is paid: a cost that is missing at the end is too late."""
        prices = read_prices(path)
        paid = ["" if isinstance(self._model, Recording) else self._name, self._rater.name if self._rater else ""]
        for name in filter(None, paid):
            if not prices.known(name):
                raise InputError(f'{path}: no price for {name}; add ["{name}"] with `input` and `output`, in USD')
        return prices

    def _question(self) -> Json:
        return {
            "kind": "measure",
            "model": self._model.name,
            "identity": dict(self._model.identity()),
            "benchmarks": [self._part_question(part) for part in self._parts],
        }

    def _part_question(self, part: Part) -> Json:
        """Return what decides the result of a part: its own question, the model, and how it is judged."""
        options = self.options
        told = part.question() | {"model": self._model.name, "identity": dict(self._model.identity())}
        if self._rater is not None and part.name in needs_rater((part,)):
            told["rater"] = {"model": self._rater.name, "identity": dict(self._rater.identity())}
        if not isinstance(part.benchmark, Scored):
            told["extraction"] = options.extraction
            told["limits"] = {"cpu_s": options.cpu_s, "memory_mb": options.memory_mb}
            told["isolation"] = options.isolation
            told["code"] = dict(code_sha256())
        return told

    def _session(self) -> Json:
        judge = self._judge
        return {
            "command": list(self.options.command),
            "isolation": judge.isolation if judge is not None else None,
            "workers": judge.workers if judge is not None else None,
            "sparkgap": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": processor(),
        }

    def _show(self, interview: Interview, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._shown < SHOW_S:
            return
        self._shown = now
        while self._spoken and now - self._spoken[0][0] > SPEED_S:
            self._spoken.popleft()
        span = max(1.0, min(SPEED_S, now - self._spoken[0][0])) if self._spoken else 1.0
        counters = interview.asker.counters
        runs = list(self._by_part.values())
        parts = tuple(each.progress() for each in runs)
        costs = [each.usage.cost for each in runs] + [each.rater_usage.cost for each in runs if each.rater_usage]
        self._progress(
            MeasureProgress(
                parts=parts,
                in_flight=counters.in_flight,
                limit=counters.limit,
                retries=counters.retries,
                failed=counters.failed,
                completion_tokens=sum(each.usage.completion_tokens for each in runs),
                tokens_per_s=sum(tokens for _, tokens in self._spoken) / span,
                cost=None if any(cost is None for cost in costs) else sum(cost or 0.0 for cost in costs),
                left_s=self._left(now, sum(part.done for part in parts), sum(part.total for part in parts)),
            )
        )

    def _left(self, now: float, done: int, total: int) -> float | None:
        """Return how long the rest takes, in seconds, as fast as this session went so far."""
        if self._from is None:
            self._from = now, done
        began, before = self._from
        return (total - done) * (now - began) / (done - before) if done > before else None

    def _result(self, run: Run, runs: list[PartRun]) -> MeasureResult:
        summaries = {each.part.name: each.summary for each in runs}
        total = Usage(self._name, self._prices)
        rating = None if self._rater is None else Usage(self._rater.name, self._prices)
        for each in runs:
            total.merge(each.usage)
            if rating is not None and each.rater_usage is not None:
                rating.merge(each.rater_usage)
        return MeasureResult(
            self._model.name, summaries, total.as_json(), run.path, None if rating is None else rating.as_json()
        )


def _as_recorded(part: Part, model: Recording, wanted: int | None, named: bool) -> Part:
    """Return the part with as many samples a problem as lie on disk, and no wish of how they were drawn.

    Where the user named no variant, it is the one that they were asked for in, if that is known, else the first one
    whose replies have the form that those on disk have.
    """
    recorded = [model.recorded(part.benchmark.name, problem) for problem in part.problems]
    most = max(map(len, recorded), default=0)
    if not most:
        raise InputError(f"{model.name} holds no sample of {part.benchmark.name}")
    form = next(samples[0].form for samples in recorded if samples)
    alike = [each for each in part.benchmark.variants if each.form == form and each.needs <= model.features]
    asked = model.asked(part.benchmark.name)
    alike = [each for each in part.benchmark.variants if each.name == asked.get("variant")] or alike
    variant = part.variant if named or not alike else alike[0]
    return replace(part, variant=variant, samples=min(most, wanted or most), decoding={}, recorded=asked)


def _raise_first(fault: BaseException | None) -> None:
    """Raise the first fault of a tree of groups, if there is one."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    if fault is not None:
        raise fault
