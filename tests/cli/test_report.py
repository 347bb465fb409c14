"""`sparkgap report` as people run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from run_folders import flags, write_measure
from sparkgap import cli


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_measure(tmp_path / "run", "hf/spark", {"humaneval": flags([1, 1, 0, None])})


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["report", *map(str, words)])


def test_a_page_is_written_where_it_was_asked_for(run: Path, tmp_path: Path) -> None:
    done = invoke(run)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith("wrote report.html (")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert invoke(run, "-o", "-").stdout == text


def test_the_form_is_told_by_the_name_or_by_format(run: Path, tmp_path: Path) -> None:
    assert invoke(run, "-o", "a.md").exit_code == 0
    told = (tmp_path / "a.md").read_text("utf-8")
    assert "| hf/spark | 66.7 (" in told
    assert invoke(run, "-o", "-", "--format", "md").stdout == told
    assert invoke(run, "-o", "b.md", "--format", "html").exit_code == 0
    assert (tmp_path / "b.md").read_text("utf-8").startswith("<!doctype html>")


def test_runs_have_names_and_claims_stand_beside_them(run: Path, tmp_path: Path) -> None:
    claim = '[[claims]]\nmodel = "Mine"\nsaid_by = "me"\nwhen = "2026"\nwhere = "here"\n'
    (tmp_path / "mine.toml").write_text(claim + "[claims.figures]\nhumaneval = 12.5\n")
    done = invoke(
        f"ours={run}", run, "--claim", "gpt 5", "--claim", "mine", "--claims", "mine.toml", "-o", "-", "--format", "md"
    )
    rows = [line.split(" | ")[0] for line in done.stdout.splitlines() if line.startswith("| ")]
    assert rows == [
        "| model",
        "| :--",
        "| ours",
        "| hf/spark",
        "| *GPT-5*, reported, not measured",
        "| *Mine*, reported, not measured",
    ]
    assert "| *12.5* |" in done.stdout


def test_a_folder_with_a_sign_in_its_name_is_a_folder(run: Path, tmp_path: Path) -> None:
    run.rename(tmp_path / "a=b")
    assert "| hf/spark |" in invoke("a=b", "-o", "-", "--format", "md").stdout


def test_a_training_run_is_reported_on_too(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "metrics.jsonl").write_text(json.dumps({"step": 1, "reward": 0.5}) + "\n")
    assert "| training: mine | first |" in invoke("mine=t", "-o", "-", "--format", "md").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "there is no folder nowhere"),
        (("run", "-o", "no/such/folder.html"), "cannot write no/such/folder.html"),
        (("run", "--claim", "gpt-55"), "nothing is claimed of 'gpt-55'"),
        (("run", "--claims", "none.toml"), "cannot read the claims in none.toml"),
        (("run", "--format", "pdf"), "'pdf' is not one of"),
        ((), "Missing argument"),
    ],
)
def test_a_users_mistake_is_one_message_and_exit_2(run: Path, words: tuple[str, ...], said: str) -> None:
    done = invoke(*words)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert said in done.stderr
    assert done.stdout == ""


def test_an_unfinished_run_says_how_to_go_on(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest |= {"state": "running", "sessions": [{"command": ["sparkgap", "measure", "hf/spark"]}]}
    (run / "manifest.json").write_text(json.dumps(manifest))
    done = invoke(run)
    assert done.exit_code == 2
    assert "is not finished; this goes on where it stopped: sparkgap measure hf/spark" in done.stderr


def test_the_file_is_named_for_its_form_where_none_is_named(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "wrote report.md" in invoke(run, "--format", "md").output
    assert (tmp_path / "report.md").read_text("utf-8").startswith("1 run")
    assert "wrote report.html" in invoke(run).output
    assert (tmp_path / "report.html").exists()
