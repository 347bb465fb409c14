"""Rejection-sampling fine-tuning and direct preference optimization, from one file of judged completions.

Both draw from the model as it is, once, and learn from what the judge says: `rft` imitates what passed (RAFT, Dong et
al. 2023, arXiv:2304.06767), `dpo` prefers it to what failed. Cheaper than `rlcf`, and often most of the way.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

from sparkgap.errors import InputError
from sparkgap.train.folder import identity
from sparkgap.train.guards import Show
from sparkgap.train.imitation import Row, imitate
from sparkgap.train.marking import Marker
from sparkgap.train.options import DpoOptions, RftOptions
from sparkgap.train.overlap import known_benchmarks
from sparkgap.train.problems import ProblemSet
from sparkgap.train.prompting import Prompter, context_of
from sparkgap.train.result import TrainResult
from sparkgap.train.rollouts import Roller, Rollout, by_chance, contrasts, passing_tokens
from sparkgap.train.rows import examples, hashes
from sparkgap.train.running import TrainingRun, chosen_problems
from sparkgap.train.setting import common_arguments, judging, micro_batch, prepare
from sparkgap.train.weights import adapters, quiet

if TYPE_CHECKING:
    from sparkgap.judge import Judge


def rft(
    options: RftOptions,
    *,
    judge: Judge | None = None,
    problems: ProblemSet | None = None,
    progress: Show | None = None,
) -> TrainResult:
    """Fine-tune a model on those of its own completions that pass; the same call goes on after a crash.

    Raises:
        InputError: nothing passes; otherwise as `rlcf`.
    """
    return _learnt("rft", options, judge, problems, progress)


def dpo(
    options: DpoOptions,
    *,
    judge: Judge | None = None,
    problems: ProblemSet | None = None,
    progress: Show | None = None,
) -> TrainResult:
    """Have a model prefer those of its completions that pass to those that fail; the same call goes on after a crash.

    Raises:
        InputError: no problem has both; otherwise as `rlcf`.
    """
    return _learnt("dpo", options, judge, problems, progress)


def _learnt(
    way: str, options: RftOptions, judge: Judge | None, problems: ProblemSet | None, progress: Show | None
) -> TrainResult:
    prepare()
    if way == "dpo" and options.data is not None:
        raise InputError("dpo imitates no rows beside its pairs; leave `data` out")
    with ExitStack() as stack:
        own = stack.enter_context(judging(options.judging, judge))
        chosen, told = chosen_problems(options.source, problems, options.guards.held_out, options.measured_on)
        if options.data is not None:
            told |= {"files": hashes(options.data)}
        run = TrainingRun(way, options, told, stack, progress or (lambda _: None))
        if run.done is not None:
            return run.done
        run.watch_over(options.guards, chosen.held_out, options.sampling, own, options.judging)
        prompter = Prompter(run.tokenizer, chosen.train[0].benchmark, options.sampling.variant)
        prompter.require_room((*chosen.train, *chosen.held_out), options.sampling.max_tokens, run.model)
        marker = Marker(own, "tests", options.judging)
        stack.callback(marker.close)
        found = _rollouts(run, options, chosen, prompter, marker)
        if options.reward == "random":
            found = by_chance(found, options.seed)
        prompts = {problem.id: prompter.tokens(problem) for problem in chosen.train}
        if isinstance(options, DpoOptions):
            return _preferred(run, options, found, prompts)
        rows = [Row(prompts[name], tokens) for name, tokens in passing_tokens(found, options.most)]
        if not rows:
            raise InputError("no completion passes, so there is nothing to imitate; start from a better model")
        return imitate(run, options, [*rows, *_beside(run, options)], options.epochs)


def _beside(run: TrainingRun, options: RftOptions) -> tuple[Row, ...]:
    """Return the rows that are imitated beside what passed."""
    if options.data is None:
        return ()
    measured = known_benchmarks(options.measured_on)
    return examples(options.data, run.tokenizer, context_of(run.model), measured).rows


def _rollouts(
    run: TrainingRun, options: RftOptions, chosen: ProblemSet, prompter: Prompter, marker: Marker
) -> list[Rollout]:
    """Draw from the model that training begins with."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = run.model.to(device)
    roller = Roller(
        model,
        identity(options.model),
        prompter,
        marker,
        run.drawing(options.sampling),
        options.sampling,
        options.seed,
        run.show,
    )
    return roller.rollouts(chosen.train, options.rollouts or run.folder.path / "rollouts.jsonl", run.together)


def _preferred(
    run: TrainingRun, options: DpoOptions, found: list[Rollout], prompts: dict[str, list[int]]
) -> TrainResult:
    from datasets import Dataset  # type: ignore[import-untyped]
    from trl import DPOConfig  # type: ignore[attr-defined]

    pairs = contrasts(found, options.most)
    if not pairs:
        raise InputError("no problem has both passing and failing completions; draw more of each with --group")
    steps = options.steps or max(1, math.ceil(options.epochs * len(pairs) / options.batch))
    columns = {
        "prompt_ids": [prompts[name] for name, _, _ in pairs],
        "chosen_ids": [list(right) for _, right, _ in pairs],
        "rejected_ids": [list(wrong) for _, _, wrong in pairs],
    }
    micro = micro_batch(options, run.together.count)
    with quiet():
        trainer = dpo_trainer_class()(
            model=run.model,
            args=DPOConfig(**common_arguments(options, steps, micro), beta=options.beta, max_length=None),
            train_dataset=Dataset.from_dict(columns),
            processing_class=run.tokenizer,
            peft_config=adapters(options, run.model),
            callbacks=[run.guard],
        )
    return run.train(trainer)


class Preference:
    """Our part of TRL's DPOTrainer: the rows are tokens already."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write none: a run's folder says more."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset


@cache
def dpo_trainer_class() -> Any:
    """Return the trainer: our part before TRL's."""
    from trl import DPOTrainer  # type: ignore[attr-defined]

    return type("PreferenceTrainer", (Preference, DPOTrainer), {"_tag_names": ["sparkgap", "dpo"]})
