"""MBPP: 974 short tasks in one sentence and three asserts (Austin et al. 2021, arXiv:2108.07732).

All four splits are here; scores in the literature are over "test" (500 tasks, 11 to 510). `test_setup_code` runs
before the asserts; the 11 tasks with `challenge_test_list` keep it in their metadata, for it is not part of the score.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparkgap.benchmarks._published import mbpp_entry_point, mbpp_prompt, mbpp_split, read_records
from sparkgap.types import CodeTests, Problem


class Mbpp:
    """974 problems in the splits prompt, test, validation and train, in published order."""

    name = "mbpp"
    title = "MBPP: 974 mostly basic Python problems"
    files: tuple[str, ...] = ("mbpp/mbpp.jsonl",)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems.

        Raises:
            DataError: the published file is missing or is not the published one.
        """
        for record in read_records(self.files[0]):
            number, reference = int(record.number("task_id")), record.text("code")
            tests = record.texts("test_list")
            entry_point = mbpp_entry_point(record, reference, tests)
            challenge = record.texts("challenge_test_list")
            yield Problem(
                id=f"Mbpp/{number}",
                benchmark=self.name,
                prompt=mbpp_prompt(record.text("text"), tests[0]),
                reference=reference,
                tests=CodeTests(code="\n".join(tests), prelude=record.text("test_setup_code")),
                entry_point=entry_point,
                split=mbpp_split(number),
                metadata={"challenge_test_list": challenge} if challenge else {},
            )


BENCHMARK = Mbpp()
