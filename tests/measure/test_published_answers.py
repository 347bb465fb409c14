"""Answers that others published, through `replay`, to figures: MT-Bench's four files, and MMLU in whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripted import Scripted, install
from sparkgap import plugins
from sparkgap.data import locate
from sparkgap.errors import DataError
from sparkgap.measure import MeasureOptions, measure
from sparkgap.types import Reply, Request


def published(name: str) -> Path:
    try:
        return locate(name)
    except DataError:
        pytest.skip(f"needs the published file {name}")


@pytest.mark.parametrize("name", ["claude-v1", "gpt-3.5-turbo", "gpt-4", "llama-13b"])
def test_mt_bench_answers_are_rated_by_a_scripted_judge(monkeypatch, tmp_path: Path, name: str) -> None:
    answers = published(f"mt_bench/model_answer/{name}.jsonl")
    published("mt_bench/question.jsonl")
    ratings = []

    def rate(request: Request, index: int) -> str:
        text = request.messages[-1].content
        if len(text) % 17 == 0:
            return "I would rather not say."
        ratings.append(1 + len(text) % 10)
        return f"It is what it is. Rating: [[{ratings[-1]}]]"

    rater = Scripted(rate)
    install(monkeypatch, rater=rater)
    (tmp_path / "prices.toml").write_text('["scripted/*"]\ninput = 1.0\noutput = 2.0\n')
    options = MeasureOptions(rater="scripted/rater", prices=tmp_path / "prices.toml")
    result = measure(f"replay/{answers}", "mt_bench", out=tmp_path / "run", options=options)
    (summary,) = result.benchmarks.values()
    assert len(rater.asked) == 160  # 80 questions, two turns
    assert summary["problems"] == 80
    assert summary["by_status"].get("unrated", 0) > 0  # counted, not dropped
    assert summary["unscored"] == summary["by_status"]["unrated"]
    assert 1 <= summary["metrics"]["rating"]["low"] < summary["metrics"]["rating"]["high"] <= 10
    assert summary["rater_usage"]["requests"] == 160
    lines = (tmp_path / "run" / "mt_bench-published" / "samples.jsonl").read_text().splitlines()
    paid = sum(json.loads(line)["rating_cost"] for line in lines)
    assert result.as_json()["rater_usage"]["cost"] == pytest.approx(paid, abs=1e-5)


def test_the_whole_of_mmlu_by_a_model_that_always_says_b(monkeypatch, tmp_path: Path) -> None:
    published("mmlu/mmlu.zip")
    problems = [p for p in plugins.find("benchmarks", "mmlu").problems() if p.split == "test"]
    install(monkeypatch, b=Scripted(lambda request, index: "All the same.\nAnswer: B", concurrency=64))
    result = measure("scripted/b", "mmlu:zero_shot_cot", out=tmp_path / "run")
    (summary,) = result.benchmarks.values()
    assert summary["scored"] == len(problems) == 14_042
    assert summary["metrics"]["accuracy"]["value"] == sum(p.reference == "B" for p in problems) / 14_042


def test_texts_on_disk_are_no_log_probabilities(tmp_path: Path) -> None:
    published("mmlu/mmlu.zip")
    problems = [p for p in plugins.find("benchmarks", "mmlu").problems() if p.split == "test"][:20]
    lines = [json.dumps({"task_id": p.id, "response": f"So it is **{p.reference}**.\nAnswer: B"}) for p in problems]
    (tmp_path / "answers.jsonl").write_text("\n".join(lines))
    result = measure(f"replay/{tmp_path / 'answers.jsonl'}", "mmlu", out=tmp_path / "run")
    summary = result.benchmarks["mmlu-zero_shot_cot"]
    assert summary["scored"] == 20
    assert summary["metrics"]["accuracy"]["value"] == sum(p.reference == "B" for p in problems) / 20


def test_the_whole_of_mmlu_by_log_probabilities(monkeypatch, tmp_path: Path) -> None:
    published("mmlu/mmlu.zip")

    def likely(request: Request, index: int) -> Reply:
        assert request.choices
        return Reply(logprobs=tuple(-float(place) for place, _ in enumerate(request.choices)))  # always the first

    problems = [p for p in plugins.find("benchmarks", "mmlu").problems() if p.split == "test"]
    install(monkeypatch, a=Scripted(likely, concurrency=64))
    result = measure("scripted/a", "mmlu:five_shot", out=tmp_path / "run")
    (summary,) = result.benchmarks.values()
    assert summary["metrics"]["accuracy"]["value"] == sum(p.reference == "A" for p in problems) / 14_042
