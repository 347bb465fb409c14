"""Python, run by the very interpreter that Sparkgap runs on: its standard library, and packages that are named.

Loading, calling and explaining a Python program is `runner.py`, in the candidate's process; this file only says what
that process may see.
"""

from __future__ import annotations

from sparkgap.judge.jail import Runtime, python_runtime


class Python:
    """The one language that needs no compiler."""

    name = "python"
    suffix = ".py"

    def runtime(self, packages: tuple[str, ...] = ()) -> Runtime:
        """Return the standard library and the shared libraries of this interpreter."""
        return python_runtime(packages)


LANGUAGE = Python()
