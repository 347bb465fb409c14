"""`sparkgap gate`: does a run keep the rules? For CI."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import click

from sparkgap.errors import InputError

if TYPE_CHECKING:
    from sparkgap.gate import GateResult
    from sparkgap.gate.checks import Check

_NOTES = """\b
A rule is SUBJECT [QUANTITY] COMPARISON NUMBER:
  "humaneval gap < 10"   --against is ahead by less than 10 points
  "all drop < 1"         each benchmark lost less than 1 point since --against
  "code gain > 2"        each coding benchmark won more than 2 points
  "mbpp_plus >= 60"      our own figure
SUBJECT is a benchmark, benchmark:variant, an ability (code, knowledge, math,
chat, translation) or all; NUMBER is in points of 100, or of a rating.

\b
A rule holds or fails only where that is 95 % sure; the luck of the draw does
neither. Exit code 0: every rule holds. 1: one fails. 2: a mistake that you can
mend. 3: none fails, but one is inconclusive. 4: too many samples of a run have
no score.
"""
_WIDTH = 100


@click.command(name="gate", epilog=_NOTES)
@click.argument("run", metavar="RUN")
@click.option("--rule", "rules", multiple=True, required=True, metavar="RULE", help="What must hold; give several.")
@click.option("--against", metavar="SIDE", help="A run's folder, or claim:MODEL, that gaps, drops and gains are to.")
@click.option("--claims", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="Claims of yours, TOML.")
@click.option("--anyway", is_flag=True, help="Compare runs that were not the same exam too, with a warning.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write the outcome as JUnit XML.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def command(
    run: str, rules: tuple[str, ...], against: str | None, claims: tuple[Path, ...], junit: Path | None, **chosen: bool
) -> None:
    """Check that a run keeps rules, such as a gap or a drop that must stay small, with 95 % confidence."""
    from sparkgap.gate import gate

    result = gate(run, rules, against=against, claims=claims, anyway=chosen["anyway"])
    if junit is not None:
        _write_junit(result, junit)
    if chosen["as_json"]:
        click.echo(json.dumps(result.as_json(), indent=2))
    else:
        for line in _lines(result):
            click.echo("".join(char if char.isprintable() else " " for char in line))
    sys.exit(result.exit_code)


def _lines(result: GateResult) -> Iterator[str]:
    room = max(len(_title(each)) for each in result.checks)
    for each in result.checks:
        claimed = " (to a figure that is reported, not measured)" if each.reported else ""
        yield f"{each.outcome:<12}  {_title(each):<{room}}  {_value(each)}{claimed}"
        for text in _remarks(each):
            yield from textwrap.wrap(text, _WIDTH, initial_indent=" " * 14, subsequent_indent=" " * 16)
    if result.unmatched:
        yield f"{'':<12}  in one of the two only, and in no comparison: {', '.join(result.unmatched)}"
    yield f"{result.outcome}: {_summary(result)}"


def _title(each: Check) -> str:
    rule = str(each.rule)
    return rule if each.rule.subject == each.benchmark else f"{rule} [{each.benchmark}]"


def _value(each: Check) -> str:
    return f"{each.value:.1f}, 95 % sure to be at least {each.low:.1f} and at most {each.high:.1f}"


def _remarks(each: Check) -> Iterator[str]:
    if each.reason:
        yield each.reason
    if each.outcome == "inconclusive":
        yield _needs(each)
    for warning in each.warnings:
        yield f"mind: {warning}"


def _needs(each: Check) -> str:
    """Say what it would take to tell, were the figure the true one."""
    ways = []
    if each.problems_needed is not None:
        more = max(1, each.problems_needed - each.problems)
        ways.append(f"about {more:,} more problems like these {each.problems:,}")
    if each.samples_needed is not None:
        ways.append(f"{each.samples_needed:,} samples a problem instead of {each.samples:.10g}")
    if not ways:
        unsure = " for a claim that is itself this unsure" * each.reported
        return f"no number of problems would tell: {each.value:.1f} is too near to {each.rule.limit:g}{unsure}"
    side = "holds" if _kept(each) else "fails"
    return f"to tell that it {side}, were {each.value:.1f} the truth, it would take {' or '.join(ways)}"


def _kept(each: Check) -> bool:
    from sparkgap.gate.checks import decide

    return decide(each.rule.comparison, each.rule.limit, each.value, each.value) == "holds"


def _summary(result: GateResult) -> str:
    counts = {outcome: sum(each.outcome == outcome for each in result.checks) for outcome in ("holds", "fails")}
    rest = len(result.checks) - sum(counts.values())
    return f"{counts['holds']} hold, {counts['fails']} fail, {rest} cannot be told"


def _write_junit(result: GateResult, path: Path) -> None:
    counts = {outcome: str(sum(each.outcome == outcome for each in result.checks)) for outcome in _JUNIT}
    suite = ElementTree.Element("testsuite", name="sparkgap gate", tests=str(len(result.checks)))
    for outcome, (_, attribute) in _JUNIT.items():
        suite.set(attribute, counts[outcome])
    for each in result.checks:
        case = ElementTree.SubElement(suite, "testcase", classname=f"gate.{each.benchmark}", name=str(each.rule))
        if each.outcome in _JUNIT:
            said = "; ".join([_value(each), *_remarks(each)])
            ElementTree.SubElement(case, _JUNIT[each.outcome][0], message=said)
    try:
        ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as fault:
        raise InputError(f"cannot write {path}: {fault.strerror}") from fault


_JUNIT = {  # outcome -> the element of a test case, and the count of the suite
    "fails": ("failure", "failures"),
    "inconclusive": ("skipped", "skipped"),
    "unscored": ("error", "errors"),
}
