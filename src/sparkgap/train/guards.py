"""What watches a training run: held-out measures, abilities that must not suffer, the distance from the start.

The best model by the held-out measure is kept, the start among the candidates, so that a run that only does harm ends
with the model that it began with.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from sparkgap.stats import Interval
from sparkgap.train.evaluating import Ability, HeldOut, held_out, mean
from sparkgap.train.folder import MODEL, Folder, save_state
from sparkgap.train.weights import save

if TYPE_CHECKING:
    from sparkgap.train.marking import Marker
    from sparkgap.train.options import Guards
    from sparkgap.train.prompting import Prompter
    from sparkgap.train.sampler import Drawing
    from sparkgap.types import Problem

KL_ROWS = 64  # completions that the divergence is taken over


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """How far training is, and the newest figures by their names in metrics.jsonl."""

    stage: str  # "loading", "measuring", "training", "sampling", "finishing"
    step: int = 0
    steps: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)


Rows = tuple[list[list[int]], list[list[int]]]  # prompts and completions, as tokens
Show = Callable[[TrainProgress], None]


@dataclass(slots=True)
class Watch:
    """What is measured every so many steps, and what was found so far."""

    guards: Guards
    folder: Folder
    show: Show
    drawing: Drawing
    marker: Marker | None = None  # asks only whether programs pass, whatever the reward is
    prompter: Prompter | None = None
    problems: Sequence[Problem] = ()
    abilities: Sequence[Ability] = ()
    best: float = -1.0
    best_step: int = 0
    worse: int = 0  # measures since the best one
    stopped: str = ""
    first: HeldOut | None = None
    kept: HeldOut | None = None  # of the best model
    seconds: float = 0.0

    def state(self) -> dict[str, Any]:
        """Return what a resumed run must know, as JSON."""
        starts = {ability.name: ability.start for ability in self.abilities}
        found = {name: _told(each) for name, each in (("first", self.first), ("kept", self.kept))}
        return {"best": self.best, "best_step": self.best_step, "worse": self.worse, "starts": starts, **found}

    def load(self, told: Mapping[str, Any]) -> None:
        """Take up what `state` returned."""
        self.best, self.best_step, self.worse = told["best"], told["best_step"], told["worse"]
        self.first, self.kept = (self._found(told[name]) for name in ("first", "kept"))
        for ability in self.abilities:
            ability.start = told["starts"].get(ability.name)

    def _found(self, told: Any) -> HeldOut | None:
        if told is None:
            return None
        replies, statuses = (tuple(map(tuple, part)) for part in told)
        return HeldOut(tuple(self.problems), replies, statuses)

    def measure(self, model: Any, step: int) -> tuple[dict[str, float], bool]:
        """Return what is found at a step, as figures, and whether it is the best held-out figure so far."""
        began = time.perf_counter()
        figures: dict[str, float] = {}
        better = False
        if self.problems and self.prompter is not None and self.marker is not None:
            drawing = replace(self.drawing, temperature=self.guards.temperature)
            found = held_out(model, self.prompter, self.problems, self.marker, drawing, self.guards.samples)
            self.first = self.first or found
            if (rate := found.rate()) is not None:
                figures |= {"pass_rate": rate.value, "pass_rate_low": rate.low, "pass_rate_high": rate.high}
                better = self._compare(rate, step)
                self.kept = found if better else self.kept
        for ability in self.abilities:
            values = ability.measure(model, self.drawing)
            if (score := mean(values)) is not None:
                figures[f"ability/{ability.name}"] = score.value
                self._protect(ability, ability.change(values))
        self.seconds += time.perf_counter() - began
        return figures, better

    def _compare(self, rate: Interval, step: int) -> bool:
        """Return whether the model is to be kept: it is the best so far, or the newest while nothing passes at all."""
        improved = rate.value > self.best
        better = improved or rate.value == self.best == 0
        if better:
            self.best, self.best_step = rate.value, step
        self.worse = 0 if improved else self.worse + 1
        if self.guards.patience is not None and self.worse >= self.guards.patience:
            self.stopped = f"no better held-out figure in {self.worse} measures"
        return better

    def _protect(self, ability: Ability, change: Interval) -> None:
        limit = self.guards.ability_drop * ability.scale
        if change.value <= -limit and change.high < 0:
            told = f"{change.value / ability.scale:+.1%} ({change.low / ability.scale:+.1%} to "
            self.stopped = f"{ability.name} fell by more than allowed: {told}{change.high / ability.scale:+.1%})"


class Guard:
    """Our callback: logs, measures, keeps the best model, and saves our part of every checkpoint."""

    def __init__(self) -> None:
        """Set later: what is watched, the trainer, what a checkpoint holds besides, how the divergence is measured."""
        self.watch: Watch
        self.trainer: Any = None
        self.extra: Callable[[], dict[str, Any]] = dict
        self.kl: Callable[[], float | None] = lambda: None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Measure the model that training begins with; a resumed run has done so."""
        if state.global_step == 0:
            self._measured(state, control)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Measure every so many steps, and at the last one; log the first and the last one in any case."""
        every = self.watch.guards.every
        if (every and state.global_step % every == 0) or state.global_step >= state.max_steps:
            self._measured(state, control)
        if state.global_step in (1, state.max_steps) or control.should_training_stop:
            control.should_log = True
        self._rest()

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **_: Any) -> None:
        """Write the figures of a step."""
        if not state.is_world_process_zero or "train_runtime" in logs:
            return
        figures = {name: value for name, value in logs.items() if _is_figure(value)}
        self.watch.folder.log(state.global_step, figures)
        self.watch.show(TrainProgress("training", state.global_step, state.max_steps, figures))

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write our part of the checkpoint, which makes it whole."""
        if state.is_world_process_zero:
            path = self.watch.folder.path / "checkpoints" / f"checkpoint-{state.global_step}"
            save_state(path, {"watch": self.watch.state(), **self.extra()})
        self._rest()

    def _measured(self, state: Any, control: Any) -> None:
        watch, step = self.watch, state.global_step
        if not watch.problems and not watch.abilities:
            return
        watch.show(TrainProgress("measuring", step, state.max_steps))
        with bare(self.trainer) as model:
            figures, better = watch.measure(model, step)
        if step and (kl := self.kl()) is not None:
            figures["kl_to_start"] = kl
        if figures:  # to our files and the display by `on_log`, and to every other place that is reported to
            state.log_history.append({**figures, "step": step})
            due = control.should_log  # which the handler takes back
            self.trainer.callback_handler.on_log(self.trainer.args, state, control, figures)
            control.should_log = due
        if better and step:
            save(self.trainer, watch.folder.path / MODEL)
            control.should_save = True  # so that a resumed run knows of it
        if watch.stopped:
            control.should_training_stop = True

    def _rest(self) -> None:
        if hasattr(self.trainer, "rest"):
            self.trainer.rest()


