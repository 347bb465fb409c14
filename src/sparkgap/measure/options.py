"""The nouns of `measure`: how to measure, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sparkgap.scoring import Way

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """How to measure.

    `model_args`, `rater_args` go to the provider (`base_url` and its own). `samples` to `seed` override the benchmarks'
    defaults. `workers` to `memory_mb` are for the judge, as in `GradeOptions`. `prices` is a price table (TOML).
    `root`, `fresh`: see `runs.open_run`. `command`: what the user typed, for the manifest.
    """

    model_args: Mapping[str, str] = field(default_factory=dict)
    rater: str = ""
    rater_args: Mapping[str, str] = field(default_factory=dict)
    samples: int | None = None
    limit: int | None = None
    split: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    k: tuple[int, ...] = (1, 5, 10, 100)
    extraction: Way = "auto"
    concurrency: int | None = None
    retries: int = 6
    retry_failed: bool = False
    prices: Path | None = None
    workers: int | None = None
    isolation: Literal["auto", "full", "reduced", "unsafe"] = "auto"
    cpu_s: float | None = None
    memory_mb: int | None = None
    root: Path = Path("runs")
    fresh: bool = False
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartProgress:
    """How far one benchmark is. `value` is its headline so far, in its `unit`, with a rough 95 % interval."""

    name: str
    unit: str
    obtained: int
    done: int
    total: int
    scored: int
    value: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MeasureProgress:
    """How far it is. `tokens_per_s` counts what the model wrote in the last seconds; `cost` is None without a price.

    `left_s` is the time left at the speed so far, None until there is one.
    """

    parts: tuple[PartProgress, ...]
    in_flight: int = 0
    limit: int = 0
    retries: int = 0
    failed: int = 0
    completion_tokens: int = 0
    tokens_per_s: float = 0.0
    cost: float | None = None
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """What was measured: of each benchmark its summary, as its folder's summary.json has it; and the run's folder.

    `usage` is what the model took in all, `rater_usage` what the rater did, where there was one.
    """

    model: str
    benchmarks: Mapping[str, Json]
    usage: Json
    run: Path
    rater_usage: Json | None = None

    @property
    def complete(self) -> bool:
        """Whether every sample is scored."""
        return not any(summary["unscored"] for summary in self.benchmarks.values())

    def as_json(self) -> Json:
        """Return the result as what JSON can hold."""
        return {
            "model": self.model,
            "benchmarks": dict(self.benchmarks),
            "usage": self.usage,
            **({} if self.rater_usage is None else {"rater_usage": self.rater_usage}),
            "complete": self.complete,
            "run": str(self.run),
        }
