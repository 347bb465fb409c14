"""`sparkgap data`: list, fetch and verify the published files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from sparkgap import data, plugins
from sparkgap.data import Holding, Progress
from sparkgap.errors import DataError, PluginError

_LICENCE_WIDTH = 28  # longer ones are cut in the table, whole in --json
_PLACES = """\b
Files are looked for in the offline folder that SPARKGAP_DATA names, if it is set,
else in the cache: SPARKGAP_CACHE, or $XDG_CACHE_HOME/sparkgap, or ~/.cache/sparkgap.
Both are laid out alike, so a copy of the cache is an offline folder.
"""


@click.group(name="data", epilog=_PLACES)
def command() -> None:
    """List, fetch and verify the published files that benchmarks read."""


@command.command("list", short_help="List the published files: licence, size, and whether each is here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def list_files(as_json: bool) -> None:
    """List every published file: which benchmark reads it, its licence, its size, and whether it is here."""
    readers = _readers()
    held = [data.holding(name) for name in data.published()]
    if as_json:
        click.echo(json.dumps({"folder": str(_folder()), "files": [_plain(each, readers) for each in held]}, indent=2))
        return
    _print_table(held, readers)


@command.command("fetch")
@click.argument("names", nargs=-1, metavar="[NAMES]...")
@click.option("--all", "everything", is_flag=True, help="Fetch every published file.")
@click.option("--benchmark", "benchmarks", multiple=True, metavar="NAME", help="Fetch what this benchmark reads.")
def fetch_files(names: tuple[str, ...], everything: bool, benchmarks: tuple[str, ...]) -> None:
    """Download published files into the cache and verify their sha256.

    An interrupted download goes on where it stopped when the same command is run again.
    """
    wanted = [*names, *(file for name in benchmarks for file in plugins.find("benchmarks", name).files)]
    if everything:
        wanted = list(data.published())
    if not wanted and benchmarks:
        click.echo("nothing to fetch: the benchmark ships with Sparkgap")
        return
    if not wanted:
        raise click.UsageError("say which files to fetch: NAMES, --benchmark NAME, or --all (see `sparkgap data list`)")
    with _progress_bars() as progress:
        paths = data.fetch(wanted, progress)
    for path in paths.values():
        click.echo(path)


@command.command("verify", short_help="Check the sha256 of published files, all or those named.")
@click.argument("names", nargs=-1, metavar="[NAMES]...")
def verify_files(names: tuple[str, ...]) -> None:
    """Check the sha256 of published files: those named, or every one that is here.

    Exits with 2 if one that was named is absent, or if any is not the published one.
    """
    held = [data.holding(name) for name in names or data.published()]
    bad = [each for each in held if each.state == "differs" or (names and each.state == "absent")]
    good = sum(each.state == "ok" for each in held)
    click.echo(f"{good} of {len(held)} files in {_folder()} hold their sha256")
    if bad:
        raise DataError("\n".join(f"{each.why}; {each.mend}" for each in bad))


def _print_table(held: list[Holding], readers: dict[str, list[str]]) -> None:
    """Print one line a file; the name comes last, as in `ls -l`, so that narrow screens break no column."""
    rows = [("here", "size", "records", "benchmark", "licence", "file")]
    for each in held:
        file = each.file
        licence = file.licence if len(file.licence) <= _LICENCE_WIDTH else file.licence[: _LICENCE_WIDTH - 1] + "…"
        readers_of = ", ".join(readers.get(file.name, ())) or "-"
        here = {"ok": "yes", "absent": "no"}.get(each.state, each.state)
        rows.append((here, f"{file.bytes / 1000:,.0f} kB", f"{file.records:,}", readers_of, licence, file.name))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    colours = {"yes": "green", "differs": "red"}
    for here, size, records, *words, name in rows:
        cells = [click.style(here.ljust(widths[0]), fg=colours.get(here)), size.rjust(widths[1])]
        cells += [
            records.rjust(widths[2]),
            *(word.ljust(width) for word, width in zip(words, widths[3:], strict=False)),
        ]
        click.echo("  ".join([*cells, name]))
    good = [each for each in held if each.state == "ok"]
    click.echo(
        f"\n{len(good)} of {len(held)} files in {_folder()} hold their sha256 "
        f"({_megabytes(good)} of {_megabytes(held)} MB)"
    )


def _folder() -> object:
    return data.offline_folder() or data.cache_folder()


def _megabytes(held: list[Holding]) -> str:
    return f"{sum(each.file.bytes for each in held) / 1e6:.1f}"


def _plain(each: Holding, readers: dict[str, list[str]]) -> dict[str, object]:
    file = each.file
    return {
        "name": file.name,
        "benchmarks": readers.get(file.name, []),
        "licence": file.licence,
        "bytes": file.bytes,
        "records": file.records,
        "sha256": file.sha256,
        "url": file.url,
        "path": str(each.path),
        "state": each.state,
        "why": each.why,
    }


def _readers() -> dict[str, list[str]]:
    """Return, for each published file, the benchmarks that read it; a broken third-party one is told and left out."""
    readers: dict[str, list[str]] = {}
    for name in plugins.names("benchmarks"):
        try:
            for file in plugins.find("benchmarks", name).files:
                readers.setdefault(file, []).append(name)
        except PluginError as error:
            click.echo(f"sparkgap: {error}", err=True)
    return readers


@contextmanager
def _progress_bars() -> Iterator[Progress]:
    """Show one bar a file on stderr, so that stdout holds only the paths."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(name: str, have: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=have)

        yield progress
