"""Programs in other languages than Python as jobs for the workers, and the workers' answers as verdicts.

The language's file says how a program and its tests are built and run, and reads what its compiler said; all of that
happens here, in the caller's process, so that a worker needs to know no language.
"""

from __future__ import annotations

import hashlib
import marshal
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sparkgap import plugins
from sparkgap.judge.job import Job, described, verdict_of
from sparkgap.judge.plans import Kit
from sparkgap.types import CodeTests, Diagnostic, Limits, Program, StdioTests, Tests, Verdict

_CACHED_TESTS = 512


class Unjudgeable(Exception):
    """These tests cannot be put to a program in this language; the text says why."""


@dataclass(frozen=True)
class _Prepared:
    """A set of tests, as a language wants them run."""

    tests: Tests
    key: bytes
    message: bytes


class ForeignJobs:
    """Makes jobs of programs in other languages than Python."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, Kit]] = {}
        self._prepared: OrderedDict[tuple[int, str, bool], _Prepared] = OrderedDict()

    def make(self, program: Program, future: Future[Verdict], number: int) -> Job:
        """Return the job for a program.

        Raises:
            Unjudgeable, PluginError, ToolchainError: as `JobMaker.make` has it.
        """
        language, kit = self._language(program.language)
        limits, tests = program.limits, program.tests
        fields: dict[str, Any] = {
            "id": number, "kind": "stdio", "language": program.language, "all_tests": program.all_tests,
            "wall_s": limits.wall_s, "memory_mb": limits.memory_mb, "output_kb": limits.output_kb,
        }  # fmt: skip
        key, message, runs = b"", b"", 1
        if isinstance(tests, CodeTests):
            prepared = self._tests(language, tests, program.all_tests)
            key, message = prepared.key, prepared.message
            fields |= {"kind": "plan", "plan": language.candidate(program.source, tests).plain()}
        elif isinstance(tests, StdioTests) or tests is None:
            cases = tests.cases if tests is not None else (("", None),)
            fields |= {"plan": language.program(program.source).plain(), "cases": cases}
            runs = max(1, len(cases))
        else:
            raise Unjudgeable(f"{type(tests).__name__} are for Python; {language.title} takes CodeTests and StdioTests")
        wall_s = limits.wall_s if limits.wall_s is not None else 30.0 + 10.0 * limits.cpu_s
        build_s = 4 * (30.0 + 10.0 * kit.build_cpu_s)
        most_wall_s = 120.0 + build_s + 4.0 * runs * wall_s
        job = Job(future, key, message, limits.cpu_s, most_wall_s, fields=fields, kit=kit)
        job.reader = partial(foreign_verdict, language, program.source)
        return job

    def check(self, source: str, name: str, future: Future[Verdict], number: int) -> Job:
        """Return the job of looking a program over.

        Raises:
            PluginError, ToolchainError: as `make` has it.
        """
        language, kit = self._language(name)
        limits = Limits()
        fields = {
            "id": number, "kind": "check", "language": name, "all_tests": False, "wall_s": limits.wall_s,
            "memory_mb": limits.memory_mb, "output_kb": limits.output_kb, "plan": language.check(source).plain(),
        }  # fmt: skip
        most_wall_s = 120.0 + 4 * (30.0 + 10.0 * kit.build_cpu_s)
        job = Job(future, b"", b"", limits.cpu_s, most_wall_s, fields=fields, kit=kit)
        job.reader = partial(foreign_verdict, language, source)
        return job

    def _language(self, name: str) -> tuple[Any, Kit]:
        known = self._known.get(name)
        if known is None:
            language = plugins.find("languages", name)
            known = self._known[name] = language, language.kit()
        return known

    def _tests(self, language: Any, tests: CodeTests, all_tests: bool) -> _Prepared:
        place = id(tests), language.name, all_tests
        found = self._prepared.get(place)
        if found is not None and found.tests is tests:
            return found
        try:
            plan = language.examiner(tests, all_tests=all_tests).plain()
        except ValueError as error:
            raise Unjudgeable(str(error)) from error
        message = marshal.dumps({"plan": plan})
        key = hashlib.blake2b(message, digest_size=16).digest()
        found = self._prepared[place] = _Prepared(tests, key, message)
        if len(self._prepared) > _CACHED_TESTS:
            self._prepared.popitem(last=False)
        return found


def foreign_verdict(language: Any, source: str, said: Mapping[str, Any]) -> Verdict:
    """Read a worker's answer about a program in another language than Python."""
    status, stage = said["status"], said["stage"]
    found = language.read(said.get("said", ""), source)
    if status in ("compile", "syntax"):
        if not any(each.severity == "error" for each in found):
            last = said.get("said", "").strip().splitlines()[-1:] or ["no reason given"]
            found.insert(0, Diagnostic("parse", "error", "compiler", last[0][:500]))
        first = next(each for each in found if each.severity == "error")
        status = language.refusal(found)
        said = {**said, "status": status, "reason": f"the compiler refused it: {first.message}"[:500]}
    elif "said_of_tests" in said:
        said = {**said, "reason": _why_not_built(language, said["said_of_tests"], said["reason"])}
    elif status == "raised":
        crash = language.crash(said.get("errors", ""))
        ends = described(said)
        if crash is not None:
            said = {**said, "reason": f"{crash.code}: {crash.message}".removesuffix(": ")[:500]}
            if crash.stage == "parse":
                said |= {"status": "syntax", "stage": "parse"}
            ends = (crash if crash.stage == "parse" else replace(crash, stage=stage),)
        elif not ends:
            ends = (Diagnostic(stage, "error", "exception", said.get("reason", "")),)
        found = [*ends, *found]
    return verdict_of(said, tuple(found))


def _why_not_built(language: Any, said: str, otherwise: str) -> str:
    """Return why a set of tests is none: the compiler's first error, or the end of what it said."""
    errors = [each.message for each in language.read(said, "") if each.severity == "error"]
    why = errors[0] if errors else said.strip()[-500:]
    return f"the tests do not build: {why}"[:600] if why else otherwise
