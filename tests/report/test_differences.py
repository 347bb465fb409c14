from __future__ import annotations

from pathlib import Path

import pytest

from run_folders import flags, write_measure
from sparkgap.claims import Claim, Claimed, find_claims
from sparkgap.gap import gap
from sparkgap.report.comparison import compare
from sparkgap.report.differences import differences, shown
from sparkgap.results import read_result


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    mine = {"humaneval": flags([1] * 90 + [0] * 74), "gsm8k": flags([1] * 60 + [0] * 40)}
    other = {"humaneval": flags([1] * 130 + [0] * 34), "gsm8k": flags([1] * 58 + [0] * 42)}
    return [
        write_measure(tmp_path / name, name, values, gsm8k={"ability": "math"} | more)  # type: ignore[arg-type]
        for name, values, more in (
            ("mine", mine, {}),
            ("theirs", other, {}),
            ("another exam", other, {"prompts": "2" * 64}),
        )
    ]


def test_differences_are_those_of_gap(folders: list[Path]) -> None:
    claims = [find_claims("gpt-5")]
    found = differences(compare([read_result(folder) for folder in folders], claims), claims)
    told = gap(folders[0], *folders[1:], "claim:gpt-5")
    assert [each.row for each in found] == [1, 2, 3]
    for mine, theirs in zip(found, told.gaps, strict=True):
        contrasts = [each for each in mine.contrasts if each is not None]
        assert [each.p_holm for each in contrasts] == [each.p_holm for each in theirs.contrasts]
        assert [each.interval for each in contrasts] == [each.interval for each in theirs.contrasts]
        assert mine.verdict.replace(" (chat)", "") == theirs.verdict


def test_what_was_another_exam_is_refused_with_the_reason(folders: list[Path]) -> None:
    against = differences(compare([read_result(folder) for folder in folders]), [])[1]
    assert against.contrasts[1] is None
    assert against.refusals[0] == ()
    assert "different prompts" in against.refusals[1][0]
    assert against.verdict.endswith("; not compared: gsm8k (chat)")


def test_a_difference_is_shown_with_its_sign(folders: list[Path]) -> None:
    found = differences(compare([read_result(folder) for folder in folders]), [])[0]
    code, math = (each for each in found.contrasts if each is not None)
    assert (code.distinct, math.distinct) == (True, False)
    assert shown(code)[0] == "−24.4"
    assert shown(math)[0] == "+2.0"
    low, high = shown(code)[1].split(" to ")
    assert low.startswith("−")
    assert high.startswith("−")


def test_one_row_or_none_measured_has_no_differences(folders: list[Path]) -> None:
    run = read_result(folders[0])
    assert differences(compare([run]), []) == []
    claim = Claim("X", "mmlu", 0.5, "share", "a", "b", "c")
    claims = [Claimed("X", "X", {"mmlu": claim})]
    assert differences(compare([run], claims), claims) == []
    assert differences(compare([], claims), claims) == []
