"""Runs and claims side by side: which models, which benchmarks, and the figure in each cell, as tables of plain data.

A benchmark in two variants is two columns, since they are different metrics. Figures are kept in the benchmark's own
unit; `Scale` says how to show them. Not covered: tests of differences, which `gap` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkgap.claims import Claimed
from sparkgap.report.plaintext import one_line, without_folders
from sparkgap.results import BenchmarkResult, RunResult
from sparkgap.stats import Interval

ABILITIES = ("code", "knowledge", "math", "chat", "translation")  # in the order of the table; others follow


@dataclass(frozen=True, slots=True)
class Scale:
    """How values of a unit are shown: times `factor`, with `digits`, between `low` and `high`."""

    name: str
    factor: float
    digits: int
    low: float
    high: float

    def show(self, value: float) -> str:
        """Return the number as a reader sees it."""
        return f"{self.factor * value:.{self.digits}f}"


SCALES = {
    "share": Scale("%", 100.0, 1, 0.0, 100.0),
    "rating": Scale("1 to 10", 1.0, 2, 0.0, 10.0),
    "score": Scale("0 to 100", 1.0, 1, 0.0, 100.0),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the comparison. `source` is empty for what was measured, else who reported it, when and where."""

    name: str
    model: str
    run: RunResult | None
    source: str = ""

    @property
    def reported(self) -> bool:
        """Whether its figures are claims."""
        return self.run is None


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: `low` and `high` are the 95 % interval, None for a claim; `value` is None where nothing is scored."""

    value: float | None
    low: float | None = None
    high: float | None = None
    method: str = ""
    problems: int = 0
    samples: int = 0
    unscored: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """One benchmark in one variant; `results` and `cells` are by row, None where a model was not asked."""

    benchmark: str
    title: str
    ability: str
    variant: str
    unit: str
    metric: str
    results: tuple[BenchmarkResult | None, ...]
    cells: tuple[Cell | None, ...]

    @property
    def name(self) -> str:
        """How the table calls it."""
        return f"{self.benchmark} ({self.variant})" if self.variant else self.benchmark

    @property
    def scale(self) -> Scale:
        """How its values are shown."""
        return SCALES.get(self.unit, SCALES["score"])

    def measured(self) -> Iterable[tuple[int, BenchmarkResult]]:
        """Yield (row, result) of those who were asked."""
        return ((row, result) for row, result in enumerate(self.results) if result is not None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The table: its rows as they were given, claims last; its columns by ability."""

    rows: tuple[Row, ...]
    columns: tuple[Column, ...]


def compare(runs: Sequence[RunResult], claims: Sequence[Claimed] = ()) -> Comparison:
    """Return the table of these runs, and of what is claimed on the benchmarks that were measured."""
    names = _unique([*(run.name for run in runs), *(each.name for each in claims)])
    rows = [Row(name, one_line(run.model), run) for name, run in zip(names, runs, strict=False)]
    rows += [
        Row(name, one_line(each.model), None, _source(each))
        for name, each in zip(names[len(runs) :], claims, strict=True)
    ]
    keys: dict[tuple[str, str, str], None] = {}
    for run in runs:
        keys |= {_key(result): None for result in run.benchmarks.values()}
    ordered = sorted(keys, key=lambda key: _rank(_ability(runs, key)))
    return Comparison(tuple(rows), tuple(_column(key, runs, claims) for key in ordered))


def _source(claimed: Claimed) -> str:
    """Who said it, when and where, once for all figures that have the same source."""
    said = dict.fromkeys(
        f"{claim.said_by}, {claim.when} ({claim.where})" + (f"; {claim.note}" if claim.note else "")
        for claim in claimed.claims.values()
    )
    return one_line(" / ".join(said), 500)


def _key(result: BenchmarkResult) -> tuple[str, str, str]:
    return result.benchmark, result.variant, result.unit


def _found(run: RunResult, key: tuple[str, str, str]) -> BenchmarkResult | None:
    return next((result for result in run.benchmarks.values() if _key(result) == key), None)


def _ability(runs: Sequence[RunResult], key: tuple[str, str, str]) -> str:
    return next(result.ability for run in runs if (result := _found(run, key)) is not None)


def _rank(ability: str) -> int:
    return ABILITIES.index(ability) if ability in ABILITIES else len(ABILITIES)


def _column(key: tuple[str, str, str], runs: Sequence[RunResult], claims: Sequence[Claimed]) -> Column:
    results = tuple(_found(run, key) for run in runs)
    first = next(result for result in results if result is not None)
    said = [each.claims.get(first.benchmark) for each in claims]
    reported = (Cell(claim.value) if claim is not None and claim.unit == first.unit else None for claim in said)
    metric = next((name for result in results if result for name in result.metrics), "")
    return Column(
        benchmark=first.benchmark,
        title=one_line(first.title),
        ability=one_line(first.ability),
        variant=one_line(first.variant),
        unit=first.unit,
        metric=one_line(metric),
        results=(*results, *(None for _ in claims)),
        cells=(*(_cell(result) for result in results), *reported),
    )


def _cell(result: BenchmarkResult | None) -> Cell | None:
    if result is None:
        return None
    problems = sum(bool(values) for values in result.values.values())
    samples = sum(map(len, result.values.values()))
    if not result.metrics or not samples:
        return Cell(None, problems=problems, samples=samples, unscored=result.unscored)
    head = next(iter(result.metrics.values()))
    return Cell(head.value, head.low, head.high, head.method, problems, samples, result.unscored)


