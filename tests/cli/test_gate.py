"""`sparkgap gate` as CI runs it: exit codes, lines, JSON and JUnit."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from run_folders import flags, write_run
from sparkgap import cli


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["gate", *map(str, words)])


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    ours = write_run(tmp_path / "a", "humaneval", flags([1] * 120 + [0] * 80))
    return ours, write_run(tmp_path / "b", "humaneval", flags([1] * 150 + [0] * 50))


@pytest.mark.parametrize(
    ("rules", "code", "last"),
    [
        (["humaneval gap < 30"], 0, "holds: 1 hold, 0 fail, 0 cannot be told"),
        (["humaneval gap < 30", "humaneval gap < 5"], 1, "fails: 1 hold, 1 fail, 0 cannot be told"),
        (["humaneval gap < 30", "humaneval gap < 16"], 3, "inconclusive: 1 hold, 0 fail, 1 cannot be told"),
        (["humaneval gap < 5", "humaneval gap < 16"], 1, "fails: 0 hold, 1 fail, 1 cannot be told"),
    ],
)
def test_the_exit_code_is_the_worst_of_the_rules(
    rules: list[str], code: int, last: str, runs: tuple[Path, Path]
) -> None:
    done = invoke(runs[0], "--against", runs[1], *(word for rule in rules for word in ("--rule", rule)))
    assert (done.exit_code, done.stderr) == (code, "")
    assert done.stdout.splitlines()[-1] == last
    assert done.stdout.isascii()


def test_an_inconclusive_rule_says_what_it_would_take(runs: tuple[Path, Path]) -> None:
    done = invoke(runs[0], "--against", runs[1], "--rule", "humaneval gap < 17")
    line, *rest = done.stdout.splitlines()
    assert line.startswith("inconclusive  humaneval gap < 17  15.0, 95 % sure to be at least 1")
    assert "to tell that it holds, were 15.0 the truth, it would take about" in " ".join(rest)
    assert "more problems like these 200" in " ".join(" ".join(rest).split())
    done = invoke(runs[0], "--against", runs[1], "--rule", "humaneval gap < 13")
    assert "to tell that it fails" in done.stdout
    assert "no number of problems would tell" in invoke(runs[0], "--rule", "humaneval > 60").stdout


def test_json_and_junit_say_the_same(runs: tuple[Path, Path], tmp_path: Path) -> None:
    rules = ["--rule", "humaneval gap < 30", "--rule", "code gap < 5", "--rule", "humaneval gap < 16"]
    done = invoke(runs[0], "--against", runs[1], *rules, "--json", "--junit", tmp_path / "out.xml")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["exit_code"], told["outcome"]) == (1, 1, "fails")
    assert [each["outcome"] for each in told["checks"]] == ["holds", "fails", "inconclusive"]
    assert told["checks"][1]["rule"] == "code gap < 5"
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped"), suite.get("errors")) == (
        "3",
        "1",
        "1",
        "0",
    )
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["skipped"]]
    assert [case.get("name") for case in suite] == ["humaneval gap < 30", "code gap < 5", "humaneval gap < 16"]
    assert "cannot write" in invoke(runs[0], "--rule", "all > 0", "--junit", tmp_path / "no" / "x").stderr


def test_too_many_samples_without_a_score_are_exit_4(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", "humaneval", flags([1] * 90 + [None] * 10))
    done = invoke(run, "--rule", "humaneval > 50")
    assert done.exit_code == 4
    assert done.stdout.startswith("unscored      humaneval > 50")
    assert "10 of 100 samples of humaneval have no score" in done.stdout


def test_a_claim_is_marked_as_reported(runs: tuple[Path, Path]) -> None:
    done = invoke(runs[0], "--against", "claim:gpt-5", "--rule", "humaneval gap < 60")
    assert done.exit_code == 0
    assert "reported, not measured" in done.stdout
    assert "in one of the two only, and in no comparison: mmlu, gsm8k, mt_bench" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--rule", "humaneval gap << 10"), "humaneval gap << 10\n                ^"),
        (("--rule", "humaneval gap < 10"), "name it with --against"),
        ((), "Missing option '--rule'"),
        (("--rule", "humaneval > 1", "--against", "nowhere"), "nowhere is no run's folder"),
        (("--rule", "humaneval > 1", "--claims", "none.toml"), "cannot read the claims in none.toml"),
    ],
)
def test_a_users_mistake_is_one_message_and_exit_2(words: tuple[str, ...], says: str, runs: tuple[Path, Path]) -> None:
    done = invoke(runs[0], *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr
