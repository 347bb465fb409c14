"""What `sparkgap train` shows while it trains and at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sparkgap.stats import Interval
    from sparkgap.train import TrainProgress, TrainResult

LINE_EVERY_S = 10.0  # of progress, where stderr is no terminal
_SHOWN = {  # figure -> how it is told
    "pass_rate": "held out {:.1%}",
    "reward": "reward {:.3f}",
    "loss": "loss {:.3f}",
    "pass_rate_train": "passed {:.0%}",
    "informative_groups": "informative {:.0%}",
    "kl_to_start": "KL {:.3f}",
    "reward_share": "judging {:.0%}",
    "tokens_per_s": "{:,.0f} tokens/s",
}


def result_shown(result: TrainResult) -> str:
    """Return a result as lines for a terminal."""
    kept = "the start: no measure was better" if result.best_step == 0 else f"step {result.best_step}"
    lines = [
        f"{result.way}: {result.steps:,} steps in {result.seconds:,.0f} s",
        f"model       {result.model} ({kept})",
    ]
    if result.left_out:
        lines.append(f"left out    {result.left_out:,} problems that a benchmark has as well; manifest.json names them")
    if result.stopped:
        lines.append(f"stopped     {result.stopped}")
    for name, interval in (("before", result.before), ("after", result.after)):
        if interval is not None:
            lines.append(f"{name:<11} {_percent(interval)} of held-out completions pass")
    if result.gain is not None:
        lines.append(f"gain        {_percent(result.gain, sign=True)} (the model kept was chosen by these problems)")
    figures = {name: result.figures[name] for name in _SHOWN if name in result.figures and name != "pass_rate"}
    if figures:
        lines.append("last step   " + ", ".join(_SHOWN[name].format(value) for name, value in figures.items()))
    lines.append(f"curves      sparkgap report {result.folder}")
    return "\n".join(lines)


def _percent(interval: Interval, sign: bool = False) -> str:
    form = "{:+.1f} % ({:+.1f} to {:+.1f})" if sign else "{:.1f} % ({:.1f} to {:.1f})"
    return form.format(100 * interval.value, 100 * interval.low, 100 * interval.high)


@contextmanager
def progress_shown(quiet: bool) -> Iterator[Callable[[TrainProgress], None] | None]:
    """Show progress on stderr: a bar on a terminal, else a line now and then; one process of several shows it."""
    if quiet or not _is_main():
        yield None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _Lines()


def _is_main() -> bool:
    from sparkgap.train.folder import is_main

    return is_main()


class _Figures:
    """The newest of each figure of one run, as words; several runs may come one after the other."""

    def __init__(self) -> None:
        self._newest: dict[str, float] = {}

    def told(self, progress: TrainProgress) -> str:
        if progress.stage == "loading":
            self._newest.clear()
        if any(name.startswith("verdict/") for name in progress.figures):
            self._newest = {name: it for name, it in self._newest.items() if not name.startswith("verdict/")}
        self._newest.update(progress.figures)
        words = [form.format(self._newest[name]) for name, form in _SHOWN.items() if name in self._newest]
        verdicts = {name[8:]: share for name, share in self._newest.items() if name.startswith("verdict/")}
        common = sorted(verdicts.items(), key=lambda each: -each[1])[:3]
        if common:
            words.append(", ".join(f"{status} {share:.0%}" for status, share in common))
        return "; ".join(words)


class _Lines:
    """One line of progress at a time, for logs."""

    def __init__(self) -> None:
        self._figures, self._last, self._stage = _Figures(), 0.0, ""

    def __call__(self, progress: TrainProgress) -> None:
        told = self._figures.told(progress)
        now = time.monotonic()
        if now - self._last < LINE_EVERY_S and progress.stage == self._stage:
            return
        self._last, self._stage = now, progress.stage
        click.echo(f"{progress.stage} {progress.step:,} of {progress.steps:,} {told}".rstrip(), err=True)


@contextmanager
def _bar() -> Iterator[Callable[[TrainProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )  # fmt: skip
    figures = _Figures()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("loading", total=None, told="")

        def show(progress: TrainProgress) -> None:
            bars.update(
                task,
                description=progress.stage,
                completed=progress.step,
                total=progress.steps or None,
                told=figures.told(progress),
            )

        yield show
