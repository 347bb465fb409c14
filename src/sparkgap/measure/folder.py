"""The folder of one part of a run: its journals of samples, steps and scores, read back and written to.

    <run>/<benchmark>-<variant>/   as `runs` has it, with samples.jsonl and steps.jsonl

A sample is written the moment its last reply came, and counted as obtained from then on. Scores follow; what has a
sample but no score when the run is resumed is marked first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sparkgap.journal import Journal, Ordinals, drop
from sparkgap.measure.interview import Conversation
from sparkgap.measure.marking import Marking, Standing, sample_of
from sparkgap.measure.options import PartProgress
from sparkgap.measure.plan import Part, unit_of
from sparkgap.measure.usage import Usage, reply_from, reply_json
from sparkgap.prices import Prices
from sparkgap.runs import SAMPLES, SCORES, STEPS, open_run, read_summary
from sparkgap.tally import UNANSWERED

Json = dict[str, Any]


class PartRun:
    """One part of a run, on disk and in progress; a context manager that holds the folder."""

    marking: Marking

    def __init__(self, part: Part, parent: Path, asked: Mapping[str, Any], prices: Prices | None, model: str) -> None:
        """Open the part's folder under `parent`."""
        self.part = part
        self.run = open_run(asked, out=parent / part.name)
        rater = asked.get("rater")
        self.usage = Usage(model, prices)
        self.rater_usage = Usage(rater["model"], prices) if rater else None
        self.begun: dict[int, Conversation] = {}
        self.summary: Json = {}
        self._steps = Journal(self.run.path / STEPS, batch=1, repeats=True)
        self._left: list[Json] = []  # samples that have no score yet
        self._replayed: list[Json] = []
        self._started = time.monotonic()
        self._new_scores = 0

    def __enter__(self) -> PartRun:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is held back, and unlock."""
        self._steps.close()
        self.run.close()

    @property
    def open(self) -> bool:
        """Whether there is anything left to do."""
        return not self.run.finished

    @property
    def obtained(self) -> Ordinals:
        """The ordinals whose replies are on disk."""
        return self.run.samples.done

    def resume(self, retry_failed: bool) -> None:
        """Read back what is on disk; `retry_failed` forgets the samples whose request failed for good."""
        if self.run.resumed and self.run.finished:
            self.summary = read_summary(self.run.path)
            if not (retry_failed and self.summary["unscored"]):
                self.run.samples.replay(self._count_sample)
                self._left.clear()
                return
            self.run.manifest["state"] = "running"
        if retry_failed and self.run.resumed:
            drop(self.run.path / SCORES, lambda record: record["status"] == UNANSWERED)
            drop(self.run.path / SAMPLES, lambda record: "error" in record)
        self.run.scores.replay(self._replayed.append)
        self.run.samples.replay(self._count_sample)
        self._left = [record for record in self._left if record["ordinal"] not in self.run.scores.done]
        self._steps.replay(self._begin)

    def begin(self, session: Mapping[str, Any], marking: Marking) -> None:
        """Start to work: count the scores of before."""
        self.run.begin(session)
        self.marking = marking
        for record in self._replayed:
            marking.count(record)
        self._replayed.clear()

    def unmarked(self) -> Iterator[Conversation]:
        """Yield the conversations of before that have no score yet."""
        left, self._left = self._left, []
        for record in left:
            yield self._conversation(record)

    def take(self, conversation: Conversation) -> None:
        """Keep a conversation that is over, then mark it."""
        sample = sample_of(conversation)
        key = "completion" if sample.form == "completion" else sample.form
        record: Json = {
            "ordinal": conversation.ordinal,
            "task_id": conversation.problem.id,
            "sample_index": conversation.index,
            key: sample.reply,
            "replies": [reply_json(reply) for reply in conversation.replies],
        }
        if conversation.ratings:
            record["ratings"] = [reply_json(reply) for reply in conversation.ratings]
        if conversation.error:
            record["error"] = conversation.error
        if (cost := self.usage.cost_of(conversation.replies)) is not None:
            record["cost"] = round(cost, 9)
        if self.rater_usage is not None and (rating := self.rater_usage.cost_of(conversation.ratings)) is not None:
            record["rating_cost"] = round(rating, 9)
        self.run.samples.add(record)
        self._count(conversation)
        self.marking.put(conversation)

    def mark(self, conversation: Conversation) -> None:
        """Mark a conversation that is on disk."""
        self.marking.put(conversation)

    def add(self, record: Json) -> None:
        """Append a score."""
        self.run.add(record)

    def poll(self) -> None:
        """Append the scores that are known by now."""
        if self.open:
            self.marking.poll()

    def keep_step(self, conversation: Conversation) -> None:
        """Keep a conversation that is not over yet."""
        self._steps.add(
            {
                "ordinal": conversation.ordinal,
                "replies": [reply_json(reply) for reply in conversation.replies],
                "ratings": [reply_json(reply) for reply in conversation.ratings],
            }
        )

    def flush(self) -> None:
        """Write what is held back."""
        self.run.flush()

    def finish(self, remarks: Sequence[str] = ()) -> None:
        """Sum up, and mark the part finished; `remarks` are what the model's provider has to say on how it asked."""
        self.run.flush()
        benchmark = self.part.benchmark
        told = self.marking.summary(self._records)
        solved = sum(1 for values in self._best().values() if values >= 1.0) if unit_of(benchmark) == "share" else None
        head: Json = {
            "benchmark": benchmark.name,
            "title": benchmark.title,
            "ability": benchmark.ability,
            "variant": self.part.variant.name,
            "unit": unit_of(benchmark),
        }
        self.summary = head | told | {"usage": self.usage.as_json(solved)}
        if remarks:
            self.summary["notes"] = {**told.get("notes", {}), "model": "; ".join(remarks)}
        if solved is not None:
            self.summary["solved"] = solved
        if self.rater_usage is not None:
            self.summary["rater_usage"] = self.rater_usage.as_json()
        self.summary["times"] = {"wall_s": round(time.monotonic() - self._started, 3)}
        self.run.finish(self.summary)

    def progress(self) -> PartProgress:
        """Return how far it is."""
        part = self.part
        if not hasattr(self, "marking"):
            done = self.summary.get("samples", 0)
            standing = Standing(done, self.summary.get("scored", 0), None, 0.0, 0.0)
        else:
            standing = self.marking.standing()
        return PartProgress(
            part.name, unit_of(part.benchmark), len(self.obtained), standing.samples, part.total, standing.scored,
            standing.value, standing.low, standing.high,
        )  # fmt: skip

    def _best(self) -> dict[str, float]:
        best: dict[str, float] = {}
        for record in self._records():
            if record["value"] is not None:
                best[record["problem_id"]] = max(best.get(record["problem_id"], 0.0), record["value"])
        return best

    def _records(self) -> Iterator[Json]:
        with (self.run.path / SCORES).open("rb") as stream:
            for line in stream:
                yield json.loads(line)

    def _count_sample(self, record: Json) -> None:
        self._count(self._conversation(record))
        self._left.append(record)

    def _count(self, conversation: Conversation) -> None:
        self.usage.add(conversation.replies)
        if self.rater_usage is not None:
            self.rater_usage.add(conversation.ratings)

    def _begin(self, record: Json) -> None:
        if record["ordinal"] not in self.obtained:
            self.begun[record["ordinal"]] = self._conversation(record)

    def _conversation(self, record: Mapping[str, Any]) -> Conversation:
        place, index = divmod(record["ordinal"], self.part.samples)
        form = next((name for name in ("completion", "solution", "response") if name in record), "")
        return Conversation(
            self.part, self.part.problems[place], index, record["ordinal"],
            tuple(map(reply_from, record["replies"])), tuple(map(reply_from, record.get("ratings", ()))), form,
        )  # fmt: skip
