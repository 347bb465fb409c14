"""What the long verbs share: the list of k, and progress that is a bar on a terminal and a line at times in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import click

LINE_EVERY_S = 30.0  # of progress, where stderr is no terminal

P = TypeVar("P")


def ks(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Return "1,10,100" as numbers, for a click option."""
    try:
        found = tuple(sorted({int(part) for part in value.split(",")}))
    except ValueError as fault:
        raise click.BadParameter(f"{value!r} is not a list of numbers like 1,10,100") from fault
    if found[0] < 1:
        raise click.BadParameter("k starts at 1")
    return found


@contextmanager
def shown(
    quiet: bool,
    bar: Callable[[], AbstractContextManager[Callable[[P], None]]],
    line: Callable[[P], str],
) -> Iterator[Callable[[P], None] | None]:
    """Show progress on stderr: by `bar` on a terminal, else as a `line` now and then ("" is not shown)."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with bar() as show:
            yield show
    else:
        yield _lines(line)


def _lines(line: Callable[[P], str]) -> Callable[[P], None]:
    last = time.monotonic()

    def show(progress: P) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_EVERY_S and (text := line(progress)):
            last = now
            click.echo(text, err=True)

    return show
