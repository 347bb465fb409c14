"""What stands behind a column: each problem's text, and each sample's reply, program, verdict and reason.

A run of `measure` keeps its replies. A run of `grade` does not: they are read again from the samples files, if these
are still the ones that were graded (by sha256). Programs are not kept by either; they are extracted from the replies
again, in the reading that the headline has. What cannot be had is left out, and `Evidence.notes` says why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from sparkgap import data, plugins
from sparkgap.benchmarks import Asked, Programmed
from sparkgap.compare.topics import topics
from sparkgap.errors import DataError, PluginError
from sparkgap.extract import Extraction, extract
from sparkgap.report.comparison import Column, Row
from sparkgap.report.exhibits import exhibit
from sparkgap.report.plaintext import one_line, shown
from sparkgap.results import BenchmarkResult
from sparkgap.samples import TaskIds, read_samples
from sparkgap.types import Problem, Request, SampleForm, Variant

MOST_SAMPLES = 10  # of one problem and run whose texts are shown; the outcomes of all are
MOST_AROUND = 2000  # characters of instructions and shots around a problem, to show what was asked and not the problem

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sample: a word, its value in the benchmark's unit (None: unscored), and why."""

    status: str
    stage: str
    value: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known of one column.

    `ids` are all problems in published order; `outcomes[row][id]` are the samples' outcomes by index; `text(id)` makes
    what is shown of one problem when it is opened, as JSON. `topics` is by problem, as `gap` has them. `example` is
    what a model is asked first for the first problem, "" where that is not known.
    """

    ids: tuple[str, ...]
    topics: tuple[tuple[str, ...], ...]
    outcomes: Mapping[int, Mapping[str, tuple[Outcome, ...]]]
    notes: tuple[str, ...]
    example: str
    text: Callable[[str], Json]


def evidence(column: Column, rows: Sequence[Row]) -> Evidence:
    """Return what is known of a column of the table with these rows; reads each run's records once.

    Raises:
        InputError: a run is damaged.
    """
    known, notes = _known(column)
    problems = known.problems
    records: dict[int, dict[str, list[Json]]] = {}
    replies: dict[int, Mapping[int, Json]] = {}
    for row, result in column.measured():
        records[row] = _records(result)
        replies[row], note = _replies(result, rows[row], problems)
        notes = [*notes, *([f"{one_line(result.folder.name)}: {note}"] if note else [])]
    ids = _asked(column, problems)

    def text(id_: str) -> Json:
        problem = problems.get(id_)
        told: Json = {"prompt": shown(known.prompt(problem)), "reference": shown(problem.reference)} if problem else {}
        read = known.read if problem is not None and problem.tests is not None else None
        told["runs"] = {
            row: [
                exhibit(
                    record, replies[row].get(record["ordinal"], {}), problem, read,
                    str(result.asked.get("extraction") or "auto"),
                ) | {"place": place}
                for place, record in enumerate(records[row].get(id_, ())[:MOST_SAMPLES])
            ]
            for row, result in column.measured()
        }  # fmt: skip
        return told

    return Evidence(
        ids=ids,
        topics=tuple(topics(problem) if (problem := problems.get(id_)) is not None else () for id_ in ids),
        outcomes={
            row: {id_: tuple(_outcome(record) for record in found) for id_, found in by_id.items()}
            for row, by_id in records.items()
        },
        notes=tuple(notes),
        example=known.example(),
        text=text,
    )


def failures(found: Evidence) -> dict[tuple[str, str], dict[int, int]]:
    """Return how many samples of each row ended so: (status, stage) -> row -> count, most frequent first."""
    counts: dict[tuple[str, str], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row, by_id in found.outcomes.items():
        for outcomes in by_id.values():
            for outcome in outcomes:
                counts[outcome.status, outcome.stage][row] += 1
    ranked = sorted(counts, key=lambda key: (key[0] != "passed", -sum(counts[key].values()), key))
    return {key: dict(counts[key]) for key in ranked}


def _asked(column: Column, problems: Mapping[str, Problem]) -> tuple[str, ...]:
    """Return every problem that anyone was asked, in published order, those that are not known last."""
    asked = {id_: None for _, result in column.measured() for id_ in result.values}
    places = {id_: place for place, id_ in enumerate(problems)}
    return tuple(sorted(asked, key=lambda id_: places.get(id_, len(places))))


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known here of a column's benchmark; nothing where it is not here, or not as it was measured with."""

    problems: Mapping[str, Problem]
    plugin: Any = None
    variant: Variant | None = None

    def read(self, reply: str, problem: Problem, form: SampleForm) -> Extraction:
        """Take the program out of a reply, as `measure` and `grade` do."""
        if self.variant is None or not isinstance(self.plugin, Programmed):
            return extract(reply, problem, form)
        program, how = self.plugin.program(problem, self.variant, reply)
        return Extraction(program, program, how, how)

    def prompt(self, problem: Problem) -> str:
        """Return what is asked in the first turn, without earlier messages and long shots; further turns after it."""
        asked = problem.prompt
        if (request := self._request(problem)) is not None:
            last = request.messages[-1].content if request.messages else request.text
            asked = last if len(last) <= len(problem.prompt) + MOST_AROUND else problem.prompt
        further = [str(turn) for turn in problem.metadata.get("turns", ())][1:]
        return "\n\n".join([asked, *(f"[turn {number}]\n{turn}" for number, turn in enumerate(further, 2))])

    def example(self) -> str:
        """Return the whole first request for the first problem, "" where it is not known how it was asked."""
        request = self._request(next(iter(self.problems.values()), None))
        if request is None:
            return ""
        return shown("\n\n".join(f"[{turn.role}]\n{turn.content}" for turn in request.messages) or request.text)

    def _request(self, problem: Problem | None) -> Request | None:
        if self.variant is None or problem is None:
            return None
        request: Request | None = self.plugin.ask(problem, self.variant, ())
        return request


