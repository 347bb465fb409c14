"""Training: a model and data in, a checkpoint and a run folder out.

    from sparkgap.train import RlcfOptions, Source, rlcf

    result = rlcf(RlcfOptions(model="./start", out=Path("runs/rl"), source=Source("katas")))

`sft` imitates, `rft` imitates what passed, `dpo` prefers it to what failed, `rlcf` learns from verdicts step by step.
All four keep the best model by held-out problems, resume after a kill, and refuse data that will be measured on. torch
and TRL are imported when one of them is called.
"""

from __future__ import annotations

from sparkgap.train.folder import METRICS, PAIRS
from sparkgap.train.guards import TrainProgress
from sparkgap.train.marking import ForgedPass
from sparkgap.train.options import (
    DpoOptions,
    Guards,
    Judging,
    RftOptions,
    RlcfOptions,
    Sampling,
    SftOptions,
    Training,
)
from sparkgap.train.problems import ProblemSet, Source, problem_set, read_problems
from sparkgap.train.result import TrainResult
from sparkgap.train.rft import dpo, rft
from sparkgap.train.rlcf import rlcf
from sparkgap.train.sft import sft

__all__ = [
    "METRICS", "PAIRS", "DpoOptions", "ForgedPass", "Guards", "Judging", "ProblemSet", "RftOptions", "RlcfOptions",
    "Sampling", "SftOptions", "Source", "TrainProgress", "TrainResult", "Training", "dpo", "problem_set",
    "read_problems", "rft", "rlcf", "sft",
]  # fmt: skip
