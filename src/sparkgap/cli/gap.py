"""`sparkgap gap`: how far one run is from others, or from what is claimed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkgap.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from sparkgap.gap import GapReport

_NOTES = """\b
A SIDE is a run's folder (what `measure` or `grade` printed at the end), or
claim:MODEL for what is claimed of a model, e.g. claim:gpt-5; NAME=SIDE gives
it another name. The first side is yours; the others are compared with it.

\b
Runs are compared on the problems that both answered, problem by problem, and
only where they were the same exam. A claim is reported, not measured, and has
no problems to pair; --claims FILE adds yours, in the form of the shipped
claims.toml.
"""


@click.command(name="gap", epilog=_NOTES)
@click.argument("ours", metavar="OURS")
@click.argument("others", metavar="SIDE...", nargs=-1, required=True)
@click.option("--claims", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="Claims of yours, TOML.")
@click.option("--anyway", is_flag=True, help="Compare what was not the same exam too, and say what differs.")
@click.option(
    "--problems", type=click.Path(path_type=Path), metavar="FILE",
    help="Write the problems that others solve and yours does not, as JSON Lines.",
)  # fmt: skip
@click.option("--details", is_flag=True, help="Where the points go, for several sides too.")
@click.option(
    "--draws", type=click.IntRange(100), default=10_000, show_default=True, help="Of bootstrap and sign flips."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def command(ours: str, others: tuple[str, ...], **chosen: Any) -> None:
    """Say how far a model is behind others: differences, how sure they are, and where the points go."""
    from sparkgap.gap import gap

    report = gap(ours, *others, claims=chosen["claims"], anyway=chosen["anyway"], draws=chosen["draws"])
    if chosen["problems"] is not None:
        _write(report, chosen["problems"])
    if chosen["as_json"]:
        click.echo(json.dumps(report.as_json(), indent=2))
        return
    from sparkgap.cli.gaptable import show

    show(report, _console(), details=chosen["details"] or len(others) == 1, listed=chosen["problems"])


def _write(report: GapReport, path: Path) -> None:
    try:
        path.write_text("".join(json.dumps(problem) + "\n" for problem in report.problems), "utf-8")
    except OSError as fault:
        raise InputError(f"cannot write {path}: {fault.strerror}") from fault


def _console() -> Console:
    from rich.console import Console

    from sparkgap.cli.gaptable import PIPED_WIDTH

    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False, soft_wrap=False)
