"""Finished runs read back: for each benchmark, what every problem was worth, and under which conditions.

The folder may be one of `measure` (a folder with one run per benchmark in it) or one of `grade` (a single run, which
one of the inner folders of `measure` is as well). Runs are read whole or not at all: a line that is missing or is no
record makes every figure doubtful, so it is an error that names the line.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkgap import plugins
from sparkgap.errors import InputError, PluginError
from sparkgap.journal import Ordinals
from sparkgap.runs import FORMAT
from sparkgap.stats import Interval
from sparkgap.tally import UNSCORED

Json = dict[str, Any]

_MANIFEST, _SUMMARY, _SCORES, _SAMPLES = "manifest.json", "summary.json", "scores.jsonl", "samples.jsonl"
_MOST = 1 << 31  # samples in a run; an ordinal above that is damage
_REPLAY = "replay/"
_TAILS = ("_samples", "-samples", ".samples", "_completions")  # of a samples file's name, behind the model's


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """One benchmark of one run.

    `values` holds the headline values of the scored samples of each problem that was asked for, in the order of their
    index (an empty tuple where none is scored). `asked` is the run's question as its manifest has it: everything that
    decides comparability. `metrics` are all metrics over all problems, the headline first, in the `unit`.
    """

    benchmark: str
    title: str
    ability: str
    variant: str
    unit: str
    values: Mapping[str, tuple[float, ...]]
    metrics: Mapping[str, Interval]
    by_status: Mapping[str, int]
    unscored: int
    asked: Mapping[str, Any]
    summary: Mapping[str, Any]
    folder: Path

    def records(self) -> Iterator[Json]:
        """Yield the lines of scores.jsonl, each ordinal once."""
        yield from _lines(self.folder / _SCORES)

    def samples(self) -> Iterator[Json]:
        """Yield the lines of samples.jsonl (what was asked and what came back); nothing where the run has none."""
        path = self.folder / _SAMPLES
        if path.exists():
            yield from _lines(path)


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run: of whom, when, and its benchmarks by name. `name` is what the user called it, else the model's name.

    A benchmark that was measured in several variants is there once for each, as `benchmark:variant`. A run of `grade`
    does not know its model; it goes by the name of its samples file, as one of replayed answers does for short.
    """

    name: str
    model: str
    folder: Path
    started: str
    finished: bool
    benchmarks: Mapping[str, BenchmarkResult]
    manifest: Mapping[str, Any]


def read_result(path: Path, name: str = "") -> RunResult:
    """Return the run in the folder `path`.

    Raises:
        InputError: there is none, it is damaged, or it is not finished (and how to finish it).
    """
    path = Path(path)
    manifest = _finished(path)
    if manifest.get("kind") == "measure":
        asked = [each for each in manifest["asked"].get("benchmarks", ()) if isinstance(each, dict)]
        order = [f"{each.get('benchmark')}-{each.get('variant')}" for each in asked]
        places = {name: place for place, name in enumerate(order)}
        folders = [inner.parent for inner in path.glob(f"*/{_MANIFEST}")]
        folders.sort(key=lambda folder: (places.get(folder.name, len(places)), folder.name))
        if not folders:
            raise InputError(f"{path} is a run of `measure` without any benchmark's folder in it; measure again")
        results = [_benchmark(folder, _finished(folder)) for folder in folders]
    else:
        results = [_benchmark(path, manifest)]
    model = _model(path, manifest)
    return RunResult(
        name=name or (_stem(model) if model.startswith(_REPLAY) else model),
        model=model,
        folder=path,
        started=str(manifest.get("started", "")),
        finished=True,
        benchmarks=_named(results),
        manifest=manifest,
    )


