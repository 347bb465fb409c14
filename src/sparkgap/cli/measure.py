"""`sparkgap measure`: a model and benchmarks in, a run folder and a scorecard out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkgap import plugins
from sparkgap.cli.showing import ks, shown
from sparkgap.errors import InputError

if TYPE_CHECKING:
    from sparkgap.measure import MeasureOptions, MeasureProgress, MeasureResult, PartProgress

MOST_UNSCORED = 0.01  # of the samples may get no answer, or no verdict, before the whole counts as failed (exit 4)

_NOTES = """\b
MODEL is named provider/model:
  openai/gpt-4o-mini             the hosted one; the key is in OPENAI_API_KEY
  openai/NAME --base-url URL     any server that speaks its protocol (vLLM, llama.cpp, Ollama, SGLang ...)
  anthropic/NAME                 the key is in ANTHROPIC_API_KEY
  hf/FOLDER-OR-NAME              a Hugging Face causal language model, here, on CPU or GPU
  vllm/FOLDER-OR-NAME            the same through vLLM's own engine
  replay/FILE                    answers that are on disk already: samples and logs of other harnesses too

\b
A benchmark is put in the first of its variants that the model can do;
`-b mbpp:three_shot` names another. `sparkgap measure --list` shows them all.

\b
Killed at any moment, the same command goes on where it stopped: no reply that
came is asked for again. Requests that failed for good are unscored, never
wrong; --retry-failed asks them again.

