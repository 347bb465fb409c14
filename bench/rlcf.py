"""How long reinforcement takes to the same held-out pass@1: `sparkgap train rlcf`, and TRL's GRPOTrainer as it comes.

    python bench/rlcf.py                       # makes its start as `sparkgap demo` does; a quarter of an hour
    python bench/rlcf.py --model runs/demo-0/train/sft-uncurated/model --steps 60 --gain 5

Both get the same model, problems, order's seed, learning rate, group and batch. TRL's has its defaults otherwise, a
reward that runs each program in a process of its own (two at once, no walls), and no dynamic sampling. The clock stands
still while held-out problems are measured, in the same way for both. Each runs in a process of its own, one after the
other; `torch` gets one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.update(TOKENIZERS_PARALLELISM="false", OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")

from sparkgap.judge import Judge
from sparkgap.loop import FULL
from sparkgap.loop.corpus import CPU_S, blank_model, corpus, pool, write_rows
from sparkgap.train import Guards, Judging, ProblemSet, RlcfOptions, Sampling, SftOptions, Source, TrainProgress, rlcf
from sparkgap.train import sft as imitate
from sparkgap.types import InputTests, Problem

TIMEOUT_S = 5.0  # of one program in the plain reward


@dataclass
class Clock:
    """Seconds of training, and what was measured when: (step, seconds, pass rate)."""

    seconds: float = 0.0
    since: float | None = None
    found: list[tuple[int, float, float]] = field(default_factory=list)

    def stop(self) -> None:
        if self.since is not None:
            self.seconds += time.perf_counter() - self.since
            self.since = None

    def measured(self, step: int, rate: float) -> None:
        self.found.append((step, self.seconds, rate))
        self.since = time.perf_counter()


def ours(args: argparse.Namespace, problems: ProblemSet) -> list[tuple[int, float, float]]:
    """Train by `rlcf`."""
    clock = Clock()

    def show(progress: TrainProgress) -> None:
        if progress.stage in {"measuring", "finishing"}:
            clock.stop()
        elif "pass_rate" in progress.figures:
            clock.measured(progress.step, progress.figures["pass_rate"])

    with tempfile.TemporaryDirectory() as folder, Judge(1) as judge:
        rlcf(
            RlcfOptions(
                model=str(args.model), out=Path(folder) / "run", source=Source("katas"), steps=args.steps,
                learning_rate=args.rate, batch=args.batch, seed=args.seed, measured_on=(), report_to=(),
                schedule="linear", warmup=0.0, checkpoint_every=10**6, judging=Judging(cpu_s=CPU_S),
                sampling=Sampling(group=args.group, max_tokens=64), guards=Guards(every=args.every, kl=False),
            ),
            judge=judge, problems=problems, progress=show,
        )  # fmt: skip
    return clock.found


def theirs(args: argparse.Namespace, problems: ProblemSet) -> list[tuple[int, float, float]]:
    """Train by TRL's GRPOTrainer."""
    with Judge(1) as judge:
        from datasets import Dataset  # type: ignore[import-untyped]
        from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
        from trl import GRPOConfig, GRPOTrainer  # type: ignore[attr-defined]

        from sparkgap.train.evaluating import held_out, plain_marker
        from sparkgap.train.prompting import Prompter
        from sparkgap.train.sampler import Drawing

        model = AutoModelForCausalLM.from_pretrained(args.model)
        words = AutoTokenizer.from_pretrained(args.model)
        marker, prompter = plain_marker(judge, Judging(cpu_s=CPU_S)), Prompter(words, "katas")
        greedy = Drawing(eos=(words.eos_token_id,), pad=words.pad_token_id, temperature=0.0, max_tokens=64)
        clock, every = Clock(), args.every

        def measure(step: int) -> None:
            clock.stop()
            model.train(False)
            rate = held_out(model, prompter, problems.held_out, marker, greedy, 1).rate()
            model.train()
            clock.measured(step, rate.value if rate else 0.0)

        class Measured(TrainerCallback):
            def on_train_begin(self, *_: Any, **__: Any) -> None:
                measure(0)

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if state.global_step % every == 0:
                    measure(state.global_step)

        by_prompt = {problem.prompt: problem for problem in problems.train}
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as at_once:
            config = GRPOConfig(
                output_dir=folder, max_steps=args.steps, per_device_train_batch_size=args.batch,
                num_generations=args.group, max_completion_length=64, learning_rate=args.rate, seed=args.seed,
                use_cpu=True, bf16=False, report_to="none", save_strategy="no", disable_tqdm=True, logging_steps=10**6,
            )  # fmt: skip
            GRPOTrainer(
                model=model,
                reward_funcs=[plain_reward(by_prompt, at_once)],
                args=config,
                train_dataset=Dataset.from_dict({"prompt": [problem.prompt for problem in problems.train]}),
                processing_class=words,
                callbacks=[Measured()],
            ).train()
        marker.close()
    return clock.found


