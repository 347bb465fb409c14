"""Programs as the messages that workers take, and their answers as verdicts."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
import re
from collections import OrderedDict
from concurrent.futures import Future
from typing import Any

from sparkgap.judge import wire
from sparkgap.judge.foreign import ForeignJobs
from sparkgap.judge.job import Job
from sparkgap.types import CodeTests, DocTests, InputTests, Program, StdioTests, Tests, Verdict

_CACHED_TESTS, _CACHED_BYTES = 512, 64 << 20
_NO_TESTS = CodeTests("")


class JobMaker:
    """Makes jobs of programs; the same tests are encoded once."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self._ids = itertools.count()
        self._foreign = ForeignJobs()
        self._encoded: OrderedDict[int, tuple[Tests, bool, tuple[bytes, bytes, bool]]] = OrderedDict()
        self._encoded_bytes = 0
        self.package_paths = _find(packages)
        self._packages = packages if self.package_paths else ()
        self._named = re.compile(rf"\b(?:{'|'.join(map(re.escape, packages))})\b")

    def make(self, program: Program, future: Future[Verdict]) -> Job:
        """Return the job for a program.

        Raises:
            ValueError: tests that cannot be sent.
            Unjudgeable: tests that this language cannot be judged by.
            PluginError: a language that there is not.
            ToolchainError: a language whose compiler is not installed.
        """
        if program.language != "python":
            return self._foreign.make(program, future, next(self._ids))
        tests = program.tests if program.tests is not None else _NO_TESTS
        limits = program.limits
        fields: dict[str, Any] = {
            "id": next(self._ids), "kind": "tests", "source": program.source, "all_tests": program.all_tests,
            "wall_s": limits.wall_s, "memory_mb": limits.memory_mb, "output_kb": limits.output_kb,
            "packages": self._mentions_packages(program.source), "test_packages": False,
        }  # fmt: skip
        if isinstance(tests, StdioTests):
            fields |= {"kind": "stdio", "cases": tests.cases}
            key, encoded, runs = b"", b"", max(1, len(tests.cases))
        else:
            key, encoded, fields["test_packages"] = self._encode(tests, program.all_tests)
            runs = 1
        wall_s = limits.wall_s if limits.wall_s is not None else 30.0 + 10.0 * limits.cpu_s
        return Job(future, key, encoded, limits.cpu_s, 120.0 + 4.0 * runs * wall_s, fields=fields)

    def check(self, source: str, language: str, future: Future[Verdict]) -> Job:
        """Return the job of looking a program over, without running it.

        Raises:
            PluginError: a language that there is not.
            ToolchainError: a language whose compiler is not installed.
        """
        return self._foreign.check(source, language, future, next(self._ids))

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
        encoded = key, body, self._mentions_packages(text)
        self._encoded[id(tests)] = (tests, all_tests, encoded)
        self._encoded_bytes += len(body)
        while len(self._encoded) > _CACHED_TESTS or (self._encoded_bytes > _CACHED_BYTES and len(self._encoded) > 1):
            _, (_, _, oldest) = self._encoded.popitem(last=False)
            self._encoded_bytes -= len(oldest[1])
        return encoded

    def _mentions_packages(self, text: str) -> bool:
        """Whether a text has the name of a package as a word; nearly none has it at all, which is found out faster."""
        return any(package in text for package in self._packages) and self._named.search(text) is not None


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
