"""`measure`: replies in, a run folder out; whatever fails on the way."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from scripted import Scripted, canonical, install
from sparkgap import plugins
from sparkgap.errors import InputError, SparkgapError
from sparkgap.measure import MeasureOptions, MeasureProgress, measure
from sparkgap.models import ModelError, Refused, Transient
from sparkgap.results import read_result
from sparkgap.types import Reply, Request


def test_hello_by_a_model_that_knows_every_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = Scripted(canonical("hello"))
    install(monkeypatch, knowing=model)
    shown: list[MeasureProgress] = []
    result = measure("scripted/knowing", "hello", out=tmp_path / "run", progress=shown.append)
    (summary,) = result.benchmarks.values()
    assert summary["scored"] == summary["problems"] == len(model.asked)
    assert summary["metrics"]["pass@1"]["value"] == 1.0
    assert result.complete
    assert model.closed
    assert shown[-1].parts[0].value == 1.0
    assert shown[0].left_s is None
    assert shown[-1].left_s == 0.0
    again = measure("scripted/knowing", "hello", out=tmp_path / "run")
    assert again == result
    read = read_result(tmp_path / "run")
    assert read.model == "scripted/knowing"
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["state"] == "finished"


def test_several_samples_vary_in_seed_and_share_requests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = Scripted(canonical("hello"))
    install(monkeypatch, knowing=model)
    options = MeasureOptions(samples=3, seed=7, limit=5)
    result = measure("scripted/knowing", ["hello"], out=tmp_path / "run", options=options)
    (summary,) = result.benchmarks.values()
    assert summary["samples"] == 15
    assert len(model.asked) == 5
    assert {request.decoding.temperature for request in model.asked} == {0.8}
    assert {request.decoding.seed for request in model.asked} == {7}


def refusing(ids: set[str], fault: type[Exception], times: int = 10**9):
    """Return an answer that raises `fault` for the problems of `ids`, at most so many times each."""
    know = canonical("hello")
    prompts = {p.id: p.prompt.strip() for p in plugins.find("benchmarks", "hello").problems()}
    raised: Counter[str] = Counter()

    def answer(request: Request, index: int) -> str | Reply:
        text = request.text or request.messages[-1].content
        (id_,) = [id_ for id_, prompt in prompts.items() if prompt in text]
        if id_ in ids and raised[id_] < times:
            raised[id_] += 1
            raise fault(f"no answer to {id_}")
        return know(request, index)

    return answer


def test_a_request_that_fails_for_good_is_unscored_and_can_be_asked_again(monkeypatch, tmp_path: Path) -> None:
    ids = {p.id for p in list(plugins.find("benchmarks", "hello").problems())[:3]}
    model = Scripted(refusing(ids, Refused, times=1))
    install(monkeypatch, refusing=model)
    result = measure("scripted/refusing", "hello", out=tmp_path / "run")
    (summary,) = result.benchmarks.values()
    assert summary["unscored"] == 3
    assert summary["by_status"]["unanswered"] == 3
    assert summary["metrics"]["pass@1"]["value"] == 1.0
    assert not result.complete
    asked = len(model.asked)
    assert measure("scripted/refusing", "hello", out=tmp_path / "run") == result  # a finished run is shown
    options = MeasureOptions(retry_failed=True)
    mended = measure("scripted/refusing", "hello", out=tmp_path / "run", options=options)
    assert len(model.asked) == asked + 3
    assert mended.complete
    (summary,) = mended.benchmarks.values()
    assert summary["scored"] == summary["problems"]


def test_what_may_work_in_a_while_is_asked_again(monkeypatch, tmp_path: Path) -> None:
    ids = {p.id for p in list(plugins.find("benchmarks", "hello").problems())[:2]}
    model = Scripted(refusing(ids, partial(Transient, after_s=0.01, crowded=True), times=2))
    install(monkeypatch, busy=model)
    result = measure("scripted/busy", "hello", out=tmp_path / "run")
    assert result.complete


def test_a_model_that_is_no_use_ends_the_run_and_what_came_is_kept(monkeypatch, tmp_path: Path) -> None:
    problems = list(plugins.find("benchmarks", "hello").problems())
    model = Scripted(refusing({problems[-1].id}, ModelError), concurrency=1)
    install(monkeypatch, broken=model)
    with pytest.raises(ModelError, match="no answer to"):
        measure("scripted/broken", "hello", out=tmp_path / "run")
    kept = (tmp_path / "run" / "hello-chat" / "samples.jsonl").read_text().splitlines()
    assert len(kept) == len(problems) - 1
    model.answer = canonical("hello")
    model.asked.clear()
    result = measure("scripted/broken", "hello", out=tmp_path / "run")
    assert len(model.asked) == 1
    assert result.complete


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "name a benchmark"),
        (["hello", "hello"], "asked for twice"),
        (["hello:nonsense"], "no variant 'nonsense'; it has chat"),
        (["hello:completion"], "needs a model that does completion; this one does chat"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_asked(monkeypatch, tmp_path: Path, names, said: str) -> None:
    model = Scripted(canonical("hello"), features=frozenset({"chat"}))
    install(monkeypatch, chatty=model)
    with pytest.raises(InputError, match=said):
        measure("scripted/chatty", names, out=tmp_path / "run")
    assert not model.asked
    assert model.closed
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["gpt-4", "openai/", "/gpt", ""])
def test_a_model_has_a_provider_and_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(SparkgapError, match=r"names no model|there is no model"):
        measure(name, "hello", out=tmp_path / "run")


def test_a_reply_ends_before_a_stop_that_the_server_left_in(monkeypatch, tmp_path: Path) -> None:
    know = canonical("hello")
    model = Scripted(lambda request, index: know(request, index) + "\nprint(1 / 0)\n")
    install(monkeypatch, wordy=model)
    result = measure(
        "scripted/wordy", "hello:completion", out=tmp_path / "run", options=MeasureOptions(stop=("\nprint(1",))
    )
    (summary,) = result.benchmarks.values()
    assert summary["metrics"]["pass@1"]["value"] == 1.0


def test_tokens_and_money_are_counted_once_though_the_run_was_cut(monkeypatch, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('["scripted/*"]\ninput = 1000000\noutput = 2000000\n')  # a dollar a token, two for what it wrote
    whole, options = Scripted(canonical("hello")), MeasureOptions(prices=prices, concurrency=1)
    install(monkeypatch, whole=whole)
    usage = measure("scripted/whole", "hello", out=tmp_path / "whole", options=options).usage
    assert usage["cost"] == usage["prompt_tokens"] + 2 * usage["completion_tokens"]
    samples = (tmp_path / "whole" / "hello-chat" / "samples.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["cost"] for line in samples) == usage["cost"]
    last = list(plugins.find("benchmarks", "hello").problems())[-1].id
    install(monkeypatch, whole=Scripted(refusing({last}, ModelError)))
    with pytest.raises(ModelError):
        measure("scripted/whole", "hello", out=tmp_path / "cut", options=options)
    install(monkeypatch, whole=whole)
    again = measure("scripted/whole", "hello", out=tmp_path / "cut", options=options).usage
    drop = {"seconds", "seconds_per_solved"}
    assert {k: v for k, v in again.items() if k not in drop} == {k: v for k, v in usage.items() if k not in drop}


def test_replies_that_come_one_by_one_are_kept_one_by_one(monkeypatch, tmp_path: Path) -> None:
    know, given = canonical("hello"), []

    class OneByOne(Scripted):
        async def generate(self, request: Request, n: int = 1) -> tuple[Reply, ...]:
            if len(given) == 3:
                raise ModelError("no more")
            given.append(request.decoding.seed)
            return await super().generate(request, 1)

    install(monkeypatch, single=OneByOne(know, concurrency=1))
    options = MeasureOptions(samples=4, limit=1, seed=10)
    with pytest.raises(ModelError, match="no more"):
        measure("scripted/single", "hello", out=tmp_path / "run", options=options)
    kept = (tmp_path / "run" / "hello-chat" / "samples.jsonl").read_text().splitlines()
    assert [json.loads(line)["sample_index"] for line in kept] == [0, 1, 2]
    again = Scripted(know)
    install(monkeypatch, single=again)
    assert measure("scripted/single", "hello", out=tmp_path / "run", options=options).complete
    assert [request.decoding.seed for request in again.asked] == [13]
    assert given == [10, 11, 12]


WRITER = """
import sys
sys.path.insert(0, {tests!r})
import pytest
from pathlib import Path
from scripted import Scripted, canonical, install
from sparkgap.measure import measure, MeasureOptions
know = canonical("hello")
def answer(request, index):
    return know(request, index) if len(str(request)) % 3 else "no idea"