def _known(column: Column) -> tuple[_Known, list[str]]:
    """Return the benchmark of a column, and why it is not known."""
    try:
        plugin = plugins.find("benchmarks", column.benchmark)
        problems = {problem.id: problem for problem in plugin.problems()}
        published = data.published()
        for _, result in column.measured():
            for name, sha256 in (result.asked.get("data") or {}).items():
                if name in published and published[name].sha256 != sha256:
                    raise DataError(f"{name} is not the version that was measured with")
    except (DataError, PluginError) as fault:
        return _Known({}), [f"{column.name}: prompts are not shown ({one_line(str(fault), 300)})"]
    variants = plugin.variants if isinstance(plugin, Asked) else ()
    return _Known(problems, plugin, next((each for each in variants if each.name == column.variant), None)), []


def _records(result: BenchmarkResult) -> dict[str, list[Json]]:
    """Return the records of each problem, by index of the sample."""
    found: dict[str, list[Json]] = defaultdict(list)
    for record in result.records():
        found[record["problem_id"]].append(record)
    for records in found.values():
        records.sort(key=lambda record: (record["sample_index"], record["ordinal"]))
    return dict(found)


def _outcome(record: Json) -> Outcome:
    stage = (record.get("verdict") or {}).get("stage", "")
    value = record["value"]
    return Outcome(
        one_line(str(record["status"]), 30),
        "" if record["status"] == "passed" else one_line(str(stage), 30),
        None if value is None else float(value),
        one_line(str(record.get("why") or ""), 200),
    )


def _replies(result: BenchmarkResult, row: Row, problems: Mapping[str, Problem]) -> tuple[Mapping[int, Json], str]:
    """Return each sample's reply by ordinal, and why they are missing, "" if they are not."""
    kept = {record["ordinal"]: record for record in result.samples()}
    if kept or not isinstance(result.asked.get("samples"), list):
        return kept, ""
    sessions = (row.run.manifest.get("sessions") or ()) if row.run else ()
    files = [Path(file) for file in (sessions[-1].get("files") or ())] if sessions else []
    if not files or [_sha256(file) for file in files] != result.asked["samples"]:
        return {}, "answers are not shown, since the samples file is gone or is not the one that was graded"
    if not problems:
        return {}, "answers are not shown without the problems"
    return dict(_reread(files, problems)), ""


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _reread(files: list[Path], problems: Mapping[str, Problem]) -> Iterator[tuple[int, Json]]:
    for ordinal, sample in enumerate(read_samples(files, TaskIds(problems))):
        yield ordinal, {sample.form: sample.reply, "error": sample.error}
