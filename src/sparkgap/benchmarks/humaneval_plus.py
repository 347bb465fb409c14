"""HumanEval+ v0.1.10: HumanEval with 80 times the inputs (EvalPlus, Liu et al. 2023, arXiv:2305.01210).

An answer passes when it agrees with the reference on the base inputs and on the plus inputs. No expected values are
published: they are the reference's answers. The contract (asserts on the arguments) is kept as metadata and not run:
EvalPlus made the inputs by it and does not check it again (one base input of HumanEval/116 breaks it).
"""

from __future__ import annotations

from collections.abc import Iterator

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._prompts import CHAT, COMPLETION, ask_for_function
from sparkgap.benchmarks._published import read_records
from sparkgap.types import InputTests, Problem, Reply, Request, Variant

_ORACLES = {"HumanEval/32": "poly_zero"}


class HumanEvalPlus:
    """164 problems in one split, in published order."""

    name = "humaneval_plus"
    title = "HumanEval+ v0.1.10: HumanEval with 80 times the inputs"
    files: tuple[str, ...] = ("evalplus/HumanEvalPlus.jsonl.gz",)
    ability: Ability = "code"
    split = ""
    variants = (CHAT, COMPLETION)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for record in read_records(self.files[0]):
            task_id, prompt = record.text("task_id"), record.text("prompt")
            base, plus = record.rows("base_input"), record.rows("plus_input")
            yield Problem(
                id=task_id,
                benchmark=self.name,
                prompt=prompt,
                reference=prompt + record.text("canonical_solution"),
                tests=InputTests(
                    entry_point=record.text("entry_point"),
                    inputs=tuple(map(tuple, base + plus)),
                    expected=None,
                    atol=float(record.number("atol")),
                    oracle=_ORACLES.get(task_id, "equal"),
                    groups=(("base", len(base)), ("plus", len(plus))),
                ),
                entry_point=record.text("entry_point"),
                continues=True,
                metadata={"contract": record.text("contract")},
            )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: the function to complete."""
        return None if replies else ask_for_function(problem, variant)


BENCHMARK = HumanEvalPlus()
