"""The judge: the only room where foreign code is compiled or run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparkgap.judge.judge import Judge
    from sparkgap.judge.remarks import Feedback, feedback

__all__ = ["Feedback", "Judge", "feedback"]
_HOMES = {"Judge": "sparkgap.judge.judge", "Feedback": "sparkgap.judge.remarks", "feedback": "sparkgap.judge.remarks"}


def __getattr__(name: str) -> Any:  # loaded on first use: the jailed processes import this package without them
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sparkgap.judge' has no attribute {name!r}")
