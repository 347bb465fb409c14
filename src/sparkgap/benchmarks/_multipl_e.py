"""MultiPL-E in one language: HumanEval, translated by program (Cassano et al. 2022, arXiv:2208.08227).

The published program is prompt + completion + tests; a completion stops before the bracket that closes its function,
and in some languages the tests begin with that bracket. Here program and tests are apart: the bracket goes to the
program, the rest of the tests is as published. No solutions are published.
"""

from __future__ import annotations

from sparkgap.benchmarks._languages import NAMES, Translated, declared
from sparkgap.benchmarks._published import Record
from sparkgap.types import CodeTests, Problem

_CLOSING = {"java": "\n    }\n}\n"}  # of what a stop token has cut off


class MultiPLE(Translated):
    """Some 160 problems."""

    def __init__(self, name: str, language: str) -> None:
        """Name the benchmark as its file is, and the language as the judge does."""
        title = f"MultiPL-E: HumanEval translated into {NAMES[language]}"
        super().__init__(name, language, title, f"multipl-e/humaneval-{name.rpartition('_')[2]}.jsonl")

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
