"""What every way of training goes through: open the folder, load, watch, train or go on, sum up."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparkgap.errors import InputError
from sparkgap.train.evaluating import Ability, plain_marker
from sparkgap.train.folder import Folder, read_state
from sparkgap.train.guards import Guard, Rows, Show, TrainProgress, Watch, bare, divergence, guard_class
from sparkgap.train.options import Guards, Judging, Sampling, Training
from sparkgap.train.overlap import fingerprint, set_apart
from sparkgap.train.problems import ProblemSet, Source, problem_set
from sparkgap.train.prompting import Prompter
from sparkgap.train.reporting import reported, require
from sparkgap.train.result import TrainResult, read_result, summed_up
from sparkgap.train.sampler import Drawing
from sparkgap.train.setting import Together
from sparkgap.train.weights import load, quiet

if TYPE_CHECKING:
    from sparkgap.judge import Judge
    from sparkgap.types import Problem


def chosen_problems(
    source: Source | None, problems: ProblemSet | None, held_out: int, names: Sequence[str] | None
) -> tuple[ProblemSet, dict[str, Any]]:
    """Return the problems, apart from what is measured, and what to tell of them in the manifest.

    Raises:
        InputError: there are none, or they are not apart.
    """
    if problems is None:
        problems = problem_set(source, held_out) if source is not None else ProblemSet((), ())
    for problem in (*problems.train, *problems.held_out):
        if problem.tests is None:
            raise InputError(f"{problem.id} has no tests, so that no completion of it can be judged; leave it out")
    found = set_apart((*problems.train, *problems.held_out), names, leave_out=problems.published)
    kept = {problem.id for problem in found.problems}
    train, apart = (tuple(each for each in part if each.id in kept) for part in (problems.train, problems.held_out))
    if problems.train and not train:
        raise InputError(f"every problem is one of {', '.join(found.benchmarks)}; say with --measured-on what matters")
    told: dict[str, Any] = {
        "train": fingerprint(train),
        "held_out": fingerprint(apart),
        "problems": [len(train), len(apart)],
    }
    told |= {"apart_from": found.benchmarks, "left_out": found.left_out}
    return ProblemSet(train, apart, problems.published), told


class TrainingRun:
    """One run of one way of training, while its folder is open.

    Make it, look whether it was `done` before, `watch_over` it, and `train` with the way's own trainer.
    """

    def __init__(self, way: str, options: Training, told: Mapping[str, Any], stack: ExitStack, show: Show) -> None:
        """Open the folder of what was asked, `told` being the data by its hashes, and load the model.

        Raises:
            InputError: the folder, the model or a place to report to cannot be used.
        """
        require(options.report_to)
        self.way, self.options, self.show = way, options, show
        self.together = Together()
        self.folder = Folder(way, options, told)
        stack.callback(self.folder.close)
        self._stack = stack
        self._left_out = len(told.get("left_out", ()))
        self.done: TrainResult | None = None
        if self.together.agree(self.folder.finished):
            self.done = read_result(self.together.agree(self.folder.summary() if self.folder.finished else None))
            return
        self.together.wait()
        show(TrainProgress("loading", 0, options.steps or 0))
        self.model, self.tokenizer = load(options)
        self.guard: Guard = guard_class()()
        self.start: Any = None

    def drawing(self, sampling: Sampling) -> Drawing:
        """Return how completions are drawn from this model."""
        return Drawing(
            eos=_ends(self.model, self.tokenizer),
            pad=self.tokenizer.pad_token_id,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            rows=sampling.at_once,
        )

    def watch_over(
        self, guards: Guards, held_out: Sequence[Problem], sampling: Sampling, judge: Judge | None, judging: Judging
    ) -> None:
        """Measure held-out problems and abilities while training; without a judge, nothing is measured."""
        drawing = self.drawing(sampling)
        if judge is None:
            self.guard.watch = Watch(Guards(every=0), self.folder, self.show, drawing)
            return
        passes = plain_marker(judge, judging)
        self._stack.callback(passes.close)
        self.guard.watch = Watch(
            guards,
            self.folder,
            self.show,
            drawing,
            passes,
            Prompter(self.tokenizer, held_out[0].benchmark, sampling.variant) if held_out else None,
            held_out,
            [Ability(name, self.tokenizer, passes, guards.ability_limit) for name in guards.ability],
        )
        if guards.kl and self.options.lora is None and "ACCELERATE_USE_FSDP" not in os.environ:
            self.start = copy.deepcopy(self.model).eval().requires_grad_(False)

    def train(
        self,
        trainer: Any,
        *,
        rows: Callable[[], Rows | None] = lambda: None,
        save: Callable[[], dict[str, Any]] = dict,
        restore: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> TrainResult:
        """Train from the start, or from the newest checkpoint, and sum up.

        `rows` gives completions of the model as it is, for the divergence; `save` and `restore` are the way's own part
        of a checkpoint.
        """
        from transformers import PrinterCallback

        began = time.monotonic()
        guard, watch = self.guard, self.guard.watch
        guard.trainer = trainer
        guard.extra = lambda: {**save(), "step": trainer.state.global_step}
        guard.kl = lambda: self._divergence(trainer, rows())
        checkpoint = self.folder.checkpoint()
        if checkpoint is not None:
            state = read_state(checkpoint)
            watch.load(state["watch"])
            restore(state)
            self.folder.rewind(state["step"])
        trainer.remove_callback(PrinterCallback)
        with quiet(), reported(trainer, self.folder.path, self.folder.began):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        self.show(TrainProgress("finishing", trainer.state.global_step, trainer.args.max_steps))
        result = summed_up(self.way, trainer, watch, self.options, time.monotonic() - began)
        result = replace(result, left_out=self._left_out)
        self.folder.finish(result.as_json())
        self.together.wait()
        return result

    def _divergence(self, trainer: Any, rows: Rows | None) -> float | None:
        guards = self.guard.watch.guards
        if rows is None or not guards.kl or (self.start is None and self.options.lora is None):
            return None
        if self.start is not None:
            self.start.to(trainer.accelerator.device)
        with bare(trainer) as model:
            return divergence(model, self.start, rows)


def _ends(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Return the tokens that end a completion: the tokenizer's, and those that the model's own settings name."""
    named = model.generation_config.eos_token_id
    more = named if isinstance(named, list) else [] if named is None else [named]
    return tuple(dict.fromkeys([tokenizer.eos_token_id, *more]))
