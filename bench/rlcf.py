"""How long reinforcement takes to the same held-out pass@1: `sparkgap train rlcf`, and TRL's GRPOTrainer as it comes.

    python bench/rlcf.py                       # makes its start as `sparkgap demo` does; 40 minutes
    python bench/rlcf.py --model runs/demo-0/train/sft-uncurated/model --seeds 1

Both get the same model (pretrained on mostly wrong answers), problems, seed, learning rate, group and batch. TRL's has
its defaults otherwise, a reward that runs each program in a process of its own (no walls), and no dynamic sampling.
Either side judges two programs at once. Clocks stand still while held-out problems are measured, by samples, in the
same way for both. The goal is a gain over the start, which is the mean of what both sides measured of it. Measures are
made to rise by isotonic regression (what lies below an earlier one is averaged with it), so that one lucky measure
counts for neither; when the goal is reached is interpolated between two of them. Each run is a process of its own, one
after the other; `torch` gets one thread. CPU seconds are those of the trainer, the judge and every program.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

os.environ.update(TOKENIZERS_PARALLELISM="false", OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")

from sparkgap.judge import Judge
from sparkgap.loop import FULL
from sparkgap.loop.corpus import CPU_S, blank_model, corpus, pool, write_rows
from sparkgap.train import Guards, Judging, ProblemSet, RlcfOptions, Sampling, SftOptions, Source, TrainProgress, rlcf
from sparkgap.train import sft as imitate
from sparkgap.types import InputTests, Problem

AT_ONCE = 2  # programs, of either side
TIMEOUT_S = 5.0  # of one program in the plain reward
MAX_TOKENS = 64
LEVELS = (1, 2)  # of the problems: the start solves some of them some of the time, so that both sides learn soon
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Point:
    """One held-out measure, and what training had taken by then."""

    step: int
    seconds: float
    cpu_s: float
    rate: float


@dataclass
class Clock:
    """Seconds and CPU seconds of training, measures left out."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    since: tuple[float, float] | None = None
    found: list[Point] = field(default_factory=list)

    def stop(self) -> None:
        if self.since is not None:
            self.seconds += time.perf_counter() - self.since[0]
            self.cpu_s += used_cpu_s() - self.since[1]
            self.since = None

    def measured(self, step: int, rate: float) -> None:
        self.found.append(Point(step, self.seconds, self.cpu_s, rate))
        self.since = (time.perf_counter(), used_cpu_s())


def used_cpu_s() -> float:
    """Return what this process, its descendants and those of them that are gone have used."""
    parents: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = (int(told[1]), sum(map(int, told[11:15])) * TICK_S)

    def ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and ours(parents[process][0]))

    return sum(cpu_s for process, (_, cpu_s) in parents.items() if ours(process))


def ours(args: argparse.Namespace, problems: ProblemSet) -> tuple[list[Point], dict[str, float]]:
    """Train by `rlcf`; return what was measured, and the shares of a step."""
    clock = Clock()

    def show(progress: TrainProgress) -> None:
        if progress.stage in {"measuring", "finishing"}:
            clock.stop()
        elif "pass_rate" in progress.figures:
            clock.measured(progress.step, progress.figures["pass_rate"])

    with tempfile.TemporaryDirectory() as folder, Judge(AT_ONCE) as judge:
        result = rlcf(
            RlcfOptions(
                model=str(args.model), out=Path(folder) / "run", source=Source("katas"), steps=args.steps,
                learning_rate=args.rate, batch=args.batch, seed=args.seed, measured_on=(), report_to=(),
                schedule="linear", warmup=0.0, checkpoint_every=10**6, judging=Judging(cpu_s=CPU_S),
                sampling=Sampling(group=args.group, max_tokens=MAX_TOKENS),
                guards=Guards(every=args.every, samples=args.samples, temperature=1.0, kl=False),
            ),
            judge=judge, problems=problems, progress=show,
        )  # fmt: skip
        lines = map(json.loads, (result.folder / "metrics.jsonl").read_text("utf-8").splitlines())
        steps = [line for line in lines if "reward_share" in line]
        names = ("drawing_share", "reward_share", "informative_groups")
        return clock.found, {name: fmean(line[name] for line in steps) for name in names}


def theirs(args: argparse.Namespace, problems: ProblemSet) -> tuple[list[Point], dict[str, float]]:
    """Train by TRL's GRPOTrainer."""
    with Judge(AT_ONCE) as judge:  # for the measures alone
        from datasets import Dataset  # type: ignore[import-untyped]
        from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
        from trl import GRPOConfig, GRPOTrainer  # type: ignore[attr-defined]

        from sparkgap.train.evaluating import held_out, plain_marker
        from sparkgap.train.prompting import Prompter
        from sparkgap.train.sampler import Drawing

        model = AutoModelForCausalLM.from_pretrained(args.model)
        words = AutoTokenizer.from_pretrained(args.model)
        marker, prompter = plain_marker(judge, Judging(cpu_s=CPU_S)), Prompter(words, "katas")
        drawing = Drawing(eos=(words.eos_token_id,), pad=words.pad_token_id, max_tokens=MAX_TOKENS)
        clock, every, paid = Clock(), args.every, Paid(problems.train)

        def measure(step: int) -> None:
            clock.stop()
            model.train(False)
            rate = held_out(model, prompter, problems.held_out, marker, drawing, args.samples).rate()
            model.train()
            assert rate is not None
            clock.measured(step, rate.value)

        class Measured(TrainerCallback):
            def on_train_begin(self, *_: Any, **__: Any) -> None:
                measure(0)

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if state.global_step % every == 0:
                    measure(state.global_step)

        with tempfile.TemporaryDirectory() as folder:
            config = GRPOConfig(
                output_dir=folder, max_steps=args.steps, per_device_train_batch_size=args.rows,
                gradient_accumulation_steps=args.batch // args.rows, num_generations=args.group,
                max_completion_length=MAX_TOKENS, learning_rate=args.rate, seed=args.seed, use_cpu=True, bf16=False,
                report_to="none", save_strategy="no", disable_tqdm=True, logging_steps=10**6,
            )  # fmt: skip
            GRPOTrainer(
                model=model,
                reward_funcs=[paid.reward],
                args=config,
                train_dataset=Dataset.from_dict({"prompt": [problem.prompt for problem in problems.train]}),
                processing_class=words,
                callbacks=[Measured()],
            ).train()
        marker.close()
    return clock.found, {"reward_share": paid.seconds / clock.seconds}


