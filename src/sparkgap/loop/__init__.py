"""The whole circle on one small model: pretrain, measure, curate, fine-tune, reinforce, measure again.

    from sparkgap.loop import DemoOptions, demo

    result = demo(DemoOptions(out=Path("runs/demo")))

Everything is made on the spot (`corpus.py`), so nothing is downloaded and nothing can have leaked. The one verb that
calls others. torch is imported when `demo` is called.
"""

from __future__ import annotations

from sparkgap.loop.arms import Arm, Gain
from sparkgap.loop.demo import DemoOptions, DemoProgress, DemoResult, demo
from sparkgap.loop.scale import FULL, QUICK, Scale

__all__ = ["FULL", "QUICK", "Arm", "DemoOptions", "DemoProgress", "DemoResult", "Gain", "Scale", "demo"]
