"""`sparkgap train`: a model and data in, a better model and its run folder out."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click

from sparkgap.cli.trained import progress_shown, result_shown
from sparkgap.cli.trainoptions import BENCHMARK, common, drawn, given, judged, kept, parts_of, problems, watched
from sparkgap.errors import InputError

_NOTES = """\b
The four ways, from cheap to dear:
  sft    imitate data: JSON Lines or Parquet with prompt and completion, messages, or text
  rft    draw completions, keep what the judge passes, imitate that
  dpo    draw completions, prefer what passes to what fails
  rlcf   learn step by step from the judge's verdicts (GRPO)

\b
Killed at any moment, the same command goes on where it stopped. What is kept is
the best model by the held-out problems, not the last. Data of a test split, or
that shares problems with the benchmarks here, is refused.

\b
Several GPUs: accelerate launch --config_file FILE --no_python sparkgap train ...
with a file of the folder that `sparkgap train recipes` names.
"""


@click.group(name="train", epilog=_NOTES)
def command() -> None:
    """Train a model: imitate data, or learn from the judge's verdicts."""


@command.command(name="sft")
@common
@click.option("--data", required=True, type=click.Path(path_type=Path), help="JSON Lines, Parquet, or a folder.")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), help="Where --steps is not given; 1 unless said.")
@click.option("--max-row", type=click.IntRange(1), help="Tokens of a row; longer rows are left out. 2048 unless said.")
@click.option("-b", "--benchmark", metavar="NAME", help="Whose held-out problems are measured while training.")
@problems
@watched
@drawn
@judged
def sft_command(**chosen: Any) -> None:
    """Imitate data."""
    from sparkgap.train import SftOptions, sft

    parts = parts_of(chosen)
    if not chosen["benchmark"]:
        parts["source"] = None
    own = {"data": chosen["data"], "epochs": chosen["epochs"], "max_tokens": chosen["max_row"]}
    _trained(chosen, SftOptions, sft, parts | own)


@command.command(name="rlcf")
@common
@BENCHMARK
@click.option("--reward", help="A reward's name; `tests` unless said, `random` is the control that gains nothing.")
@click.option(
    "--control",
    type=click.Choice(["random", "sft"]),
    help="Instead: pay by a coin (as --reward random), or imitate reference solutions for as much compute.",
)
@click.option("--updates", type=click.IntRange(1), help="Optimizer steps a batch of completions; 1 unless said.")
@click.option("--beta", type=click.FloatRange(0), help="Weight of the distance from the start in the loss; 0.")
@click.option("--clip-high", type=click.FloatRange(0), help="Upper bound of the clipped ratio; 0.28.")
@click.option("--entropy", type=float, help="Weight of an entropy bonus; 0.")
@click.option(
    "--explore", type=click.FloatRange(0, 1), help="Share of a batch for new problems, while there are any; 1.0."
)
@click.option("--no-dynamic", is_flag=True, help="Take problems in turn, also those always or never solved.")
@click.option("--vllm", is_flag=True, help="Draw completions with vLLM in the same process.")
@problems
@watched
@drawn
@judged
def rlcf_command(**chosen: Any) -> None:
    """Learn from the judge's verdicts, step by step (GRPO)."""
    from sparkgap.train import RlcfOptions, rlcf

    if chosen["control"] == "random":
        if chosen["reward"] not in (None, "random"):
            raise InputError(f"--control random pays by a coin, and --reward {chosen['reward']} does not; give one")
        chosen |= {"reward": "random", "control": None}
    names = ("reward", "control", "updates", "beta", "clip_high", "entropy", "explore")
    own = {name: chosen[name] for name in names} | {"vllm": chosen["vllm"], "dynamic": not chosen["no_dynamic"]}
    _trained(chosen, RlcfOptions, rlcf, parts_of(chosen) | own)


@command.command(name="rft")
@common
@BENCHMARK
@kept
@click.option("--data", type=click.Path(path_type=Path), help="Rows to imitate beside, as for sft.")
@problems
@watched
@drawn
@judged
def rft_command(**chosen: Any) -> None:
    """Draw completions, keep what passes, imitate that."""
    from sparkgap.train import RftOptions, rft

    own = {name: chosen[name] for name in ("reward", "rollouts", "epochs", "most", "data")}
    _trained(chosen, RftOptions, rft, parts_of(chosen) | own)


@command.command(name="dpo")
@common
@BENCHMARK
@kept
@click.option("--beta", type=click.FloatRange(0, min_open=True), help="How strongly the start is held to; 0.1.")
@problems
@watched
@drawn
@judged
def dpo_command(**chosen: Any) -> None:
    """Draw completions, prefer what passes to what fails."""
    from sparkgap.train import DpoOptions, dpo

    own = {name: chosen[name] for name in ("reward", "rollouts", "epochs", "most", "beta")}
    _trained(chosen, DpoOptions, dpo, parts_of(chosen) | own)


@command.command(name="recipes")
def recipes_command() -> None:
    """Name the folder of accelerate and FSDP configurations."""
    from importlib.resources import files

    click.echo(str(files("sparkgap") / "recipes"))


def _trained(chosen: Mapping[str, Any], options: Any, train: Any, own: Mapping[str, Any]) -> None:
    """Train, and show what came of it; the judge is started by `train`, before torch is imported."""
    names = (
        "model", "out", "steps", "learning_rate", "schedule", "warmup", "batch", "rows", "lora", "seed", "precision",
        "gradient_checkpointing", "checkpoint_every", "log_every", "fresh",
    )  # fmt: skip
    plain = {name: chosen[name] for name in names}
    if chosen["report_to"]:
        plain["report_to"] = tuple(name for name in chosen["report_to"] if name != "none")
    if chosen["measured_on"]:
        plain["measured_on"] = chosen["measured_on"]
    told = options(command=("sparkgap", *sys.argv[1:]), **given(plain), **given(own))
    from sparkgap.train.folder import is_main

    try:
        # What wandb and trackio print is no part of the result.
        with progress_shown(chosen["quiet"]) as show, redirect_stdout(sys.stderr):
            result = train(told, progress=show)
    except KeyboardInterrupt:
        click.echo("sparkgap: the same command goes on from here", err=True)
        raise
    if is_main():
        click.echo(json.dumps(result.as_json(), indent=2) if chosen["as_json"] else result_shown(result))
