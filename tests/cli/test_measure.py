"""`sparkgap measure` as people run it; what it measures is in tests/measure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripted import Scripted, install
from sparkgap import cli
from sparkgap.cli.measure import _line
from sparkgap.measure import MeasureProgress, PartProgress
from sparkgap.models import Refused
from sparkgap.types import Request


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["measure", *map(str, words)])


@pytest.fixture(autouse=True)
def gsm8k(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Four problems in the published form: a benchmark that needs no judge."""
    for name in ("test", "train"):
        rows = [{"question": f"What is {i} and 1?", "answer": f"It is.\n#### {i + 1}"} for i in range(4)]
        path = tmp_path / "gsm8k" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr("sparkgap.benchmarks._published.locate", lambda name: tmp_path / name)
    monkeypatch.chdir(tmp_path)


def knowing(request: Request, index: int) -> str:
    return f"#### {int(request.messages[-1].content.split()[2]) + 1}"


def silent_on_one(request: Request, index: int) -> str:
    if "What is 2 " in request.messages[-1].content:
        raise Refused("too hard")
    return knowing(request, index)


def test_a_scorecard_is_printed_and_the_same_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, m=Scripted(knowing))
    done = invoke("scripted/m", "-b", "gsm8k", "--out", "run")
    assert done.exit_code == 0
    assert "gsm8k-zero_shot_cot        numeric             100.0 %" in done.stdout
    assert done.stdout.splitlines()[-1] == "run: run"
    told = json.loads(invoke("scripted/m", "-b", "gsm8k", "--out", "run", "--json").stdout)
    assert told["complete"]
    assert told["benchmarks"]["gsm8k-zero_shot_cot"]["scored"] == 4


def test_answers_that_never_came_are_exit_4_until_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, m=Scripted(silent_on_one))
    done = invoke("scripted/m", "-b", "gsm8k", "--out", "run")
    assert done.exit_code == 4
    assert "1 of 4 samples have no answer" in done.stderr
    assert "`--retry-failed --out run` asks them again" in done.stdout
    assert "3 of 4 problems, 1 sample unscored" in done.stdout
    install(monkeypatch, m=Scripted(knowing))
    assert invoke("scripted/m", "-b", "gsm8k", "--out", "run", "--retry-failed").exit_code == 0


def test_a_replayed_run_keeps_how_it_was_asked_and_other_answers_do_not_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, m=Scripted(lambda request, index: " It is.\n#### 2"))
    assert invoke("scripted/m", "-b", "gsm8k:eight_shot", "--limit", "3", "--seed", "5", "--out", "run").exit_code == 0
    (tmp_path / "answers.jsonl").write_text('{"task_id": "GSM8K/0", "completion": "#### 1"}\n')
    assert invoke("replay/run", "-b", "gsm8k", "--out", "again").exit_code == 0
    assert invoke("replay/answers.jsonl", "-b", "gsm8k", "--out", "other").exit_code == 0

    def asked(folder: str) -> dict[str, object]:
        return json.loads((tmp_path / folder / "manifest.json").read_text())["asked"]

    told = [asked(folder) for folder in ("run/gsm8k-eight_shot", "again/gsm8k-eight_shot")]
    assert told[0]["decoding"] == {"seed": 5}
    for key in ("variant", "prompts", "decoding", "limit"):
        assert told[0][key] == told[1][key]
    other = asked("other/gsm8k-zero_shot_cot")
    assert (other["prompts"], other["decoding"]) == ("", None)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nobody", "-b", "gsm8k"), "'nobody' names no model"),
        (("scripted/m", "-b", "gsm9k"), "did you mean gsm8k?"),
        (("scripted/m", "-b", "gsm8k:none"), "gsm8k has no variant 'none'"),
        (("scripted/m", "-b", "gsm8k,gsm8k"), "asked for twice"),
        (("scripted/m", "-b", "gsm8k", "--prices", "none.toml"), "none.toml: cannot be read"),
        (("scripted/m", "-b", "gsm8k", "--prices", "prices.toml"), "prices.toml: no price for scripted/m"),
        (("scripted/m", "-b", "gsm8k", "--split", "dev"), "gsm8k has no split 'dev'"),
        (("scripted/m", "-b", "gsm8k", "--model-arg", "x"), "'x' is not NAME=VALUE"),
        (("scripted/m",), "Missing option '-b'"),
    ],
)
def test_a_users_mistake_is_one_message_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    install(monkeypatch, m=Scripted(knowing))
    Path("prices.toml").write_text('["openai/*"]\ninput = 1\noutput = 2\n')
    done = invoke(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.parametrize(("left_s", "told"), [(None, "tokens/s, $1.50)"), (245, "$1.50, about 4:05 left)"),
                                              (3845, "about 1:04:05 left)")])  # fmt: skip
def test_a_line_of_a_log_says_how_far_it_is(left_s: float | None, told: str) -> None:
    part = PartProgress("gsm8k", "share", 60, 50, 100, 50, 0.5, 0.37, 0.63)
    line = _line(MeasureProgress((part,), 10, 16, tokens_per_s=1234.5, cost=1.5, left_s=left_s))
    assert line.startswith("gsm8k 50 of 100 samples 50.0 % (37.0 to 63.0) (10 in flight, 1,23")
    assert line.endswith(told)
