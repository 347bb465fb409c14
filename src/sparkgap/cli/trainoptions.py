"""The options of `sparkgap train`, and what they make together."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkgap.errors import InputError

if TYPE_CHECKING:
    from sparkgap.train import Guards, Judging, Sampling, Source


def _recipe(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    """Take the defaults of this command's options from a TOML file."""
    if path is None:
        return
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise InputError(f"{path} is no recipe that can be read ({fault})") from fault
    if any(isinstance(value, dict) for value in told.values()):
        told = told.get(context.info_name or "", {})
    known = {option.name for option in context.command.params}
    if unknown := sorted(set(told) - known):
        raise InputError(f"{path}: `{unknown[0]}` is no option of `sparkgap train {context.info_name}`")
    context.default_map = told


def several(options: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Return a decorator that puts all of these options on a command."""

    def put(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return put


common = several(
    [
        click.option("--recipe", type=click.Path(path_type=Path), is_eager=True, expose_value=False, callback=_recipe,
                     metavar="FILE", help="A TOML file of options; those given here go first."),
        click.option("--model", required=True, metavar="FOLDER", help="A Hugging Face causal language model."),
        click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The run's folder."),
        click.option("--steps", type=click.IntRange(1), help="Optimizer steps."),
        click.option(
            "--learning-rate", "--lr", type=click.FloatRange(0, min_open=True), help="The way's own unless said."
        ),
        click.option("--schedule", type=click.Choice(["constant", "linear", "cosine"]), help="Of the learning rate."),
        click.option(
            "--warmup", type=click.FloatRange(0, 1), help="Share of the steps until the rate is full.", metavar="SHARE"
        ),
        click.option("--batch", type=click.IntRange(1), help="Sequences (completions) an optimizer step."),
        click.option("--rows", type=click.IntRange(1), help="Sequences that go through a device at once."),
        click.option("--lora", type=click.IntRange(1), metavar="RANK", help="Train adapters of this rank."),
        click.option("--seed", type=int, help="Of all that is drawn at random."),
        click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), help="auto: bfloat16 on GPUs."),
        click.option(
            "--gradient-checkpointing/--no-gradient-checkpointing", default=None, help="On for GPUs unless said."
        ),
        click.option("--checkpoint-every", type=click.IntRange(1), metavar="STEPS", help="50 unless said."),
        click.option("--log-every", type=click.IntRange(1), metavar="STEPS", help="1 unless said."),
        click.option("--report-to", multiple=True, metavar="NAME", help="tensorboard, unless wandb, trackio or none."),
        click.option("--measured-on", multiple=True, metavar="NAME", help="Benchmarks that data must be apart from."),
        click.option("--fresh", is_flag=True, help="Start over; replace what --out holds."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table."),
        click.option("-q", "--quiet", is_flag=True, help="Show no progress."),
    ]
)  # fmt: skip
problems = several(
    [
        click.option("--count", type=click.IntRange(1), help="How many katas."),
        click.option("--levels", metavar="LIST", help="Levels of the katas, e.g. 1,2."),
        click.option("--compact", is_flag=True, help="Katas in the short style for tiny models."),
        click.option("--kata-seed", type=int, help="Of the katas."),
        click.option("--limit", type=click.IntRange(1), help="The first so many problems, of anything but katas."),
        click.option("--for", "prefer", type=click.Path(path_type=Path), metavar="RUN|LIST",
                     help="Those near what a run failed, or near a list of `gap --problems`, the nearest first."),
    ]
)  # fmt: skip
watched = several(
    [
        click.option("--eval-every", type=click.IntRange(0), metavar="STEPS", help="Between held-out measures; 20."),
        click.option("--held-out", type=click.IntRange(0), metavar="COUNT", help="Problems held out; 100 unless said."),
        click.option("--eval-samples", type=click.IntRange(1), help="Completions of each held-out problem; 1."),
        click.option("--eval-temperature", type=click.FloatRange(0), help="Of those; 0 is greedy, and the default."),
        click.option("--patience", type=click.IntRange(1), help="Stop after so many measures without a new best."),
        click.option("--ability", multiple=True, metavar="NAME", help="A benchmark that must not suffer."),
        click.option("--ability-limit", type=click.IntRange(1), help="Problems of it; 100 unless said."),
        click.option("--ability-drop", type=click.FloatRange(0, 1), help="Stop once it falls by more than this share."),
        click.option("--canaries", type=click.FloatRange(0, 1), metavar="SHARE", help="Of impossible problems; 0.02."),
        click.option("--no-kl", is_flag=True, help="Do not measure the distance from the start."),
    ]
)
drawn = several(
    [
        click.option("--group", type=click.IntRange(2), help="Completions of each problem; 8 unless said."),
        click.option("--temperature", type=click.FloatRange(0, min_open=True), help="Of completions; 1 unless said."),
        click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="Nucleus sampling."),
        click.option("--max-tokens", type=click.IntRange(1), help="Bound of a completion; 512 unless said."),
        click.option("--at-once", type=click.IntRange(1), help="Completions that grow at the same time; 256."),
        click.option("--variant", help="How problems are put, as in `measure`; the model's own unless said."),
    ]
)  # fmt: skip
judged = several(
    [
        click.option("--workers", type=click.IntRange(1), help="Programs judged at once."),
        click.option("--cpu", "cpu_s", type=click.FloatRange(0, min_open=True), metavar="S", help="CPU s a program."),
        click.option("--memory", "memory_mb", type=click.IntRange(32), metavar="MB", help="Memory a program."),
        click.option("--isolation", type=click.Choice(["auto", "full", "reduced"]), help="The level of the jail."),
        click.option("--unsafe", is_flag=True, help="Run model-written programs without a jail."),
    ]
)
BENCHMARK = click.option(
    "-b", "--benchmark", required=True, metavar="NAME", help="katas, a benchmark with a training split, or a file."
)


kept = several(
    [
        click.option(
            "--reward", type=click.Choice(["tests", "random"]), help="random: the control that keeps by chance."
        ),
        click.option("--rollouts", type=click.Path(path_type=Path), help="The file of judged completions, to share."),
        click.option("--epochs", type=click.FloatRange(0, min_open=True), help="Where --steps is not given; 1."),
        click.option("--most", type=click.IntRange(1), help="Completions (pairs) of a problem to learn from; 4."),
    ]
)


def parts_of(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of the options that several ways have."""
    from sparkgap.train import Guards, Judging, Sampling, Source

    if chosen["unsafe"] and chosen["isolation"]:
        raise InputError("--unsafe is no jail and --isolation asks for one; give one of them")
    levels = chosen["levels"]
    try:
        kept = tuple(int(part) for part in levels.split(",")) if levels else None
    except ValueError as fault:
        raise InputError(f"--levels {levels!r} is not a list like 1,2") from fault
    source: Source = Source(
        **given({"name": chosen["benchmark"] or "", "count": chosen["count"], "seed": chosen["kata_seed"],
                  "levels": kept, "compact": chosen["compact"], "limit": chosen["limit"],
                  "prefer": chosen["prefer"]})
    )  # fmt: skip
    renamed = {"every": "eval_every", "samples": "eval_samples", "temperature": "eval_temperature"}
    plain = ("held_out", "patience", "ability_limit", "ability_drop", "canaries")
    watched = {name: chosen[name] for name in plain} | {name: chosen[word] for name, word in renamed.items()}
    guards: Guards = Guards(**given(watched), ability=chosen["ability"], kl=not chosen["no_kl"])
    names = ("group", "temperature", "top_p", "max_tokens", "variant", "at_once")
    sampling: Sampling = Sampling(**given({name: chosen[name] for name in names}))
    isolation = "unsafe" if chosen["unsafe"] else chosen["isolation"]
    limits = {name: chosen[name] for name in ("workers", "cpu_s", "memory_mb")} | {"isolation": isolation}
    judging: Judging = Judging(**given(limits))
    return {"source": source, "guards": guards, "sampling": sampling, "judging": judging}


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the user gave; the rest keeps its defaults."""
    return {name: value for name, value in options.items() if value is not None}
