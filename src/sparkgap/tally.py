"""From scores to a result: one record at a time in, pass@k with intervals and what went wrong out.

A record is what a line of `scores.jsonl` holds, so that a resumed run and an undisturbed one are summed the same way.
Memory grows with the number of problems, not of samples, and the result does not depend on the order of records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparkgap.stats import Interval, mean_pass_at_k, usable_k
from sparkgap.types import STATUSES

UNANSWERED = "unanswered"  # stands beside the verdicts' statuses: there was no reply to judge
OUTCOMES = (*STATUSES, UNANSWERED)
UNSCORED = ("infra", UNANSWERED)


@dataclass(frozen=True, slots=True)
class Example:
    """One sample of its kind, the first in the files, and why."""

    problem_id: str
    sample_index: int
    why: str


@dataclass(frozen=True, slots=True)
class Block:
    """One way of counting. `by_status` covers every sample; pass@k is over problems with a scored sample."""

    scored: int
    passed: int
    by_status: Mapping[str, int]
    pass_at_k: Mapping[int, Interval]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what was asked is in the figures.

    Of `problems` asked for, `attempted` have a sample and `scored` a scored one; `missing` have none. `infra` samples
    could not be judged, `unanswered` ones hold no reply; `skipped` ones belong to splits that were not asked for.
    """

    problems: int
    attempted: int
    scored: int
    missing: tuple[str, ...]
    infra: int
    unanswered: int
    skipped: int
    splits: tuple[str, ...]

    @property
    def unscored(self) -> int:
        """How many samples asked for have no score."""
        return self.infra + self.unanswered

    def as_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        lists = {"missing": list(self.missing), "splits": list(self.splits)}
        return asdict(self) | lists | {"unscored": self.unscored, "text": str(self)}

    def __str__(self) -> str:
        """Say it in one line: "162 of 164 problems, 3 samples unscored"."""
        parts = [f"{self.scored} of {self.problems} problems"]
        for count, what in ((self.unscored, "unscored"), (self.skipped, "of other splits skipped")):
            if count:
                parts.append(f"{count} sample{'s' * (count != 1)} {what}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class GradeResult:
    """What the samples are worth.

    The figures at the top are those of the reading that was asked for; `strict` and `lenient` are the two readings
    side by side. `groups` is pass@k by part of the tests ("base" alone, say) where the benchmark has parts, and
    `group_problems` over how many problems that is. `gained`
    samples pass when read leniently and fail strictly, `gained_by` what the lenient reading did; `lost` are the other
    way round. `run` is the folder, if any.
    """

    benchmark: str
    problems: int
    samples: int
    scored: int
    passed: int
    by_status: Mapping[str, int]
    pass_at_k: Mapping[int, Interval]
    strict: Block
    lenient: Block
    groups: Mapping[str, Mapping[int, Interval]]
    group_problems: Mapping[str, int]
    gained: int
    gained_by: Mapping[str, int]
    lost: int
    examples: Mapping[str, Example]
    coverage: Coverage
    isolation: str
    run: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the result as what JSON can hold."""
        return {
            "benchmark": self.benchmark,
            "problems": self.problems,
            "samples": self.samples,
            "scored": self.scored,
            "passed": self.passed,
            "by_status": dict(self.by_status),
            "pass_at_k": _intervals(self.pass_at_k),
            "strict": _block(self.strict),
            "lenient": _block(self.lenient),
            "groups": {name: _intervals(values) for name, values in self.groups.items()},
            "group_problems": dict(self.group_problems),
            "gained": self.gained,
            "gained_by": dict(self.gained_by),
            "lost": self.lost,
            "examples": {status: asdict(example) for status, example in self.examples.items()},
            "coverage": self.coverage.as_json(),
            "isolation": self.isolation,
            "run": str(self.run) if self.run else None,
        }


class Tally:
    """Counts records; ask `result` at the end."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.samples = self.passed = self.scored = 0
        self._statuses: dict[str, Counter[str]] = {"headline": Counter(), "strict": Counter(), "lenient": Counter()}
        self._counts: dict[str, dict[str, list[int]]] = {"headline": {}, "strict": {}, "lenient": {}}
        self._groups: dict[str, dict[str, list[int]]] = {}
        self._lost = 0
        self._gained: Counter[str] = Counter()
        self._examples: dict[str, tuple[int, Example]] = {}

    @property
    def infra(self) -> int:
        """How many samples could not be judged."""
        return self._statuses["headline"]["infra"]

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one record: `status`, `strict` and `lenient` hold outcomes, `groups` whether each part passed."""
        id_, status, strict, lenient = (record[key] for key in ("problem_id", "status", "strict", "lenient"))
        self.samples += 1
        self.passed += status == "passed"
        self.scored += status not in UNSCORED
        for way, outcome in (("headline", status), ("strict", strict), ("lenient", lenient)):
            self._statuses[way][outcome] += 1
            _count(self._counts[way], id_, None if outcome in UNSCORED else outcome == "passed")
        for group, ok in record.get("groups", {}).items():
            _count(self._groups.setdefault(group, {}), id_, None if status in UNSCORED else ok)
        if lenient == "passed" and strict not in ("passed", *UNSCORED):
            self._gained[record.get("how_lenient", "")] += 1
        self._lost += strict == "passed" and lenient not in ("passed", *UNSCORED)
        ordinal = record["ordinal"]
        if status not in self._examples or ordinal < self._examples[status][0]:
            self._examples[status] = (ordinal, Example(id_, record["sample_index"], record["why"]))

    def result(
        self, benchmark: str, asked: Collection[str], ks: Iterable[int], *, skipped: int = 0, splits: Iterable[str] = ()
    ) -> GradeResult:
        """Return the result over the problems `asked` for, for those of `ks` that every scored problem has samples for.

        Isolation and run folder are not known here; `dataclasses.replace` sets them.
        """
        ks = tuple(ks)
        blocks = {way: self._block(way, ks) for way in self._statuses}
        head, counts = blocks["headline"], self._counts["headline"]
        parts = sorted(self._groups.items())
        coverage = Coverage(
            problems=len(asked),
            attempted=len(counts),
            scored=sum(n > 0 for n, _ in counts.values()),
            missing=tuple(id_ for id_ in asked if id_ not in counts),
            infra=head.by_status.get("infra", 0),
            unanswered=head.by_status.get(UNANSWERED, 0),
            skipped=skipped,
            splits=tuple(splits),
        )
        return GradeResult(
            benchmark, len(asked), self.samples, self.scored, self.passed, head.by_status, head.pass_at_k,
            blocks["strict"], blocks["lenient"],
            groups={name: _pass_at_k(counts, ks) for name, counts in parts},
            group_problems={name: sum(n > 0 for n, _ in counts.values()) for name, counts in parts},
            gained=self._gained.total(),
            gained_by=dict(sorted(self._gained.items(), key=lambda item: (-item[1], item[0]))),
            lost=self._lost,
            examples={status: self._examples[status][1] for status in OUTCOMES if status in self._examples},
            coverage=coverage, isolation="",
        )  # fmt: skip

    def _block(self, way: str, ks: tuple[int, ...]) -> Block:
        statuses = {status: self._statuses[way][status] for status in OUTCOMES if self._statuses[way][status]}
        scored = sum(count for status, count in statuses.items() if status not in UNSCORED)
        return Block(scored, statuses.get("passed", 0), statuses, _pass_at_k(self._counts[way], ks))


def _count(counts: dict[str, list[int]], problem_id: str, passed: bool | None) -> None:
    pair = counts.setdefault(problem_id, [0, 0])
    if passed is not None:
        pair[0] += 1
        pair[1] += passed


def _pass_at_k(counts: Mapping[str, list[int]], ks: tuple[int, ...]) -> dict[int, Interval]:
    pairs = [(n, c) for _, (n, c) in sorted(counts.items()) if n]
    return {k: mean_pass_at_k(pairs, k) for k in usable_k(pairs, ks)}


def _intervals(values: Mapping[int, Interval]) -> dict[str, dict[str, Any]]:
    return {str(k): asdict(interval) for k, interval in values.items()}


def _block(block: Block) -> dict[str, Any]:
    return {
        "scored": block.scored,
        "passed": block.passed,
        "by_status": dict(block.by_status),
        "pass_at_k": _intervals(block.pass_at_k),
    }
