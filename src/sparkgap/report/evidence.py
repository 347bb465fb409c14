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
from sparkgap.errors import DataError, PluginError
from sparkgap.extract import extract
from sparkgap.report.comparison import Column, Row
from sparkgap.report.plaintext import one_line, shown
from sparkgap.results import BenchmarkResult
from sparkgap.samples import TaskIds, read_samples
from sparkgap.types import Problem, SampleForm

MOST_SAMPLES = 10  # of one problem and run whose texts are shown; the outcomes of all are

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
    what is shown of one problem when it is opened, as JSON. `topics` is by problem, "" where it has none. `example` is
    what a model is asked first for the first problem, "" where that is not known.
    """

    ids: tuple[str, ...]
    topics: tuple[str, ...]
    outcomes: Mapping[int, Mapping[str, tuple[Outcome, ...]]]
    notes: tuple[str, ...]
    example: str
    text: Callable[[str], Json]


def evidence(column: Column, rows: Sequence[Row]) -> Evidence:
    """Return what is known of a column of the table with these rows; reads each run's records once.

    Raises:
        InputError: a run is damaged.
    """
    problems, notes = _problems(column)
    records: dict[int, dict[str, list[Json]]] = {}
    replies: dict[int, Mapping[int, Json]] = {}
    for row, result in column.measured():
        records[row] = _records(result)
        replies[row], note = _replies(result, rows[row], problems)
        notes = [*notes, *([f"{one_line(result.folder.name)}: {note}"] if note else [])]
    known = {id_: None for by_id in records.values() for id_ in by_id}
    asked = {id_: None for _, result in column.measured() for id_ in result.values}
    places = {id_: place for place, id_ in enumerate(problems)}
    ids = tuple(sorted(asked | known, key=lambda id_: places.get(id_, len(places))))

    def text(id_: str) -> Json:
        problem = problems.get(id_)
        told: Json = {"prompt": shown(problem.prompt), "reference": shown(problem.reference)} if problem else {}
        told["runs"] = {
            row: [
                {"place": place} | _sample(record, replies[row].get(record["ordinal"], {}), problem, result)
                for place, record in enumerate(records[row].get(id_, ())[:MOST_SAMPLES])
            ]
            for row, result in column.measured()
        }
        return told

    return Evidence(
        ids=ids,
        topics=tuple(_topic(problems.get(id_)) for id_ in ids),
        outcomes={
            row: {id_: tuple(_outcome(record) for record in found) for id_, found in by_id.items()}
            for row, by_id in records.items()
        },
        notes=tuple(notes),
        example=_example(column, problems),
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


def _problems(column: Column) -> tuple[dict[str, Problem], list[str]]:
    """Return the benchmark's problems by id, as far as they are here and are those that were asked."""
    try:
        found = {problem.id: problem for problem in plugins.find("benchmarks", column.benchmark).problems()}
        known = data.published()
        for _, result in column.measured():
            for name, sha256 in (result.asked.get("data") or {}).items():
                if name in known and known[name].sha256 != sha256:
                    raise DataError(f"{name} is not the version that was measured with")
    except (DataError, PluginError) as fault:
        return {}, [f"prompts are not shown: {one_line(str(fault), 300)}"]
    return found, []


def _example(column: Column, problems: Mapping[str, Problem]) -> str:
    """Return the first request for the first problem, in the column's variant."""
    if not problems or not column.variant:
        return ""
    plugin = plugins.find("benchmarks", column.benchmark)
    variant = next((each for each in getattr(plugin, "variants", ()) if each.name == column.variant), None)
    if variant is None or (request := plugin.ask(next(iter(problems.values())), variant, ())) is None:
        return ""
    return shown("\n\n".join(f"[{turn.role}]\n{turn.content}" for turn in request.messages) or request.text)


def _topic(problem: Problem | None) -> str:
    """The subject or category that a benchmark publishes for a problem."""
    metadata = problem.metadata if problem else {}
    return next((one_line(str(metadata[key])) for key in ("subject", "category", "topic") if metadata.get(key)), "")


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


# --- One sample, as it is shown ---------------------------------------------------------------------------------------


def _sample(record: Json, reply: Json, problem: Problem | None, result: BenchmarkResult) -> Json:
    """Return all that there is to show of one sample; what is empty is left out."""
    text, form = _reply(reply)
    turns = [one for one in reply.get("replies") or () if isinstance(one, dict)]
    told: Json = {
        "reply": shown(text),
        "turns": [shown(str(one.get("text") or one.get("error") or "")) for one in turns] if len(turns) > 1 else [],
        "ratings": [shown(str(_text_of(one)), 6000) for one in reply.get("ratings") or ()],
        "answer": shown(str(record.get("answer") or ""), 500),
        "metrics": record.get("metrics") or {},
        "truncated": bool(record.get("truncated")),
        "error": one_line(str(reply.get("error") or next((e for one in turns if (e := one.get("error"))), "")), 300),
        "verdict": _verdict(record.get("verdict") or {}),
        "how": one_line(str(record.get("how_lenient") or ""), 200),
        "strict": record.get("strict", ""),
        "lenient": record.get("lenient", ""),
    }
    if problem is not None and problem.tests is not None and text.strip():
        told |= _programs(text, form, problem, str(result.asked.get("extraction") or "auto"))
    return {"index": record["sample_index"]} | {key: value for key, value in told.items() if value}


def _reply(reply: Json) -> tuple[str, SampleForm]:
    forms: tuple[SampleForm, ...] = ("solution", "completion", "response")
    form = next((form for form in forms if isinstance(reply.get(form), str)), forms[-1])
    return reply.get(form) or "", form


def _text_of(rating: object) -> object:
    return rating.get("text", "") if isinstance(rating, dict) else rating


def _programs(text: str, form: SampleForm, problem: Problem, way: str) -> Json:
    """Return the program that was judged, and the other reading's where it is another one."""
    read = extract(text, problem, form)
    strictly = way == "strict" or (way == "auto" and form != "response")  # as `scoring` has it
    head, other = (read.strict, read.lenient) if strictly else (read.lenient, read.strict)
    told = {"program": shown(head), "reading": "strict" if strictly else "lenient"}
    if other != head:
        told["other"] = shown(other)
    return told


def _verdict(verdict: Json) -> Json:
    """Return a verdict as it is shown: texts made visible, numbers as they are."""
    failure = verdict.get("failure") or {}
    told: Json = {
        "stage": verdict.get("stage", ""),
        "reason": one_line(str(verdict.get("reason") or ""), 300),
        "tests": _tests(verdict),
        "cpu_s": verdict.get("cpu_s"),
        "memory_mb": verdict.get("memory_mb"),
        "output": shown(str(verdict.get("output") or ""), 2000),
        "failure": {key: shown(str(text), 2000) for key, text in failure.items() if text},
        "diagnostics": [_diagnostic(each) for each in verdict.get("diagnostics") or ()],
        "groups": verdict.get("groups") or {},
    }
    return {key: value for key, value in told.items() if value not in ("", [], {}, None)}


def _tests(verdict: Json) -> str:
    passed, total = verdict.get("tests_passed", 0), verdict.get("tests_total")
    return f"{passed:,} of {total:,} tests passed" if isinstance(total, int) else ""


def _diagnostic(said: Json) -> Json:
    message = ": ".join(part for key in ("code", "message") if (part := one_line(str(said.get(key) or ""), 500)))
    told = {"severity": said.get("severity", "error"), "message": message}
    return told | {key: said[key] for key in ("line", "column") if isinstance(said.get(key), int)}