\b
Exit code 0: measured. 2: a mistake that you can mend (a key that is missing, a
model that is not there ...). 4: more than 1 % of the samples got no answer or
could not be judged, or our machinery failed.
"""


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(value.partition("=")[::2] for value in values)
    if wrong := [value for value in values if "=" not in value or value.startswith("=")]:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE")
    return pairs


def _list(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value:
        return
    from sparkgap.benchmarks import Asked

    for name in plugins.names("benchmarks"):
        benchmark = plugins.find("benchmarks", name)
        click.echo(f"{name:<30} {benchmark.title}")
        for variant in benchmark.variants if isinstance(benchmark, Asked) else ():
            click.echo(f"  :{variant.name:<28} {variant.title} (needs {', '.join(sorted(variant.needs))})")
    context.exit()


@click.command(name="measure", epilog=_NOTES)
@click.argument("model")
@click.option(
    "-b", "--benchmarks", required=True, metavar="NAMES", help="Benchmarks, e.g. humaneval,mbpp:three_shot,mmlu."
)
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list,
    help="List benchmarks and their variants, and exit.",
)
@click.option("--base-url", metavar="URL", help="The server to ask, instead of the provider's own.")
@click.option(
    "--model-arg",
    "model_args",
    multiple=True,
    callback=_pairs,
    metavar="NAME=VALUE",
    help="For the provider, e.g. dtype=bfloat16.",
)
@click.option(
    "--rater",
    default="",
    metavar="MODEL",
    help="The model that rates replies, where a benchmark wants that (mt_bench).",
)
@click.option("--rater-base-url", metavar="URL", help="The rater's server.")
@click.option(
    "--rater-arg", "rater_args", multiple=True, callback=_pairs, metavar="NAME=VALUE", help="For the rater's provider."
)
@click.option(
    "--limit", type=click.IntRange(1), help="Problems of each benchmark, evenly spread over it; all unless said."
)
@click.option("--samples", type=click.IntRange(1), help="Samples a problem; the benchmark's own number unless said.")
@click.option("--temperature", type=click.FloatRange(0), help="The benchmark's own unless said; 0 is greedy.")
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="Nucleus sampling.")
@click.option("--max-tokens", type=click.IntRange(1), help="Bound of a reply.")
@click.option("--stop", multiple=True, metavar="TEXT", help="Where a reply ends, instead of the benchmark's own.")
@click.option("--seed", type=int, help="Of the sampling, where the model takes one; sample i gets SEED + i.")
@click.option(
    "--split", default="", help="Problems of which split; the one that published scores are over unless said."
)
@click.option("--k", default="1,5,10,100", callback=ks, help="Which pass@k to show, where there are samples enough.")
@click.option(
    "--extract",
    "extraction",
    type=click.Choice(["auto", "strict", "lenient"]),
    default="auto",
    help="How the headline reads code in a reply, as in `grade`.",
)
@click.option(
    "--concurrency", type=click.IntRange(1), help="Requests in flight at most; fewer while the server is crowded."
)
@click.option("--retries", type=click.IntRange(0), default=6, show_default=True, help="Of a request that failed.")
@click.option(
    "--retry-failed", is_flag=True, help="Ask again what failed for good, also in a finished run (with --out)."
)
@click.option(
    "--prices", type=click.Path(path_type=Path), metavar="FILE", help="A price table (TOML): what tokens cost."
)
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder, instead of a new one under ./runs.")
@click.option("--workers", type=click.IntRange(1), help="Programs judged at once; one for each CPU unless said.")
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
def command(model: str, benchmarks: str, **chosen: Any) -> None:
    """Measure a model: ask it, score its replies, say how sure that is."""
    from sparkgap.cli.measured import measured

    if chosen["unsafe"] and chosen["isolation"] != "auto":
        raise InputError("--unsafe is no jail and --isolation asks for one; give one of them")
    names = tuple(name.strip() for name in benchmarks.split(",") if name.strip())
    for name in names:
        plugins.find("benchmarks", name.partition(":")[0])
    result = _measured(model, names, chosen)
    click.echo(json.dumps(result.as_json(), indent=2) if chosen["as_json"] else measured(result))
    if failed := _failed(result):
        click.echo(f"sparkgap: {failed}", err=True)
        sys.exit(4)


def _failed(result: MeasureResult) -> str:
    """Say what left so many samples without a score that the figures say little; "" where nothing did."""
    from sparkgap.tally import UNANSWERED

    total = sum(summary["samples"] for summary in result.benchmarks.values())
    for status, what in ((UNANSWERED, "have no answer"), ("infra", "could not be judged; run `sparkgap check`")):
        count = sum(summary["by_status"].get(status, 0) for summary in result.benchmarks.values())
        if count > MOST_UNSCORED * total:
            return f"{count:,} of {total:,} samples {what}"
    return ""


def _measured(model: str, names: tuple[str, ...], chosen: dict[str, Any]) -> MeasureResult:
    from sparkgap.measure import measure

    options = _options(chosen)
    try:
        with (
            _judge(names, options, preflight=not chosen["no_preflight"]) as judge,
            shown(chosen["quiet"], _bars, _line) as show,
        ):
            return measure(model, list(names), judge=judge, out=chosen["out"], progress=show, options=options)
    except KeyboardInterrupt:
        click.echo("sparkgap: the same command goes on from here", err=True)
        raise


@contextmanager
def _judge(names: tuple[str, ...], options: MeasureOptions, preflight: bool) -> Iterator[Any]:
    """Start and test a judge, where one of the benchmarks has programs to run."""
    from sparkgap.benchmarks import Programmed, Scored
    from sparkgap.judge import Judge
    from sparkgap.selftest import require, selftest

    plain = dict.fromkeys(name.partition(":")[0] for name in names)
    code = [found for name in plain if not isinstance(found := plugins.find("benchmarks", name), Scored)]
    if not code:
        yield None
        return
    with Judge(options.workers, isolation=options.isolation) as judge:
        if preflight:
            plain_code = [benchmark for benchmark in code if not isinstance(benchmark, Programmed)]
            require(selftest(judge, plain_code[0] if plain_code else plugins.find("benchmarks", "hello")))
        yield judge


def _options(chosen: Mapping[str, Any]) -> MeasureOptions:
    from sparkgap.measure import MeasureOptions

    kept = (
        "rater", "limit", "samples", "temperature", "top_p", "max_tokens", "stop", "seed", "split", "k", "extraction",
        "concurrency", "retries", "retry_failed", "prices", "workers", "cpu_s", "memory_mb", "fresh",
    )  # fmt: skip
    urls = {"model_args": chosen["base_url"], "rater_args": chosen["rater_base_url"]}
    args = {name: chosen[name] | ({"base_url": url} if url else {}) for name, url in urls.items()}
    return MeasureOptions(
        isolation="unsafe" if chosen["unsafe"] else chosen["isolation"],
        command=("sparkgap", *sys.argv[1:]),
        **args,
        **{name: chosen[name] for name in kept},
    )


def _line(progress: MeasureProgress) -> str:
    parts = (f"{part.name} {part.done:,} of {part.total:,} samples {_so_far(part)}".rstrip() for part in progress.parts)
    left = "" if progress.left_s is None else f", about {_clock(progress.left_s)} left"
    return f"{'; '.join(parts)} ({_asking(progress)}{left})"


def _clock(seconds: float) -> str:
    """Return "4:05" for 245 seconds, "1:04:05" for an hour more."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


@contextmanager
def _bars() -> Iterator[Callable[[MeasureProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True, expand=True) as bars:
        tasks: dict[str, Any] = {}
        asking = bars.add_task("asking", total=None, told="")

        def show(progress: MeasureProgress) -> None:
            for part in progress.parts:
                if part.name not in tasks:
                    tasks[part.name] = bars.add_task(part.name, total=part.total, told="")
                bars.update(tasks[part.name], completed=part.done, told=_so_far(part))
            done, total = sum(part.obtained for part in progress.parts), sum(part.total for part in progress.parts)
            bars.update(asking, completed=done, total=total, told=_asking(progress))

        yield show


def _so_far(part: PartProgress) -> str:
    if part.value is None:
        return ""
    scale = 100 if part.unit == "share" else 1
    sign = " %" if part.unit == "share" else ""
    return f"{scale * part.value:.1f}{sign} ({scale * part.low:.1f} to {scale * part.high:.1f})"


def _asking(progress: MeasureProgress) -> str:
    told = [f"{progress.in_flight} in flight", f"{progress.tokens_per_s:,.0f} tokens/s"]
    told += [
        f"{count:,} {what}" for count, what in ((progress.retries, "retries"), (progress.failed, "failed")) if count
    ]
    if progress.cost is not None:
        told.append(f"${progress.cost:,.2f}")
    return ", ".join(told)