class Paid:
    """The reward that everyone writes first: a Python process for each completion."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = {problem.prompt: problem for problem in problems}
        self.seconds = 0.0

    def reward(self, prompts: list[str], completions: list[str], **_: Any) -> list[float | None]:
        began = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as at_once:
            found: list[float | None] = list(at_once.map(self._passes, prompts, completions))
        self.seconds += time.perf_counter() - began
        return found

    def _passes(self, prompt: str, completion: str) -> float:
        tests = self.problems[prompt].tests
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


Side = Callable[[argparse.Namespace, ProblemSet], tuple[list[Point], dict[str, float]]]
SIDES: dict[str, Side] = {"ours": ours, "theirs": theirs}


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


def reached(found: Sequence[Point], goal: float, batch: int) -> tuple[float, float, float] | None:
    """Return seconds, CPU seconds and samples to the goal, None if it was not reached."""
    from scipy.optimize import isotonic_regression  # type: ignore[import-untyped]

    rates = isotonic_regression([point.rate for point in found]).x.tolist()
    for (before, low), (after, high) in pairwise(zip(found, rates, strict=True)):
        if low < goal <= high:
            share = (goal - low) / (high - low)
            one, two = ((each.seconds, each.cpu_s, each.step * batch) for each in (before, after))
            seconds, cpu_s, samples = (a + share * (b - a) for a, b in zip(one, two, strict=True))
            return seconds, cpu_s, samples
    return None


def ran(args: argparse.Namespace, model: Path, seed: int, side: str) -> list[Point]:
    """Run one side in a process of its own, and say what it did."""
    names = ("rate", "steps", "every", "samples", "batch", "rows", "group", "pool", "held_out")
    options = [f"--{name.replace('_', '-')}={getattr(args, name)}" for name in names]
    command = [sys.executable, __file__, f"--model={model}", *options, f"--seed={seed}", f"--side={side}"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    points, shares = json.loads(done.stdout.splitlines()[-1])
    found = [Point(*point) for point in points]
    curve = " ".join(f"{100 * each.rate:.1f}" for each in found)
    last = found[-1]
    print(f"seed {seed}, {side}: {curve} % every {args.every} steps; a step takes {last.seconds / last.step:.2f} s, "
          f"{last.cpu_s / last.step:.2f} s of CPU; {', '.join(f'{name} {it:.2f}' for name, it in shares.items())}",
          flush=True)  # fmt: skip
    return found


def compared(args: argparse.Namespace, model: Path, seed: int) -> list[float] | None:
    """Run both sides with one seed, and return what TRL takes as shares of ours; None if one fell short."""
    curves = {side: ran(args, model, seed, side) for side in SIDES}
    goal = fmean(found[0].rate for found in curves.values()) + args.gain / 100
    took = {side: reached(found, goal, args.batch) for side, found in curves.items()}
    for side, spent in took.items():
        if spent is None:
            print(f"seed {seed}, {side}: did not reach {100 * goal:.1f} % in {args.steps} steps", flush=True)
        else:
            print("seed {}, {}: {:.1f} % in {:.1f} s, {:.1f} s of CPU, {:,.0f} samples".format(
                  seed, side, 100 * goal, *spent), flush=True)  # fmt: skip
    mine, other = (took[side] for side in SIDES)
    return None if mine is None or other is None else [b / a for a, b in zip(mine, other, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--model", type=Path, help="a folder; made on the spot unless named")
    parser.add_argument("--gain", type=float, default=8.0, help="points of held-out sampled pass@1 to be gained")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    parser.add_argument("--rows", type=int, default=48, help="that TRL puts through the model at once")
    sizes = {"steps": 40, "every": 4, "samples": 8, "batch": 192, "group": 8, "pool": 1000, "held-out": 300}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        points, shares = SIDES[args.side](
            args, pool(replace(FULL, pool=args.pool, pool_levels=LEVELS, validation=args.held_out), args.seed)
        )
        print(json.dumps([[astuple(point) for point in points], shares]))
        return
    with tempfile.TemporaryDirectory() as folder:
        model = args.model or start(Path(folder), args.seed)
        every = [compared(args, model, seed) for seed in range(args.seeds)]
    known = [ratios for ratios in every if ratios is not None]
    for ratios in known:
        print("TRL takes {:.2f} times the seconds, {:.2f} the CPU, {:.2f} the samples".format(*ratios))
    if len(known) > 1:
        middle = [median(column) for column in zip(*known, strict=True)]
        print("in the median: {:.2f} times the seconds, {:.2f} the CPU, {:.2f} the samples".format(*middle))
    if len(known) < len(every):
        print(f"{len(every) - len(known)} of {len(every)} seeds are not compared: a side fell short")


if __name__ == "__main__":
    main()
