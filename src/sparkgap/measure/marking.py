"""Marking: what each conversation is worth, by the judge or by the benchmark's own rule, and the sum of it.

`CodeMarking` runs programs; `OwnMarking` asks the benchmark. Both turn conversations into records (lines of
scores.jsonl), count them, those on disk from before as well, and make the summary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sparkgap.benchmarks import Programmed, Scored, Totalled
from sparkgap.extract import Extraction, extract
from sparkgap.marks import Marks
from sparkgap.measure.interview import Conversation
from sparkgap.measure.options import MeasureOptions
from sparkgap.measure.plan import Part
from sparkgap.references import references
from sparkgap.scoring import Scoring, exam_of
from sparkgap.stats import Interval, wilson
from sparkgap.tally import UNANSWERED, Tally
from sparkgap.types import Problem, Sample, SampleForm

if TYPE_CHECKING:
    from sparkgap.judge import Judge

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a part stands at the moment: `value` is the headline so far, with a rough 95 % interval."""

    samples: int
    scored: int
    value: float | None
    low: float
    high: float


class Marking(Protocol):
    """What scores the conversations of one part."""

    def count(self, record: Mapping[str, Any]) -> None:
        """Count a record that lies on disk already."""
        ...

    def put(self, conversation: Conversation) -> None:
        """Take a conversation in; its record is emitted now or later."""
        ...

    def poll(self) -> None:
        """Emit what is known by now, without waiting."""
        ...

    def finish(self) -> None:
        """Emit all that is left."""
        ...

    def standing(self) -> Standing:
        """Return how it stands."""
        ...

    def summary(self, records: Callable[[], Any]) -> Json:
        """Return the counts, and each metric with its interval; `records` yields all records from disk."""
        ...


class CodeMarking:
    """Marks programs through the judge."""

    def __init__(self, part: Part, judge: Judge, options: MeasureOptions, emit: Callable[[Json], None]) -> None:
        """Mark the part's programs with `judge`; references are run when the first program comes."""
        self._part, self._judge, self._options, self._emit = part, judge, options, emit
        self._tally = Tally()
        self._scoring: Scoring | None = None

    def count(self, record: Mapping[str, Any]) -> None:
        """Count a record that lies on disk already."""
        self._tally.add(record)

    def put(self, conversation: Conversation) -> None:
        """Judge the program in the last reply."""
        self._open().put(conversation.ordinal, sample_of(conversation))

    def poll(self) -> None:
        """Emit the verdicts that are there."""
        if self._scoring is not None:
            self._scoring.poll()

    def finish(self) -> None:
        """Wait for the verdicts."""
        if self._scoring is not None:
            self._scoring.finish()

    def standing(self) -> Standing:
        """Return the share of samples that passed so far."""
        tally = self._tally
        if not tally.scored:
            return Standing(tally.samples, 0, None, 0.0, 1.0)
        share = wilson(tally.passed, tally.scored)
        return Standing(tally.samples, tally.scored, share.value, share.low, share.high)

    def summary(self, records: Callable[[], Any]) -> Json:
        """Return what `grade` would, and pass@k as metrics."""
        part = self._part
        result = self._tally.result(
            part.benchmark.name,
            [p.id for p in part.problems],
            self._options.k,
            splits=() if part.split == "all" else (part.split,),
        )
        told = result.as_json()
        del told["run"]
        told["isolation"] = self._judge.isolation
        told["unscored"] = result.coverage.unscored
        told["metrics"] = {f"pass@{k}": interval for k, interval in told["pass_at_k"].items()}
        return told

    def _open(self) -> Scoring:
        if self._scoring is None:
            part, options = self._part, self._options
            known = references(self._judge, part.problems)
            exams = {p.id: exam_of(p, known[p.id], options.cpu_s, options.memory_mb) for p in part.problems}
            self._scoring = Scoring(self._judge, exams, options.extraction, self._counted, self._reader())
        return self._scoring

    def _counted(self, record: Json) -> None:
        self._tally.add(record)
        self._emit(record)

    def _reader(self) -> Callable[[str, Problem, SampleForm], Extraction]:
        benchmark, variant = self._part.benchmark, self._part.variant
        if not isinstance(benchmark, Programmed):
            return extract

        def read(reply: str, problem: Problem, form: SampleForm) -> Extraction:
            program, how = benchmark.program(problem, variant, reply)
            return Extraction(program, program, how, how)

        return read


