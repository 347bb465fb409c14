"""The scorecard of `measure`: each benchmark in a line, then what went wrong and what it cost."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sparkgap.cli.scorecard import printable
from sparkgap.tally import UNANSWERED

if TYPE_CHECKING:
    from sparkgap.measure import MeasureResult

WIDTH = 100
_RIGHT = {"passed", "right", "rated", "scored"}  # statuses that nothing is wrong with


def measured(result: MeasureResult) -> str:
    """Return the scorecard."""
    blocks = [_table(result), _went(result), _notes(result), _cost(result)]
    return "\n\n".join("\n".join(lines) for block in blocks if (lines := list(block)))


def _table(result: MeasureResult) -> Iterator[str]:
    yield result.model
    yield f"{'benchmark':<26} {'metric':<18} {'value':>8}   {'95 % interval':<16} {'coverage'}"
    for name, summary in result.benchmarks.items():
        label = name
        for metric, interval in summary["metrics"].items():
            value, low, high = (_number(interval[key], summary["unit"]) for key in ("value", "low", "high"))
            line = f"{label:<26} {metric:<18} {value:>8}   {f'{low} to {high}':<16}"
            yield f"{line} {summary['coverage']['text']}".rstrip() if label else line.rstrip()
            label = ""
        if not summary["metrics"]:
            yield f"{label:<26} nothing was scored    {summary['coverage']['text']}"


def _went(result: MeasureResult) -> Iterator[str]:
    for name, summary in result.benchmarks.items():
        wrong = {status: count for status, count in summary["by_status"].items() if status not in _RIGHT}
        if wrong:
            told = ", ".join(
                f"{count:,} {status}" for status, count in sorted(wrong.items(), key=lambda each: -each[1])
            )
            yield f"{name}: of {summary['samples']:,} samples {told}"
        if unanswered := summary["examples"].get(UNANSWERED):
            why = printable(unanswered["why"])
            yield f"  unanswered, for example {unanswered['problem_id']}: {why}"[:WIDTH]
        if summary.get("gained"):
            yield f"  {summary['gained']:,} pass only when read leniently (strictly: {_strictly(summary)})"
    if not result.complete:
        yield f"Unscored samples are no zeros{_again(result)}."


def _again(result: MeasureResult) -> str:
    """Say how to get the answers that are missing, where there is somebody to ask for them."""
    missing = any(summary["by_status"].get(UNANSWERED) for summary in result.benchmarks.values())
    asked = missing and not result.model.startswith("replay/")
    return f"; `--retry-failed --out {os.fspath(result.run)}` asks them again" if asked else ""


def _strictly(summary: Mapping[str, Any]) -> str:
    strict = summary["strict"]["pass_at_k"].get("1")
    return f"pass@1 {_number(strict['value'], 'share')}" if strict else "nothing scored"


def _notes(result: MeasureResult) -> Iterator[str]:
    for name, summary in result.benchmarks.items():
        for what, note in summary.get("notes", {}).items():
            yield f"{name} {what}: {note}"


def _cost(result: MeasureResult) -> Iterator[str]:
    for summary in result.benchmarks.values():
        if summary["usage"]["prompt_tokens"] or summary["usage"]["completion_tokens"]:  # nobody was asked otherwise
            yield _usage(f"{summary['benchmark']}-{summary['variant']}", summary["usage"])
        if "rater_usage" in summary:
            yield _usage("  rated by " + summary["rater_usage"]["model"], summary["rater_usage"])
    isolation = {summary["isolation"] for summary in result.benchmarks.values() if summary.get("isolation")}
    if isolation:
        yield f"isolation: {', '.join(sorted(isolation))}"
    yield f"run: {os.fspath(result.run)}"


def _usage(name: str, usage: Mapping[str, Any]) -> str:
    told = [f"{usage['requests']:,} requests", f"{usage['prompt_tokens']:,} + {usage['completion_tokens']:,} tokens"]
    told.append(f"{usage['seconds']:,.1f} s of asking")
    if "cost" in usage:
        told.append(f"${usage['cost']:,.4f}")
    if "cost_per_solved" in usage:
        told.append(f"${usage['cost_per_solved']:,.4f} a solved problem")
    elif "completion_tokens_per_solved" in usage:
        told.append(f"{usage['completion_tokens_per_solved']:,.0f} tokens a solved problem")
    return f"{name}: {', '.join(told)}"


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.1f} %" if unit == "share" else f"{value:.2f}"
