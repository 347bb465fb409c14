"""Verbs: modules that are called by their own name, `sparkgap.grade(...)`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def callable_module(name: str, function: Callable[..., Any]) -> None:
    """Let the module of this name be called as `function`.

    Importing `sparkgap.grade` sets `sparkgap`'s name `grade` to the module, whatever stood there; so whichever came
    first, the module or the function, the name can be called.
    """
    sys.modules[name].__class__ = type("Verb", (ModuleType,), {"__call__": staticmethod(function)})
