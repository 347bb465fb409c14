"""`sparkgap curate`: sources in, a dataset out; and what there is to ask of one that is there.

`explain`, `what-if` and `forget` are words of their own only right after `curate`; a folder of that name is `./forget`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sparkgap.curate.asking import Change

_MAKE = " make"  # no file's name, so that nobody types it by chance
LINE_EVERY_S = 15.0  # of progress, where stderr is no terminal

_NOTES = """\b
A SOURCE is a folder, a git repository at a revision (PATH@main, or a bare
one), an archive (.zip .whl .tar.gz .tar.xz ...), a table (.jsonl .parquet with
a column `content`), or a dataset of the Hugging Face hub (hf:NAME[:SPLIT]).
Put the preferred ones first: of two copies the earlier is kept.

\b
Killed at any moment, the same command goes on where it stopped. Run again with
other thresholds, it reads no file a second time.

\b
  sparkgap curate explain SHA|PATH        why is this file in, or not
  sparkgap curate what-if --set RULE=N    what another threshold would change
  sparkgap curate forget REPO|SHA         take something out, for good
"""


class _Curate(click.Group):
    """A group whose first word may be a source instead of a word of its own."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands:
            return _MAKE, self.commands[_MAKE], args
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in {"-h", "--help"}:
            args = [_MAKE, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the help of making a dataset, which names the other words."""
        make = self.commands[_MAKE]
        make.format_help(click.Context(make, info_name=ctx.info_name, parent=ctx.parent), formatter)


@click.group(name="curate", cls=_Curate, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Make training data of repositories: licensed, deduplicated, decontaminated, proven."""


@command.command(name=_MAKE, hidden=True, epilog=_NOTES)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The dataset's folder.")
@click.option(
    "--set", "assignments", multiple=True, metavar="RULE=VALUE", help="Another threshold, e.g. max_line=2000."
)
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Thresholds under [thresholds], TOML.")
@click.option("--against", multiple=True, metavar="BENCHMARK", help="Instead of all whose files are here; repeatable.")
@click.option("--near", default="256,25,10,5", show_default=True, metavar="P,B,R,N",
              help="Permutations, bands, rows of a band, words of an n-gram.")  # fmt: skip
@click.option("--held-out", type=click.FloatRange(0, 1), default=0.02, show_default=True, help="Share kept apart.")
@click.option("--fim", metavar="PREFIX,SUFFIX,MIDDLE",
              help="Files with a gap, too, with a model's tokens: <fim_prefix>,<fim_suffix>,<fim_middle>.")  # fmt: skip
@click.option("--for", "prefer", type=click.Path(path_type=Path), metavar="RUN|LIST",
              help="Score files by how near they are to what a run failed, or to a list of `gap --problems`; "
                   "--set gap=0 keeps those nearer.")  # fmt: skip
@click.option("--no-compile", is_flag=True, help="Have no compiler look over files in other languages than Python.")
@click.option("--no-behaviour", is_flag=True, help="Run no function against the benchmarks.")
@click.option("--no-proof", is_flag=True, help="Run no doctest and no test; make no problems for RL.")
@click.option("--selftest", type=click.IntRange(0), default=40, show_default=True,
              help="Solutions of each benchmark that the check is tested with.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), help="Processes; one for each CPU unless said.")
@click.option("--ray", default="", metavar="ADDRESS", help="Read and measure on this Ray cluster instead.")
@click.option("--isolation", type=click.Choice(["auto", "full", "reduced"]), default="auto", help="The jail's level.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def make(sources: tuple[str, ...], out: Path, **chosen: Any) -> None:
    """Make a dataset of SOURCEs: what may be used, once, unlike any benchmark, proven where it can be."""
    import os

    from sparkgap.curate import CurateOptions, curate
    from sparkgap.curate.rules import read_settings

    with _progress(chosen["quiet"]) as progress, _judge(chosen) as judge:
        options = CurateOptions(
            settings=read_settings(chosen["config"], chosen["assignments"]), near=_near(chosen["near"]),
            against=chosen["against"], compiling=not chosen["no_compile"], behaviour=not chosen["no_behaviour"],
            proof=not chosen["no_proof"],
            selftest=chosen["selftest"], held_out=chosen["held_out"], fim=_fim(chosen["fim"]), prefer=chosen["prefer"],
            workers=chosen["workers"] or len(os.sched_getaffinity(0)), ray=chosen["ray"], progress=progress,
        )  # fmt: skip
        if not chosen["quiet"]:
            shown = ", ".join(f"J {at:.1f}: {options.near.found(at):.0%}" for at in (0.6, 0.7, 0.8, 0.9))
            click.echo(f"near-duplicates will be found with probability {shown}", err=True)
        try:
            result = curate(sources, out, options, judge)
        except KeyboardInterrupt:
            click.echo("sparkgap: the same command goes on from here", err=True)
            raise
    if chosen["as_json"]:
        click.echo(json.dumps(result.summary, indent=2))
    else:
        _show(result.summary, out)


@command.command()
@click.argument("what", metavar="SHA|PATH")
@click.option("-d", "--dataset", type=click.Path(path_type=Path), default=Path(), help="Its folder; here unless said.")
@click.option("--json", "as_json", is_flag=True, help="Print rows of the ledger, one JSON object a line.")
def explain(what: str, dataset: Path, as_json: bool) -> None:
    """Say why a file is in a dataset, or is not."""
    from sparkgap.curate.asking import explanations
    from sparkgap.errors import InputError

    found = 0
    for row, text in explanations(dataset, what):
        found += 1
        click.echo(json.dumps(row) if as_json else text)
    if not found:
        raise InputError(f"no file that came into {dataset} has the path {what!r} or a sha256 that begins so")


@command.command(name="what-if")
@click.option("--set", "assignments", multiple=True, required=True, metavar="RULE=VALUE", help="E.g. max_line=2000.")
@click.option("-d", "--dataset", type=click.Path(path_type=Path), default=Path(), help="Its folder; here unless said.")
@click.option("--show", type=click.IntRange(0), default=20, show_default=True, help="Files to name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def what_if(assignments: tuple[str, ...], dataset: Path, show: int, as_json: bool) -> None:
    """Say what other thresholds would change, without reading a file again."""
    from sparkgap.curate.asking import what_if as asked
    from sparkgap.curate.rules import read_settings

    _show_change(asked(dataset, read_settings(None, assignments)), show, as_json)


@command.command()
@click.argument("what", metavar="REPO|SHA")
@click.option("-d", "--dataset", type=click.Path(path_type=Path), default=Path(), help="Its folder; here unless said.")
@click.option("--show", type=click.IntRange(0), default=20, show_default=True, help="Files to name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def forget(what: str, dataset: Path, show: int, as_json: bool) -> None:
    """Take a repository, or every copy of a file, out of a dataset, and keep it out."""
    from sparkgap.curate.asking import forget as asked

    _show_change(asked(dataset, what), show, as_json)


def _near(text: str) -> Any:
    from sparkgap.curate import NearOptions

    try:
        permutations, bands, rows, ngram = (int(part) for part in text.split(","))
    except ValueError as fault:
        raise click.BadParameter(f"{text!r} is not like 256,25,10,5", param_hint="--near") from fault
    return NearOptions(permutations=permutations, bands=bands, rows=rows, ngram=ngram)


def _fim(text: str | None) -> tuple[str, str, str] | None:
    if text is None:
        return None
    parts = tuple(text.split(","))
    if len(parts) != 3 or not all(parts) or len(set(parts)) != 3:
        raise click.BadParameter(f"{text!r} is not three tokens, with commas between", param_hint="--fim")
    return parts[0], parts[1], parts[2]


@contextmanager
def _judge(chosen: dict[str, Any]) -> Iterator[Any]:
    """Give a judge where one is needed."""
    if chosen["no_compile"] and chosen["no_behaviour"] and chosen["no_proof"]:
        yield None
        return
    from sparkgap.judge import Judge

    with Judge(chosen["workers"], isolation=chosen["isolation"]) as judge:
        yield judge


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """Say on stderr how far it is: one line that is written over on a terminal, else a line now and then."""
    if quiet:
        yield None
        return
    terminal, last, phase = sys.stderr.isatty(), 0.0, ""

    def show(now: str, done: int, size: int) -> None:
        nonlocal last, phase
        moment = time.monotonic()
        if now == phase and moment - last < (0.1 if terminal else LINE_EVERY_S):
            return
        last, phase = moment, now
        told = now + (f", {done:,}" if done else "") + (f", {size / 1e6:,.0f} MB" if size else "")
        click.echo(f"\r\x1b[K{told}" if terminal else told, err=True, nl=not terminal)

    try:
        yield show
    finally:
        if terminal:
            click.echo("\r\x1b[K", err=True, nl=False)


def _show(summary: Any, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name, justify in (("step", "left"), ("files", "right"), ("MB", "right"), ("what went most", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for stage in summary["stages"]:
        most = ", ".join(f"{rule} {files:,}" for rule, (files, _) in list(stage["dropped"].items())[:3])
        name = stage["step"] if stage is summary["stages"][0] else f"after {stage['step']}"
        table.add_row(name, f"{stage['files']:,}", f"{stage['bytes'] / 1e6:,.1f}", most)
    Console(highlight=False).print(table)
    benchmarks = summary["benchmarks"]
    if benchmarks["missing"]:
        click.echo(f"not checked against {', '.join(benchmarks['missing'])}: their published files are not here")
    click.echo(f"{out}: {summary['files']['train']:,} files to train on, {summary['files']['held_out']:,} held out; "
               f"{out / 'README.md'} is its card")  # fmt: skip


def _show_change(change: Change, show: int, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(change.as_json(), indent=2))
        return
    for sign, rows in (("-", change.gone), ("+", change.come)):
        for row in rows[:show]:
            click.echo(f"{sign} {row.repo}: {row.path}" + (f"  ({row.reason})" if row.reason else ""))
        if len(rows) > show:
            click.echo(f"{sign} ... {len(rows) - show:,} more")
    click.echo(f"{change.before:,} files kept before, {change.after:,} after")
    for note in change.notes:
        click.echo(note)