def plain_reward(problems: dict[str, Problem], at_once: ThreadPoolExecutor) -> Callable[..., list[float | None]]:
    """Return the reward that everyone writes first: a Python process for each completion."""

    def passes(prompt: str, completion: str) -> float:
        tests = problems[prompt].tests
        assert isinstance(tests, InputTests)
        assert tests.expected is not None
        lines = [f"assert {tests.entry_point}(*{given!r}) == {wanted!r}"
                 for given, wanted in zip(tests.inputs, tests.expected, strict=True)]  # fmt: skip
        program = "\n".join([prompt + completion, *lines])
        try:
            ran = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True,
                                 timeout=TIMEOUT_S, check=False)  # fmt: skip
        except subprocess.TimeoutExpired:
            return 0.0
        return float(ran.returncode == 0)

    def reward(prompts: list[str], completions: list[str], **_: Any) -> list[float | None]:
        return list(at_once.map(passes, prompts, completions))

    return reward


def start(folder: Path, seed: int) -> Path:
    """Make the model to start from: pretrained on mostly wrong answers."""
    answers = corpus(FULL, seed)
    blank = blank_model(answers, FULL, seed, folder / "blank")
    options = SftOptions(
        model=str(blank), out=folder / "start", data=write_rows(folder / "rows.jsonl", answers), steps=FULL.sft_steps,
        batch=FULL.sft_batch, rows=FULL.sft_batch, learning_rate=FULL.sft_rate, schedule="cosine", seed=seed,
        measured_on=(), report_to=(), log_every=100,
    )  # fmt: skip
    return imitate(options).model


def told(name: str, found: list[tuple[int, float, float]], goal: float, batch: int) -> tuple[float, int] | None:
    """Print what was measured, and return seconds and samples to the goal; None if it was not reached."""
    print(f"{name}: " + ", ".join(f"{rate:.3f} at {step} ({seconds:.0f} s)" for step, seconds, rate in found))
    return next(((seconds, step * batch) for step, seconds, rate in found if step and rate >= goal), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--model", type=Path, help="a folder; made on the spot unless named")
    parser.add_argument("--gain", type=float, default=5.0, help="points of held-out pass@1 to be reached")
    parser.add_argument("--rate", type=float, default=2e-4)
    for name, default in (("steps", 60), ("every", 5), ("batch", 192), ("group", 8), ("pool", 1000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--side", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        problems = pool(replace(FULL, pool=args.pool), args.seed)
        print(json.dumps((ours if args.side == "ours" else theirs)(args, problems)))
        return
    with tempfile.TemporaryDirectory() as folder:
        model = args.model or start(Path(folder), args.seed)
        options = [f"--{name}={getattr(args, name)}" for name in vars(args) if name not in {"side", "model"}]
        sides = {}
        for side in ("ours", "theirs"):
            ran = subprocess.run([sys.executable, __file__, f"--model={model}", *options, f"--side={side}"], check=True,
                                 stdout=subprocess.PIPE, text=True)  # fmt: skip
            sides[side] = json.loads(ran.stdout.splitlines()[-1])
    goal = sides["ours"][0][2] + args.gain / 100
    print(f"held-out pass@1 of {goal:.3f}, {args.gain:g} points above the start")
    mine, other = (told(side, found, goal, args.batch) for side, found in sides.items())
    if mine and other:
        print(f"ours {mine[0]:.0f} s and {mine[1]:,} samples, TRL {other[0]:.0f} s and {other[1]:,}")
        print(f"TRL takes {other[0] / mine[0]:.2f} times the seconds, {other[1] / mine[1]:.2f} times the samples")
    else:
        print("not reached by " + " and ".join(name for name, it in (("ours", mine), ("TRL", other)) if it is None))


if __name__ == "__main__":
    main()
