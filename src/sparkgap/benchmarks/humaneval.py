"""HumanEval: 164 functions to complete from signature and docstring (Chen et al. 2021, arXiv:2107.03374).

The published program is prompt + completion + test + `check(entry_point)`. Four prompts define a second function that
their docstring or their test uses; the tests run beside a copy of the prompt of their own, so a candidate that
redefines it changes nothing for them.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._prompts import CHAT, COMPLETION, ask_for_function
from sparkgap.benchmarks._published import read_records
from sparkgap.types import CodeTests, Problem, Reply, Request, Variant


class HumanEval:
    """164 problems in one split, in published order."""

    name = "humaneval"
    title = "HumanEval: 164 Python functions from their docstrings"
    files: tuple[str, ...] = ("humaneval/HumanEval.jsonl.gz",)
    ability: Ability = "code"
    split = ""
    variants = (CHAT, COMPLETION)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for record in read_records(self.files[0]):
            prompt, entry_point = record.text("prompt"), record.text("entry_point")
            yield Problem(
                id=record.text("task_id"),
                benchmark=self.name,
                prompt=prompt,
                reference=prompt + record.text("canonical_solution"),
                tests=CodeTests(code=f"{record.text('test')}\ncheck({entry_point})\n", prelude=prompt),
                entry_point=entry_point,
                continues=True,
            )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: the function to complete."""
        return None if replies else ask_for_function(problem, variant)


BENCHMARK = HumanEval()
