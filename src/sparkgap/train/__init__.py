"""Training: a model and data in, a checkpoint and a run folder out.

    from sparkgap.train import RlcfOptions, Source, rlcf

    result = rlcf(RlcfOptions(model="./start", out=Path("runs/rl"), source=Source("katas")))

`sft` imitates, `rft` imitates what passed, `dpo` prefers it to what failed, `rlcf` learns from verdicts step by step.
All four keep the best model by held-out problems, resume after a kill, and refuse data that will be measured on. torch
and TRL are imported when one of them is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparkgap.train.rlcf import rlcf

__all__ = ["rlcf"]
