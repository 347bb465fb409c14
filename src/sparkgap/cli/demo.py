"""`sparkgap demo`: the whole circle on a small model that is made on the spot."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sparkgap.cli.trained import progress_shown

if TYPE_CHECKING:
    from sparkgap.loop import DemoOptions, DemoProgress, DemoResult
    from sparkgap.stats import Interval
    from sparkgap.train import TrainProgress

_NOTES = """\b
Nothing is downloaded: problems, answers and model are made from the seed. The
same command goes on where it was stopped. A seed gives the same models again
on the same machine and versions.

\b
Exit code 0: done, whatever came of it. 2: a mistake that you can mend.
"""


@click.command(name="demo", epilog=_NOTES)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything that is drawn.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder; runs/demo-SEED unless said.")
@click.option("--quick", is_flag=True, help="A few minutes' walk through the same steps, for a look at them.")
@click.option("--controls", is_flag=True, help="Two more arms: a random reward, and imitation for as much compute.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(seed: int, out: Path | None, quick: bool, controls: bool, quiet: bool) -> None:
    """Show the whole circle on two cores: pretrain, measure, curate, fine-tune, reinforce, compare."""
    from sparkgap.loop import FULL, QUICK, DemoOptions, demo

    scale = QUICK if quick else FULL
    folder = out or Path("runs") / f"demo-{'quick-' if quick else ''}{seed}"
    options = DemoOptions(out=folder, seed=seed, scale=scale, controls=controls)
    for line in opening(options):
        click.echo(line, err=True)
    with progress_shown(quiet) as show:
        result = demo(options, progress=None if quiet else _Telling(show))
    click.echo("\n".join(closing(result)))


def opening(options: DemoOptions) -> Iterator[str]:
    """Yield what is about to happen, and how long it takes."""
    scale = options.scale
    yield f"A language model is made from nothing and taught to program, seed {options.seed}, into {options.out}."
    yield f"It is pretrained on {scale.problems * scale.each:,} answers of which {scale.wrong:.0%} are wrong; then"
    yield "the judge keeps the right ones (curation), and rewards right programs (RLCF). Each model is measured on"
    yield f"problems that no training saw. On two idle cores this takes {scale.minutes}."
    if options.controls:
        yield "The two controls take half as much again."


def closing(result: DemoResult) -> Iterator[str]:
    """Yield the table, what each step is worth, and where to look."""
    samples = "sampled"
    yield ""
    yield f"{'arm':<28}{'greedy':>24}{samples:>24}{'best of samples':>24}"
    for arm in result.arms:
        yield f"{arm.name:<28}{_share(arm.greedy):>24}{_share(arm.sampled):>24}{_share(arm.best):>24}"
    yield ""
    yield f"{'gain in points, paired':<28}{'greedy':>24}{samples:>24}{'best of samples':>24}"
    for each in result.gains:
        yield f"{each.of} over {each.over}"
        yield f"{'':<28}{_points(each.greedy):>24}{_points(each.sampled):>24}{_points(each.best):>24}"
    yield ""
    verdicts = dict(result.curation)
    kept = verdicts.pop("kept")
    passed = f"{verdicts.get('passed', 0):,} passed, {kept:,} of them different"
    yield f"curation    {sum(verdicts.values()):,} answers judged, {passed}"
    yield from (f"gap         the first model against the last: {each.verdict}" for each in result.gap.gaps)
    yield f"gate        {', '.join(f'{each.rule}: {each.outcome}' for each in result.gate.checks)}"
    yield f"took        {result.seconds / 60:.1f} minutes"
    yield f"report      {result.report}"


def _share(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} ({100 * interval.low:.0f} to {100 * interval.high:.0f})"


def _points(interval: Interval) -> str:
    return f"{100 * interval.value:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


class _Telling:
    """Says each step as it begins, and hands on how far it is."""

    def __init__(self, inner: Callable[[TrainProgress], None] | None) -> None:
        self._inner, self._began = inner, time.monotonic()

    def __call__(self, progress: DemoProgress) -> None:
        if progress.inner is None:
            minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
            click.echo(f"{minutes:>3}:{seconds:02} [{progress.number}/{progress.count}] {progress.title}", err=True)
        elif self._inner is not None:
            self._inner(progress.inner)
