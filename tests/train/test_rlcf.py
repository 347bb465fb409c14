"""Reinforcement learning on a toy task: reward rises, a killed run goes on the same, canaries stop it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparkgap.errors import InputError
from sparkgap.judge import Judge
from sparkgap.report.training import read_training
from sparkgap.results import read_result
from sparkgap.train import (
    ForgedPass,
    Guards,
    ProblemSet,
    RlcfOptions,
    Sampling,
    Source,
    TrainProgress,
    TrainResult,
    rlcf,
)
from sparkgap.train.folder import read_state
from sparkgap.types import Problem, StdioTests, Verdict
from tiny_models import Paid, problems, saved

TOY = ProblemSet(*problems())
Train = Callable[..., TrainResult]


@pytest.fixture
def options(taught: Path, tmp_path: Path) -> RlcfOptions:
    return RlcfOptions(
        model=str(taught / "model"),
        out=tmp_path / "run",
        source=Source("toy"),
        steps=12,
        learning_rate=2e-3,
        warmup=0.0,
        batch=48,
        sampling=Sampling(group=8, max_tokens=16),
        guards=Guards(every=4, held_out=6, samples=8, temperature=1.0, canaries=0.1),
        measured_on=("hello",),
        report_to=(),
    )


@pytest.fixture
def train(judge: Judge) -> Train:
    def run(options: RlcfOptions, **others: Any) -> TrainResult:
        return rlcf(options, judge=judge, problems=TOY, **others)

    return run


def figures(folder: Path, name: str) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [(line["step"], line[name]) for line in lines if name in line]


def test_held_out_completions_pass_more_often_and_the_folder_shows_it(options: RlcfOptions, train: Train) -> None:
    seen: list[TrainProgress] = []
    result = train(replace(options, steps=24), progress=seen.append)
    assert result.before is not None
    assert result.after is not None
    assert result.gain is not None
    assert result.gain.value > 0.15
    assert result.after.value == max(value for _, value in figures(result.folder, "pass_rate"))
    rewards = [value for _, value in figures(result.folder, "reward")]
    assert sum(rewards[-6:]) / 6 > sum(rewards[:6]) / 6 + 0.15
    assert {"pass_rate", "reward", "informative_groups", "reward_share", "tokens_per_s", "kl_to_start",
            "verdict/passed", "book/live", "entropy"} <= set(read_training(result.folder).curves)  # fmt: skip
    assert 0 < dict(figures(result.folder, "kl_to_start"))[24] < 5
    assert {each.stage for each in seen} >= {"loading", "measuring", "training", "finishing"}
    runs = [read_result(result.folder / name) for name in ("before", "after")]
    (before,), (after,) = ([*run.benchmarks.values()] for run in runs)
    assert before.metrics["pass@1"].value == pytest.approx(result.before.value)
    assert after.metrics["pass@1"].value == pytest.approx(result.after.value)
    pairs = [json.loads(line) for line in (result.folder / "before_after.jsonl").read_text("utf-8").splitlines()]
    assert [pair["problem_id"] for pair in pairs] == [each.id for each in TOY.held_out]
    assert (result.model / "config.json").exists()
    assert rlcf(replace(options, steps=24), problems=TOY) == result  # finished: read, not trained again


def test_a_seed_repeats_a_run_that_was_killed_to_the_last_bit(
    options: RlcfOptions, train: Train, judge: Judge, tmp_path: Path
) -> None:
    options = replace(options, steps=8, checkpoint_every=3)
    whole = train(replace(options, out=tmp_path / "whole"))

    class Killed(BaseException):
        pass

    def kill(progress: TrainProgress) -> None:
        if progress.stage == "training" and progress.step == 5:
            raise Killed

    with pytest.raises(Killed):
        train(options, progress=kill)
    assert [path.name for path in (options.out / "checkpoints").iterdir()].count("checkpoint-3") == 1
    (options.out / "checkpoints" / "checkpoint-6").mkdir()  # one that was not written to its end
    resumed = train(options)
    for name in ("reward", "informative_groups", "pass_rate", "entropy"):
        found, expected = (dict(figures(each.folder, name)) for each in (resumed, whole))
        assert found == expected
    assert resumed.after == whole.after
    assert weights(resumed.model) == weights(whole.model)  # to the last bit, whatever the judge was slower at
    assert not (options.out / "checkpoints").exists()


def test_the_first_and_the_last_step_are_logged_however_seldom_others_are(options: RlcfOptions, train: Train) -> None:
    guards = replace(options.guards, held_out=0, every=0, kl=False)
    result = train(replace(options, steps=3, log_every=50, guards=guards))
    assert [step for step, _ in figures(result.folder, "reward")] == [1, 3]
    assert "reward" in read_training(result.folder).curves


def test_where_nothing_can_be_judged_training_stops_and_says_why(options: RlcfOptions, judge: Judge) -> None:
    options = replace(options, guards=replace(options.guards, canaries=0.0))
    empty = replace(TOY.train[0], tests=StdioTests(()), reference="")
    with pytest.raises(InputError, match=r"no completion could be judged.* toy/add/1: "):
        rlcf(options, judge=judge, problems=ProblemSet((empty,), ()))
    untested = replace(TOY.train[0], tests=None)
    with pytest.raises(InputError, match="toy/add/1 has no tests"):
        rlcf(options, judge=judge, problems=ProblemSet((untested,), ()))


def test_other_options_are_another_run(options: RlcfOptions, train: Train) -> None:
    options = replace(options, steps=1, guards=replace(options.guards, every=0, held_out=0))
    train(options)
    with pytest.raises(InputError, match="another run"):
        train(replace(options, learning_rate=1e-5))


def test_a_run_that_failed_before_its_first_figure_is_in_nobodys_way(options: RlcfOptions, train: Train) -> None:
    options = replace(options, steps=1, guards=replace(options.guards, every=0, held_out=0))
    with pytest.raises(InputError, match="whole groups"):
        train(replace(options, batch=50))
    assert (options.out / "manifest.json").exists()
    assert train(options).steps == 1


def test_a_pass_on_an_impossible_problem_stops_the_run_and_is_kept(
    options: RlcfOptions, taught: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkgap.train import marking

    original = marking.Marker._submitted

    def holed(self: Any, ticket: Any) -> Any:
        if ticket.problem.id.endswith("impossible") and "x" in ticket.program:
            ticket = replace(ticket, problem=TOY.train[0], program=TOY.train[0].reference)
        return original(self, ticket)

    monkeypatch.setattr(marking.Marker, "_submitted", holed)
    with pytest.raises(ForgedPass, match=r"canary\.json"):
        rlcf(options, judge=judge, problems=TOY)
    (evidence, *_) = json.loads((options.out / "canary.json").read_text("utf-8"))
    assert evidence["problem_id"].endswith("/impossible")
    assert "def f(x)" in evidence["program"]


def test_impossible_problems_pass_for_nobody(judge: Judge) -> None:
    from sparkgap.train.marking import Marker
    from sparkgap.train.problems import impossible

    marker = Marker(judge, "tests")
    found = impossible(TOY.train, 1.0)
    assert len(found) == len(TOY.train)
    replies = [
        (each, origin.reference.removeprefix(each.prompt)) for each, origin in zip(found, TOY.train, strict=True)
    ]
    assert {mark.status for mark in marker.marks(replies, "completion")} == {"wrong"}
    marker.close()


def test_what_the_judge_failed_on_moves_nothing(options: RlcfOptions, train: Train, taught: Path) -> None:
    def unknown(problem: Problem, program: str, verdict: Verdict) -> float | None:
        return None

    guards = replace(options.guards, held_out=0, every=0, kl=False)
    result = train(replace(options, steps=2, guards=guards), reward=Paid(unknown))
    assert [value for _, value in figures(result.folder, "loss")] == [0.0, 0.0]
    assert weights(result.model) == weights(taught / "model")


def test_a_run_that_only_does_harm_keeps_the_start(options: RlcfOptions, train: Train, taught: Path) -> None:
    def worse(problem: Problem, program: str, verdict: Verdict) -> float | None:
        return -float(verdict.passed)

    result = train(replace(options, steps=8, guards=replace(options.guards, patience=2)), reward=Paid(worse))
    if result.best_step == 0:
        assert weights(result.model) == weights(taught / "model")
        assert result.after == result.before
    assert result.stopped == "no better held-out figure in 2 measures"


def test_the_control_learns_reference_solutions_for_as_many_steps(options: RlcfOptions, train: Train) -> None:
    result = train(replace(options, steps=16, control="sft", learning_rate=5e-3))
    losses = [value for _, value in figures(result.folder, "loss")]
    assert len(losses) == 16
    assert losses[-1] < losses[0] / 2
    assert result.gain is not None
    assert result.gain.value > 0


@pytest.mark.parametrize("others", [{"updates": 2}, {"beta": 0.02}, {"entropy": 0.001}])
def test_the_ways_that_are_left_to_trl_learn_too(options: RlcfOptions, train: Train, others: dict[str, Any]) -> None:
    guards = replace(options.guards, held_out=0, every=0, kl=False)
    result = train(replace(options, steps=16, guards=guards, **others))
    rewards = [value for _, value in figures(result.folder, "reward")]
    steps = len(rewards) // 2
    assert sum(rewards[steps:]) > sum(rewards[:steps])


def test_adapters_are_trained_and_come_out_as_a_whole_model(options: RlcfOptions, train: Train) -> None:
    result = train(replace(options, lora=4, learning_rate=2e-2, steps=16))
    assert result.gain is not None
    assert result.gain.value > 0.05
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(result.model)
    assert not (result.model / "adapter_config.json").exists()
    assert (result.folder / "adapter" / "adapter_config.json").exists()
    assert model.config.model_type == "llama"


@pytest.mark.parametrize("kind", ["qwen2", "gpt2"])
def test_other_architectures_go_the_same_way(kind: str, options: RlcfOptions, train: Train, tmp_path: Path) -> None:
    def short(problem: Problem, program: str, verdict: Verdict) -> float | None:
        return float(len(program) == len(problem.prompt) + 1)

    start = saved(kind, tmp_path / "start", spread=0.02, ends=tuple(range(1, 160)))
    guards = replace(options.guards, held_out=0, every=0, kl=False)
    result = train(replace(options, model=str(start), steps=14, learning_rate=2e-2, guards=guards), reward=Paid(short))
    rewards = [value for _, value in figures(result.folder, "reward")]
    assert sum(rewards[-3:]) > sum(rewards[:3]) + 0.5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch": 50}, "whole groups of 8"),
        ({"batch": 48, "updates": 5}, "5 updates"),
        ({"model": "./nowhere"}, "there is no folder"),
        ({"sampling": Sampling(group=8, max_tokens=120)}, r"more than the model's context of 128; lower --max-tokens"),
        ({"report_to": ("nowhere",)}, "there is no --report-to nowhere"),
        ({"sampling": Sampling(group=8, max_tokens=1)}, "came to an end within 1 tokens"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: RlcfOptions, train: Train, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        train(replace(options, **change))


def test_problems_that_are_measured_on_are_refused(options: RlcfOptions, judge: Judge) -> None:
    tested = replace(TOY.train[0], split="test")
    with pytest.raises(InputError, match="of a test split"):
        rlcf(options, judge=judge, problems=ProblemSet((tested,), ()))


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {name: value.tolist() for name, value in load_file(folder / "model.safetensors").items()}


def test_a_checkpoint_holds_the_book(options: RlcfOptions, train: Train) -> None:
    states: list[dict[str, Any]] = []

    def look(progress: TrainProgress) -> None:
        found = sorted((options.out / "checkpoints").glob("checkpoint-*/sparkgap.json"))
        states.extend(read_state(path.parent) for path in found[len(states) :])

    guards = replace(options.guards, held_out=0, every=0, kl=False)
    train(replace(options, steps=5, checkpoint_every=2, guards=guards), progress=look)
    assert [state["step"] for state in states] == [2, 4]
    assert [state["book"]["batches"] for state in states] == [2, 4]
