"""The error tree: a user's mistake is a `SparkgapError` whose text names the mend.

    SparkgapError            exit code 2: the user can mend it
    ├── InputError           a file or an argument is not what it should be (names file and line)
    ├── DataError            a published file is missing, or its sha256 does not hold
    ├── PluginError          no plug-in of that name, or a broken one
    ├── ToolchainError       a compiler or runtime that a language needs is missing
    └── IsolationError       this machine cannot jail programs at a safe level
    InfraError               exit code 4: ours, never the candidate's

A failed sample is data (`Verdict`), not an exception; a bug crashes.
"""

from __future__ import annotations


class SparkgapError(Exception):
    """A mistake that the user can mend; the text says how."""

    exit_code = 2


class InputError(SparkgapError):
    """A file or an argument is not what it should be."""


class DataError(SparkgapError):
    """A published file is missing or is not the published one."""


class PluginError(SparkgapError):
    """There is no plug-in of that name, or it does not keep its contract."""


class ToolchainError(SparkgapError):
    """A compiler or runtime that a language needs is missing; the text says how to install it."""


class IsolationError(SparkgapError):
    """This machine cannot jail programs at a safe level."""


class InfraError(Exception):
    """Sparkgap's own machinery failed; no candidate is to blame."""

    exit_code = 4
