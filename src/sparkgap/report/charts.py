"""Charts, drawn by Altair (Vega-Lite) and turned into SVG by vl-convert, without a browser and without a network.

Colours are variables of the page's style (`var(--ink)`), so that one drawing is readable in light and in dark and
follows the reader's choice. Each chart is at most `WIDTH` wide, which fits a phone. The figures of every chart are in
a table beside it as well, so that the drawing is one image to a screen reader, with `label` as its text.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sparkgap.report.comparison import Column, Row, Scale

if TYPE_CHECKING:
    import altair as alt

WIDTH = 360  # pixels, all of it
_NAMES = 130  # of it for the names of models
_STEP = 26  # pixels a bar
_FONT = "Arial, Helvetica, sans-serif"  # what vl-convert measures with has the same widths

# The styles of the page name a colour for each; any other status takes one of the `--other` colours in turn.
STATUS_COLOURS = (
    "passed", "wrong", "raised", "syntax", "compile", "timeout", "memory", "output", "forbidden", "empty", "infra",
    "unanswered", "unparsed", "unrated", "rated", "scored", "truncated",
)  # fmt: skip
_OTHERS = 4


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement of a model's history: when (ISO 8601), which run, and its figure with the interval."""

    when: str
    name: str
    value: float
    low: float
    high: float


def status_colour(status: str) -> str:
    """Return the colour of a status as CSS."""
    if status in STATUS_COLOURS:
        return f"var(--s-{status})"
    return f"var(--other-{sum(map(ord, status)) % _OTHERS})"


def bars(column: Column, rows: Sequence[Row]) -> str:
    """Draw a bar with its 95 % interval for each row that has a figure; claims are hollow, and have no interval."""
    import altair as alt

    scale = column.scale
    data = [
        {
            "name": row.name, "value": scale.factor * cell.value, "text": scale.show(cell.value),
            "low": scale.factor * (cell.value if cell.low is None else cell.low),
            "high": scale.factor * (cell.value if cell.high is None else cell.high),
            "reported": row.reported,
        }
        for row, cell in zip(rows, column.cells, strict=True)
        if cell is not None and cell.value is not None
    ]  # fmt: skip
    if not data:
        return ""
    plot = WIDTH - _NAMES - 60
    base = _chart(data).encode(y=_names(alt))
    fill = alt.condition("datum.reported", alt.value("var(--page)"), alt.value("var(--bar)"))
    bar = base.mark_bar(height=15, stroke="var(--bar)").encode(
        x=alt.X(
            "value:Q", scale=alt.Scale(domain=[scale.low, scale.high]), title=scale.name, axis=alt.Axis(tickCount=5)
        ),
        color=fill,
        strokeDash=alt.condition("datum.reported", alt.value([3, 2]), alt.value([1, 0])),
    )
    interval = base.transform_filter("!datum.reported")
    line = interval.mark_rule(color="var(--ink)", strokeWidth=1.5).encode(x="low:Q", x2="high:Q")
    ends = [
        interval.mark_tick(color="var(--ink)", size=7, thickness=1.5).encode(x=f"{end}:Q") for end in ("low", "high")
    ]
    text = base.mark_text(align="left", color="var(--ink)", fontSize=12).encode(x=alt.value(plot + 6), text="text:N")
    said = ", ".join(f"{each['name']} {each['text']}" for each in data)
    return _drawn(
        alt.layer(bar, line, *ends, text).properties(width=plot, height=alt.Step(_STEP)), f"{column.name}: {said}"
    )


def stacked(name: str, counts: Mapping[str, Mapping[str, int]]) -> str:
    """Draw what became of the samples of each model, as shares: `counts` is model -> status -> samples."""
    import altair as alt

    statuses = list(dict.fromkeys(status for by_status in counts.values() for status in by_status))
    data = [
        {"name": model, "status": status, "count": count, "order": statuses.index(status)}
        for model, by_status in counts.items()
        for status, count in by_status.items()
    ]
    percent = alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], labelExpr="100 * datum.value")
    colours = alt.Scale(domain=statuses, range=[status_colour(status) for status in statuses])
    chart = (
        _chart(data)
        .mark_bar(height=15, stroke="var(--page)", strokeWidth=0.75)
        .encode(
            y=_names(alt),
            x=alt.X("count:Q", stack="normalize", title="% of the samples", axis=percent),
            color=alt.Color("status:N", scale=colours, legend=None),
            order=alt.Order("order:Q"),
        )
        .properties(width=WIDTH - _NAMES - 60, height=alt.Step(_STEP))
    )
    said = "; ".join(
        f"{model}: " + ", ".join(f"{status} {count}" for status, count in by_status.items())
        for model, by_status in counts.items()
    )
    return _drawn(chart, f"{name}, samples by outcome. {said}")


