"""The whole circle, very small: every step is done, what it leaves is whole, and it goes on where it was stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest.importorskip("torch", reason="training is an extra")
pytest.importorskip("trl", reason="training is an extra")

from sparkgap import plugins
from sparkgap.benchmarks._katas import COMPACT, katas, pairs
from sparkgap.cli import main
from sparkgap.errors import InputError
from sparkgap.judge import Judge
from sparkgap.loop import FULL, QUICK, DemoOptions, DemoProgress, DemoResult, demo
from sparkgap.loop.corpus import BENCHMARK, blank_model, corpus, curated, pool
from sparkgap.results import read_result

pytestmark = [
    pytest.mark.filterwarnings(r"ignore:.*gradient_checkpointing.* is deprecated:FutureWarning"),  # as in tests/train
    pytest.mark.filterwarnings(r"ignore:.*past_key_values.* is deprecated:FutureWarning"),
]

TINY = replace(
    QUICK, name="tiny", problems=24, each=6, levels=(1,), hidden=64, layers=2, vocabulary=400, sft_steps=120,
    sft_rate=5e-3, sft_batch=16, pool=30, pool_levels=(1,), group=4, rft_steps=4, rl_steps=2, rl_batch=16,
    validation=4, test=8, samples=2,
)  # fmt: skip
ARMS = ["uncurated", "curated", "uncurated + RLCF", "curated + RLCF", "curated + random reward",
        "curated + more imitation"]  # fmt: skip


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(1) as judge:
        yield judge


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> DemoOptions:
    return DemoOptions(out=tmp_path_factory.mktemp("loop") / "demo", scale=TINY, controls=True)


@pytest.fixture(scope="module")
def result(options: DemoOptions) -> DemoResult:
    return demo(options)


def test_curation_keeps_the_right_answers_and_no_other(judge: Judge) -> None:
    scale = replace(TINY, problems=40, levels=(1, 2, 3))
    answers = corpus(scale, seed=5)
    kept, statuses = curated(answers, judge)
    known = pairs(
        katas("train", 40, 11, replace(COMPACT, levels=(1, 2, 3))), 6, 5, wrong=scale.wrong, surfaces=("nested",)
    )
    there = {answer.problem.id for answer in answers}
    right = {(each.problem.id, each.completion) for each in known if not each.fault and each.problem.id in there}
    assert {(each.problem.id, each.completion) for each in kept} == right
    assert len(kept) == len(right)
    assert sum(statuses.values()) == len(answers)
    assert 0.5 < 1 - statuses["passed"] / len(answers) < 0.8


def test_what_is_reinforced_on_has_no_solutions_and_none_of_the_wording_that_is_measured() -> None:
    problems = pool(replace(TINY, pool=60, pool_levels=(1, 2, 3), validation=30), seed=0)
    measured = {problem.prompt for problem in plugins.find("benchmarks", BENCHMARK).problems()}
    assert {problem.split for problem in problems.train} == {"train"}
    assert {problem.split for problem in problems.held_out} == {"validation"}
    assert not any(problem.reference for problem in problems.train)
    assert not measured & {problem.prompt for problem in (*problems.train, *problems.held_out)}


def test_a_seed_gives_the_same_corpus_and_the_same_blank_model(tmp_path: Path) -> None:
    rows = [[answer.row() for answer in corpus(TINY, seed)] for seed in (1, 1, 2)]
    assert rows[0] == rows[1] != rows[2]
    answers = corpus(TINY, 1)
    folders = [blank_model(answers, TINY, seed, tmp_path / name) for seed, name in ((1, "a"), (1, "b"), (2, "c"))]
    weights, words = (
        [(folder / name).read_bytes() for folder in folders] for name in ("model.safetensors", "tokenizer.json")
    )
    assert weights[0] == weights[1] != weights[2]
    assert words[0] == words[1]


def test_every_arm_is_made_and_measured_both_ways(result: DemoResult) -> None:
    assert [arm.name for arm in result.arms] == ARMS
    for arm in result.arms:
        assert (arm.model / "model.safetensors").exists()
        for run, samples in zip(arm.runs, (1, TINY.samples), strict=True):
            (found,) = read_result(run).benchmarks.values()
            assert found.benchmark == BENCHMARK
            assert [len(values) for values in found.values.values()] == [samples] * (TINY.test or 0)
        assert arm.best.value >= arm.sampled.value


def test_gains_are_the_differences_of_the_arms(result: DemoResult) -> None:
    arms = {arm.name: arm for arm in result.arms}
    assert len(result.gains) == 6
    for each in result.gains:
        for figure in ("greedy", "sampled", "best"):
            ours, theirs = (getattr(arms[name], figure).value for name in (each.of, each.over))
            found = getattr(each, figure)
            assert found.value == pytest.approx(ours - theirs)
            assert found.low <= found.value <= found.high


def test_the_circle_ends_in_a_report_a_gap_and_a_gate(options: DemoOptions, result: DemoResult) -> None:
    page = result.report.read_text("utf-8")
    assert all(f"{name}, greedy" in page for name in ARMS)
    told = json.loads((options.out / "summary.json").read_text("utf-8"))
    assert told == json.loads(json.dumps(result.as_json()))
    assert len(result.gap.gaps) == 1
    assert [str(check.rule) for check in result.gate.checks] == [f"{BENCHMARK} gain > 0"]
    assert result.curation["kept"] <= result.curation["passed"]


def test_the_same_call_goes_on_and_does_nothing_twice(options: DemoOptions, result: DemoResult) -> None:
    seen: list[DemoProgress] = []
    models = {path: path.stat().st_mtime_ns for path in options.out.rglob("model.safetensors")}
    again = demo(options, seen.append)
    assert replace(again, seconds=0.0).as_json() == replace(result, seconds=0.0).as_json()
    assert {path: path.stat().st_mtime_ns for path in options.out.rglob("model.safetensors")} == models
    assert not [each for each in seen if each.inner and each.inner.stage in {"training", "sampling"}]
    steps = list(dict.fromkeys(each.number for each in seen))
    assert steps == list(range(1, seen[0].count + 1))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty; name another folder with --out"):
        demo(DemoOptions(out=tmp_path, scale=TINY))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_another_demonstration_is_not_mixed_in(options: DemoOptions, result: DemoResult) -> None:
    with pytest.raises(InputError, match="holds another demonstration"):
        demo(replace(options, seed=3))


def test_the_command_opens_with_what_it_does_and_ends_with_the_table(
    options: DemoOptions, result: DemoResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparkgap.loop.QUICK", TINY)
    ran = CliRunner().invoke(main, ["demo", "--quick", "--controls", "--out", str(options.out)])
    assert ran.exit_code == 0, ran.output
    assert TINY.minutes in ran.stderr
    assert "[1/9]" in ran.stderr
    lines = ran.stdout.splitlines()
    for arm in result.arms:
        assert any(line.startswith(arm.name) and f"{100 * arm.greedy.value:.1f} (" in line for line in lines)
    assert lines[-1] == f"report      {result.report}"


@pytest.mark.soak
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_full_circle_gains_at_every_step(tmp_path: Path, seed: int) -> None:
    """Curation and reinforcement each gain, by verdicts even over the curated model, and the controls do not."""
    found = demo(DemoOptions(out=tmp_path / "demo", seed=seed, scale=FULL, controls=True))
    gains = {(each.of, each.over): each for each in found.gains}
    curation, raw, clean, chance, longer = (gains[pair] for pair in (
        ("curated", "uncurated"), ("uncurated + RLCF", "uncurated"), ("curated + RLCF", "curated"),
        ("curated + random reward", "curated"), ("curated + more imitation", "curated"),
    ))  # fmt: skip
    assert curation.greedy.value >= 0.15
    assert raw.greedy.value >= 0.10
    assert clean.greedy.value >= 0.05
    assert clean.sampled.value >= 0.10
    assert clean.best.value >= -0.02
    assert all(each.low > 0 for each in (curation.greedy, raw.greedy, clean.greedy, clean.sampled))
    assert chance.greedy.low <= 0
    assert longer.greedy.value < clean.greedy.value
