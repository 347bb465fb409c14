"""What the whole of MMLU costs besides the model: 14,042 questions read, prompted, scored and written down.

    SPARKGAP_DATA=folder python bench/mmlu.py          # needs mmlu/mmlu.zip

The model is a function in this process that answers at once, so that all CPU time is Sparkgap's: imports, the archive,
every prompt, the asking, the run folder and the intervals. A process for each variant.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from sparkgap.references import processor

TESTS = Path(__file__).parents[1] / "tests"
VARIANTS = ("zero_shot_cot", "five_shot")
TARGET_S = 30.0  # of CPU


def measure_one(variant: str) -> None:
    """Measure MMLU in this process, and print how many questions were scored and the CPU seconds it took."""
    sys.path.insert(0, str(TESTS))
    import pytest

    from sparkgap.measure import measure
    from sparkgap.types import Reply, Request

    scripted = import_module("scripted")

    def answer(request: Request, index: int) -> str | Reply:
        if request.choices:
            return Reply(logprobs=tuple(-float(place) for place, _ in enumerate(request.choices)))
        return "Let me think. " * 50 + "\nAnswer: B"

    scripted.install(pytest.MonkeyPatch(), quick=scripted.Scripted(answer, concurrency=64))
    with tempfile.TemporaryDirectory(prefix="sparkgap-bench-") as place:
        result = measure("scripted/quick", f"mmlu:{variant}", out=Path(place) / "run")
    (summary,) = result.benchmarks.values()
    times = os.times()
    print(summary["scored"], times.user + times.system)


def main() -> int:
    """Measure each variant in a fresh process, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--variant", choices=VARIANTS, help="this one alone, in this process: questions and CPU seconds"
    )
    if variant := parser.parse_args().variant:
        measure_one(variant)
        return 0
    print(f"{processor()}; load {os.getloadavg()[0]:.1f} before; Python {platform.python_version()}\n")
    print(f"{'':<16} {'questions':>9} {'CPU s':>7} {'wall s':>7}  target")
    for name in VARIANTS:
        started = time.perf_counter()
        words = [sys.executable, __file__, "--variant", name]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        wall_s, cpu_s = time.perf_counter() - started, float(told[1])
        met = "" if cpu_s < TARGET_S else ": NOT MET"
        print(f"{name:<16} {int(told[0]):>9,} {cpu_s:>7.1f} {wall_s:>7.1f}  under {TARGET_S:g} s of CPU{met}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