def _finished(folder: Path) -> Json:
    """Return the manifest of a folder that holds a finished run."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; a run's folder is what `grade` and `measure` print at the end")
    if not (folder / _MANIFEST).exists():
        raise InputError(f"{folder} holds no run (no {_MANIFEST} in it); a run's folder is one right under ./runs")
    manifest = _object(folder / _MANIFEST)
    if manifest.get("format") != FORMAT or not isinstance(manifest.get("asked"), dict):
        raise InputError(f"{folder / _MANIFEST} is of another version of Sparkgap; grade or measure again")
    if manifest.get("state") != "finished":
        sessions = manifest.get("sessions") or [{}]
        command = " ".join(map(str, sessions[-1].get("command") or ())) or "the command that began it"
        raise InputError(f"the run in {folder} is not finished; this goes on where it stopped: {command}")
    return manifest


def _benchmark(folder: Path, manifest: Json) -> BenchmarkResult:
    asked, summary = manifest["asked"], _object(folder / _SUMMARY)
    benchmark = str(asked.get("benchmark", ""))
    title, ability = _known(benchmark)
    values, by_status = _scores(folder, summary)
    return BenchmarkResult(
        benchmark=benchmark,
        title=str(summary.get("title") or title),
        ability=str(summary.get("ability") or ability),
        variant=str(asked.get("variant") or summary.get("variant") or ""),
        unit=str(summary.get("unit") or "share"),
        values=values,
        metrics=_metrics(folder, summary),
        by_status=by_status,
        unscored=summary["samples"] - summary["scored"],
        asked=asked,
        summary=summary,
        folder=folder,
    )


def _scores(folder: Path, summary: Json) -> tuple[dict[str, tuple[float, ...]], dict[str, int]]:
    """Return the values by problem, in the order asked, and how many samples have each status, from the records."""
    path = folder / _SCORES
    found: dict[str, list[tuple[int, float]]] = {}
    places: dict[str, int] = {}
    statuses: Counter[str] = Counter()
    for number, record in enumerate(_lines(path), 1):
        try:
            values = found.setdefault(record["problem_id"], [])
            places[record["problem_id"]] = min(record["ordinal"], places.get(record["problem_id"], record["ordinal"]))
            statuses[record["status"]] += 1
            if record["value"] is not None and record["status"] not in UNSCORED:
                values.append((int(record["sample_index"]), _finite(record["value"])))
        except (KeyError, TypeError, ValueError) as fault:
            raise InputError(f"{path}: record {number} is no score ({fault!r}); grade or measure again") from fault
    total = statuses.total()
    if not isinstance(summary.get("samples"), int) or not isinstance(summary.get("scored"), int):
        raise InputError(f"{folder / _SUMMARY} does not say how many samples there are; grade or measure again")
    if total != summary["samples"]:
        raise InputError(f"{path} holds {total:,} scores, and its summary says {summary['samples']:,}; it is damaged")
    coverage = summary.get("coverage")
    missing = coverage.get("missing", ()) if isinstance(coverage, dict) else ()
    ordered = [*sorted(found, key=places.__getitem__), *(id_ for id_ in missing if id_ not in found)]
    return {id_: tuple(value for _, value in sorted(found.get(id_, ()))) for id_ in ordered}, dict(statuses)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no value")
    return number


def _metrics(folder: Path, summary: Json) -> dict[str, Interval]:
    named = summary.get("metrics")
    if named is None:
        named = {f"pass@{k}": interval for k, interval in summary.get("pass_at_k", {}).items()}
    try:
        return {
            name: Interval(float(told["value"]), float(told["low"]), float(told["high"]), str(told["method"]))
            for name, told in named.items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise InputError(f"{folder / _SUMMARY} has damaged metrics ({fault!r}); grade or measure again") from fault


def _known(benchmark: str) -> tuple[str, str]:
    """Return a benchmark's title and ability, for runs whose summary does not hold them; ("", "code") if unknown."""
    try:
        plugin = plugins.find("benchmarks", benchmark)
    except PluginError:
        return benchmark, "code"
    return plugin.title, getattr(plugin, "ability", "code")


def _named(results: list[BenchmarkResult]) -> dict[str, BenchmarkResult]:
    times = Counter(result.benchmark for result in results)
    return {
        result.benchmark if times[result.benchmark] == 1 else f"{result.benchmark}:{result.variant}": result
        for result in results
    }


def _model(folder: Path, manifest: Json) -> str:
    if model := manifest["asked"].get("model"):
        return str(model)
    files = [str(file) for session in manifest.get("sessions") or () for file in session.get("files") or ()]
    names = {_stem(name) for name in files} - {""}
    return names.pop() if len(names) == 1 else folder.name or str(folder)


def _stem(file: str) -> str:
    """Return what a samples file is called after: its name without folder, suffixes and "_samples"."""
    name = file.rpartition("/")[2].removesuffix(".gz").removesuffix(".jsonl")
    for tail in _TAILS:
        name = name.removesuffix(tail)
    return name


def _lines(path: Path) -> Iterator[Json]:
    """Yield the records of a JSON Lines file, each ordinal once."""
    seen = Ordinals()
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    record = json.loads(line)
                except ValueError:
                    record = None
                ordinal = record.get("ordinal") if isinstance(record, dict) else None
                if not isinstance(ordinal, int) or not 0 <= ordinal < _MOST:
                    raise InputError(f"{path}:{number}: not a whole record; grade or measure again")
                if seen.add(ordinal):
                    yield record
    except OSError as fault:
        raise InputError(f"{path} cannot be read: {fault.strerror}; the run is damaged") from fault


def _object(path: Path) -> Json:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise InputError(f"{path} is missing or damaged ({fault}); grade or measure again") from fault
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: not one JSON object; grade or measure again")
    return content