def _unique(names: Iterable[str]) -> list[str]:
    """Return the names on one line each, numbered where several are the same."""
    found: list[str] = []
    for name in names:
        clean = fresh = one_line(without_folders(name), 80) or "unnamed"
        number = 1
        while fresh in found:
            number += 1
            fresh = f"{clean} ({number})"
        found.append(fresh)
    return found


# --- What else a run says of itself -----------------------------------------------------------------------------------


def metrics_table(column: Column) -> list[tuple[str, list[str]]]:
    """Return each metric and note of a column, with what it is for each row that was measured."""
    results = [result for _, result in column.measured()]
    metrics = dict.fromkeys(name for result in results for name in result.metrics)
    notes = dict.fromkeys(name for result in results for name in result.summary.get("notes") or {})
    return [
        *((one_line(name), [_figure(column, result.metrics.get(name)) for result in results]) for name in metrics),
        *(
            (
                one_line(name),
                [one_line(str((result.summary.get("notes") or {}).get(name, "")), 300) for result in results],
            )
            for name in notes
        ),
    ]


def _figure(column: Column, found: Interval | None) -> str:
    show = column.scale.show
    return f"{show(found.value)} ({show(found.low)} to {show(found.high)})" if found is not None else ""


@dataclass(frozen=True, slots=True)
class Readings:
    """Strict against lenient extraction for one row: shares that pass, samples gained, and by which way of reading."""

    row: int
    strict: float
    lenient: float
    gained: int
    lost: int
    ways: tuple[tuple[str, int], ...]


def readings(column: Column) -> list[Readings]:
    """Return the two readings of each row that has both; none for what is no program."""
    found = []
    for row, result in column.measured():
        strict, lenient = result.summary.get("strict"), result.summary.get("lenient")
        if not isinstance(strict, Mapping) or not isinstance(lenient, Mapping):
            continue
        if not strict.get("scored") or not lenient.get("scored"):
            continue
        ways = tuple((one_line(way), count) for way, count in result.summary.get("gained_by", {}).items())
        gained, lost = result.summary.get("gained", 0), result.summary.get("lost", 0)
        found.append(Readings(row, _share(strict), _share(lenient), gained, lost, ways))
    return found


def _share(block: Mapping[str, Any]) -> float:
    """The headline of one reading: pass@1, the mean over problems, where it is there."""
    first = block.get("pass_at_k", {}).get("1")
    return float(first["value"] if first else block["passed"] / block["scored"])


USAGE = {  # key in the summary -> (heading, digits)
    "requests": ("requests", 0),
    "prompt_tokens": ("prompt tokens", 0),
    "completion_tokens": ("completion tokens", 0),
    "seconds": ("seconds of requests", 1),
    "completion_tokens_per_solved": ("completion tokens per solved problem", 1),
    "cost": ("cost", 4),
    "cost_per_solved": ("cost per solved problem", 6),
}


def usage(column: Column) -> list[tuple[int, str, dict[str, str]]]:
    """Return (row, rater, figures by the keys of `USAGE`) of each row, and of its rater; nothing where no run says.

    Answers that were on disk and do not say what they took are left out, rather than shown as free.
    """
    rows = []
    for row, result in column.measured():
        for part in ("usage", "rater_usage"):
            said = result.summary.get(part)
            if said and any(said.get(key) != 0 for key in ("prompt_tokens", "completion_tokens", "seconds")):
                rater = one_line(str(said.get("model") or "rater")) if part == "rater_usage" else ""
                rows.append((row, rater, {key: _used(said.get(key), digits) for key, (_, digits) in USAGE.items()}))
    return rows


def _used(value: Any, digits: int) -> str:
    return f"{value:,.{digits}f}" if isinstance(value, int | float) else ""


CONDITIONS = (  # of the question in the manifest: what decides whether two figures can be compared
    "split", "samples", "limit", "decoding", "extraction", "limits", "isolation", "rater", "data", "prompts",
    "code", "sparkgap", "python",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of measurement: a single value where all rows have the same one, else one for each row measured."""

    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs were measured differently in this."""
        return len(self.values) > 1


def conditions(column: Column) -> list[Condition]:
    """Return how a column was measured; what no run says is left out."""
    found = []
    for name in CONDITIONS:
        values = [_said(name, result) for _, result in column.measured()]
        if any(values):
            found.append(Condition(name, (values[0],) if len(set(values)) == 1 else tuple(values)))
    return found


def _said(name: str, result: BenchmarkResult) -> str:
    value = result.asked.get(name)
    if name == "isolation":  # the level that was reached, where the run knows, says more than the one asked for
        value = result.summary.get("isolation") or value
    if name == "samples" and isinstance(value, list):  # a run of `grade`: the files, which differ by nature
        return ""
    return one_line(without_folders(plain(value)), 300)


def plain(value: Any) -> str:
    """Return a part of a manifest in words; "" for what is empty, a sha256 by its start."""
    match value:
        case None:
            return ""
        case Mapping():
            return ", ".join(f"{key}: {text}" for key, part in value.items() if (text := plain(part)))
        case list() | tuple():
            return ", ".join(plain(part) for part in value)
        case str() if len(value) == 64:  # a sha256
            return value[:12]
        case _:
            return str(value)
