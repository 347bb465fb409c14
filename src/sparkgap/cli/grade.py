"""`sparkgap grade`: SAMPLES files in, a scorecard out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkgap import plugins
from sparkgap.cli.showing import ks, shown
from sparkgap.errors import InputError

if TYPE_CHECKING:
    from sparkgap.grade import GradeOptions, Progress
    from sparkgap.tally import GradeResult

MOST_INFRA = 0.01  # of the samples may fail to be judged before the whole counts as failed (exit 4)

_STAGES = {"references": "reference solutions", "resuming": "reading the old scores", "grading": "grading"}
_NOTES = """\b
SAMPLES are JSON Lines, plain or gzipped, one object a line, in any of the forms
  {"task_id": "HumanEval/0", "completion": "..."}   goes on from the prompt
  {"task_id": "HumanEval/0", "solution": "..."}     is the whole program
  {"task_id": "HumanEval/0", "response": "..."}     is a chat reply with code in it

\b
Killed at any moment, the same command goes on where it stopped. Run again when
it has finished, it grades anew in a new folder; with --out, whose folder holds
one run, it shows that run. Other samples or options are never the same run.

\b
Exit code 0: graded. 2: a mistake that you can mend. 4: our machinery failed:
the judge could not start, or more than 1 % of the samples could not be judged.
"""


@click.command(name="grade", epilog=_NOTES)
@click.argument("samples", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-b", "--benchmark", required=True, metavar="NAME", help="Whose problems they answer, e.g. humaneval.")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder, instead of a new one under ./runs.")
@click.option("--workers", type=click.IntRange(1), help="Programs judged at once; one for each CPU unless said.")
@click.option(
    "--extract", "extraction", type=click.Choice(["auto", "strict", "lenient"]), default="auto",
    help="How the headline reads a reply: auto is lenient for chat replies, else strict, as published harnesses are.",
)  # fmt: skip
@click.option("--k", default="1,5,10,100", callback=ks, help="Which pass@k to show, where there are samples enough.")
@click.option(
    "--split", default="auto", help="Problems of which split: auto (those that the samples touch), all, or one."
)
@click.option(
    "--missing",
    type=click.Choice(["report", "fail"]),
    default="report",
    help="Problems without a sample: list them and leave them out of pass@k, or refuse.",
)
@click.option("--cpu", "cpu_s", type=click.FloatRange(0, min_open=True), metavar="S", help="CPU seconds a program.")
@click.option(
    "--memory", "memory_mb", type=click.IntRange(32), metavar="MB", help="Memory a program; 1024 unless said."
)
@click.option(
    "--isolation", type=click.Choice(["auto", "full", "reduced"]), default="auto", help="The level of the jail."
)
@click.option("--unsafe", is_flag=True, help="Run model-written programs without a jail.")
@click.option("--fresh", is_flag=True, help="Do not go on with an unfinished run; replace what --out holds.")
@click.option("--no-preflight", is_flag=True, help="Skip the self-test of the judge.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the scorecard.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(samples: tuple[Path, ...], benchmark: str, **chosen: Any) -> None:
    """Grade samples that a model wrote: pass@k with intervals, coverage, and what went wrong."""
    from sparkgap.cli.scorecard import scorecard

    plugin = plugins.find("benchmarks", benchmark)
    if chosen["unsafe"] and chosen["isolation"] != "auto":
        raise InputError("--unsafe is no jail and --isolation asks for one; give one of them")
    for path in samples:
        if not path.exists():
            raise InputError(f"there is no file {path}")
    result = _graded(samples, plugin, chosen)
    if chosen["as_json"]:
        click.echo(json.dumps(result.as_json(), indent=2))
    else:
        click.echo(scorecard(result, plugin.title))
    if code := exit_code(result):
        click.echo(
            f"sparkgap: {result.coverage.infra} of {result.samples} samples could not be judged; run `sparkgap check`, "
            "then grade again with --fresh", err=True,
        )  # fmt: skip
        sys.exit(code)


def exit_code(result: GradeResult) -> int:
    """Return 4 where so much could not be judged that the figures say little of the model, else 0."""
    infra = result.coverage.infra
    return 4 if infra and (result.scored == 0 or infra > MOST_INFRA * result.samples) else 0


def _graded(samples: tuple[Path, ...], plugin: Any, chosen: dict[str, Any]) -> GradeResult:
    from sparkgap.grade import grade
    from sparkgap.judge import Judge
    from sparkgap.selftest import require, selftest

    options = _options(chosen)
    try:
        with Judge(options.workers, isolation=options.isolation) as judge:
            if not chosen["no_preflight"]:
                require(selftest(judge, plugin))
            with shown(chosen["quiet"], _bar, _line) as progress:
                return grade(samples, plugin.name, judge=judge, out=chosen["out"], progress=progress, options=options)
    except KeyboardInterrupt:
        click.echo("sparkgap: the same command goes on from here", err=True)
        raise


def _options(chosen: dict[str, Any]) -> GradeOptions:
    from sparkgap.grade import GradeOptions

    kept = ("extraction", "k", "split", "missing", "workers", "cpu_s", "memory_mb", "fresh")
    return GradeOptions(
        isolation="unsafe" if chosen["unsafe"] else chosen["isolation"],
        command=("sparkgap", *sys.argv[1:]),
        **{name: chosen[name] for name in kept},
    )


def _line(progress: Progress) -> str:
    if progress.stage != "grading":
        return ""
    return f"{progress.done:,} of {progress.total:,} samples, {_so_far(progress)}"


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(),
        TextColumn("{task.fields[passed]}"), TextColumn("{task.fields[speed]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Bars(*columns, console=Console(stderr=True), transient=True, expand=True) as bars:
        task = bars.add_task("", total=None, passed="", speed="")
        stage, drawn = "", 0.0

        def show(progress: Progress) -> None:
            nonlocal stage, drawn
            now = time.monotonic()
            if progress.stage != stage:  # speed and time left are those of this stage alone
                stage = progress.stage
                bars.reset(task, total=progress.total, completed=progress.done, description=_STAGES[stage])
            elif now - drawn < 0.1 and progress.done < progress.total:
                return
            drawn = now
            speed = bars.tasks[0].speed
            told = f"{speed:,.0f}/s" if speed else ""
            bars.update(task, completed=progress.done, passed=_so_far(progress), speed=told)

        yield show


def _so_far(progress: Progress) -> str:
    return f"{100 * progress.passed / progress.scored:.1f} % passed" if progress.scored else ""
