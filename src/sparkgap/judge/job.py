"""One program on its way through the judge: the message that a worker takes, and the worker's answer as a verdict."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sparkgap.judge import wire
from sparkgap.judge.plans import Kit
from sparkgap.types import Diagnostic, Failure, Verdict

FIRST_TRY_SHARE = 1 / 4  # of the CPU budget: what is not done by then is tried again alone with all of it


@dataclass(eq=False)
class Job:
    """One program on its way through the judge."""

    future: Future[Verdict]
    key: bytes  # of its tests
    tests: bytes
    cpu_s: float
    most_wall_s: float
    lonely: bool = False
    started: bool = False
    deaths: int = 0  # of workers, under it or under one that it was with
    passed_over: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    kit: Kit | None = None  # of a language that is built
    reader: Callable[[dict[str, Any]], Verdict] | None = None  # of its verdicts; None for Python's
    _message: bytes = b""

    def message(self) -> bytes:
        """Return the message to a worker: with a share of the CPU budget at first, with all of it when alone."""
        if not self._message:
            self._message = self._made()
        return self._message

    def retry_alone(self) -> None:
        """Have it judged once more with nothing else in flight, and all of its budget."""
        self.lonely, self._message = True, b""

    def _made(self) -> bytes:
        share = 1.0 if self.lonely else FIRST_TRY_SHARE
        fields = self.fields | {"cpu_s": self.cpu_s * share, "ahead": not self.lonely}
        return b"J" + marshal.dumps(fields if self.kit is None else fields | {"share": share})

    def verdict(self, message: bytes) -> Verdict:
        """Read the worker's answer."""
        said = marshal.loads(message[1:])  # noqa: S302 - a worker is a process of ours
        return verdict_of(said) if self.reader is None else self.reader(said)


def verdict_of(said: Mapping[str, Any], diagnostics: tuple[Diagnostic, ...] | None = None) -> Verdict:
    """Read a worker's answer; `diagnostics` are those of another language than Python."""
    stage = said["stage"]
    return Verdict(
        status=said["status"],
        stage=stage,
        reason=said.get("reason", ""),
        tests_passed=said.get("passed", 0),
        tests_total=said.get("total"),
        groups={name: (passed, run) for name, (passed, run) in said.get("groups", {}).items()},
        failure=Failure(**{"test": "", **said["failure"]}) if said.get("failure") else None,
        diagnostics=described(said) if diagnostics is None else diagnostics,
        cpu_s=said.get("cpu_s", 0.0),
        wall_s=said.get("wall_s", 0.0),
        memory_mb=said.get("memory_mb", 0.0),
        output=said.get("output", ""),
        output_clipped=said.get("output_clipped", False),
        answers=tuple(wire.loads(said["answers"].encode("ascii"))) if said.get("answers") is not None else None,
    )


def described(said: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
    """Return the diagnostics that a worker's answer holds."""
    return tuple(
        Diagnostic(said["stage"], "error", each["types"][0], each["text"], each["line"], each["column"])
        for each in said.get("diagnostics", ())
    )
