"""The demonstration, step by step. Every step is an ordinary run of its verb, in a folder of its own under `out`.

    out/
      data/           uncurated.jsonl, curated.jsonl, curation.json; rollouts-*.jsonl: completions and their verdicts
      models/blank    the untrained model and its tokenizer
      train/          a training run for each step
      measured/       two runs of `measure` for each arm, greedy and sampled
      summary.json    the table, the gains, what the gate says
      report.html     all of it, side by side

The same call goes on where it was stopped: each step finds what it did. Steps are counted, not seconds, so that a
busy machine gives the same models as an idle one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from sparkgap import __version__
from sparkgap.errors import InputError
from sparkgap.gap import GapReport, gap
from sparkgap.gate import GateResult, gate
from sparkgap.judge import Judge
from sparkgap.loop.arms import Arm, Exam, Gain, gain
from sparkgap.loop.corpus import BENCHMARK, CPU_S, blank_model, corpus, curated, pool, write_rows
from sparkgap.loop.scale import FULL, Scale
from sparkgap.measure import MeasureProgress
from sparkgap.report import read, report
from sparkgap.train import (
    Guards,
    Judging,
    ProblemSet,
    RftOptions,
    RlcfOptions,
    Sampling,
    SftOptions,
    Source,
    TrainProgress,
    rft,
    rlcf,
    sft,
)
from sparkgap.train.folder import METRICS
from sparkgap.train.setting import prepare_threads

UNCURATED, CURATED, RLCF = "uncurated", "curated", "RLCF"
RANDOM, LONGER = "curated + random reward", "curated + more imitation"
MAX_TOKENS = 64
MEASURED_ON = (BENCHMARK,)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """Where the demonstration goes, and how large it is; `controls` adds two arms that should gain little."""

    out: Path
    seed: int = 0
    scale: Scale = FULL
    controls: bool = False
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class DemoProgress:
    """A step that begins (`inner` is None), or how far it is."""

    number: int
    count: int
    title: str
    inner: TrainProgress | None = None


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What came of it. `gains` credit each step with what is its own; `curation` counts verdicts on the corpus."""

    arms: tuple[Arm, ...]
    gains: tuple[Gain, ...]
    curation: Mapping[str, int]
    gap: GapReport
    gate: GateResult
    report: Path
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "arms": [json.loads(json.dumps(asdict(arm), default=str)) for arm in self.arms],
            "gains": [each.as_json() for each in self.gains],
            "curation": dict(self.curation),
            "gap": self.gap.as_json(),
            "gate": self.gate.as_json(),
            "report": str(self.report),
            "seconds": self.seconds,
        }


Show = Callable[[DemoProgress], None]


def demo(options: DemoOptions, progress: Show | None = None) -> DemoResult:
    """Go round the whole circle, and return what each step of it was worth.

    Raises:
        InputError: `out` holds another demonstration, or a package is not installed.
        IsolationError, InfraError: the judge does not start, or failed.
    """
    prepare_threads()
    began = time.monotonic()
    _claim(options)
    with Judge(options.workers) as judge:  # before torch is imported
        circle = _Circle(options, judge, progress or (lambda _: None))
        arms, told = circle.arms()
        return circle.summed_up(arms, told, began)


