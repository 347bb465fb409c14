"""Programs as the messages that workers take, and their answers as verdicts."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import marshal
import os
import re
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sparkgap.judge import wire
from sparkgap.types import CodeTests, Diagnostic, DocTests, Failure, InputTests, Program, StdioTests, Tests, Verdict

FIRST_TRY_SHARE = 1 / 4  # of the CPU budget: what is not done by then is tried again alone with all of it
_CACHED_TESTS, _CACHED_BYTES = 512, 64 << 20
_NO_TESTS = CodeTests("")


@dataclass(eq=False)
class Job:
    """One program on its way through the judge."""

    future: Future[Verdict]
    key: bytes  # of its tests
    tests: bytes
    body: dict[str, Any] | bytes
    cpu_s: float
    most_wall_s: float
    lonely: bool = False
    started: bool = False
    deaths: int = 0
    fields: dict[str, Any] = field(default_factory=dict)

    def message(self) -> bytes:
        """Return the message to a worker: with a share of the CPU budget at first, with all of it when alone."""
        cpu_s = self.cpu_s if self.lonely else self.cpu_s * FIRST_TRY_SHARE
        return b"J" + marshal.dumps(self.fields | {"cpu_s": cpu_s})


class JobMaker:
    """Makes jobs of programs; the same tests are encoded once."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self._ids = itertools.count()
        self._encoded: OrderedDict[int, tuple[Tests, bool, tuple[bytes, bytes, bool]]] = OrderedDict()
        self._encoded_bytes = 0
        self.package_paths = _find(packages)
        named = "|".join(map(re.escape, packages)) or "(?!)"
        self._mentions = re.compile(rf"\b(?:{named})\b")

    def make(self, program: Program, future: Future[Verdict]) -> Job:
        """Return the job for a program.

        Raises:
            ValueError: a language that the judge does not have, or tests that cannot be sent.
        """
        if program.language != "python":
            raise ValueError(f"the judge has no language {program.language!r}")
        tests = program.tests if program.tests is not None else _NO_TESTS
        limits = program.limits
        fields: dict[str, Any] = {
            "id": next(self._ids), "kind": "tests", "source": program.source, "all_tests": program.all_tests,
            "wall_s": limits.wall_s, "memory_mb": limits.memory_mb, "output_kb": limits.output_kb,
            "packages": bool(self.package_paths and self._mentions.search(program.source)), "test_packages": False,
        }  # fmt: skip
        if isinstance(tests, StdioTests):
            fields |= {"kind": "stdio", "cases": tests.cases}
            key, encoded, runs = b"", b"", max(1, len(tests.cases))
        else:
            key, encoded, fields["test_packages"] = self._encode(tests, program.all_tests)
            runs = 1
        wall_s = limits.wall_s if limits.wall_s is not None else 30.0 + 10.0 * limits.cpu_s
        return Job(future, key, encoded, b"", limits.cpu_s, 120.0 + 4.0 * runs * wall_s, fields=fields)

    def _encode(self, tests: Tests, all_tests: bool) -> tuple[bytes, bytes, bool]:
        """Return the tests' key, their message, and whether they themselves want packages."""
        found = self._encoded.get(id(tests))
        if found is not None and found[0] is tests and found[1] == all_tests:
            return found[2]
        try:
            body = wire.dumps(_plain_tests(tests) | {"all_tests": all_tests})
        except wire.Uncrossable as error:
            raise ValueError(f"these tests cannot be sent to the examiner: {error}") from None
        key = hashlib.blake2b(body, digest_size=16).digest()
        text = tests.code + tests.prelude if isinstance(tests, CodeTests) else ""
        encoded = key, body, bool(self.package_paths and self._mentions.search(text))
        self._encoded[id(tests)] = (tests, all_tests, encoded)
        self._encoded_bytes += len(body)
        while len(self._encoded) > _CACHED_TESTS or (self._encoded_bytes > _CACHED_BYTES and len(self._encoded) > 1):
            _, (_, _, oldest) = self._encoded.popitem(last=False)
            self._encoded_bytes -= len(oldest[1])
        return encoded


def _plain_tests(tests: Tests) -> dict[str, Any]:
    if isinstance(tests, CodeTests):
        return {"kind": "code", "code": tests.code, "prelude": tests.prelude}
    if isinstance(tests, DocTests):
        return {"kind": "doc", "text": tests.text, "prelude": tests.prelude}
    if isinstance(tests, InputTests):
        return {
            "kind": "inputs", "entry_point": tests.entry_point, "inputs": tests.inputs, "expected": tests.expected,
            "atol": tests.atol, "oracle": tests.oracle, "groups": tests.groups,
        }  # fmt: skip
    raise ValueError(f"no such kind of tests: {type(tests).__name__}")


def _find(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return where the packages lie, and the libraries that wheels put beside them; absent ones are left out."""
    found = []
    for package in packages:
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            real = os.path.realpath(place)
            found += [path for path in (real, real + ".libs") if os.path.isdir(path)]
    return tuple(found)


def verdict_of(message: bytes) -> Verdict:
    """Read a worker's answer."""
    said = marshal.loads(message[1:])  # noqa: S302 - a worker is a process of ours
    stage = said["stage"]
    return Verdict(
        status=said["status"],
        stage=stage,
        reason=said.get("reason", ""),
        tests_passed=said.get("passed", 0),
        tests_total=said.get("total"),
        groups={name: (passed, run) for name, (passed, run) in said.get("groups", {}).items()},
        failure=Failure(**{"test": "", **said["failure"]}) if said.get("failure") else None,
        diagnostics=tuple(
            Diagnostic(stage, "error", d["types"][0], d["text"], d["line"], d["column"])
            for d in said.get("diagnostics", ())
        ),
        cpu_s=said.get("cpu_s", 0.0),
        wall_s=said.get("wall_s", 0.0),
        memory_mb=said.get("memory_mb", 0.0),
        output=said.get("output", ""),
        output_clipped=said.get("output_clipped", False),
        answers=tuple(wire.loads(said["answers"].encode("ascii"))) if said.get("answers") is not None else None,
    )
