"""Measure a model: benchmarks are put to it, its replies are scored while others still come, and a run folder is kept.

The way of one sample: a request -> a reply, kept in samples.jsonl the moment it comes (it may have been paid for) ->
the judge's verdict, or the benchmark's own mark -> a line of scores.jsonl -> the sum. Asking has a thread of its own,
so neither waits for the other. Killed at any moment, the same call goes on: what is on disk is not asked again.

Choices, each as the field has it or with the reason:

- Requests that fail for good are unscored samples, counted and shown, never zeros. `retry_failed` asks them again.
- `limit` takes problems evenly spread over the benchmark, not the first ones: MMLU's first 100 are all algebra.
- Several samples are drawn at temperature 0.8 where the variant is greedy and the user said nothing.
- The seed of sample i is the user's seed plus i.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sparkgap.judge import Judge
from sparkgap.measure.measuring import Measuring
from sparkgap.measure.options import MeasureOptions, MeasureProgress, MeasureResult, PartProgress
from sparkgap.verbs import callable_module

__all__ = ["MeasureOptions", "MeasureProgress", "MeasureResult", "PartProgress", "measure"]


def measure(
    model: str,
    benchmarks: str | tuple[str, ...] | list[str],
    *,
    judge: Judge | None = None,
    out: str | Path | None = None,
    progress: Callable[[MeasureProgress], None] | None = None,
    options: MeasureOptions | None = None,
) -> MeasureResult:
    """Measure `model` ("provider/name") by benchmarks, each "name" or "name:variant".

    It is measured into a run folder, `out` or a new one under `options.root`; the same call after a crash goes on.

    Raises:
        InputError: an argument makes no sense, or the folder cannot be used.
        ModelError: the model cannot be used (any more); what came is kept, and the same call goes on from there.
        DataError: a benchmark's published files are not here.
        IsolationError: this machine cannot jail programs at a safe level.
        InfraError: the judge failed.
    """
    names = tuple(benchmarks.split(",")) if isinstance(benchmarks, str) else tuple(benchmarks)
    names = tuple(name.strip() for name in names if name.strip())
    options = options or MeasureOptions()
    with Measuring(model, names, options, progress or (lambda _: None), judge) as measuring:
        return measuring.measured(Path(out) if out is not None else None)


callable_module(__name__, measure)
