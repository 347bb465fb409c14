"""The HTML page: everything inside one file, nothing asked of any network.

Jinja escapes every text; the only markup that comes in ready-made (marked `safe` in the template) is Altair's SVG,
which is escaped as well, and our own style and script. A content security policy forbids every script but that one, by
its hash, and every request.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from sparkgap import __version__
from sparkgap.report import charts, plaintext
from sparkgap.report.bundle import bundle
from sparkgap.report.comparison import (
    USAGE,
    Cell,
    Column,
    Comparison,
    Row,
    conditions,
    metrics_table,
    plain,
    readings,
    usage,
)
from sparkgap.report.datasets import Dataset, most, shares, size, steps
from sparkgap.report.differences import Against, shown
from sparkgap.report.evidence import Evidence, evidence, failures
from sparkgap.report.history import History, histories
from sparkgap.report.plaintext import one_line, without_folders
from sparkgap.report.training import Training

Json = dict[str, Any]

MOST_PAIRS, MOST_WRITTEN = 30, 4000  # problems of a training run, and characters of one text
CHANGES = ("pass that did not", "no longer pass", "fail both times", "pass both times")
_HERE = Path(__file__).parent


def html_page(
    comparison: Comparison, against: Sequence[Against], trainings: Sequence[Training], datasets: Sequence[Dataset],
    title: str,
) -> str:  # fmt: skip
    """Return the page as text; `against` is the first row against the others.

    Raises:
        InputError: a run is damaged.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = "\n" + (_HERE / "page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    found = [evidence(column, comparison.rows) for column in comparison.columns]
    context = _table(comparison) | _against(comparison, against) | _sections(comparison, found) | _method(comparison)
    context |= {
        "title": title or "Sparkgap report", "subtitle": subtitle(comparison, trainings, datasets),
        "version": __version__, "style": (_HERE / "page.css").read_text("utf-8"), "script": script,
        "script_hash": f"sha256-{digest}",
        "trainings": [_training(run) for run in trainings],
        "datasets": [_dataset(each) for each in datasets],
        "bundles": [bundle(column, each) for column, each in zip(comparison.columns, found, strict=True)],
        "names": [row.name for row in comparison.rows],
    }  # fmt: skip
    context["columns"] = [
        _column(column, comparison.rows, each) for column, each in zip(comparison.columns, found, strict=True)
    ]
    return environment.get_template("page.html.jinja").render(context)


def subtitle(comparison: Comparison, trainings: Sequence[Training], datasets: Sequence[Dataset] = ()) -> str:
    """Say in a line what is in the report."""
    measured = [row.run for row in comparison.rows if row.run is not None]
    counts = {
        "run": len(measured),
        "benchmark": len(comparison.columns),
        "reported model": len(comparison.rows) - len(measured),
        "training run": len(trainings),
        "dataset": len(datasets),
    }
    parts = [f"{count:,} {noun}{'s' * (count != 1)}" for noun, count in counts.items() if count]
    days = sorted(run.started[:10] for run in measured if run.started)
    if days:
        parts.append(f"measured {days[0]}" + (f" to {days[-1]}" if days[-1] != days[0] else ""))
    return ", ".join(parts)


def _table(comparison: Comparison) -> Json:
    """The comparison, cell by cell, as the template wants it."""
    groups = groupby(comparison.columns, key=lambda column: column.ability)
    return {
        "abilities": [(ability or "other", len(list(columns))) for ability, columns in groups],
        "sources": [(row.name, row.source) for row in comparison.rows if row.reported],
        "rows": [
            {
                "name": row.name,
                "reported": row.reported,
                "cells": [_cell(column, column.cells[place]) for column in comparison.columns],
            }
            for place, row in enumerate(comparison.rows)
        ],
    }


def _against(comparison: Comparison, against: Sequence[Against]) -> Json:
    """The differences from the first row, one row for each other."""
    rows = []
    for each in against:
        cells = []
        for found, why in zip(each.contrasts, each.refusals, strict=True):
            figure, interval = shown(found) if found is not None else ("", "")
            refused = f"not comparable: {one_line('; '.join(why), 300)}" if why else ""
            distinct = found is not None and found.distinct
            cells.append({"figure": figure, "interval": interval, "distinct": distinct, "refused": refused})
        row = comparison.rows[each.row]
        rows.append({"name": row.name, "reported": row.reported, "cells": cells, "verdict": each.verdict})
    return {"first": comparison.rows[0].name if comparison.rows else "", "against": rows}


def _cell(column: Column, cell: Cell | None) -> Json:
    if cell is None:
        return {"sort": "", "figure": "", "interval": "", "count": ""}
    show = column.scale.show
    interval = "" if cell.low is None or cell.high is None else f"{show(cell.low)} to {show(cell.high)}"
    return {
        "sort": "" if cell.value is None else repr(cell.value),
        "figure": "" if cell.value is None else show(cell.value),
        "interval": interval,
        "count": count_of(cell),
    }


def count_of(cell: Cell) -> str:
    """Say how many problems a figure stands on, and what is unscored; "" for a claim."""
    if not cell.problems and not cell.unscored:
        return ""
    counts = [f"n {cell.problems:,}"]
    if cell.samples != cell.problems:
        counts.append(f"{cell.samples:,} samples")
    if cell.unscored:
        counts.append(f"{cell.unscored:,} unscored")
    return ", ".join(counts)


def _column(column: Column, rows: Sequence[Row], found: Evidence) -> Json:
    """What the sections about one column show."""
    names = {row: rows[row].name for row, _ in column.measured()}
    counts = failures(found)
    by_model: dict[str, dict[str, int]] = {name: defaultdict(int) for name in names.values()}
    for (status, _), by_row in counts.items():
        for row, count in by_row.items():
            by_model[names[row]][status] += count
    conditions_ = conditions(column)
    return {
        "name": column.name, "title": column.title, "ability": column.ability, "metric": column.metric,
        "unit": column.scale.name, "names": list(names.values()), "bars": charts.bars(column, rows),
        "stacked": charts.stacked(column.name, by_model),
        "staged": any(stage for _, stage in counts),
        "failures": [
            (status + (f", {stage} stage" if stage else ""), [f"{by_row.get(row, 0):,}" for row in names])
            for (status, stage), by_row in counts.items()
            if len(counts) > 1
        ],
        "conditions": conditions_, "differs": any(each.differs for each in conditions_), "example": found.example,
    }  # fmt: skip


def _sections(comparison: Comparison, found: Sequence[Evidence]) -> Json:
    """The sections that take all columns together."""
    rows, columns = comparison.rows, comparison.columns
    uses = [
        (rows[row].name + f", rated by {rater}" * bool(rater), column.name, told)
        for column in columns
        for row, rater, told in usage(column)
    ]
    used = [key for key in USAGE if any(told[key] for _, _, told in uses)]
    statuses = dict.fromkeys(status for each in found for status, _ in failures(each))
    return {
        "legend": [(status, charts.status_colour(status)) for status in statuses],
        "notes": list(dict.fromkeys(note for each in found for note in each.notes)),
        "readings": [
            {
                "name": rows[one.row].name, "benchmark": column.name, "strict": f"{100 * one.strict:.1f} %",
                "lenient": f"{100 * one.lenient:.1f} %", "gained": f"{one.gained:,}", "lost": f"{one.lost:,}",
                "ways": "; ".join(f"{count:,} {way}" for way, count in one.ways[:4]),
            }
            for column in columns
            for one in readings(column)
        ],
        "metrics": [
            {"column": column.name, "names": [rows[row].name for row, _ in column.measured()], "lines": lines}
            for column in columns
            if len(lines := metrics_table(column)) > 1
        ],
        "usage_headings": [USAGE[key][0] for key in used],
        "usage": [(name, benchmark, [told[key] for key in used]) for name, benchmark, told in uses],
        "histories": [_history(one) for one in histories(comparison)],
    }  # fmt: skip


def _history(one: History) -> Json:
    family, scale = without_folders(one.family), one.column.scale
    return {
        "family": family,
        "column": one.column.name,
        "unit": scale.name,
        "chart": charts.history(f"{family}, {one.column.name}", scale, one.points),
        "points": [
            {"name": point.name, "when": point.when, "figure": _interval(one.column, point)} for point in one.points
        ],
    }


def _interval(column: Column, point: charts.Point) -> str:
    show = column.scale.show
    return f"{show(point.value)} ({show(point.low)} to {show(point.high)})"


def _method(comparison: Comparison) -> Json:
    runs = [
        {
            "name": row.name, "model": without_folders(row.model), "started": row.run.started,
            "folder": one_line(row.run.folder.name), "identity": identity(row),
        }
        for row in comparison.rows
        if row.run is not None
    ]  # fmt: skip
    return {"runs": runs, "identified": any(run["identity"] for run in runs)}


def identity(row: Row) -> str:
    """Say what decides a model's replies, as its run has it."""
    told = row.run.manifest["asked"].get("identity") if row.run is not None else None
    return one_line(without_folders(plain(told)), 300)


def _training(run: Training) -> Json:
    curves, flat = [], []
    for name, points in run.curves.items():
        values = [value for _, value in points]
        told = {"first": values[0], "last": values[-1], "low": min(values), "high": max(values)}
        figures = {key: f"{value:.3g}" for key, value in told.items()}
        if told["low"] == told["high"] and len(values) > 1:
            flat.append(f"{name} {figures['last']}")
        else:
            curves.append({"name": name, "chart": charts.curve(f"{run.name}, {name}", points)} | figures)
    counts = Counter(pair.change for pair in run.pairs)
    order = ("gained", "lost", "failed", "passed")
    first = sorted(run.pairs, key=lambda pair: order.index(pair.change))[:MOST_PAIRS]
    return {
        "name": run.name, "curves": curves, "flat": ", ".join(flat),
        "changes": [(counts[change], words) for change, words in zip(order, CHANGES, strict=True)],
        "count": len(run.pairs),
        "pairs": [
            {"id": one_line(pair.problem_id), "prompt": plaintext.shown(pair.prompt, MOST_WRITTEN),
             "sides": [("before", pair.before_status, plaintext.shown(pair.before, MOST_WRITTEN)),
                       ("after", pair.after_status, plaintext.shown(pair.after, MOST_WRITTEN))]}
            for pair in first
        ],
    }  # fmt: skip


def _dataset(one: Dataset) -> Json:
    stages = steps(one)
    return {
        "name": one.name, "said": one.said, "against": ", ".join(one.against), "missing": ", ".join(one.missing),
        "charts": [
            ("files", "left by each step",
             charts.counts(f"{one.name}, files", [(name, each.files, f"{each.files:,}") for name, each in stages])),
            ("bytes", "left by each step",
             charts.counts(f"{one.name}, bytes", [(name, each.bytes, size(each.bytes)) for name, each in stages])),
            ("licences", "files that are kept",
             charts.counts(f"{one.name}, licences", [(*each, f"{each[1]:,}") for each in most(one.licences)])),
        ],
        "dropped": [(each.step, rule, f"{files:,}", size(held)) for _, each in stages
                    for rule, files, held in each.dropped],
        "languages": ", ".join(f"{name} {count:,}" for name, count in most(one.languages)),
        "tried": shares(one.tried),
    }  # fmt: skip
