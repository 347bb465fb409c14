"""How large the demonstration is, and how its models learn: every number that was chosen, and on what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes, steps and learning rates; chosen on the validation split, which `docs/rlcf-log.md` tells the story of.

    Corpus: `problems` katas of `levels`, `each` answers to every one, a share `wrong` of them wrong. Model: `hidden`
    wide, `layers` deep. Imitation: `sft_steps` of `sft_batch` rows. Reinforcement: `pool` problems without solutions,
    of `pool_levels`; a round of rejection sampling (`rft_steps`; 0 for none), then `rl_steps` of GRPO with `rl_batch`
    completions, `group` of each problem. `validation` problems choose the step that is kept. Measured: `test` problems
    (None: all of the benchmark), `samples` of each. `minutes` is for two idle cores.
    """

    name: str
    problems: int
    each: int = 16
    wrong: float = 2 / 3
    levels: tuple[int, ...] = (1, 2, 2, 3)
    hidden: int = 128
    layers: int = 3
    vocabulary: int = 768
    sft_steps: int
    sft_rate: float = 2e-3
    sft_batch: int = 64
    pool: int
    pool_levels: tuple[int, ...] = (2, 3)
    group: int = 8
    rft_steps: int = 0
    rft_rate: float = 1e-3
    rl_steps: int
    rl_rate: float = 2e-4
    rl_batch: int = 192
    temperature: float = 1.0
    validation: int = 200
    test: int | None = None
    samples: int = 8
    minutes: str


FULL = Scale(
    name="full",
    problems=4000,
    each=10,
    wrong=3 / 4,
    sft_steps=800,
    pool=5000,
    pool_levels=(2, 3, 3, 3),
    rft_steps=600,
    rft_rate=2e-3,
    rl_steps=40,
    rl_rate=2e-4,
    rl_batch=384,
    minutes="a quarter of an hour",
)
QUICK = Scale(
    name="quick",
    problems=400,
    levels=(1, 2),
    sft_steps=250,
    pool=300,
    pool_levels=(1, 2),
    rft_steps=60,
    rl_steps=8,
    validation=40,
    test=60,
    samples=4,
    minutes="two or three minutes, too few to learn much",
)