class OwnMarking:
    """Marks replies by the benchmark's own rule."""

    def __init__(self, part: Part, benchmark: Scored, emit: Callable[[Json], None]) -> None:
        """Mark the part's replies."""
        self._part, self._benchmark, self._emit = part, benchmark, emit
        self._marks = Marks(benchmark.metrics, benchmark.unit)

    def count(self, record: Mapping[str, Any]) -> None:
        """Count a record that lies on disk already."""
        self._marks.add(record)

    def put(self, conversation: Conversation) -> None:
        """Score the replies at once."""
        record: Json = {"ordinal": conversation.ordinal, "problem_id": conversation.problem.id}
        record["sample_index"] = conversation.index
        if conversation.error:
            record |= {"status": UNANSWERED, "value": None, "why": conversation.error}
        else:
            outcome = self._benchmark.score(
                conversation.problem, self._part.variant, conversation.replies, conversation.ratings
            )
            record |= {"status": outcome.status, "value": outcome.value, "why": outcome.why}
            told = {"answer": outcome.answer, "metrics": dict(outcome.metrics), "details": dict(outcome.details)}
            record |= {name: value for name, value in told.items() if value}
            if any(reply.finish_reason == "length" for reply in conversation.replies):
                record["truncated"] = True
        self._marks.add(record)
        self._emit(record)

    def poll(self) -> None:
        """Do nothing: all is emitted at once."""

    def finish(self) -> None:
        """Do nothing: all is emitted at once."""

    def standing(self) -> Standing:
        """Return the mean so far."""
        marks = self._marks
        if (mean := marks.mean) is None:
            return Standing(marks.samples, 0, None, 0.0, 0.0)
        if self._benchmark.unit == "share" and 0 <= mean <= 1:
            share = wilson(marks.total, marks.scored)
            return Standing(marks.samples, marks.scored, mean, share.low, share.high)
        margin = marks.margin()
        return Standing(marks.samples, marks.scored, mean, mean - margin, mean + margin)

    def summary(self, records: Callable[[], Any]) -> Json:
        """Return counts and every metric: means over problems, or the benchmark's own totals."""
        told = self._marks.as_json() | {"problems": len(self._part.problems)}
        metrics: dict[str, Interval] = self._marks.metrics()
        notes: Mapping[str, str] = {}
        if isinstance(self._benchmark, Totalled):
            totals, notes = self._benchmark.total(records())
            order = dict.fromkeys((*self._benchmark.metrics, *totals))
            metrics = {name: {**metrics, **totals}[name] for name in order if name in totals or name in metrics}
        told["metrics"] = {name: as_json(interval) for name, interval in metrics.items()}
        told["notes"] = dict(notes)
        lost, scored, there = self._marks.unscored, self._marks.problems_scored(), len(self._part.problems)
        said = f", {lost} sample{'s' * (lost != 1)} unscored" if lost else ""
        told["coverage"] = {
            "problems": there, "scored": scored, "unscored": lost, "text": f"{scored} of {there} problems{said}",
        }  # fmt: skip
        return told


def sample_of(conversation: Conversation) -> Sample:
    """Return the last reply as a sample of its problem."""
    last = conversation.replies[-1]
    form: Any = conversation.form or conversation.part.variant.form
    return Sample(
        conversation.problem.id, conversation.index, last.text, form, last.finish_reason,
        last.completion_tokens, last.seconds, last.error,
    )  # fmt: skip


def as_json(interval: Interval) -> Json:
    """Return an interval as what JSON can hold."""
    return {"value": interval.value, "low": interval.low, "high": interval.high, "method": interval.method}
