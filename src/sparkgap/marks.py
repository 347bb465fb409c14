"""From marks to means: what `Tally` is for verdicts, this is for benchmarks that say themselves what a reply is worth.

A record is a line of `scores.jsonl`. The result does not depend on their order. Problems are the units of every
interval, since the samples of one problem resemble each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sparkgap.stats import Interval, mean_interval, mean_pass_at_k
from sparkgap.tally import UNANSWERED

Json = dict[str, Any]


class Marks:
    """Counts records; ask `metrics` at the end."""

    def __init__(self, metrics: Iterable[str], unit: str) -> None:
        """Start at nothing; the first of `metrics` is the headline, whose values are in `unit`."""
        self.names, self.unit = tuple(metrics), unit
        self.by_status: Counter[str] = Counter()
        self.samples = self.scored = 0
        self.total = 0.0
        self._squares = 0.0
        self._examples: dict[str, tuple[int, Json]] = {}  # of each status, the first sample
        self._values: dict[str, dict[str, list[float]]] = {name: {} for name in self.names}

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one record: `status`, `value` (None for unscored) and `metrics`."""
        self.samples += 1
        self.by_status[record["status"]] += 1
        if record["ordinal"] < self._examples.get(record["status"], (math.inf,))[0]:
            example = {key: record[key] for key in ("problem_id", "sample_index", "why")}
            self._examples[record["status"]] = (record["ordinal"], example)
        if (value := record["value"]) is None:
            return
        self.scored += 1
        self.total += value
        self._squares += value * value
        metrics = {self.names[0]: value, **record.get("metrics", {})}
        for name in self.names:
            if name in metrics:
                self._values[name].setdefault(record["problem_id"], []).append(metrics[name])

    @property
    def mean(self) -> float | None:
        """The headline so far, over samples."""
        return self.total / self.scored if self.scored else None

    def margin(self) -> float:
        """Return half the width of a rough 95 % interval of `mean`, for a display that changes all the time."""
        if self.scored < 2:
            return math.inf
        variance = max(0.0, self._squares / self.scored - (self.total / self.scored) ** 2)
        return 1.96 * math.sqrt(variance / self.scored)

    @property
    def unscored(self) -> int:
        """How many samples have no score."""
        return self.samples - self.scored

    def metrics(self) -> dict[str, Interval]:
        """Return each metric's mean over problems with its 95 % interval; those that no record has are left out."""
        return {name: _mean(values) for name, values in self._values.items() if values}

    def problems_scored(self) -> int:
        """Return how many problems have a scored sample."""
        return len(self._values[self.names[0]])

    def as_json(self) -> Json:
        """Return counts as what a summary holds."""
        statuses = dict(sorted(self.by_status.items(), key=lambda item: (-item[1], item[0])))
        return {
            "samples": self.samples,
            "scored": self.scored,
            "unscored": self.unscored,
            "unanswered": self.by_status[UNANSWERED],
            "by_status": statuses,
            "examples": {status: self._examples[status][1] for status in statuses},
        }


def _mean(values: Mapping[str, list[float]]) -> Interval:
    """Return the mean over problems: of shares by counts where all samples are right or wrong, else by Student's t."""
    ordered = [values[problem] for problem in sorted(values)]
    if all(value in (0.0, 1.0) for samples in ordered for value in samples):
        return mean_pass_at_k([(len(samples), int(sum(samples))) for samples in ordered], 1)
    means = [math.fsum(samples) / len(samples) for samples in ordered]
    if len(means) == 1:
        return Interval(means[0], means[0], means[0], "one problem: no interval")
    return mean_interval(means)
