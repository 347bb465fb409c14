"""Models and tokenizers, read from a local folder or the hub, and written so that anything else can read them."""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparkgap.errors import InputError
from sparkgap.train.options import Training


def load(options: Training) -> tuple[Any, Any]:
    """Return the model and its tokenizer; padding goes by the end token where the tokenizer has no other.

    Raises:
        InputError: there is no such model here.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    local = Path(options.model).is_dir()
    if not local and (options.model.startswith((".", "/", "~")) or options.model.count("/") > 1):
        raise InputError(f"there is no folder {options.model}; --model is a local folder or a name on the hub")
    dtype = torch.bfloat16 if _halved(options) else torch.float32
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(options.model, local_files_only=local)
            model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype, local_files_only=local)
    except (OSError, ValueError) as fault:
        said = str(fault).strip().split("\n")[0]
        raise InputError(f"{options.model} is no causal language model that can be loaded here: {said}") from fault
    if tokenizer.eos_token_id is None:
        raise InputError(f"{options.model}: its tokenizer has no end token, so no completion would ever end; set one")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.use_cache = True
    return model, tokenizer


def mixed(options: Training) -> bool:
    """Whether computation is in bfloat16: on a GPU that has it, unless said otherwise."""
    import torch

    if options.precision != "auto":
        return options.precision == "bfloat16"
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def _halved(options: Training) -> bool:
    """Whether the weights themselves are: frozen ones under adapters may be; trained ones stay in float32."""
    return mixed(options) and options.lora is not None


def adapters(options: Training, model: Any) -> Any:
    """Return the configuration of the adapters, None where every weight is trained."""
    if options.lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=options.lora,
        lora_alpha=options.lora_alpha or 2 * options.lora,
        lora_dropout=0.0,
        target_modules="all-linear",
        fan_in_fan_out=any(type(part).__name__ == "Conv1D" for part in model.modules()),  # GPT-2's layers
        task_type="CAUSAL_LM",
    )


def save(trainer: Any, folder: Path) -> None:
    """Write the model as it is now to `folder`, replacing what is there; every process calls it.

    Adapters are written as adapters; `merged` makes a whole model of them.
    """
    draft = folder.with_name(folder.name + ".new")
    with quiet():
        trainer.save_model(str(draft))
    if trainer.is_world_process_zero():
        _replace(folder, draft)
    trainer.accelerator.wait_for_everyone()


def merged(options: Training, folder: Path) -> None:
    """Replace the adapters in `folder` by the whole model that they make of the one training began with."""
    from peft import PeftModel

    if not (folder / "adapter_config.json").exists():
        return
    draft = folder.with_name(folder.name + ".new")
    model, tokenizer = load(options)
    with quiet():
        PeftModel.from_pretrained(model, str(folder)).merge_and_unload().save_pretrained(draft)
        tokenizer.save_pretrained(draft)
    shutil.move(folder, folder.with_name("adapter"))
    draft.rename(folder)


def copy_start(options: Training, folder: Path) -> None:
    """Write the model that training began with to `folder`: nothing was better."""
    draft = folder.with_name(folder.name + ".new")
    model, tokenizer = load(options)
    with quiet():
        model.save_pretrained(draft)
        tokenizer.save_pretrained(draft)
    _replace(folder, draft)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the progress bars of transformers off the screen for a while, and what TRL's calls of it are warned of."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|trl|torch)\.")
            yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _replace(folder: Path, draft: Path) -> None:
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
