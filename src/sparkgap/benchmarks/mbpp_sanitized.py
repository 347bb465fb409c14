"""MBPP sanitized: the 427 tasks of MBPP whose text and tests its authors verified by hand (arXiv:2108.07732).

The splits are MBPP's, by task number: 257 of the 427 are in "test". `test_imports` runs before the asserts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._prompts import (
    DOCSTRING,
    THREE_SHOT,
    THREE_SHOT_CHAT,
    ZERO_SHOT,
    Shot,
    ask_after_shots,
    ask_for_program,
    mbpp_shots,
)
from sparkgap.benchmarks._published import mbpp_entry_point, mbpp_prompt, mbpp_split, read_records
from sparkgap.types import CodeTests, Problem, Reply, Request, Variant


class MbppSanitized:
    """427 problems in the splits prompt, test, validation and train, in published order."""

    name = "mbpp_sanitized"
    title = "MBPP sanitized: the 427 hand-verified problems of MBPP"
    files: tuple[str, ...] = ("mbpp/sanitized-mbpp.json",)
    ability: Ability = "code"
    split = "test"
    variants = (ZERO_SHOT, THREE_SHOT, THREE_SHOT_CHAT, DOCSTRING)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for record in read_records(self.files[0]):
            number, reference = int(record.number("task_id")), record.text("code")
            tests = record.texts("test_list")
            entry_point = mbpp_entry_point(record, reference, tests)
            yield Problem(
                id=f"Mbpp/{number}",
                benchmark=self.name,
                prompt=mbpp_prompt(record.text("prompt"), tests[0]),
                reference=reference,
                tests=CodeTests(code="\n".join(tests), prelude="\n".join(record.texts("test_imports"))),
                entry_point=entry_point,
                split=mbpp_split(number),
                metadata={"text": record.text("prompt")},
            )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request: the task, after three solved ones where the variant has them."""
        if replies:
            return None
        if variant in (THREE_SHOT, THREE_SHOT_CHAT):
            return ask_after_shots(problem, variant, _shots())
        return ask_for_program(problem, variant)


@cache  # what a file holds is fixed by its sha256
def _shots() -> tuple[Shot, ...]:
    return mbpp_shots(BENCHMARK.problems())


BENCHMARK = MbppSanitized()
