"""`sparkgap report`: runs in, one HTML page or a table in Markdown out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkgap.errors import InputError

if TYPE_CHECKING:
    from sparkgap.report import Form

_NOTES = """\b
RUN is the folder of a run of `measure` or `grade`, of a training run, or of a
dataset of `curate`, and may be given a name: "ours=runs/20260131T120000Z-...".

\b
The page is one file. It opens without a network, holds every prompt, answer and
verdict, and asks nothing of anyone. Runs of `grade` do not keep the answers:
those are read again from the samples file, while it is where it was.

\b
Exit code 0: written. 2: a mistake that you can mend.
"""


@click.command(name="report", epilog=_NOTES)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "-o", "--output", metavar="FILE", help="The file to write, report.html or report.md unless said; - is stdout."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md"]),
    help="html, or md for a README; by the file's name if unsaid.",
)
@click.option("--claim", "claimed", multiple=True, metavar="MODEL", help="Show published figures too, as such: gpt-5.")
@click.option("--claims", "files", multiple=True, type=click.Path(), metavar="FILE", help="A file of claims of yours.")
@click.option("--title", default="", help="What stands at the top.")
def command(runs: tuple[str, ...], output: str | None, **chosen: Any) -> None:
    """Show runs side by side: figures with intervals, charts, failures, and every problem with its answers."""
    from sparkgap.claims import find_claims, read_claims
    from sparkgap.report import read, report

    by_name: Form = "md" if (output or "").lower().endswith((".md", ".markdown")) else "html"
    form: Form = chosen["form"] or by_name
    output = output or f"report.{form}"
    read_claims(chosen["files"])  # a file that is wrong is said, whether or not a model of it is shown
    found = [read(folder, name) for name, folder in map(_named, runs)]
    claims = [find_claims(model, chosen["files"]) for model in chosen["claimed"]]
    text = report(found, claims=claims, form=form, title=chosen["title"])
    if output == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8", newline="\n")
    except OSError as fault:
        raise InputError(f"cannot write {output}: {fault.strerror}; name another file with --output") from fault
    click.echo(f"wrote {output} ({_size(len(text.encode()))})", err=True)


def _named(run: str) -> tuple[str, Path]:
    """Return (name, folder) of "name=folder", or ("", folder); a folder whose own name has a "=" in it is a folder."""
    name, equals, folder = run.partition("=")
    if not equals or Path(run).exists():
        return "", Path(run)
    return name, Path(folder)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
