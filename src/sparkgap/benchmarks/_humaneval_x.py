"""HumanEval-X in one language: 164 functions of HumanEval, translated by hand (Zheng et al. 2023, arXiv:2303.17568).

The published program is prompt + completion + test, Go's with the imports that it uses and `package main`. Here program
and tests are apart; the tests are as published. The functions they call are those that the prompt leaves open, and in
Rust what only the canonical solution has.
"""

from __future__ import annotations

from sparkgap.benchmarks._languages import NAMES, STOPS, Translated, declared, more_declared
from sparkgap.benchmarks._published import Record
from sparkgap.extract.foreign import with_imports
from sparkgap.types import CodeTests, Problem


class HumanEvalX(Translated):
    """164 problems."""

    def __init__(self, name: str, language: str) -> None:
        """Name the benchmark as its file is, and the language as the judge does."""
        title = f"HumanEval-X: 164 {NAMES[language]} functions from their docstrings"
        super().__init__(name, language, title, f"humaneval-x/humaneval_{name.rpartition('_')[2]}.jsonl.gz")

    def _problem(self, record: Record) -> Problem:
        prompt, code = record.text("prompt"), record.text("test")
        if self._language == "rust":
            prompt += record.text("declaration")
        reference = prompt + record.text("canonical_solution")
        try:
            prelude, entry_point = declared(prompt, self._language)
        except ValueError as error:
            record.fail(str(error))
        if self._language == "rust":
            prelude += "\n".join(more_declared(prelude, reference, code)) + "\n"
        if self._language == "go":
            prelude, reference = record.text("test_setup") + prelude, with_imports(reference)
        return Problem(
            id=record.text("task_id"),
            benchmark=self.name,
            prompt=prompt,
            reference=reference,
            tests=CodeTests(code, prelude),
            entry_point=entry_point,
            continues=True,
            language=self._language,
            metadata={
                "stops": list(STOPS[self._language]),
                "closing": "\n    }\n}\n" if self._language == "java" else "\n}\n",
            },
        )
