"""Samples in, records out: each reply read strictly and leniently, each program judged once.

Samples go into the judge as it has room and come out as they are done, so memory stays flat however many there are.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from sparkgap.errors import InfraError
from sparkgap.extract import Extraction, extract
from sparkgap.references import Reference, prepared
from sparkgap.runs import OUTPUT_CHARS, score_record
from sparkgap.tally import UNANSWERED
from sparkgap.types import InputTests, Limits, Problem, Program, Sample, SampleForm, Score, Tests, Verdict

if TYPE_CHECKING:
    from sparkgap.judge import Judge

Way = Literal["auto", "strict", "lenient"]

RECENT = 8192  # verdicts kept for the next sample with the same program
RETRIES = 1000  # samples kept for a second try; were there more, it is the machine and not the sample

_FAILED = ("a test failed", "the output is not")  # reasons that say less than the failing test does
_EMPTY = Verdict("empty", "extract", "no program in the reply")
_Key = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Exam:
    """What a candidate for one problem faces; `error` says why nobody can be judged on it, "" if they can."""

    problem: Problem
    tests: Tests | None
    limits: Limits
    error: str = ""


@cache
def code_sha256() -> Mapping[str, str]:
    """Return the sha256 of what reads replies (`extract`) and of what judges programs (`judge`): all of their files.

    Versions alone do not tell two checkouts apart, and a verdict depends on every line of these.
    """
    return {room: _sha256_of(Path(__file__).parent / room) for room in ("extract", "judge")}


def _sha256_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def exam_of(problem: Problem, reference: Reference, cpu_s: float | None, memory_mb: int | None) -> Exam:
    """Return the exam that follows from a problem and its reference; `cpu_s`, `memory_mb` override its limits."""
    if reference.error:
        return Exam(problem, problem.tests, Limits(), reference.error)
    tests, limits = prepared(problem, reference)
    if cpu_s is not None:
        limits = replace(limits, cpu_s=cpu_s)
    if memory_mb is not None:
        limits = replace(limits, memory_mb=memory_mb)
    return Exam(problem, tests, limits)


@dataclass(slots=True)
class _Job:
    """One sample on its way, with the verdicts on its programs so far."""

    ordinal: int
    sample: Sample
    read: Extraction
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.read.strict in self.verdicts and self.read.lenient in self.verdicts

    @property
    def infra(self) -> bool:
        return any(verdict.status == "infra" for verdict in self.verdicts.values())


class Scoring:
    """Turns samples into records, through a judge, and gives each to `emit` once it is known."""

    def __init__(
        self,
        judge: Judge,
        exams: Mapping[str, Exam],
        way: Way,
        emit: Callable[[dict[str, Any]], None],
        read: Callable[[str, Problem, SampleForm], Extraction] = extract,
    ) -> None:
        """Judge by `exams`, with the headline read in this `way`: "auto" is lenient for chat replies alone.

        `read` takes the program out of a reply.
        """
        self._judge, self._exams, self._way, self._emit, self._read = judge, exams, way, emit, read
        self._window = max(32, 8 * judge.workers)  # enough that no worker idles while replies are read
        self._done: SimpleQueue[tuple[_Key, Future[Verdict]]] = SimpleQueue()
        self._waiting: dict[_Key, list[tuple[_Job, str]]] = {}
        self._recent: OrderedDict[_Key, Verdict] = OrderedDict()
        self._again: list[_Job] = []
        self._retrying = False

    def run(self, samples: Iterable[tuple[int, Sample]]) -> None:
        """Score every (ordinal, sample), then once more those that the judge failed on.

        Raises:
            InfraError: the judge is broken.
        """
        for ordinal, sample in samples:
            self.put(ordinal, sample)
        self.finish()

    def put(self, ordinal: int, sample: Sample) -> None:
        """Take one sample in; waits while the judge has enough to do."""
        self._start(ordinal, sample)
        self._drain(self._window)

    def poll(self) -> None:
        """Emit what is judged by now, without waiting."""
        while not self._done.empty():
            self._drain(len(self._waiting) - 1)

    def finish(self) -> None:
        """Wait for all that was put in, and try those once more that the judge failed on."""
        self._drain(0)
        again, self._again, self._retrying = self._again, [], True
        for job in again:
            self.put(job.ordinal, job.sample)
        self._drain(0)

    def _drain(self, most: int) -> None:
        """Wait until at most this many programs are in flight."""
        while len(self._waiting) > most:
            key, future = self._done.get()
            try:
                verdict = _slim(future.result())
            except CancelledError as fault:
                raise InfraError("the judge was closed before it was done") from fault
            if verdict.status != "infra":
                self._recent[key] = verdict
                if len(self._recent) > RECENT:
                    self._recent.popitem(last=False)
            for job, source in self._waiting.pop(key):
                self._tell(job, source, verdict)

    def _start(self, ordinal: int, sample: Sample) -> None:
        exam = self._exams[sample.problem_id]
        if sample.error or exam.error:
            self._emit(self._unscored(ordinal, sample, exam))
            return
        read = self._read(sample.reply, exam.problem, sample.form)
        job = _Job(ordinal, sample, read)
        for source in dict.fromkeys((read.strict, read.lenient)):
            if not source.strip():
                self._tell(job, source, _EMPTY)
                continue
            key = (sample.problem_id, _digest(source))
            if (verdict := self._recent.get(key)) is not None:
                self._recent.move_to_end(key)
                self._tell(job, source, verdict)
            elif key in self._waiting:
                self._waiting[key].append((job, source))
            else:
                self._waiting[key] = [(job, source)]
                program = Program(source, exam.tests, exam.problem.language, exam.limits)
                self._judge.submit(program).add_done_callback(partial(self._finished, key))

    def _finished(self, key: _Key, future: Future[Verdict]) -> None:
        self._done.put((key, future))

    def _tell(self, job: _Job, source: str, verdict: Verdict) -> None:
        job.verdicts[source] = verdict
        if not job.complete:
            return
        if job.infra and not self._retrying and len(self._again) < RETRIES:
            self._again.append(job)
        else:
            self._emit(self._record(job))

    def _record(self, job: _Job) -> dict[str, Any]:
        sample, read = job.sample, job.read
        strict, lenient = job.verdicts[read.strict], job.verdicts[read.lenient]
        head = strict if self._strictly(sample) else lenient
        value = None if head.status == "infra" else float(head.status == "passed")
        record: dict[str, Any] = {"ordinal": job.ordinal, "status": head.status}
        record |= score_record(Score(sample.problem_id, sample.index, value, explain(head), head))
        record |= {"strict": strict.status, "lenient": lenient.status}
        record |= {"how_strict": read.how_strict, "how_lenient": read.how_lenient}
        if sample.finish_reason == "length":
            record["truncated"] = True
        tests = self._exams[sample.problem_id].tests
        if isinstance(tests, InputTests) and tests.groups:
            record["groups"] = {name: head.groups.get(name, (0, 0))[0] == size for name, size in tests.groups}
        return record

    def _strictly(self, sample: Sample) -> bool:
        return self._way == "strict" or (self._way == "auto" and sample.form != "response")

    def _unscored(self, ordinal: int, sample: Sample, exam: Exam) -> dict[str, Any]:
        status, why = (UNANSWERED, sample.error) if sample.error else ("infra", exam.error)
        record: dict[str, Any] = {"ordinal": ordinal, "status": status}
        record |= score_record(Score(sample.problem_id, sample.index, None, why))
        return record | {"strict": status, "lenient": status}


def explain(verdict: Verdict) -> str:
    """Return why a verdict is what it is, in one line: the failing test, what was said of the source, or the reason."""
    if verdict.status == "passed":
        return ""
    said = verdict.diagnostics[0] if verdict.diagnostics else None
    failure = verdict.failure
    if verdict.status == "wrong" and failure is not None and verdict.reason.startswith(_FAILED):
        got = f" returned {failure.actual}, expected {failure.expected}" if failure.expected or failure.actual else ""
        text = (failure.call or failure.test) + got
    elif said is not None:
        text = f"{said.code}: {said.message}".removesuffix(": ") + (f" (line {said.line})" if said.line else "")
    else:
        text = verdict.reason or (failure.test if failure else "")
    return " ".join(text.split())[:300]


def _slim(verdict: Verdict) -> Verdict:
    """Drop what could be megabytes: this is kept for a while."""
    if len(verdict.output) > OUTPUT_CHARS:
        verdict = replace(verdict, output=verdict.output[:OUTPUT_CHARS], output_clipped=True)
    return replace(verdict, answers=None) if verdict.answers is not None else verdict


def _digest(source: str) -> bytes:
    return hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).digest()
