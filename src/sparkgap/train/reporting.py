"""Where figures go besides the run's own files: TensorBoard, wandb and trackio, through TRL's callbacks.

Each is told of the run under its folder's name and the time it began, so that a resumed run goes on there and a fresh
one does not. What the user said in TENSORBOARD_LOGGING_DIR, WANDB_DIR, WANDB_PROJECT and WANDB_NAME goes first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sparkgap.errors import InputError
from sparkgap.train.folder import is_main

PLACES = ("tensorboard", "wandb", "trackio")
PROJECT = "sparkgap"
_HERE = ("offline", "dryrun", "disabled")  # what WANDB_MODE says where no key is needed
_TENSORBOARD, _WANDB, _PROJECT, _NAME = "TENSORBOARD_LOGGING_DIR", "WANDB_DIR", "WANDB_PROJECT", "WANDB_NAME"


def require(names: Sequence[str]) -> None:
    """Look whether the places to report to can be reported to.

    Raises:
        InputError: one is unknown, not installed, or wants a key that is not there.
    """
    for name in names:
        if name not in PLACES:
            raise InputError(f"there is no --report-to {name}; it is one of {', '.join(PLACES)}, or none")
        if find_spec(name) is None:
            raise InputError(f"{name} is not installed, so nothing can be reported to it; pip install {name}")
    if "wandb" in names and is_main() and os.environ.get("WANDB_MODE") not in _HERE:
        wandb = import_module("wandb")
        try:
            wandb.login()
        except wandb.errors.UsageError as fault:
            raise InputError(f"wandb: {fault} WANDB_MODE=offline keeps the figures here") from fault


@contextmanager
def reported(trainer: Any, folder: Path, began: str) -> Iterator[None]:
    """Report what `trainer` logs as the run in `folder` that began at a time, from within its `logs`."""
    logs = folder / "logs"
    trainer.args.run_name = os.environ.get(_NAME) or f"{folder.resolve().name} {began}".strip()
    trainer.args.project = os.environ.get(_PROJECT) or PROJECT
    if _TENSORBOARD not in os.environ:
        for each in trainer.callback_handler.callbacks:
            if hasattr(each, "tb_writer"):
                each.logging_dir = str(logs)
    if "wandb" not in trainer.args.report_to or not is_main():
        yield
        return
    logs.mkdir(exist_ok=True)
    ours = {name: value for name, value in ((_WANDB, str(logs)), (_PROJECT, PROJECT)) if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        import_module("wandb").finish()  # else the next run in this process would go on with this one's
        for name in ours:
            del os.environ[name]
