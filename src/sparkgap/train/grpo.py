"""The trainer of `rlcf`: TRL's GRPOTrainer with its data, its rewards and its heavy parts replaced.

TRL's are the loss and its clipping, vLLM, adapters, checkpoints, several processes. What is ours, and why:

- Problems come from the difficulty book at the moment they are needed, not from a data loader that is ahead of it.
- Completions are drawn by the tight sampler where it fits, and handed to the judge as each one ends. The part of the
  batch that ended first goes through the model while the judge is at the others: the trainer seldom waits, every
  completion is of the newest model all the same, and a seed repeats a run to the last bit.
- There is one reward; None (the judge failed) leaves the completion and the baseline of its group alone.
- Rows that cannot move the policy (an advantage of zero, or cut off) do not go through the model again, and equal
  completions of one problem go through once, with the sum of their advantages. For the loss of Dr. GRPO without `beta`
  that is the same gradient.
- On a CPU, log-probabilities are computed without padding on the left and without unneeded logits (`logprobs.py`).

With vLLM, `beta`, an entropy bonus, or several updates a batch where the sampler does not fit, TRL's own way from
completions to loss is taken.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from sparkgap.errors import InputError
from sparkgap.train.logprobs import completion_logps
from sparkgap.train.marking import Mark, Marker, require_judged, shares
from sparkgap.train.sampler import Drawing, Logps, complete, fits

if TYPE_CHECKING:
    from sparkgap.train.book import Book
    from sparkgap.train.prompting import Prompter
    from sparkgap.types import Problem

Json = dict[str, Any]


@dataclass(slots=True)
class Feed:
    """What the trainer draws from: problems by the book, put by the prompter, marked by the marker."""

    problems: Sequence[Problem]
    book: Book
    prompter: Prompter
    marker: Marker
    drawing: Drawing
    group: int
    forged: Callable[[list[Mark]], None]  # told that something passed what nothing can; raises
    drawn_s: float = 0.0  # that the trainer spent on drawing, since the last step
    batch: Batch | None = None


@dataclass(slots=True)
class Batch:
    """This process's completions of one batch: `group` of each problem, one after another."""

    picked: list[int]  # numbers of the problems of all processes
    problems: list[Problem]  # of each row
    prompts: list[list[int]]
    completions: list[list[int]] = field(default_factory=list)
    logps: Logps = field(default_factory=dict)  # of the model that drew them; empty where it is the newest
    tickets: dict[int, Any] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)
    groups: list[int] = field(default_factory=list)  # that have not gone through the model yet, in their order


