"""`sparkgap train` from the outside: what it takes, what it shows, and that a killed run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sparkgap.cli import main
from sparkgap.cli.trained import progress_shown, result_shown
from sparkgap.stats import Interval
from sparkgap.train import TrainProgress, TrainResult
from sparkgap.types import InputTests, Problem
from tiny_models import pairs, problems, saved, write_rows

pytest.importorskip("trl", reason="training is an extra")
SETTING = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def run(*words: object) -> Any:
    return CliRunner().invoke(main, ["train", *map(str, words)], catch_exceptions=False)


def as_record(problem: Problem) -> dict[str, Any]:
    tests = problem.tests
    assert isinstance(tests, InputTests)
    kept = {name: getattr(problem, name) for name in ("id", "prompt", "reference", "entry_point", "continues")}
    told = {name: repr(list(getattr(tests, name))) for name in ("inputs", "expected")}
    return {**kept, "tests": {"entry_point": "f", **told}}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    saved("llama", folder / "start", spread=0.05)
    write_rows(folder / "rows.jsonl", pairs(200))
    write_rows(folder / "problems.jsonl", [as_record(each) for each in problems()[0]])
    return folder


def test_a_model_is_trained_and_what_came_of_it_is_shown(files: Path, tmp_path: Path) -> None:
    common = ("--warmup", 0, "--report-to", "none", "--measured-on", "hello", "--quiet")
    done = run("sft", "--model", files / "start", "--data", files / "rows.jsonl", "-o", tmp_path / "sft", "--steps", 30,
               "--batch", 16, "--lr", 5e-3, *common)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "sft: 30 steps in" in done.output
    assert f"sparkgap report {tmp_path / 'sft'}" in done.output
    done = run("rlcf", "--model", tmp_path / "sft" / "model", "-b", files / "problems.jsonl", "-o", tmp_path / "rl",
               "--steps", 2, "--batch", 16, "--max-tokens", 12, "--held-out", 2, "--eval-every", 2, "--cpu", 1,
               "--reward", "ladder", "--json", *common)  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["steps"] == 2
    assert told["before"]["value"] >= 0
    manifest = json.loads((tmp_path / "rl" / "manifest.json").read_text("utf-8"))
    assert (manifest["kind"], manifest["state"]) == ("train", "finished")
    assert manifest["asked"]["options"]["reward"] == "ladder"
    assert manifest["asked"]["data"]["apart_from"] == ["hello"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rlcf", "-b", "hello"), "has no training split"),
        (("rlcf", "-b", "nothing"), "there is no benchmark 'nothing'"),
        (("rlcf", "-b", "katas", "--levels", "1,x"), "is not a list like 1,2"),
        (("rlcf", "-b", "katas", "--control", "random", "--reward", "ladder"), "--control random pays by a coin"),
        (("rlcf", "-b", "katas", "--unsafe", "--isolation", "full"), "--unsafe is no jail"),
        (("sft", "--data", "nowhere"), "there is no data in nowhere"),
    ],
)
def test_a_mistake_is_named_and_ends_with_two(words: tuple[str, ...], said: str, files: Path, tmp_path: Path) -> None:
    done = run(*words, "--model", files / "start", "-o", tmp_path / "run", "--quiet")
    assert (done.exit_code, said in done.output) == (2, True), done.output


def test_a_recipe_gives_defaults_and_what_is_unknown_in_it_is_named(files: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    told = (
        '[sft]\nbatch = 8\nlearning_rate = 1e-3\nwarmup = 0.0\nreport_to = ["none"]\nquiet = true\n[rlcf]\nsteps = 3\n'
    )
    recipe.write_text(told, "utf-8")
    done = run("sft", "--recipe", recipe, "--model", files / "start", "--data", files / "rows.jsonl", "--steps", 1,
               "-o", tmp_path / "run", "--batch", 16, "--measured-on", "hello")  # fmt: skip
    assert done.exit_code == 0, done.output
    options = json.loads((tmp_path / "run" / "manifest.json").read_text("utf-8"))["asked"]["options"]
    assert (options["learning_rate"], options["batch"]) == (1e-3, 16)
    recipe.write_text("learning_rat = 1\n", "utf-8")
    done = run("sft", "--recipe", recipe)
    assert "`learning_rat` is no option of `sparkgap train sft`" in done.output


def test_the_shipped_recipes_are_read_by_those_they_are_for(tmp_path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    folder = Path(run("recipes").output.strip())
    assert {path.suffix for path in folder.iterdir()} == {".toml", ".yaml"}
    ways = dict.fromkeys(("sft", "rlcf", "rft", "dpo"), ("-b", "hello")) | {"sft": ("--data", tmp_path)}
    for path in folder.glob("*.toml"):
        for way, words in ways.items():
            done = run(way, "--recipe", path, "--model", "./nowhere", "-o", tmp_path / "run", *words)
            assert done.exit_code == 2
            assert "is no option" not in done.output
    for path in folder.glob("*.yaml"):
        assert load_config_from_file(str(path)).mixed_precision == "bf16"


def test_a_result_is_told_in_lines() -> None:
    result = TrainResult(
        "rlcf", Path("runs/a"), Path("runs/a/model"), 40, 0, "no better held-out figure in 3 measures",
        Interval(0.4, 0.3, 0.5, ""), Interval(0.4, 0.3, 0.5, ""), Interval(0.0, -0.1, 0.1, ""),
        {"reward": 0.25, "reward_share": 0.04, "unknown": 1.0}, 12.3,
    )  # fmt: skip
    assert result_shown(result).splitlines() == [
        "rlcf: 40 steps in 12 s",
        "model       runs/a/model (the start: no measure was better)",
        "stopped     no better held-out figure in 3 measures",
        "before      40.0 % (30.0 to 50.0) of held-out completions pass",
        "after       40.0 % (30.0 to 50.0) of held-out completions pass",
        "gain        +0.0 % (-10.0 to +10.0) (the model kept was chosen by these problems)",
        "last step   reward 0.250, judging 4%",
        "curves      sparkgap report runs/a",
    ]


COMMON = ("--batch", 16, "--report-to", "none", "--measured-on", "hello", "--quiet", "--json")


def command(files: Path, out: Path, way: str = "rlcf") -> list[str]:
    words: tuple[object, ...] = (
        "train", way, "--model", files / "start", "-b", files / "problems.jsonl", "-o", out, "--steps", 12,
        "--max-tokens", 12, "--held-out", 2, "--eval-every", 6, "--cpu", 1, "--checkpoint-every", 2, "--lr", 1e-3,
        *COMMON,
    )  # fmt: skip
    if way == "rlcf":
        words += ("--reward", "ladder")
    return [*map(str, words)]


ENVIRONMENT = {**os.environ, **SETTING}
SPARKGAP = [sys.executable, "-c", "from sparkgap.cli import main; main()"]


@pytest.mark.soak
def test_a_run_killed_at_any_moment_ends_like_an_undisturbed_one(files: Path, tmp_path: Path) -> None:
    start = tmp_path / "sft"
    alone(["train", "sft", "--model", str(files / "start"), "--data", str(files / "rows.jsonl"), "-o", str(start),
           "--steps", "120", "--lr", "5e-3", *map(str, COMMON)])  # fmt: skip

    def words(out: Path) -> list[str]:
        return [*command(files, out), "--model", str(start / "model"), "--held-out", "0"]

    whole = alone(words(tmp_path / "whole"))
    out = tmp_path / "killed"
    for wanted in (3, 7):
        process = subprocess.Popen([*SPARKGAP, *words(out)], env=ENVIRONMENT, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 900
        while time.monotonic() < deadline and len(_steps(out)) < wanted:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    resumed = alone(words(out))
    assert resumed["best_step"] == whole["best_step"] == 12  # nothing is held out: the last model is kept
    assert _steps(out) == _steps(tmp_path / "whole")
    assert len(_steps(out)) == 12
    models = [(folder / "model" / "model.safetensors").read_bytes() for folder in (out, tmp_path / "whole", start)]
    assert models[0] == models[1]
    assert models[0] != models[2]


def alone(words: list[str]) -> dict[str, Any]:
    done = subprocess.run([*SPARKGAP, *words], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _steps(out: Path) -> dict[int, float]:
    path = out / "metrics.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    found = {}
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if "reward" in record:
            found[record["step"]] = record["reward"]
    return found


@pytest.mark.soak
@pytest.mark.parametrize("way", ["rlcf", "sft", "rft", "dpo"])
def test_two_processes_train_together(way: str, files: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    start = tmp_path / "sft"
    taught: tuple[object, ...] = (
        "train", "sft", "--model", files / "start", "--data", files / "rows.jsonl", "-o", start, "--steps", 120,
        "--lr", 5e-3, *COMMON,
    )  # fmt: skip
    words = command(files, out, way) if way != "sft" else [*map(str, taught)]
    if way in ("rft", "dpo"):
        alone([*map(str, taught)])
        words[words.index("--model") + 1] = str(start / "model")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "--no_python"]
    asked: dict[str, Any] = {"env": ENVIRONMENT, "capture_output": True, "text": True, "check": False, "timeout": 1200}
    done = subprocess.run([*launch, *SPARKGAP, *words], **asked)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    folder = Path(told["folder"])
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["sessions"][0]["processes"] == 2
    assert told["steps"] == (120 if way == "sft" else 12)
    assert (folder / "model" / "model.safetensors").exists()
    if way == "rlcf":  # the same held-out problems, greedily, whoever draws
        assert alone(command(files, tmp_path / "alone"))["before"] == told["before"]


def test_progress_tells_nothing_of_the_run_before(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_shown(quiet=False) as show:
        assert show is not None
        show(TrainProgress("training", 1, 2, {"pass_rate": 0.5, "verdict/timeout": 1.0}))
        show(TrainProgress("measuring", 2, 2, {"loss": 0.25, "verdict/passed": 1.0}))
        show(TrainProgress("loading", 0, 3))
    assert capsys.readouterr().err.splitlines() == [
        "training 1 of 2 held out 50.0%; timeout 100%",
        "measuring 2 of 2 held out 50.0%; loss 0.250; passed 100%",
        "loading 0 of 3",
    ]
