"""A small penalty for what a linter finds in a program that passes.

0 without findings, down to -1 for `most` of them or more; to be added with a small weight ("tests + 0.1*lint"). Only
programs that pass every test are looked at: were failing ones, an empty function would be the cleanest. Findings are
counted, not divided by lines, so that padding does not help; rules of form that shorter or longer text would satisfy
(line length, docstrings, naming) are not among them; comments that silence the linter are ignored.

Needs ruff, which only reads the programs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sparkgap.errors import InputError
from sparkgap.rewards import Bounds, Judged

# pyflakes; bare `except`, `== None` and the like; bugbear; simplifications; comprehensions; one way of return.
_RULES = "F,E7,B,SIM,C4,RET,PIE"
_RUFF = (
    sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--ignore-noqa", "--exit-zero", "--quiet",
    "--output-format=json", f"--select={_RULES}", f"--target-version=py3{sys.version_info.minor}",
)  # fmt: skip
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Lint:
    """A penalty for findings; `most` is how many count."""

    most: float = 5

    name: ClassVar[str] = "lint"
    title: ClassVar[str] = "0 to -1 for what ruff finds in a program that passes"
    passing: ClassVar[Bounds] = (-1.0, 0.0)
    failing: ClassVar[Bounds] = (0.0, 0.0)

    def __post_init__(self) -> None:
        """Refuse a count of nothing."""
        if self.most < 1:
            raise InputError(f"`most` is how many findings count, at least 1, not {self.most:g}")

    def values(self, judged: Sequence[Judged]) -> list[float | None]:
        """Return the penalty of each; one call of ruff for all. None for all that pass if ruff fails.

        Raises:
            InputError: ruff is not installed.
        """
        places = [place for place, each in enumerate(judged) if each.verdict.passed and not each.unscored]
        values: list[float | None] = [None if each.unscored else 0.0 for each in judged]
        found = _findings([judged[place].source for place in places]) if places else None
        for number, place in enumerate(places):
            values[place] = None if found is None else 0.0 - min(found[number] / self.most, 1.0)
        return values


def _findings(sources: list[str]) -> list[int] | None:
    """Return how many findings there are in each program, None if ruff failed."""
    with tempfile.TemporaryDirectory(prefix="sparkgap-lint-") as folder:
        for number, source in enumerate(sources):
            (Path(folder) / f"program_{number}.py").write_bytes(source.encode("utf-8", "surrogatepass"))
        try:
            done = subprocess.run([*_RUFF, "."], cwd=folder, capture_output=True, timeout=_PATIENCE_S, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
    if b"No module named" in done.stderr:
        raise InputError("the reward `lint` needs ruff, which is not installed; `pip install ruff`")
    try:
        counts = Counter(Path(finding["filename"]).name for finding in json.loads(done.stdout))
    except (ValueError, TypeError, KeyError):
        return None
    return [counts[f"program_{number}.py"] for number in range(len(sources))]


REWARD = Lint()
