"""Measure how far a language model is behind at code, and close the gap.

The public face: `Judge`, `Program`, `Limits`, `Verdict`, the kinds of tests, and `grade`, `measure`, `gap`, `gate`
and `report`, as on the command line. Names load on first use, so that `import sparkgap` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparkgap.errors import InfraError, SparkgapError
    from sparkgap.gap import gap
    from sparkgap.gate import gate
    from sparkgap.grade import grade
    from sparkgap.judge import Judge
    from sparkgap.measure import measure
    from sparkgap.report import report
    from sparkgap.types import (
        CodeTests,
        DocTests,
        InputTests,
        Limits,
        Problem,
        Program,
        Sample,
        Score,
        StdioTests,
        Verdict,
    )

__version__ = "0.1.0"

_HOMES = {
    "Judge": "sparkgap.judge",
    "gap": "sparkgap.gap",
    "gate": "sparkgap.gate",
    "grade": "sparkgap.grade",
    "measure": "sparkgap.measure",
    "report": "sparkgap.report",
    "InfraError": "sparkgap.errors",
    "SparkgapError": "sparkgap.errors",
    "CodeTests": "sparkgap.types",
    "DocTests": "sparkgap.types",
    "InputTests": "sparkgap.types",
    "Limits": "sparkgap.types",
    "Problem": "sparkgap.types",
    "Program": "sparkgap.types",
    "Sample": "sparkgap.types",
    "Score": "sparkgap.types",
    "StdioTests": "sparkgap.types",
    "Verdict": "sparkgap.types",
}

__all__ = [
    "CodeTests", "DocTests", "InfraError", "InputTests", "Judge", "Limits", "Problem", "Program", "Sample", "Score",
    "SparkgapError", "StdioTests", "Verdict", "__version__", "gap", "gate", "grade", "measure", "report",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sparkgap' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
