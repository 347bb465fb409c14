"""The report for a README: the table, how it was measured, and what was only reported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sparkgap import __version__
from sparkgap.report.comparison import Cell, Column, Comparison, conditions, readings
from sparkgap.report.datasets import Dataset, most, size, steps
from sparkgap.report.differences import Against
from sparkgap.report.page import count_of, subtitle
from sparkgap.report.plaintext import without_folders
from sparkgap.report.training import Training

_SPECIAL = re.compile(r"([\\`*{}\[\]<>#|~!&]|(?<![^\W_])_|_(?![^\W_]))")  # an underscore within a word is none


def markdown(
    comparison: Comparison, against: Sequence[Against], trainings: Sequence[Training], datasets: Sequence[Dataset],
    title: str,
) -> str:  # fmt: skip
    """Return the report as Markdown (GitHub's, for its tables), with a newline at its end."""
    blocks = [[f"## {plain(title)}"] if title else [], [plain(subtitle(comparison, trainings, datasets)) + "."]]
    if comparison.columns:
        blocks += [list(_table(comparison)), list(_against(comparison, against))]
        blocks += [list(_readings(comparison)), list(_method(comparison))]
    blocks += [list(_training(run)) for run in trainings]
    blocks += [list(_dataset(each)) for each in datasets]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", text)


def _table(comparison: Comparison) -> Iterator[str]:
    columns = comparison.columns
    yield _line(["model", *(f"{plain(column.name)}, {column.scale.name}" for column in columns)])
    yield _line([":--", *("--:" for _ in columns)])
    for place, row in enumerate(comparison.rows):
        name = f"*{plain(row.name)}*, reported, not measured" if row.reported else plain(row.name)
        yield _line([name, *(_cell(column, column.cells[place]) for column in columns)])
    yield ""
    yield "In brackets: the 95 % interval over problems."


def _cell(column: Column, cell: Cell | None) -> str:
    if cell is None or cell.value is None:
        return "–" if cell is None else f"– {count_of(cell)}".rstrip()
    show = column.scale.show
    if cell.low is None or cell.high is None:
        return f"*{show(cell.value)}*"
    unscored = f", {cell.unscored:,} unscored" if cell.unscored else ""
    return f"{show(cell.value)} ({show(cell.low)} to {show(cell.high)}{unscored})"


def _against(comparison: Comparison, against: Sequence[Against]) -> Iterator[str]:
    for each in against:
        pair = f"{plain(comparison.rows[0].name)} against {plain(comparison.rows[each.row].name)}"
        yield f"- {pair}: {plain(each.verdict)}."


def _readings(comparison: Comparison) -> Iterator[str]:
    told = [(column, one) for column in comparison.columns for one in readings(column) if one.gained or one.lost]
    if not told:
        return
    yield _line(["extraction", "benchmark", "strict, %", "lenient, %", "samples gained", "lost"])
    yield _line([":--", ":--", "--:", "--:", "--:", "--:"])
    for column, one in told:
        figures = f"{100 * one.strict:.1f}", f"{100 * one.lenient:.1f}", f"{one.gained:,}", f"{one.lost:,}"
        yield _line([plain(comparison.rows[one.row].name), plain(column.name), *figures])


def _method(comparison: Comparison) -> Iterator[str]:
    yield "How it was measured:"
    yield ""
    for column in comparison.columns:
        cells = [cell for cell in column.cells if cell is not None and cell.problems]
        counts = sorted({f"n {cell.problems:,}" for cell in cells})
        facts = [
            f"{each.name}{' differs:' * each.differs} " + " / ".join(plain(value or "–") for value in each.values)
            for each in conditions(column)
        ]
        yield f"- **{plain(column.name)}** ({plain(column.metric)}): " + "; ".join([*counts, *facts]) + "."
    for row in comparison.rows:
        if row.run is not None:
            told = f", model {plain(without_folders(row.model))}" if row.model != row.name else ""
            yield f"- {plain(row.name)}: run {plain(row.run.folder.name)}, {plain(row.run.started)}{told}."
        else:
            yield f"- *{plain(row.name)}*: reported, not measured: {plain(row.source)}."
    yield f"- Sparkgap {__version__}."


def _training(run: Training) -> Iterator[str]:
    yield _line([f"training: {plain(run.name)}", "first", "last", "lowest", "highest"])
    yield _line([":--", "--:", "--:", "--:", "--:"])
    for name, points in run.curves.items():
        values = [value for _, value in points]
        yield _line([plain(name), *(f"{value:.4g}" for value in (values[0], values[-1], min(values), max(values)))])
    if run.pairs:
        gained, lost = (sum(pair.change == change for pair in run.pairs) for change in ("gained", "lost"))
        yield ""
        yield f"Of {len(run.pairs):,} held-out problems {gained:,} pass that did not before, {lost:,} no longer do."


def _dataset(one: Dataset) -> Iterator[str]:
    yield _line([f"data: {plain(one.name)}", "files", "bytes", "what went most"])
    yield _line([":--", "--:", "--:", ":--"])
    for name, stage in steps(one):
        went = ", ".join(f"{plain(rule)} {files:,}" for rule, files, _ in stage.dropped[:3])
        yield _line([plain(name), f"{stage.files:,}", size(stage.bytes), went])
    yield ""
    yield f"{one.said}. Licences: " + ", ".join(f"{plain(name)} {count:,}" for name, count in most(one.licences)) + "."


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
