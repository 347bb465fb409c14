"""What a language says of a program: the files, how it is built, how it is run. Plain data, which a worker carries out.

A worker knows no language. The language's file turns source and tests into plans, in the caller's process; workers get
them as messages, and have yards carry them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Command:
    """One process to start, in the folder of its plan.

    Attributes:
        argv: the program by its path, and its arguments. A path without a slash in front is below the folder. In a
            run, `{memory_mb}` stands for what the program's limits allow.
        environment: all of it.
        memory_mb: of address space: for a build, in all; for a run, beyond what the program's limits allow, since
            runtimes reserve much that they never touch.
        forks: it may start processes of its own, as compiler drivers and shells do.
        frames_on_stdio: calls and answers go over its stdin and stdout, not over descriptors 3 and 4.
        text_frames: the length of a frame is a line of decimal digits, for a language that reads no bytes.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_mb: int = 0
    forks: bool = False
    frames_on_stdio: bool = False
    text_frames: bool = False

    def plain(self) -> dict[str, Any]:
        """Return it as a message holds it."""
        return {
            "argv": list(self.argv), "environment": dict(self.environment), "memory_mb": self.memory_mb,
            "forks": self.forks, "frames_on_stdio": self.frames_on_stdio, "text_frames": self.text_frames,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to ask of a process that lives on: a compiler kept warm, or an examiner that takes tests as they come.

    `server` names it among the servers of the language's kit; `body` is the request, empty for the file `exam` that a
    step of the same plan has made.
    """

    server: str
    body: bytes

    def plain(self) -> dict[str, Any]:
        """Return it as a message holds it."""
        return {"server": self.server, "body": self.body}


@dataclass(frozen=True, slots=True)
class Plan:
    """How one program is made and started. An errand among the `steps` may give back files, which are then added.

    `run` is None where nothing is to be run. `gifts`, of tests alone, are files of their build that are given to every
    candidate's build.
    """

    files: Mapping[str, bytes]
    steps: tuple[Command | Errand, ...]
    run: Command | Errand | None
    gifts: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return it as a message holds it."""
        return {
            "files": dict(self.files), "steps": [step.plain() for step in self.steps],
            "run": self.run.plain() if self.run else None, "gifts": list(self.gifts),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kit:
    """What every program of a language is built and run with, on this machine.

    `runtime` are the fields of `jail.Runtime`; `servers` are started when first asked, each in a yard of its own.
    `build_cpu_s` and `build_memory_mb` bound each process of a build.
    """

    language: str
    runtime: tuple[Any, ...]
    servers: Mapping[str, Command] = field(default_factory=dict)
    build_cpu_s: float = 20.0
    build_memory_mb: int = 2048

    def plain(self) -> dict[str, Any]:
        """Return it as a message holds it."""
        return {
            "language": self.language, "runtime": self.runtime, "build_cpu_s": self.build_cpu_s,
            "build_memory_mb": self.build_memory_mb,
            "servers": {name: command.plain() for name, command in self.servers.items()},
        }  # fmt: skip
