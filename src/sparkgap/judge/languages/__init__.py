"""Languages that the judge can build and run: one file each, with one public name, `LANGUAGE`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sparkgap.judge.jail import Runtime


@runtime_checkable
class Language(Protocol):
    """What `LANGUAGE` in each file is."""

    name: str  # what `Program.language` says
    suffix: str  # of a source file, with the dot

    def runtime(self, packages: tuple[str, ...]) -> Runtime:
        """Return what of the host a program of this language must be able to read."""
        ...
