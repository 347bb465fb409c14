"""What every way of training sets up: threads, the judge before torch, the trainer's common arguments, processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.errors import InputError
from sparkgap.train.folder import CHECKPOINTS
from sparkgap.train.options import Judging, Training
from sparkgap.train.weights import mixed

if TYPE_CHECKING:
    from sparkgap.judge import Judge

_ROWS_CPU, _ROWS_GPU = 48, 8  # through a device at once: more is slower for small models, and too much for large ones


_PACKAGES = ("torch", "transformers", "trl", "accelerate", "datasets", "peft")


def prepare() -> None:
    """Look whether the packages of training are there, and have their threads prepared.

    Raises:
        InputError: one is missing.
    """
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise InputError(f"training needs more packages ({missing[0]} is missing): pip install 'sparkgap[train]'")
    prepare_threads()


def prepare_threads() -> None:
    """Set what must be set before torch and tokenizers are imported, where nobody said otherwise.

    Half of the cores, divided among the processes of this machine, are torch's; the judge needs some as well, and two
    threads on two shared cores were far slower than one. Waiting threads sleep.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, _cores() // 2)))


@contextmanager
def judging(options: Judging, judge: Judge | None = None) -> Iterator[Judge]:
    """Give a judge, started before torch is imported unless it was; its cores are shared with other processes."""
    if judge is not None:
        yield judge
        return
    from sparkgap.judge import Judge

    with Judge(options.workers or _cores(), isolation=options.isolation) as own:
        yield own


def _cores() -> int:
    """Return how many cores this process has for itself and its judge."""
    return max(1, len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


class Together:
    """The processes that train together; one where nobody launched more."""

    def __init__(self) -> None:
        """Meet them."""
        import torch
        from accelerate import PartialState  # type: ignore[import-untyped]

        self._state = PartialState(cpu=not torch.cuda.is_available())
        self.count: int = self._state.num_processes
        self.index: int = self._state.process_index

    def wait(self) -> None:
        """Wait until all are here."""
        self._state.wait_for_everyone()

    def agree(self, value: Any) -> Any:
        """Return what the first process says."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list  # type: ignore[import-untyped]

        return broadcast_object_list([value])[0]


def micro_batch(options: Training, count: int, parts: int = 1, unit: int = 1) -> tuple[int, int]:
    """Return how many rows go through a device at once, and how often that makes an optimizer step.

    `count` processes share `options.batch` rows, of which each of `parts` optimizer steps takes its part; a batch is
    made of whole groups of `unit` rows.

    Raises:
        InputError: the rows cannot be shared evenly.
    """
    if options.batch % unit:
        raise InputError(f"a batch of {options.batch} is not made of whole groups of {unit}; make --batch a multiple")
    if options.batch % (count * parts):
        raise InputError(
            f"a batch of {options.batch} cannot be shared by {count} processes and {parts} updates; "
            f"make --batch a multiple of {count * parts}"
        )
    import torch

    share = options.batch // count // parts
    most = min(share, options.rows or (_ROWS_GPU if torch.cuda.is_available() else _ROWS_CPU))
    rows = next(rows for rows in range(most, 0, -1) if share % rows == 0)
    return rows, share // rows


def common_arguments(options: Training, steps: int, micro: tuple[int, int]) -> dict[str, Any]:
    """Return the arguments that all of TRL's trainers take."""
    import torch

    gpu = torch.cuda.is_available()
    schedule = "constant_with_warmup" if options.schedule == "constant" else options.schedule
    checkpointing = gpu if options.gradient_checkpointing is None else options.gradient_checkpointing
    return {
        "output_dir": str(Path(options.out) / CHECKPOINTS),
        "max_steps": steps,
        "per_device_train_batch_size": micro[0],
        "gradient_accumulation_steps": micro[1],
        "learning_rate": options.learning_rate,
        "lr_scheduler_type": schedule,
        "warmup_steps": int(options.warmup * steps),
        "weight_decay": options.weight_decay,
        "seed": options.seed,
        "use_cpu": not gpu,
        "bf16": mixed(options),
        _checkpointing_word(): checkpointing,
        "logging_steps": options.log_every,
        "report_to": list(options.report_to) or "none",
        "save_strategy": "steps",
        "save_steps": options.checkpoint_every,
        "save_total_limit": 2,  # the older one is there until ours is written to its end
        "disable_tqdm": True,
        "ignore_data_skip": False,
    }


def _checkpointing_word() -> str:
    from dataclasses import fields

    from transformers import TrainingArguments

    names = {part.name for part in fields(TrainingArguments)}
    return "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"
