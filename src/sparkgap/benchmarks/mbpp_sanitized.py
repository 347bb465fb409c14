"""MBPP sanitized: the 427 tasks of MBPP whose text and tests its authors verified by hand (arXiv:2108.07732).

The splits are MBPP's, by task number: 257 of the 427 are in "test". `test_imports` runs before the asserts.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparkgap.benchmarks._published import mbpp_entry_point, mbpp_prompt, mbpp_split, read_records
from sparkgap.types import CodeTests, Problem


class MbppSanitized:
    """427 problems in the splits prompt, test, validation and train, in published order."""

    name = "mbpp_sanitized"
    title = "MBPP sanitized: the 427 hand-verified problems of MBPP"
    files: tuple[str, ...] = ("mbpp/sanitized-mbpp.json",)

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
            )


BENCHMARK = MbppSanitized()