install(pytest.MonkeyPatch(), slow=Scripted(answer, delay_s=0.02, concurrency=4))
measure("scripted/slow", "hello", out=Path(sys.argv[1]), options=MeasureOptions(samples=4, limit=20))
"""


def scores(folder: Path) -> set[tuple[int, str, float]]:
    records = map(json.loads, (folder / "hello-chat" / "scores.jsonl").read_text().splitlines())
    found = [(record["ordinal"], record["status"], record["value"]) for record in records]
    assert len({ordinal for ordinal, _, _ in found}) == len(found)
    return set(found)


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_killed_at_random_moments_it_ends_with_the_same_scores(tmp_path: Path, kills: int) -> None:
    script = tmp_path / "writer.py"
    script.write_text(WRITER.format(tests=str(Path(__file__).parents[1])))
    subprocess.run([sys.executable, script, tmp_path / "whole"], check=True, timeout=120)
    killed, dice = 0, random.Random(kills)
    while killed < kills:
        out = tmp_path / f"cut{killed}"
        shutil.rmtree(out, ignore_errors=True)
        writer = subprocess.Popen([sys.executable, script, out])
        try:
            writer.wait(dice.uniform(0.3, 1.6))
        except subprocess.TimeoutExpired:
            writer.kill()
        if writer.wait() == 0:
            continue  # it was done before
        killed += 1
        before = (
            (out / "hello-chat" / "samples.jsonl").read_bytes()
            if (out / "hello-chat" / "samples.jsonl").exists()
            else b""
        )
        subprocess.run([sys.executable, script, out], check=True, timeout=120)
        assert scores(out) == scores(tmp_path / "whole")
        after = (out / "hello-chat" / "samples.jsonl").read_bytes()
        assert after.startswith(before[: before.rfind(b"\n") + 1])  # nothing that came was asked for again
