"""What training is told, as frozen data; every default says where it comes from.

`Training` is common to all. The rest is one class for each way of training. Learning rates are for models of billions
of parameters; a model of one million wants a hundred times as much (5e-4 worked, 1.5e-3 collapsed it).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sparkgap.train.problems import HELD_OUT, Source

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What every way of training is told.

    `model`: a local folder of a Hugging Face causal language model, or a name on the hub. `out`: the run's folder; the
    trained model is in `out/model`. `lora`: the rank of the adapters, None trains every weight. `batch`: sequences an
    optimizer step, over all processes; `rows`: how many of them go through a device at once, None to choose.
    `checkpoint_every`: steps between checkpoints, from which the same command goes on. `precision`: "auto" is bfloat16
    where the device has it. `gradient_checkpointing`: None is on for GPUs alone. `report_to`: "tensorboard", "wandb",
    "trackio". `measured_on`: benchmarks that the training data may share no problem with; None is every coding
    benchmark whose files are here. `command`: what the user typed, for the manifest.
    """

    model: str
    out: Path
    steps: int | None = None
    learning_rate: float = 1e-5
    warmup: float = 0.05
    schedule: Literal["linear", "cosine", "constant"] = "constant"
    weight_decay: float = 0.0
    batch: int = 64
    rows: int | None = None
    lora: int | None = None
    lora_alpha: int | None = None
    seed: int = 0
    precision: Precision = "auto"
    gradient_checkpointing: bool | None = None
    checkpoint_every: int = 50
    log_every: int = 1
    report_to: tuple[str, ...] = ("tensorboard",)
    measured_on: tuple[str, ...] | None = None
    fresh: bool = False
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What is watched while training, and what stops it.

    Every `every` steps the held-out problems are measured, `samples` completions each at `temperature` (0 is greedy);
    the best model by that figure is kept. `patience`: how many of these measures without a new best end the run, None
    for none. `ability`: benchmarks that must not suffer, `ability_limit` problems of each; the run stops once one is
    `ability_drop` below its start and the paired 95 % interval of the difference lies below zero. `canaries`: the share
    of impossible problems among the training problems (katas alone have such). `kl`: whether the divergence from the
    start is measured, which needs a second copy of the model unless adapters are trained.
    """

    every: int = 20
    held_out: int = HELD_OUT
    samples: int = 1
    temperature: float = 0.0
    patience: int | None = None
    ability: tuple[str, ...] = ()
    ability_limit: int = 100
    ability_drop: float = 0.03
    canaries: float = 0.02
    kl: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How completions are judged: by how many `workers` (None to choose), within which limits.

    `cpu_s` and `memory_mb` bound each program; None takes the limits from what the reference solution costs here.
    """

    workers: int | None = None
    isolation: Literal["auto", "full", "reduced", "unsafe"] = "auto"
    cpu_s: float | None = None
    memory_mb: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How completions are drawn to learn from: `group` of each problem, at most `max_tokens` long.

    `at_once` bounds how many grow at the same time, and with it the memory that drawing takes.
    """

    group: int = 8
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 512
    variant: str = ""
    at_once: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SftOptions(Training):
    """Supervised fine-tuning on `data`: JSON Lines, Parquet, or a folder of either.

    A row has `prompt` and `completion`, or `messages`, or `text`. The loss is over the completion, the last assistant
    turn, or all of the text. `epochs` counts where `steps` is None. Rows above `max_tokens` are left out. `guards`
    measures the held-out problems of `source`, where one is named.
    """

    data: Path
    epochs: float = 1.0
    max_tokens: int = 2048
    source: Source | None = None
    sampling: Sampling = field(default_factory=Sampling)
    guards: Guards = field(default_factory=Guards)
    judging: Judging = field(default_factory=Judging)


@dataclass(frozen=True, slots=True, kw_only=True)
class RlcfOptions(Training):
    """Reinforcement learning from compiler feedback: GRPO without a critic, on verdicts of the judge.

    The loss is that of Dr. GRPO (Liu et al. 2025, arXiv:2503.20783): no division by the group's deviation, none by the
    length. `clip_high` is DAPO's (arXiv:2503.14476). `batch` counts completions. `reward`: see
    `sparkgap.rewards.reward`. `beta` weighs the divergence from the start in the loss. `updates`: optimizer steps for
    each batch of completions; the batch is divided among them. `dynamic`: set problems aside that are always or never
    solved. `explore`: see `Book`. `control`: "sft" trains on reference solutions for as much compute instead. `vllm`:
    draw completions with vLLM in the same process, on the share `vllm_memory` of the GPU.
    """

    source: Source
    steps: int | None = 200
    learning_rate: float = 1e-6
    batch: int = 128
    reward: str = "tests"
    sampling: Sampling = field(default_factory=Sampling)
    guards: Guards = field(default_factory=Guards)
    judging: Judging = field(default_factory=Judging)
    updates: int = 1
    clip_low: float = 0.2
    clip_high: float = 0.28
    beta: float = 0.0
    entropy: float = 0.0
    dynamic: bool = True
    explore: float = 1.0
    control: Literal["", "sft"] = ""
    vllm: bool = False
    vllm_memory: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class RftOptions(Training):
    """Rejection-sampling fine-tuning: sample, keep what passes, fine-tune on that.

    `rollouts`: the file of judged completions, made where it is missing; `dpo` can use the same one. `most`: how many
    different passing completions of a problem are kept. `reward` "random" is the control: as many completions count as
    passing, but which ones is left to chance. `data`: rows that are imitated beside those, in any form that sft
    takes, so that what was known is not forgotten; not for `dpo`.
    """

    source: Source
    reward: Literal["tests", "random"] = "tests"
    rollouts: Path | None = None
    data: Path | None = None
    epochs: float = 1.0
    most: int = 4
    sampling: Sampling = field(default_factory=Sampling)
    guards: Guards = field(default_factory=Guards)
    judging: Judging = field(default_factory=Judging)


@dataclass(frozen=True, slots=True, kw_only=True)
class DpoOptions(RftOptions):
    """Direct preference optimization (Rafailov et al. 2023, arXiv:2305.18290): what passes against what fails.

    `beta`: how strongly the policy is held to the start. `most` counts pairs of a problem.
    """

    learning_rate: float = 1e-6
    beta: float = 0.1
