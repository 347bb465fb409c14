"""Reinforcement learning from compiler feedback: the model writes programs, the judge says which ones pass.

RLCF (Liu et al. 2023, arXiv:2305.18341) had a compiler's verdicts as reward; here the reward is what hidden tests say,
by one of the rewards of `sparkgap.rewards`. The recipe is that of DAPO and Dr. GRPO, see `options.py` and `grpo.py`.

Not covered: several turns of repair (RLEF, arXiv:2410.02089), and a critic.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkgap.train.book import Book
from sparkgap.train.grpo import Feed, trainer_class
from sparkgap.train.guards import Show
from sparkgap.train.imitation import imitate, reference_rows
from sparkgap.train.logprobs import add_scores, plain
from sparkgap.train.marking import ForgedPass, Mark, Marker
from sparkgap.train.options import RlcfOptions
from sparkgap.train.problems import ProblemSet, impossible
from sparkgap.train.prompting import Prompter
from sparkgap.train.result import TrainResult
from sparkgap.train.running import TrainingRun, chosen_problems
from sparkgap.train.setting import common_arguments, judging, micro_batch, prepare
from sparkgap.train.weights import adapters, quiet

if TYPE_CHECKING:
    from sparkgap.judge import Judge
    from sparkgap.rewards import Reward


def rlcf(
    options: RlcfOptions,
    *,
    judge: Judge | None = None,
    problems: ProblemSet | None = None,
    reward: Reward | None = None,
    progress: Show | None = None,
) -> TrainResult:
    """Train a model on problems by what the judge says of its completions; the same call goes on after a crash.

    `problems` and `reward` take the place of those that the options name. Start the judge before torch is imported.

    Raises:
        InputError: options that do not fit together, a model or a source that is not there, data that is measured on.
        ForgedPass: a completion passed tests that nothing can pass.
        IsolationError, InfraError: the judge does not start, or failed.
    """
    prepare()
    with ExitStack() as stack:
        own = stack.enter_context(judging(options.judging, judge))
        chosen, told = chosen_problems(options.source, problems, options.guards.held_out, options.measured_on)
        run = TrainingRun("rlcf", options, told, stack, progress or (lambda _: None))
        if run.done is not None:
            return run.done
        prompter = Prompter(run.tokenizer, chosen.train[0].benchmark, options.sampling.variant)
        prompter.require_room((*chosen.train, *chosen.held_out), options.sampling.max_tokens, run.model)
        run.watch_over(options.guards, chosen.held_out, options.sampling, own, options.judging)
        if options.control == "sft":
            return _imitated(run, options, chosen, prompter)
        marker = Marker(own, reward or options.reward, options.judging, (run.together.index, run.together.count))
        stack.callback(marker.close)
        every = (*chosen.train, *impossible(chosen.train, options.guards.canaries))
        book = Book(len(every), seed=options.seed, explore=options.explore, dynamic=options.dynamic)
        forged = _Alarm(run.folder.path / "canary.json")
        drawing = run.drawing(options.sampling)
        feed = Feed(every, book, prompter, marker, drawing, options.sampling.group, forged)
        return _trained(run, options, feed)


def _trained(run: TrainingRun, options: RlcfOptions, feed: Feed) -> TrainResult:
    from datasets import Dataset  # type: ignore[import-untyped]

    lean = plain(run.model)  # before TRL puts its own output layer on
    with quiet():
        trainer = trainer_class()(
            model=run.model,
            reward_funcs=[_named],
            args=_arguments(run, options),
            train_dataset=Dataset.from_dict({"prompt": [""]}),
            processing_class=run.tokenizer,
            peft_config=adapters(options, run.model),
            callbacks=[run.guard],
            feed=feed,
        )
    if lean and trainer.accelerator.device.type == "cpu":
        add_scores(trainer.accelerator.unwrap_model(trainer.model))
        trainer.lean_scores = True
    return run.train(
        trainer,
        rows=lambda: (feed.batch.prompts, feed.batch.completions) if feed.batch else None,
        save=lambda: {"book": feed.book.save(), "draws": feed.marker.draws},
        restore=lambda state: _restore(feed, state),
    )


def _restore(feed: Feed, state: Mapping[str, Any]) -> None:
    feed.book.load(state["book"])
    feed.marker.draws = state["draws"]


def _arguments(run: TrainingRun, options: RlcfOptions) -> Any:
    from trl import GRPOConfig  # type: ignore[attr-defined]

    sampling = options.sampling
    micro = micro_batch(options, run.together.count, options.updates, sampling.group)
    return GRPOConfig(
        **common_arguments(options, options.steps or 0, micro),
        steps_per_generation=micro[1] * options.updates,
        num_generations=sampling.group,
        max_completion_length=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        loss_type="dr_grpo",
        scale_rewards="none",
        epsilon=options.clip_low,
        epsilon_high=options.clip_high,
        beta=options.beta,
        entropy_coef=options.entropy,
        mask_truncated_completions=True,
        disable_dropout=True,
        use_vllm=options.vllm,
        vllm_mode="colocate",
        vllm_gpu_memory_utilization=options.vllm_memory,
    )


def _imitated(run: TrainingRun, options: RlcfOptions, chosen: ProblemSet, prompter: Prompter) -> TrainResult:
    """Fine-tune on the reference solutions instead, for as much compute: the control.

    A step of reinforcement learning reads each completion four times as far as a forward pass goes (drawing it, and
    learning from it forward and backward), one of imitation three times; so a third more rows make up for it. What the
    former saves by leaving rows out is not taken off: the control gets no less.
    """
    from dataclasses import replace

    count = run.together.count
    batch = -(-options.batch * 4 // (3 * count)) * count
    return imitate(run, replace(options, batch=batch), reference_rows(chosen.train, prompter))


class _Alarm:
    """Stops the run when something passes what nothing can pass, and keeps the evidence."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, marks: list[Mark]) -> None:
        holes = [mark.hole for mark in marks if mark.hole is not None]
        found = [
            {
                "problem_id": each.problem.id,
                "said": str(each),
                "program": each.source,
                "tests": repr(each.problem.tests),
            }
            for each in holes
        ]
        if found:  # the process that has it writes it
            text = json.dumps(found, indent=2, ensure_ascii=False)
            self._path.write_text(text + "\n", "utf-8", "surrogatepass")
        raise ForgedPass(f"a program passed tests that nothing passes, so the judge has a hole; it is in {self._path}")


def _named(completions: list[str], **_: Any) -> list[float]:
    """Stand where TRL wants a reward function; the trainer asks the marker instead."""
    raise AssertionError("nobody calls this")