def history(name: str, scale: Scale, points: Sequence[Point]) -> str:
    """Draw one figure of a family of models over time, each with its 95 % interval."""
    import altair as alt

    data = [
        {
            "when": point.when, "value": scale.factor * point.value,
            "low": scale.factor * point.low, "high": scale.factor * point.high,
        }
        for point in points
    ]  # fmt: skip
    days = alt.Axis(
        values=[1000 * datetime.fromisoformat(point.when).timestamp() for point in points],
        format="%Y-%m-%d", labelOverlap="greedy", labelFlush=False,
    )  # fmt: skip
    base = _chart(data).encode(x=alt.X("when:T", title=None, scale=alt.Scale(type="utc", padding=30), axis=days))
    domain = alt.Scale(zero=False, nice=True)
    y = alt.Y("value:Q", title=scale.name, scale=domain, axis=alt.Axis(tickCount=5))
    line = base.mark_line(color="var(--bar)").encode(y=y)
    dots = base.mark_point(color="var(--bar)", fill="var(--bar)", size=40, opacity=1).encode(y=y)
    rule = base.mark_rule(color="var(--ink)").encode(y=alt.Y("low:Q", scale=domain), y2="high:Q")
    said = ", ".join(f"{point.when[:10]} {scale.show(point.value)}" for point in points)
    return _drawn(alt.layer(rule, line, dots).properties(width=WIDTH - 60, height=160), f"{name} over time: {said}")


def curve(name: str, steps: Sequence[tuple[float, float]]) -> str:
    """Draw one metric of a training run over its steps: (step, value), with no smoothing."""
    import altair as alt

    data = [{"step": step, "value": value} for step, value in steps]
    chart = (
        _chart(data)
        .mark_line(color="var(--bar)", strokeWidth=1.25)
        .encode(
            x=alt.X("step:Q", title="step", axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=False, nice=False)),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=False)),
        )
        .properties(width=WIDTH - 60, height=140)
    )
    first, last = steps[0], steps[-1]
    return _drawn(chart, f"{name}: {first[1]:.4g} at step {first[0]:g}, {last[1]:.4g} at step {last[0]:g}")


def counts(name: str, rows: Sequence[tuple[str, int, str]]) -> str:
    """Draw a bar for each count: what is counted, how many, and how that is written."""
    import altair as alt

    data = [{"name": what, "count": count, "text": text} for what, count, text in rows]
    if not data:
        return ""
    plot = WIDTH - _NAMES - 80
    base = _chart(data).encode(y=_names(alt), x=alt.X("count:Q", title=None, axis=None, scale=alt.Scale(zero=True)))
    bar = base.mark_bar(height=15, color="var(--bar)")
    text = base.mark_text(align="left", dx=6, color="var(--ink)", fontSize=12).encode(text="text:N")
    said = ", ".join(f"{what} {text}" for what, _, text in rows)
    return _drawn(alt.layer(bar, text).properties(width=plot, height=alt.Step(_STEP)), f"{name}: {said}")


def _chart(data: list[dict[str, Any]]) -> alt.Chart:
    """A chart of these records."""
    import altair as alt

    return alt.Chart(alt.Data(values=data))  # type: ignore[no-untyped-call]


def _names(alt: Any) -> Any:
    """The axis of models, in the order of the table."""
    axis = alt.Axis(labelLimit=_NAMES, ticks=False, domain=False, labelPadding=6, labelFontSize=12)
    return alt.Y("name:N", sort=None, title=None, axis=axis)


def _drawn(chart: alt.Chart | alt.LayerChart | alt.FacetChart, label: str) -> str:
    """Return the chart as an `<svg>` that scales down with the page and is one labelled image."""
    import altair as alt
    import vl_convert

    quiet = {
        "labelColor": "var(--ink)", "titleColor": "var(--soft)", "gridColor": "var(--line)", "tickColor": "var(--line)",
        "domainColor": "var(--line)", "titleFontWeight": "normal", "labelFontSize": 11,
    }  # fmt: skip
    styled = (
        chart.configure(font=_FONT, background="transparent", padding=2)
        .configure_axis(**quiet)
        .configure_view(stroke=None)
    )
    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    svg: str = vl_convert.vegalite_to_svg(styled.to_dict(), vl_version=version, allowed_base_urls=[])
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label)}" ', 1)
