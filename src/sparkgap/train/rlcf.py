"""Reinforcement learning from compiler feedback: the model writes programs, the judge says which ones pass.

RLCF (Liu et al. 2023, arXiv:2305.18341) had a compiler's verdicts as reward; here the reward is what hidden tests say,
by one of the rewards of `sparkgap.rewards`. The recipe is that of DAPO and Dr. GRPO, see `options.py` and `grpo.py`.

Not covered: several turns of repair (RLEF, arXiv:2410.02089), and a critic.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from sparkgap.train.book import Book
from sparkgap.train.evaluating import Ability, plain_marker
from sparkgap.train.folder import Folder, read_state
from sparkgap.train.grpo import Feed, trainer_class
from sparkgap.train.guards import Guard, Show, TrainProgress, Watch, bare, divergence, guard_class
from sparkgap.train.logprobs import add_scores, plain
from sparkgap.train.marking import ForgedPass, Mark, Marker, Worth
from sparkgap.train.options import RlcfOptions
from sparkgap.train.overlap import fingerprint, require_apart
from sparkgap.train.problems import IMPOSSIBLE, ProblemSet, impossible, problem_set
from sparkgap.train.prompting import Prompter
from sparkgap.train.result import TrainResult, read_result, summed_up
from sparkgap.train.sampler import Drawing
from sparkgap.train.setting import Together, common_arguments, judging, micro_batch, prepare_threads
from sparkgap.train.weights import adapters, load

if TYPE_CHECKING:
    from sparkgap.judge import Judge
    from sparkgap.types import Problem


def rlcf(
    options: RlcfOptions,
    *,
    judge: Judge | None = None,
    problems: ProblemSet | None = None,
    reward: Worth | None = None,
    progress: Show | None = None,
) -> TrainResult:
    """Train a model on problems by what the judge says of its completions; the same call goes on after a crash.

    `problems` and `reward` take the place of those that the options name. Start the judge before torch is imported.

    Raises:
        InputError: options that do not fit together, a model or a source that is not there, data that is measured on.
        ForgedPass: a completion passed tests that nothing can pass.
        IsolationError, InfraError: the judge does not start, or failed.
    """
    prepare_threads()
    with ExitStack() as stack:
        own = stack.enter_context(judging(options.judging, judge))
        chosen = problems or problem_set(options.source, options.guards.held_out)
        compared = require_apart((*chosen.train, *chosen.held_out), options.measured_on)
        together = Together()
        told = {"train": fingerprint(chosen.train), "held_out": fingerprint(chosen.held_out), "apart_from": compared}
        folder = Folder("rlcf", options, told)
        stack.callback(folder.close)
        if together.agree(folder.finished):
            return read_result(together.agree(folder.summary() if folder.finished else None))
        together.wait()
        run = _Run(options, chosen, folder, own, reward, progress or (lambda _: None))
        stack.callback(run.close)
        return run.train(together)


class _Run:
    """One call of `rlcf`: everything that it keeps together."""

    def __init__(
        self,
        options: RlcfOptions,
        problems: ProblemSet,
        folder: Folder,
        judge: Judge,
        reward: Worth | None,
        show: Show,
    ) -> None:
        self.options, self.folder, self.show = options, folder, show
        show(TrainProgress("loading", 0, options.steps or 0))
        self.model, self.tokenizer = load(options)
        canaries = impossible(problems.train, options.guards.canaries)
        self.problems = (*problems.train, *canaries)
        self.prompter = Prompter(self.tokenizer, problems.train[0].benchmark, options.sampling.variant)
        self.marker = Marker(judge, reward or options.reward, options.judging)
        self.passes = plain_marker(judge, options.judging)
        sampling = options.sampling
        self.drawing = Drawing(
            eos=_ends(self.model, self.tokenizer),
            pad=self.tokenizer.pad_token_id,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
        )
        self.watch = self._watch(problems.held_out)

    def close(self) -> None:
        """Let go of what reads references."""
        self.marker.close()
        self.passes.close()

    def train(self, together: Together) -> TrainResult:
        """Train from the start, or from the newest checkpoint."""
        began = time.monotonic()
        options, folder = self.options, self.folder
        book = Book(len(self.problems), seed=options.seed, explore=options.explore, dynamic=options.dynamic)
        feed = Feed(self.problems, book, self.prompter, self.marker, self.drawing, options.sampling.group, self._forged)
        start = self._start()
        lean = plain(self.model)  # before TRL puts its own head on
        trainer, guard = self._trainer(feed, together)
        guard.kl = lambda: self._divergence(trainer, start, feed)
        if lean and trainer.accelerator.device.type == "cpu":
            add_scores(trainer.accelerator.unwrap_model(trainer.model))
            trainer.lean_scores = True
        checkpoint = folder.checkpoint()
        if checkpoint is not None:
            state = read_state(checkpoint)
            self.watch.load(state["watch"])
            book.load(state["book"])
            folder.rewind(state["step"])
        guard.extra = lambda: {"book": book.save(), "step": trainer.state.global_step}
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        self.show(TrainProgress("finishing", trainer.state.global_step, options.steps or 0))
        result = summed_up("rlcf", trainer, self.watch, options, time.monotonic() - began)
        folder.finish(result.as_json())
        return result

    def _watch(self, held_out: Sequence[Problem]) -> Watch:
        guards = self.options.guards
        abilities = [
            Ability(name, self.tokenizer, lambda: self.passes, guards.ability_limit) for name in guards.ability
        ]
        return Watch(guards, self.folder, self.prompter, held_out, self.passes, self.drawing, abilities, self.show)

    def _trainer(self, feed: Feed, together: Together) -> tuple[Any, Guard]:
        from datasets import Dataset  # type: ignore[import-untyped]
        from trl import GRPOConfig  # type: ignore[attr-defined]

        options, sampling = self.options, self.options.sampling
        micro = micro_batch(options, together.count, options.updates, sampling.group)
        config = GRPOConfig(
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
        guard = guard_class()(self.watch)
        trainer = trainer_class()(
            model=self.model,
            reward_funcs=[_named],
            args=config,
            train_dataset=Dataset.from_dict({"prompt": [""]}),
            processing_class=self.tokenizer,
            peft_config=adapters(options),
            callbacks=[guard],
            feed=feed,
        )
        guard.trainer = trainer
        return trainer, guard

    def _start(self) -> Any:
        """Return a copy of the model training begins with, where the distance from it is measured and needs one."""
        if not self.options.guards.kl or self.options.lora is not None or "ACCELERATE_USE_FSDP" in os.environ:
            return None
        return copy.deepcopy(self.model).eval().requires_grad_(False)

    def _divergence(self, trainer: Any, start: Any, feed: Feed) -> float | None:
        if not self.options.guards.kl or (start is None and self.options.lora is None):
            return None
        if start is not None:
            start.to(trainer.accelerator.device)
        with bare(trainer) as model:
            return divergence(model, start, (feed.batch.prompts, feed.batch.completions)) if feed.batch else None

    def _forged(self, rows: list[tuple[Problem, Mark]]) -> None:
        """Stop the run: something passed what nothing can pass."""
        found = [(problem, mark) for problem, mark in rows if mark.passed and problem.metadata.get(IMPOSSIBLE)]
        path = self.folder.path / "canary.json"
        if found:
            evidence = [
                {"problem_id": problem.id, "program": mark.program, "tests": repr(problem.tests)}
                for problem, mark in found
            ]
            path.write_text(json.dumps(evidence, indent=2, ensure_ascii=False) + "\n", "utf-8", "surrogatepass")
        raise ForgedPass(f"a program passed tests that nothing can pass, so the judge has a hole; it is in {path}")


def _named(completions: list[str], **_: Any) -> list[float]:
    """Stand where TRL wants a reward function; ours has its place in `_calculate_rewards`."""
    raise AssertionError("the trainer asks the marker")


def _ends(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Return the tokens that end a completion: the tokenizer's, and those that the model's own settings name."""
    named = model.generation_config.eos_token_id
    more = named if isinstance(named, list) else [] if named is None else [named]
    return tuple(dict.fromkeys([tokenizer.eos_token_id, *more]))