class Rlcf:
    """Our part of the trainer; `trainer_class` puts it before TRL's."""

    def __init__(self, *args: Any, feed: Feed, **kwargs: Any) -> None:
        """Make TRL's trainer, and draw from `feed`."""
        self.feed = feed
        self.lean_scores = False  # set once the model has our output layer
        self._clock: tuple[float, float] | None = None  # when the last step ended, and the marker's seconds then
        super().__init__(*args, **kwargs)
        self._plan()

    def _plan(self: Any) -> None:
        """Decide which way from completions to loss is taken."""
        tight = fits(self.accelerator.unwrap_model(self.model))
        several = self.args.steps_per_generation != self.args.gradient_accumulation_steps
        self._ours = not (self.use_vllm or self.beta or self._entropy_bonus_enabled or (several and not tight))
        self._remembers = self._ours and several  # what the model thought of its tokens when it drew them

    def get_train_dataloader(self: Any) -> Any:
        """Return as many empty batches as there are steps: the book has the data."""
        from torch.utils.data import DataLoader

        count = self.args.max_steps * self.args.gradient_accumulation_steps
        return DataLoader(range(count), batch_size=1, collate_fn=list)  # type: ignore[arg-type]

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write none: a run's folder says more."""

    # From problems to completions

    def _picked(self: Any) -> Batch:
        feed, args = self.feed, self.args
        local = args.per_device_train_batch_size * args.steps_per_generation
        picked = feed.book.pick(local * self.accelerator.num_processes // feed.group)
        first = self.accelerator.process_index * local
        rows = [feed.problems[at] for at in picked for _ in range(feed.group)][first : first + local]
        feed.marker.prepare(rows[:: feed.group])
        prompts = [feed.prompter.tokens(problem) for problem in rows]
        return Batch(picked, rows, prompts)

    def _hand_in(self: Any, batch: Batch, place: int, tokens: list[int]) -> None:
        feed = self.feed
        reply = feed.prompter.reply(batch.problems[place], tokens)
        batch.tickets[place] = feed.marker.submit(batch.problems[place], reply, feed.prompter.form)

    def _drawn(self: Any, batch: Batch) -> Batch:
        from trl.models import unwrap_model_for_generation  # type: ignore[attr-defined]

        with (
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                gather_deepspeed3_params=self.args.ds3_gather_for_generation,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
            ) as model,
            self._dist.summon_full_params(self.model_wrapped, recurse=False),
            self.accelerator.autocast(),
        ):
            logps = batch.logps if self._remembers else None
            told = partial(self._hand_in, batch)
            batch.completions = complete(model, batch.prompts, self.feed.drawing, told, logps)
        return batch

    # From completions to what TRL's loss takes: ours

    def _prepare_inputs(self: Any, generation_batch: Any) -> Any:
        if not self.model.training or not self._ours:
            return super()._prepare_inputs(generation_batch)  # type: ignore[misc]
        feed = self.feed
        parts = self.args.steps_per_generation
        part = self._step % parts
        if part == 0 or feed.batch is None:
            began = time.perf_counter()
            feed.batch = self._drawn(self._picked())
            feed.batch.groups = by_end(feed.batch.tickets, feed.group)
            feed.drawn_s = time.perf_counter() - began
        left = parts - part
        inputs = self._part(feed.batch, math.ceil(len(feed.batch.groups) / left))
        if left == 1:
            self._noted(feed.batch)
        return inputs

    def _part(self: Any, batch: Batch, count: int) -> Json:
        """Return the next `count` groups as what the loss takes."""
        from torch import tensor

        group = self.feed.group
        taken, batch.groups = batch.groups[:count], batch.groups[count:]
        every = [row for at in taken for row in range(at * group, (at + 1) * group)]
        marks = self.feed.marker.collect([batch.tickets[row] for row in every])
        batch.marks.update(zip(every, marks, strict=True))
        kept: dict[Any, tuple[int, float]] = {}
        for at in taken:
            rows = range(at * group, (at + 1) * group)
            for row, advantage in zip(rows, advantages([batch.marks[row].value for row in rows]), strict=True):
                if advantage and batch.completions[row][-1] in self.feed.drawing.eos:
                    # Unlike advantages of equal completions (a random reward) stay apart: clipping is not linear.
                    name = (at, tuple(batch.completions[row]), advantage)
                    kept[name] = (row, kept.get(name, (row, 0.0))[1] + advantage)
        rows_kept = list(kept.values()) or [(0, 0.0)]
        scale = len(rows_kept) * self.args.steps_per_generation / len(batch.prompts)
        pad, device = self.feed.drawing.pad, self.accelerator.device
        prompts = padded([batch.prompts[row] for row, _ in rows_kept], pad, device, left=True)
        completions = padded([batch.completions[row] for row, _ in rows_kept], pad, device)
        inputs = {
            "prompt_ids": prompts[0],
            "prompt_mask": prompts[1],
            "completion_ids": completions[0],
            "completion_mask": completions[1],
            "advantages": tensor([scale * advantage for _, advantage in rows_kept], device=device),
            "num_items_in_batch": completions[1].sum(),
        }
        if batch.logps:
            longest = completions[0].shape[1]
            logps = [batch.logps[row] + [0.0] * (longest - len(batch.logps[row])) for row, _ in rows_kept]
            inputs["old_per_token_logps"] = tensor(logps, device=device)
        return inputs

    def _noted(self: Any, batch: Batch) -> None:
        """Tell the book and the metrics what became of a batch, once all of it is marked."""
        rows = range(len(batch.prompts))
        every = self._gathered([batch.marks[row] for row in rows], batch)
        metrics = self._metrics["train"]
        worth = [value for value in every[:, 0].tolist() if not math.isnan(value)]
        mean = sum(worth) / len(worth) if worth else math.nan
        metrics["reward"].append(mean)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in worth) / len(worth)) if worth else math.nan
        metrics["reward_std"].append(deviation)
        lengths = [len(completion) for completion in batch.completions]
        metrics["completions/mean_length"].append(sum(lengths) / len(lengths))
        metrics["completions/clipped_ratio"].append(every[:, 3].mean().item())
        self.state.num_input_tokens_seen += sum(lengths) + sum(map(len, batch.prompts))
        metrics["num_tokens"] = [self.state.num_input_tokens_seen]

    def _gathered(self: Any, marks: list[Mark], batch: Batch) -> Any:
        """Return worth, passed, forged and cut off of every row of all processes, (rows, 4); note them in the book."""
        import torch
        from accelerate.utils import gather  # type: ignore[import-untyped]

        feed, metrics = self.feed, self._metrics["train"]
        told = [
            [
                math.nan if mark.value is None else mark.value,
                math.nan if mark.passed is None else float(mark.passed),
                float(mark.hole is not None),
                float(completion[-1] not in feed.drawing.eos),
            ]
            for mark, completion in zip(marks, batch.completions, strict=True)
        ]
        every = gather(torch.tensor(told, dtype=torch.float32, device=self.accelerator.device))
        if every[:, 2].any():
            feed.forged(marks)
        if self.state.global_step == 0 and every[:, 1].isnan().all():
            require_judged(marks)
        if self.state.global_step == 0 and every[:, 3].all():
            raise InputError(
                f"no completion of the first batch came to an end within {feed.drawing.max_tokens} tokens, so there is "
                "nothing to learn from; raise --max-tokens, or teach the model by `sparkgap train sft` how answers end"
            )
        worth, passed = (_by_problem(every[:, column].tolist(), batch.picked, feed.group) for column in (0, 1))
        feed.book.note(worth, passed)
        metrics["informative_groups"].append(feed.book.informative(worth))
        known = [value for values in passed.values() for value in values if value is not None]
        metrics["pass_rate_train"].append(sum(known) / len(known) if known else math.nan)
        for status, share in shares(marks).items():
            metrics[f"verdict/{status}"].append(share)
        for state, count in feed.book.counts().items():
            metrics[f"book/{state}"].append(float(count))
        return every

    # From completions to what TRL's loss takes: TRL's

    def _generate_and_score_completions(self: Any, inputs: Any) -> Json:
        self.feed.batch = self._picked()
        texts = [{"prompt": self.feed.prompter.text(problem)} for problem in self.feed.batch.problems]
        return super()._generate_and_score_completions(texts)  # type: ignore[misc, no-any-return]

    def _tokenize_prompts(self: Any, prompts: list[Any]) -> tuple[list[list[int]], None, Json]:
        return self.feed.batch.prompts, None, {}

    def _generate_single_turn(self: Any, prompt_ids: Any, *others: Any, **kwargs: Any) -> tuple[Any, Any]:
        began = time.perf_counter()
        if self.use_vllm or not fits(self.accelerator.unwrap_model(self.model)):
            completions, logps = super()._generate_single_turn(prompt_ids, *others, **kwargs)  # type: ignore[misc]
            for place, tokens in enumerate(completions):
                self._hand_in(self.feed.batch, place, tokens)
            self.feed.batch.completions = completions
        else:
            completions, logps = self._drawn(self.feed.batch).completions, None
        self.feed.drawn_s = time.perf_counter() - began
        return completions, logps

    def _calculate_rewards(self: Any, inputs: Any, prompts: Any, completions: Any, ids: list[list[int]]) -> Any:
        batch = self.feed.batch
        marks = self.feed.marker.collect([batch.tickets[place] for place in range(len(prompts))])
        return self._gathered(marks, batch)[:, :1]

    # The loss and the clock

    def _get_per_token_logps_and_entropies(self: Any, model: Any, ids: Any, mask: Any, keep: int, *others: Any,
                                           **kwargs: Any) -> tuple[Any, Any, Any]:  # fmt: skip
        if not self.lean_scores or self._entropy_bonus_enabled or model is self.ref_model:
            return super()._get_per_token_logps_and_entropies(  # type: ignore[misc, no-any-return]
                model, ids, mask, keep, *others, **kwargs
            )
        prompts, completions = (ids[:, :-keep], mask[:, :-keep]), (ids[:, -keep:], mask[:, -keep:])
        logps, entropies = completion_logps(model, prompts, completions, self.temperature)
        return logps, entropies if kwargs.get("compute_entropy") else None, None

    def training_step(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Do TRL's step; at the end of an optimizer step, note where its time went."""
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
        if self._step % self.current_gradient_accumulation_steps == 0:
            now, spent = time.perf_counter(), self.feed.marker.seconds
            if self._clock is not None:
                metrics, took = self._metrics["train"], now - self._clock[0]
                drawn = sum(map(len, self.feed.batch.completions)) if self.feed.drawn_s else 0
                metrics["reward_share"].append((spent - self._clock[1]) / took)
                metrics["drawing_share"].append(self.feed.drawn_s / took)
                metrics["tokens_per_s"].append(drawn * self.accelerator.num_processes / took)
            self.feed.drawn_s = 0.0
            self._clock = (now, spent)
        return loss

    def rest(self: Any) -> None:
        """Start the clock anew: measures and checkpoints between steps are no step's time."""
        self._clock = (time.perf_counter(), self.feed.marker.seconds)


@cache
def trainer_class() -> Any:
    """Return the trainer: our part before TRL's."""
    from trl import GRPOTrainer  # type: ignore[attr-defined]

    return type("RlcfTrainer", (Rlcf, GRPOTrainer), {"_tag_names": ["sparkgap", "rlcf"]})


def advantages(values: Sequence[float | None]) -> list[float]:
    """Return each value less the mean of its group's; 0 where it is not known, and it is not part of the mean."""
    known = [value for value in values if value is not None]
    if not known or min(known) == max(known):
        return [0.0] * len(values)
    mean = math.fsum(known) / len(known)
    return [0.0 if value is None else value - mean for value in values]


def by_end(places: Iterable[int], group: int) -> list[int]:
    """Return groups in the order in which their last completion ended, `places` being in the order of their ends.

    That is about when the judge is done with them. Which verdicts are there would be a better order, and another one
    each time: two runs would differ in the last digit of a sum, and soon in everything.
    """
    last = {place // group: number for number, place in enumerate(places)}
    return sorted(last, key=lambda at: last[at])


def padded(rows: Sequence[Sequence[int]], pad: int, device: Any, left: bool = False) -> tuple[Any, Any]:
    """Return rows of tokens as a tensor, filled up on one side, and its mask."""
    from torch import tensor

    longest = max(map(len, rows))
    ids, mask = [], []
    for row in rows:
        fill = longest - len(row)
        ids.append([pad] * fill + list(row) if left else list(row) + [pad] * fill)
        mask.append([0] * fill + [1] * len(row) if left else [1] * len(row) + [0] * fill)
    return tensor(ids, device=device), tensor(mask, device=device)


def _by_problem(values: Sequence[float], picked: Sequence[int], group: int) -> dict[int, list[float | None]]:
    found: dict[int, list[float | None]] = {}
    for place, at in enumerate(picked):
        told = values[place * group : (place + 1) * group]
        found.setdefault(at, []).extend(None if math.isnan(value) else value for value in told)
    return found