@contextmanager
def bare(trainer: Any) -> Iterator[Any]:
    """Give the model as it is without what spreads it over processes, all of its weights gathered, ready to draw."""
    from trl.models import unwrap_model_for_generation  # type: ignore[attr-defined]

    with (
        unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model,
        trainer._dist.summon_full_params(trainer.model_wrapped, recurse=False)
        if hasattr(trainer, "_dist")
        else nullcontext(),
        trainer.accelerator.autocast(),
    ):
        yield model


@cache
def guard_class() -> Any:
    """Return the callback: ours before that of transformers."""
    from transformers import TrainerCallback

    return type("SparkgapGuard", (Guard, TrainerCallback), {})


def divergence(model: Any, start: Any, rows: Rows) -> float | None:
    """Return the mean of log p - log p_start over the tokens of completions that the model drew, in nats.

    That is an unbiased estimate of the Kullback-Leibler divergence of the model from the start, for each token.
    `start` is the model training began with, or None for a model with adapters, which are switched off.
    """
    import torch

    prompts, completions = rows[0][:KL_ROWS], rows[1][:KL_ROWS]
    if not completions or not any(completions):
        return None
    device = model.get_input_embeddings().weight.device
    every = [torch.tensor([*p, *c], device=device) for p, c in zip(prompts, completions, strict=True)]
    was = model.training
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for prompt, ids in zip(prompts, every, strict=True):
            if len(ids) == len(prompt):
                continue
            ours = _logps(model, ids, len(prompt))
            if start is None:
                with model.disable_adapter():
                    theirs = _logps(model, ids, len(prompt))
            else:
                theirs = _logps(start, ids, len(prompt))
            total, count = total + float((ours - theirs).sum()), count + len(ours)
    model.train(was)
    return total / max(1, count)


def _logps(model: Any, ids: Any, first: int) -> Any:
    logits = model(input_ids=ids[None]).logits[0, first - 1 : -1].float()
    return logits.log_softmax(-1).gather(1, ids[first:, None]).squeeze(1)


def _told(found: HeldOut | None) -> Any:
    return None if found is None else [found.replies, found.statuses]


def _is_figure(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
