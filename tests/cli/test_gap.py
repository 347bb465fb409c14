"""`sparkgap gap` as people run it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from run_folders import flags, write_measure, write_run
from sparkgap import cli


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["gap", *map(str, words)])


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    ours = {"humaneval": flags([1] * 60 + [0] * 40, "HumanEval"), "gsm8k": flags([1] * 90 + [0] * 10)}
    theirs = {"humaneval": flags([1] * 80 + [0] * 20, "HumanEval"), "gsm8k": flags([1] * 89 + [0] * 11)}
    more = {"gsm8k": {"ability": "math"}}
    return write_measure(tmp_path / "a", "x/[ours]", ours, **more), write_measure(
        tmp_path / "b", "x/theirs", theirs, **more
    )


def test_the_table_is_plain_and_says_it_all(runs: tuple[Path, Path]) -> None:
    done = invoke(*runs)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 110
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert not any(line.endswith(" ") for line in lines if "McNemar" in line)
    assert lines[0] == "ours: x/[ours]"
    assert re.match(r"against x/theirs: behind at code by 20.0 points, 95 % 1\d\.\d to 2\d\.\d; on", lines[1])
    assert "on general ability not distinguishable" in done.stdout
    row = next(line.split() for line in lines if line.startswith("humaneval (chat)"))
    assert row[2:5] == ["60.0", "80.0", "-20.0"]
    assert row[-1] == "100"
    assert "< 0.001" in " ".join(row)
    assert any("a gap of 1.0 points would take " in line for line in lines)
    assert any(line.split()[:2] == ["model", "wrong"] and line.split()[-1] == "+20.0" for line in lines)
    assert "20 problems that others solve and x/[ours] does not" in done.stdout


def test_json_is_one_object_on_stdout(runs: tuple[Path, Path]) -> None:
    told = json.loads(invoke(*runs, "--json").stdout)
    assert told["ours"]["name"] == "x/[ours]"
    (each,) = told["gaps"]
    by_name = {row["name"]: row for row in each["benchmarks"]}
    assert by_name["humaneval"]["difference"] == pytest.approx(-0.2)
    assert by_name["humaneval"]["distinct"] is True
    assert by_name["gsm8k"]["distinct"] is False
    assert by_name["humaneval"]["losses"][0]["gap"] == pytest.approx(0.2)


def test_the_problems_are_written_one_a_line(runs: tuple[Path, Path], tmp_path: Path) -> None:
    done = invoke(*runs, "--problems", tmp_path / "out.jsonl")
    assert "listed in" in done.stdout
    assert done.exit_code == 0
    told = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [each["task_id"] for each in told] == [f"HumanEval/{i}" for i in range(60, 80)]
    assert told[0]["solved_by"] == {"x/theirs": 1.0}
    assert "cannot write" in invoke(*runs, "--problems", tmp_path / "no" / "out.jsonl").stderr


def test_several_sides_are_one_table_and_details_are_asked_for(runs: tuple[Path, Path]) -> None:
    ours, theirs = runs
    done = invoke(ours, f"first={theirs}", "claim:gpt-5", f"again={ours}")
    assert done.exit_code == 0
    assert [line.split(":")[0] for line in done.stdout.splitlines()[1:3]] == ["against first", "against GPT-5"]
    assert "89.4*" in done.stdout
    assert "* reported, not measured: GPT-5, humaneval, gsm8k: the press" in done.stdout
    assert "contradicts the 89.4 claimed of GPT-5, were they of one model" in " ".join(done.stdout.split())
    named = " ".join(invoke(f"gpt-5 (ours)={ours}", "claim:gpt-5").stdout.split())
    assert "contradicts the 89.4 claimed of GPT-5 (" in named
    assert "only GPT-5 has mmlu, mt_bench" in done.stdout
    assert "points go" not in done.stdout
    assert "points go" in invoke(ours, theirs, "claim:gpt-5", "--details").stdout


def test_a_caveat_says_which_side_it_is_about(runs: tuple[Path, Path], tmp_path: Path) -> None:
    other = {"gsm8k": flags([1] * 89 + [0] * 11)}
    slow = write_measure(tmp_path / "c", "x/other", other, gsm8k={"ability": "math", "decoding": {"seed": 1}})
    told = " ".join(invoke(*runs, slow).stdout.split())
    assert "gsm8k: different decoding: the defaults and seed 1 (against x/other)" in told
    assert "(against" not in invoke(runs[0], slow).stdout


def test_claims_of_one_source_share_a_line(runs: tuple[Path, Path]) -> None:
    told = " ".join(invoke(runs[0], "claim:gpt-5", "claim:llama-4").stdout.split())
    assert "* reported, not measured: GPT-5, humaneval, gsm8k; Llama 4, humaneval, gsm8k: the press" in told


def test_another_exam_is_shown_as_one(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", "humaneval", flags([1, 0] * 20), prompts="a" * 64)
    b = write_run(tmp_path / "b", "humaneval", flags([1, 1] * 20), prompts="b" * 64)
    done = invoke(a, b)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "different prompts" in done.stderr
    assert "NOT THE SAME EXAM: different prompts" in invoke(a, b, "--anyway").stdout


def test_a_file_of_claims_is_read_though_no_claim_is_named(runs: tuple[Path, Path]) -> None:
    done = invoke(*runs, "--claims", "none.toml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "cannot read the claims in none.toml" in done.stderr


def test_hostile_names_reach_no_terminal(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", "humaneval", flags([1, 0] * 20), model="\x1b[2Jours\x07", isolation="\x1b[31m")
    b = write_run(tmp_path / "b", "humaneval", flags([1, 1] * 20), model="theirs\u202e", split="test")
    done = invoke(a, b, f"again={a}", "--details")
    assert done.exit_code == 0
    assert all(line.isprintable() for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere", "claim:gpt-5"), "nowhere is no run's folder"),
        (("claim:gpt-6", "claim:gpt-5"), "did you mean gpt-5?"),
        (("claim:gpt-5",), "Missing argument"),
        (("claim:gpt-5", "claim:llama-4", "--claims", "none.toml"), "cannot read the claims in none.toml"),
    ],
)
def test_a_users_mistake_is_one_message_and_exit_2(words: tuple[str, ...], says: str) -> None:
    done = invoke(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr
