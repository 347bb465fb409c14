"""The judge: the only room where foreign code is compiled or run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparkgap.judge.judge import Judge

__all__ = ["Judge"]


def __getattr__(name: str) -> Any:
    if name == "Judge":  # loaded on first use: the jailed processes import this package without it
        from sparkgap.judge.judge import Judge

        return Judge
    raise AttributeError(f"module 'sparkgap.judge' has no attribute {name!r}")