class _Circle:
    """One way round: each method is a step."""

    def __init__(self, options: DemoOptions, judge: Judge, show: Show) -> None:
        self.options, self.scale, self.judge, self._show = options, options.scale, judge, show
        self.out = options.out
        self._number, self._count, self._title = 0, 7 + 2 * options.controls, ""
        self._exam = Exam(
            judge, self.out / "measured", self.scale.test, self.scale.samples, options.seed, self._measured
        )

    def arms(self) -> tuple[list[Arm], Mapping[str, int]]:
        """Make every model and measure it, the one before the other is made."""
        scale, seed, data = self.scale, self.options.seed, self.out / "data"
        with self._step(f"make {scale.problems:,} problems with {scale.each} answers each, most of them wrong"):
            answers = corpus(scale, seed)
            write_rows(data / "uncurated.jsonl", answers)
            blank = blank_model(answers, scale, seed, self.out / "models" / "blank")
        with self._step(f"pretrain on all of it ({UNCURATED})"):
            start = self._imitated(UNCURATED, blank, data / "uncurated.jsonl", scale.sft_steps)
        found = [self._arm(UNCURATED, start)]
        with self._step(f"curate: keep what the judge proves, of {len(answers):,} answers"):
            kept, statuses = curated(answers, self.judge)
            write_rows(data / "curated.jsonl", kept)
            told = {**statuses, "kept": len(kept)}
            (data / "curation.json").write_text(json.dumps(told, indent=2) + "\n", "utf-8")
        with self._step(f"train on {len(kept):,} proven answers, as many steps ({CURATED})"):
            better = self._imitated(CURATED, blank, data / "curated.jsonl", scale.sft_steps)
        found.append(self._arm(CURATED, better))
        problems = pool(scale, seed)
        proven = data / "curated.jsonl"
        for name, model, known in ((UNCURATED, start, None), (CURATED, better, proven)):
            with self._step(f"RLCF from {name}: {scale.pool:,} new problems, no solutions, the judge's word alone"):
                trained = self._reinforced(name, model, problems, known)
            found.append(self._arm(f"{name} + {RLCF}", trained))
        if self.options.controls:
            found += self._controls(better, proven, problems)
        return found, told

    def summed_up(self, arms: list[Arm], told: Mapping[str, int], began: float) -> DemoResult:
        """Compare the arms, and write the summary and the report."""
        by_name = {arm.name: arm for arm in arms}
        pairs = [(CURATED, UNCURATED), (f"{UNCURATED} + {RLCF}", UNCURATED), (f"{CURATED} + {RLCF}", CURATED)]
        pairs += [(name, CURATED) for name in (RANDOM, LONGER) if name in by_name]
        pairs.append((f"{CURATED} + {RLCF}", UNCURATED))
        with self._step("compare: gap, gate, report"):
            first, last = by_name[UNCURATED], by_name[f"{CURATED} + {RLCF}"]
            result = DemoResult(
                tuple(arms),
                tuple(gain(by_name[of], by_name[over]) for of, over in pairs),
                told,
                gap(f"first={first.runs[0]}", f"last={last.runs[0]}"),
                gate(last.runs[0], [f"{BENCHMARK} gain > 0"], against=str(first.runs[0])),
                self.out / "report.html",
                round(time.monotonic() - began, 1),
            )
            runs = [read(arm.runs[at], f"{arm.name}, {how}") for at, how in enumerate(("greedy", "sampled"))
                    for arm in arms]  # fmt: skip
            trained = [read(path.parent) for path in sorted((self.out / "train").glob(f"*/{METRICS}"))]
            result.report.write_text(report([*runs, *trained], title="sparkgap demo"), "utf-8")
            (self.out / "summary.json").write_text(json.dumps(result.as_json(), indent=2) + "\n", "utf-8")
        return result

    def _arm(self, name: str, model: Path) -> Arm:
        with self._step(f"measure {name}", counts=False):
            return self._exam.arm(name, model)

    def _imitated(self, name: str, model: Path, data: Path, steps: int) -> Path:
        scale = self.scale
        options = SftOptions(
            model=str(model), out=self.out / "train" / f"sft-{_slug(name)}", data=data, steps=steps,
            batch=scale.sft_batch, rows=scale.sft_batch, learning_rate=scale.sft_rate, schedule="cosine",
            weight_decay=0.01, **self._common(),
        )  # fmt: skip
        return sft(options, progress=self._trained).model

    def _reinforced(
        self,
        name: str,
        model: Path,
        problems: ProblemSet,
        known: Path | None,
        reward: Literal["tests", "random"] = "tests",
    ) -> Path:
        """Learn from verdicts: rejection sampling, the rows of `known` beside it, then GRPO."""
        scale, train = self.scale, self.out / "train"
        sampling = Sampling(group=scale.group, temperature=scale.temperature, max_tokens=MAX_TOKENS)
        common = self._common() | {"source": Source("katas"), "sampling": sampling, "judging": Judging(cpu_s=CPU_S)}
        if scale.rft_steps:
            guards = Guards(every=max(1, scale.rft_steps // 4), kl=False)
            first = RftOptions(
                model=str(model), out=train / f"rft-{_slug(name)}", steps=scale.rft_steps, batch=scale.sft_batch,
                rows=scale.sft_batch, learning_rate=scale.rft_rate, schedule="cosine", guards=guards, data=known,
                reward=reward, rollouts=self.out / "data" / f"rollouts-{name.partition(' + ')[0]}.jsonl", **common,
            )  # fmt: skip
            model = rft(first, judge=self.judge, problems=problems, progress=self._trained).model
        guards = Guards(every=max(1, scale.rl_steps // 5))
        options = RlcfOptions(
            model=str(model), out=train / f"rlcf-{_slug(name)}", steps=scale.rl_steps, batch=scale.rl_batch,
            learning_rate=scale.rl_rate, reward=reward, schedule="linear", guards=guards, **common,
        )  # fmt: skip
        return rlcf(options, judge=self.judge, problems=problems, progress=self._trained).model

    def _controls(self, model: Path, data: Path, problems: ProblemSet) -> list[Arm]:
        scale = self.scale
        with self._step(f"control: {RANDOM}"):
            by_chance = self._reinforced(RANDOM, model, problems, data, "random")
        arms = [self._arm(RANDOM, by_chance)]
        # A completion costs two passes to draw and to score beside the one that imitation needs as well.
        steps = scale.rft_steps + 2 * scale.rl_steps * scale.rl_batch // scale.sft_batch
        with self._step(f"control: {LONGER}, {steps:,} steps"):
            longer = self._imitated(LONGER, model, data, steps)
        return [*arms, self._arm(LONGER, longer)]

    def _common(self) -> dict[str, Any]:
        return {"seed": self.options.seed, "measured_on": MEASURED_ON, "report_to": (), "log_every": 10,
                "checkpoint_every": 200}  # fmt: skip

    @contextmanager
    def _step(self, title: str, counts: bool = True) -> Iterator[None]:
        self._number += counts
        self._title = title
        self._show(DemoProgress(self._number, self._count, title))
        yield

    def _trained(self, inner: TrainProgress) -> None:
        self._show(DemoProgress(self._number, self._count, self._title, inner))

    def _measured(self, progress: MeasureProgress) -> None:
        done, total = (sum(getattr(part, name) for part in progress.parts) for name in ("done", "total"))
        self._trained(TrainProgress("measuring", done, total))


def _claim(options: DemoOptions) -> None:
    """Take the folder, or go on in it."""
    asked = json.loads(json.dumps({"seed": options.seed, "scale": asdict(options.scale), "sparkgap": __version__}))
    path = options.out / "demo.json"
    if path.exists():
        if json.loads(path.read_text("utf-8")) != asked:
            raise InputError(f"{options.out} holds another demonstration; name another folder with --out")
        return
    if options.out.exists() and any(options.out.iterdir()):
        raise InputError(f"{options.out} is not empty; name another folder with --out")
    for name in ("data", "models", "train", "measured"):
        (options.out / name).mkdir(parents=True)
    path.write_text(json.dumps(asked, indent=2) + "\n", "utf-8")


def _slug(name: str) -> str:
    return name.replace(" + ", "-").replace(" ", "-").lower()
