"""MultiPL-E in one language: HumanEval, translated by program (Cassano et al. 2022, arXiv:2208.08227).

The published program is prompt + completion + tests; a completion stops before the bracket that closes its function,
and in some languages the tests begin with that bracket. Here program and tests are apart: the bracket goes to the
program, the rest of the tests is as published. No solutions are published.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._languages import NAMES, VARIANTS, ask, declared
from sparkgap.benchmarks._published import Record, read_records
from sparkgap.types import CodeTests, Problem, Reply, Request, Variant

_CLOSING = {"java": "\n    }\n}\n"}  # of what a stop token has cut off


class MultiPLE:
    """Some 160 problems in one split, in published order."""

    ability: Ability = "code"
    split = ""
    variants = VARIANTS

    def __init__(self, name: str, language: str) -> None:
        """Name the benchmark as its file is, and the language as the judge does."""
        self.name, self._language = name, language
        self.title = f"MultiPL-E: HumanEval translated into {NAMES[language]}"
        self.files: tuple[str, ...] = (f"multipl-e/humaneval-{name.rpartition('_')[2]}.jsonl",)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for record in read_records(self.files[0]):
            yield self._problem(record)

    def _problem(self, record: Record) -> Problem:
        prompt, code = record.text("prompt"), record.text("tests")
        try:
            prelude, entry_point = declared(prompt, self._language)
        except ValueError as error:
            record.fail(str(error))
        if code.lstrip().startswith("}"):
            code = code.lstrip()[1:]
        if self._language == "java":
            code = f"class Main extends Problem {{\n{code}"
        closing = "" if self._language in ("javascript", "typescript", "go") else "\n}\n"
        return Problem(
            id=record.text("name"),
            benchmark=self.name,
            prompt=prompt,
            reference="",
            tests=CodeTests(code, prelude),
            entry_point=entry_point,
            continues=True,
            language=self._language,
            metadata={"stops": list(record.texts("stop_tokens")), "closing": _CLOSING.get(self._language, closing)},
        )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: the function to complete."""
        return None if replies else ask(problem, variant)
