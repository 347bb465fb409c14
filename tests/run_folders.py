"""Run folders written by hand, laid out as `grade` and `measure` leave them, for whatever reads runs back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sparkgap import __version__
from sparkgap.runs import FORMAT, key_of
from sparkgap.stats import mean_pass_at_k, wilson

Values = Mapping[str, Sequence[float | None]]  # problem -> the value of each sample, None for unscored


def flags(passed: Iterable[object], name: str = "Problem") -> dict[str, list[float | None]]:
    """One sample a problem: 1.0 where the flag holds, 0.0 where not, None where it is None."""
    return {f"{name}/{i}": [None if flag is None else float(bool(flag))] for i, flag in enumerate(passed)}


def write_run(folder: Path, benchmark: str, values: Values, **more: Any) -> Path:
    """Write one finished run; `more`: parts of asked (any name), `unit`, `ability`, `metrics`, `records` (by id)."""
    unit, ability = more.pop("unit", "share"), more.pop("ability", "code")
    metrics, extra = more.pop("metrics", None), more.pop("records", {})
    asked = {
        "benchmark": benchmark, "variant": "chat", "model": "openai/some", "identity": {}, "decoding": {},
        "samples": max(map(len, values.values()), default=1), "split": "test", "limit": None, "data": {"f": "0" * 64},
        "prompts": "1" * 64, "extraction": "auto", "limits": {}, "isolation": "auto", "rater": None,
        "sparkgap": __version__, "python": "3.11.9",
    } | more  # fmt: skip
    records = list(_records(values, unit, extra))
    scored = [record["value"] for record in records if record["value"] is not None]
    if metrics is None:
        metrics = {"pass@1" if unit == "share" else "mean": _interval(values, unit)} if scored else {}
    summary = {
        "benchmark": benchmark, "title": f"{benchmark}, made up", "ability": ability, "variant": asked["variant"],
        "unit": unit, "problems": len(values), "samples": len(records), "scored": len(scored),
        "unscored": len(records) - len(scored), "by_status": Counter(record["status"] for record in records),
        "metrics": metrics, "notes": {}, "usage": {},
    }  # fmt: skip
    _write(folder, asked, summary, "grade")
    (folder / "scores.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def write_measure(folder: Path, model: str, benchmarks: Mapping[str, Values], **more: Any) -> Path:
    """Write one finished run of `measure` over several benchmarks; `more` goes to each of them."""
    asked = []
    for name, values in benchmarks.items():
        benchmark, _, variant = name.partition(":")
        said: dict[str, Any] = {"model": model, "variant": variant or "chat"} | more.get(benchmark, {})
        write_run(folder / f"{benchmark}-{said['variant']}", benchmark, values, **said)
        asked.append({"benchmark": benchmark, "variant": said["variant"]})
    _write(folder, {"model": model, "benchmarks": asked}, {"model": model, "benchmarks": {}}, "measure")
    return folder


def _records(values: Values, unit: str, extra: Mapping[str, Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    ordinal = 0
    for id_, samples in values.items():
        for index, value in enumerate(samples):
            status = "unanswered" if value is None else "passed" if value == 1 or unit != "share" else "wrong"
            record = {"ordinal": ordinal, "problem_id": id_, "sample_index": index, "value": value, "why": ""}
            record |= {"status": status, "strict": status, "lenient": status} | dict(extra.get(id_, {}))
            yield record
            ordinal += 1


def _interval(values: Values, unit: str) -> dict[str, Any]:
    kept = [[value for value in samples if value is not None] for samples in values.values()]
    if unit == "share":
        return asdict(mean_pass_at_k([(len(each), round(sum(each))) for each in kept if each], 1))
    flat = [value for each in kept for value in each]
    mean = sum(flat) / len(flat)
    return asdict(wilson(mean, 100)) | {"value": mean, "low": mean - 0.1, "high": mean + 0.1}


def _write(folder: Path, asked: dict[str, Any], summary: dict[str, Any], kind: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"format": FORMAT, "kind": kind, "key": key_of(asked), "state": "finished", "asked": asked}
    manifest |= {"started": "2026-01-31T12:00:00Z", "ended": "2026-01-31T12:05:00Z", "sessions": []}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "summary.json").write_text(json.dumps(summary))
