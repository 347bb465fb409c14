"""Imitation: fine-tuning on completions, through TRL's SFTTrainer.

Prompts and completions are tokenized apart, as they meet when the model completes a prompt, and put together; nothing
is packed. On a CPU the loss is computed without the logits of tokens that are not learnt (`logprobs.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sparkgap.errors import InputError
from sparkgap.train.logprobs import add_scores, plain
from sparkgap.train.setting import common_arguments, micro_batch
from sparkgap.train.weights import adapters, quiet

if TYPE_CHECKING:
    from sparkgap.train.options import Training
    from sparkgap.train.prompting import Prompter
    from sparkgap.train.result import TrainResult
    from sparkgap.train.running import TrainingRun
    from sparkgap.types import Problem


@dataclass(frozen=True, slots=True)
class Row:
    """One example as tokens: what is given, and what is learnt."""

    given: Sequence[int]
    learnt: Sequence[int]


def reference_rows(problems: Iterable[Problem], prompter: Prompter) -> list[Row]:
    """Return the reference solutions of problems as answers to them, in the form that they are asked for."""
    rows = []
    for problem in problems:
        if not problem.reference:
            continue
        answer = problem.reference
        if prompter.form == "completion":
            answer = answer.removeprefix(problem.prompt) if problem.continues else answer
        else:
            answer = f"```{problem.language}\n{answer.strip()}\n```"
        rows.append(Row(prompter.tokens(problem), learnt_tokens(prompter.tokenizer, answer)))
    return rows


def learnt_tokens(tokenizer: Any, text: str) -> list[int]:
    """Return a completion as tokens, its end included."""
    return [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]


def imitate(run: TrainingRun, options: Training, rows: Sequence[Row], epochs: float = 1.0) -> TrainResult:
    """Fine-tune on rows, for `options.steps` or for so many `epochs`.

    Raises:
        InputError: there are no rows.
    """
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl import SFTConfig  # type: ignore[attr-defined]

    if not rows:
        raise InputError("there is nothing to learn from: no row is left")
    micro = micro_batch(options, run.together.count)
    steps = options.steps or max(1, math.ceil(epochs * len(rows) / options.batch))
    config = SFTConfig(
        **common_arguments(options, steps, micro),
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    columns = {
        "input_ids": [[*row.given, *row.learnt] for row in rows],
        "labels": [[-100] * len(row.given) + list(row.learnt) for row in rows],
    }
    lean = plain(run.model)
    with quiet():
        trainer = trainer_class()(
            model=run.model,
            args=config,
            train_dataset=Dataset.from_dict(columns),
            processing_class=run.tokenizer,
            peft_config=adapters(options, run.model),
            callbacks=[run.guard],
        )
    if lean and trainer.accelerator.device.type == "cpu":
        add_scores(trainer.accelerator.unwrap_model(trainer.model))
        trainer.lean_scores = True
    return run.train(trainer)


class Imitation:
    """Our part of the trainer; `trainer_class` puts it before TRL's."""

    lean_scores = False

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write none: a run's folder says more."""

    def compute_loss(
        self: Any, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean negative log-probability of the tokens that are learnt."""
        if not self.lean_scores or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[misc]
        import torch

        labels = inputs["labels"][:, 1:]
        row, column = (labels != -100).nonzero(as_tuple=True)
        # Padding is at the end, where causal attention does not see it: no mask is needed.
        logits = model(inputs["input_ids"], scored=(row, column))
        loss = torch.nn.functional.cross_entropy(logits.float(), labels[row, column], reduction="sum")
        count = len(row) if num_items_in_batch is None else num_items_in_batch
        self._total_train_tokens += int(inputs["attention_mask"].sum())
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        loss = loss / torch.as_tensor(count).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes
        return loss


@cache
def trainer_class() -> Any:
    """Return the trainer: our part before TRL's."""
    from trl import SFTTrainer  # type: ignore[attr-defined]

    return type("ImitationTrainer", (Imitation, SFTTrainer), {"_tag_names": ["sparkgap", "sft"]})
