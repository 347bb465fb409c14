"""The gap as a person reads it: verdicts, one table of all differences, and where the points go."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparkgap.claims import REPORTED, Claim, slug
from sparkgap.compare.contrast import Contrast
from sparkgap.compare.figures import Figure
from sparkgap.compare.words import number, points
from sparkgap.gap import Gap, GapReport, Places

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

PIPED_WIDTH = 110  # columns where nobody says how many there are
_TOPICS = 6  # topics shown; --json has all

Row = tuple[str, ...]


def show(report: GapReport, console: Console, *, details: bool, listed: Path | None = None) -> None:
    """Print the report; `details`: where the points go, for every pair of sides; `listed`: where the problems are."""
    from rich.text import Text

    write = console.print
    _wrapped(console, f"ours: {report.ours.name}", "")
    for gap in report.gaps:
        _wrapped(console, f"against {gap.theirs.name}: {gap.verdict}", "")
    write(Text())
    write(_differences(report))
    for note in _notes(report):
        _wrapped(console, note, "  ")
    if details:
        for gap in report.gaps:
            for contrast in gap.contrasts:
                if (places := gap.places.get(contrast.name)) is not None:
                    _places(gap, contrast, places, console)
    if report.problems:
        count = f"{len(report.problems):,} problem{'s' * (len(report.problems) != 1)}"
        write(Text())
        where = "--problems FILE lists them" if listed is None else f"listed in {listed}"
        told = f"{count} that others solve and {report.ours.name} does not: {where}, for --for of curate and train"
        _wrapped(console, told, "")


def _wrapped(console: Console, text: str, indent: str) -> None:
    from rich.text import Text

    for line in textwrap.wrap(plain(text), console.width, initial_indent=indent, subsequent_indent=indent + "  "):
        console.print(Text(line), no_wrap=True)


def _differences(report: GapReport) -> Table:
    several = len(report.gaps) > 1
    heads = ("benchmark", *(("against",) if several else ()))
    table = _table(heads, ("ours", "theirs", "ours - theirs", "95 % interval", "p", "would show", "problems"))
    for gap in report.gaps:
        for each in gap.contrasts:
            name = each.name + (f" ({each.variant})" if each.variant and ":" not in each.name else "")
            table.add_row(*_cells((name, *((gap.theirs.name,) if several else ()), *_numbers(each))))
    return table


def _numbers(each: Contrast) -> Row:
    interval = "not known"
    if each.interval is not None:
        interval = f"{_signed(each.interval.low, each.unit)} to {_signed(each.interval.high, each.unit)}"
    return (
        _figure(each.ours, each.unit),
        _figure(each.theirs, each.unit),
        _signed(each.difference, each.unit),
        interval,
        "" if each.p is None else _p(each.p if each.p_holm is None else each.p_holm),
        "" if each.smallest is None else number(each.smallest, each.unit),
        f"{each.problems:,}" if each.problems is not None else "not paired",
    )


def _notes(report: GapReport) -> Iterator[str]:
    contrasts = [(gap, each) for gap in report.gaps for each in gap.contrasts]
    tests = ", ".join(dict.fromkeys(each.test for _, each in contrasts if each.p is not None))
    if tests:
        yield f"p: {tests}; corrected over the benchmarks of each pair (Holm)"
    if any(each.smallest is not None for _, each in contrasts):
        yield "would show: the smallest true gap that so many problems show 8 times in 10"
    yield from _claims([side.claim for _, each in contrasts for side in (each.ours, each.theirs) if side.claim])
    yield from _all_caveats(contrasts)
    for gap, each in contrasts:
        if each.agreement is not None:
            yield _agreement(gap, each)
    for gap in report.gaps:
        for refusal in gap.refused:
            yield f"{refusal.name} is not compared with {gap.theirs.name}: {'; '.join(refusal.reasons)}"
        for names, whose in ((gap.only_ours, gap.ours.name), (gap.only_theirs, gap.theirs.name)):
            if names:
                yield f"only {whose} has {', '.join(names)}"


def _claims(claims: Sequence[Claim]) -> Iterator[str]:
    sources: dict[str, dict[str, list[str]]] = {}
    for claim in dict.fromkeys(claims):
        where = f"{claim.said_by}, {claim.when} ({claim.where}){'; ' * bool(claim.note)}{claim.note}"
        sources.setdefault(where, {}).setdefault(claim.model, []).append(claim.benchmark)
    for where, models in sources.items():
        told = "; ".join(", ".join((model, *benchmarks)) for model, benchmarks in models.items())
        yield f"* {REPORTED}: {told}: {where}"
    if claims:
        yield "a claim is taken to be over as many problems as it says, or the benchmark has, one sample each"


def _all_caveats(contrasts: Sequence[tuple[Gap, Contrast]]) -> Iterator[str]:
    """Yield every caveat once; which sides it is about, where others have the benchmark without it."""
    sides: dict[str, list[str]] = {}
    for gap, each in contrasts:
        for text in _caveats(each):
            sides.setdefault(f"{each.name}: {text}", []).append(gap.theirs.name)
    having = Counter(each.name for _, each in contrasts)
    for text, about in sides.items():
        some = len(about) < having[text.partition(": ")[0]] and not all(name in text for name in about)
        yield text + (f" (against {', '.join(about)})" if some else "")


def _caveats(each: Contrast) -> Iterator[str]:
    for text in each.unlikeness.refusals:
        yield f"NOT THE SAME EXAM: {text}"
    yield from each.unlikeness.warnings
    if not each.distinct and each.paired and each.difference:
        more = f"{each.needed:,}" if each.needed is not None else "no number of"
        yield f"a gap of {points(abs(each.difference), each.unit)} would take {more} problems like these to show"


def _agreement(gap: Gap, each: Contrast) -> str:
    """Say whether a measurement agrees with a claim, which it need not where it is of another model."""
    assert each.agreement is not None
    claim = each.ours.claim or each.theirs.claim
    mine = each.ours if each.ours.claim is None else each.theirs
    assert claim is not None
    said = "agrees with" if each.agreement.p >= 0.05 else "contradicts"
    measured, claimed = number(mine.value, each.unit), number(claim.value, each.unit)
    how = f"{each.agreement.test}, p {_p(each.agreement.p, equals=True)}"
    run = gap.theirs if each.theirs.claim is None else gap.ours
    other = "" if slug(claim.model) in slug(f"{run.name} {run.model}") else ", were they of one model"
    return f"{each.name}: the measured {measured} {said} the {claimed} claimed of {claim.model}{other} ({how})"


def _places(gap: Gap, contrast: Contrast, places: Places, console: Console) -> None:
    from rich.text import Text

    write = console.print
    if places.losses:
        write(Text())
        _wrapped(console, f"Where {contrast.name}'s points go, against {gap.theirs.name} (of 100):", "")
        write(_losses(contrast, places))
    if any(places.unscored):
        mine, other = places.unscored
        write(Text(f"  without a score, and in none of this: {mine:,} of our samples, {other:,} of theirs"))
    if not places.groups:
        write(Text("  by topic and difficulty: needs the benchmark's files (`sparkgap data fetch` gets them)"))
    for kind in ("topic", "difficulty"):
        found = [group for group in places.groups if group.kind == kind]
        if found:
            write(Text())
            write(_groups(contrast, kind, places))
            if kind == "topic" and len(found) > _TOPICS:
                write(Text(f"  {len(found) - _TOPICS} more in --json"))


def _losses(contrast: Contrast, places: Places) -> Table:
    table = _table(("lost to", ""), ("ours", "theirs", "of the gap"))
    shown = ""
    for loss in places.losses:
        head, shown = ("" if loss.whose == shown else loss.whose), loss.whose
        table.add_row(*_cells((head, loss.cause, *(number(part, "share") for part in (loss.ours, loss.theirs)))),
                      _signed(loss.gap, "share"))  # fmt: skip
    for name, chosen in (("all", None), ("the model alone", "model")):
        some = [loss for loss in places.losses if chosen in (None, loss.whose)]
        mine, other = sum(loss.ours for loss in some), sum(loss.theirs for loss in some)
        table.add_row(
            *_cells((name, "", number(mine, "share"), number(other, "share"))), _signed(mine - other, "share")
        )
    return table


def _groups(contrast: Contrast, kind: str, places: Places) -> Table:
    table = _table((kind,), ("problems", "ours", "theirs", "ours - theirs", "95 % interval"))
    unit = contrast.unit
    for group in [group for group in places.groups if group.kind == kind][: _TOPICS if kind == "topic" else None]:
        ends = f"{_signed(group.interval.low, unit)} to {_signed(group.interval.high, unit)}"
        sides = number(group.ours, unit), number(group.theirs, unit)
        table.add_row(*_cells((group.name, f"{group.problems:,}", *sides, _signed(group.interval.value, unit), ends)))
    return table


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in left:
        table.add_column(name, justify="left", overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _cells(row: Row) -> list[RenderableType]:
    """Return texts: a name with brackets in it is no markup."""
    from rich.text import Text

    return [Text(plain(cell)) for cell in row]


def plain(text: str) -> str:
    """Return a text without what would move a terminal's cursor: names come from run folders."""
    return "".join(char if char.isprintable() else " " for char in text)


def _figure(figure: Figure, unit: str) -> str:
    return number(figure.value, unit) + ("*" if figure.claim is not None else " ")


def _signed(difference: float, unit: str) -> str:
    text = number(difference, unit)
    return text if float(text) <= 0 else f"+{text}"


def _p(p: float, *, equals: bool = False) -> str:
    if p < 0.001:
        return "< 0.001"
    return f"{'= ' * equals}{p:.3f}"
