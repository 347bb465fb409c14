"""Answers on disk: every tool's form, found by the problem, and a clear word for what is none."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import types
import venv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkgap import plugins
from sparkgap.errors import InputError, SparkgapError
from sparkgap.models import ModelError, Provider, Recorded, Recording
from sparkgap.models._recordings import entries
from sparkgap.models.replay import Replay
from sparkgap.types import Problem, Reply, Request

HELLO = list(plugins.find("benchmarks", "hello").problems())
FIRST, SECOND = HELLO[0].id, HELLO[1].id


def write(path: Path, *records: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def answers(*paths: Path, benchmark: str = "hello", problems: list[Problem] = HELLO) -> dict[str, list[str]]:
    """Return the texts of every problem that has some."""
    replay = Replay(",".join(map(str, paths)), {})
    found = {problem.id: replay.recorded(benchmark, problem) for problem in problems}
    return {id_: [each.replies[-1].text for each in recorded] for id_, recorded in found.items() if recorded}


def refusal(*paths: Path) -> str:
    with pytest.raises(SparkgapError) as caught:
        answers(*paths)
    return str(caught.value)


def test_it_keeps_the_contracts(tmp_path: Path) -> None:
    provider = plugins.find("models", "replay")
    assert isinstance(provider, Provider)
    path = write(tmp_path / "s.jsonl", {"task_id": FIRST, "completion": "x"})
    model = provider.open(str(path), {})
    assert isinstance(model, Recording)
    assert model.name == f"replay/{path}"
    assert model.features == {"chat", "completion"}
    with pytest.raises(ModelError, match="cannot be asked"):
        asyncio.run(model.generate(Request(text="x")))


def test_samples_of_every_form(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.jsonl",
        {"task_id": FIRST, "completion": "a"},
        {"task_id": SECOND, "solution": "b"},
        {"task_id": FIRST, "response": "c"},
        {"task_id": SECOND, "completion": None, "error": "timed out"},
    )
    replay = Replay(str(path), {})
    assert replay.recorded("hello", HELLO[0]) == (
        Recorded((Reply("a"),), "completion"),
        Recorded((Reply("c"),), "response"),
    )
    assert replay.recorded("hello", HELLO[1]) == (
        Recorded((Reply("b"),), "solution"),
        Recorded((Reply(error="timed out"),), "completion"),
    )
    assert replay.recorded("hello", HELLO[2]) == ()


def test_several_files_are_more_samples_in_their_order(tmp_path: Path) -> None:
    one = write(tmp_path / "1.jsonl", {"task_id": FIRST, "completion": "1"})
    two = write(tmp_path / "2.jsonl", {"task_id": FIRST, "completion": "2"})
    assert answers(two, one) == {FIRST: ["2", "1"]}
    assert answers(tmp_path) == {FIRST: ["1", "2"]}


def test_a_folder_may_hold_several_benchmarks(tmp_path: Path) -> None:
    write(tmp_path / "h.jsonl", {"task_id": FIRST, "completion": "hello"})
    write(tmp_path / "m.jsonl", {"task_id": "Mbpp/11", "completion": "mbpp"})
    write(tmp_path / "samples_arc_easy_2025-01-31T10-11-12.3.jsonl", lm_eval(0, [["not for us"]]))
    assert answers(tmp_path) == {FIRST: ["hello"]}


def test_a_run_of_ours_is_replayed_turn_by_turn(tmp_path: Path) -> None:
    replies = [
        {"text": "one", "finish_reason": "stop", "prompt_tokens": 3, "completion_tokens": 4, "seconds": 0.5},
        {"text": "two", "finish_reason": "length"},
    ]
    failed = {"text": "", "error": "after 7 tries"}
    write(
        tmp_path / "hello-chat" / "samples.jsonl",
        {"ordinal": 0, "task_id": FIRST, "sample_index": 0, "response": "two", "replies": replies},
        {"ordinal": 1, "task_id": SECOND, "sample_index": 0, "completion": "", "replies": [failed], "error": "x"},
    )
    write(tmp_path / "hello-chat" / "scores.jsonl", {"ordinal": 0, "value": 1})
    write(tmp_path / "hello-chat" / "steps.jsonl", {"ordinal": 0, "replies": []})
    write(
        tmp_path / "gsm8k-zero_shot_cot" / "samples.jsonl",
        {"ordinal": 0, "task_id": "GSM8K/0", "response": "5", "replies": [{"text": "5"}]},
    )
    replay = Replay(str(tmp_path), {})
    (first,) = replay.recorded("hello", HELLO[0])
    assert first == Recorded((Reply("one", "stop", 3, 4, 0.5), Reply("two", "length")), "response")
    assert replay.recorded("hello", HELLO[1]) == (Recorded((Reply(error="after 7 tries"),), "completion"),)


def test_two_runs_of_one_benchmark_are_not_mixed(tmp_path: Path) -> None:
    for variant in ("chat", "complete"):
        line = {"ordinal": 0, "task_id": FIRST, "completion": "x", "replies": [{"text": "x"}]}
        write(tmp_path / f"hello-{variant}" / "samples.jsonl", line)
    assert "several runs of hello" in refusal(tmp_path)


# lm-eval


def lm_eval(doc_id: int, resps: list[Any], filter_: str = "none", **doc: Any) -> dict[str, Any]:
    return {"doc_id": doc_id, "doc": doc, "target": "t", "arguments": {}, "resps": resps, "filter": filter_}


def test_lm_eval_documents_are_found_by_id_or_by_place(tmp_path: Path) -> None:
    name = "samples_hello_2025-01-31T10-11-12.345678.jsonl"
    path = write(
        tmp_path / name, lm_eval(7, [["a", "b"]], task_id=FIRST), lm_eval(1, [["```python\nc\n```"]], task_id=SECOND)
    )
    replay = Replay(str(path), {})
    assert replay.recorded("hello", HELLO[0]) == tuple(Recorded((Reply(text),), "completion") for text in "ab")
    assert [each.form for each in replay.recorded("hello", HELLO[1])] == ["response"]


def test_lm_eval_lines_that_only_repeat_under_another_filter_are_left_out(tmp_path: Path) -> None:
    lines = [lm_eval(0, [["a"]], each, task_id=FIRST) for each in ("strict-match", "flexible-extract")]
    assert answers(write(tmp_path / "s.jsonl", *lines)) == {FIRST: ["a"]}


def test_lm_eval_places_are_numbers_of_the_published_file(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    problems = list(plugins.find("benchmarks", "gsm8k").problems())
    lines = (lm_eval(i, [[f"answer {i}"]], question=problems[i].prompt) for i in (3, 0))
    path = write(tmp_path / "samples_gsm8k_cot_2025-01-31T10-11-12.3.jsonl", *lines)
    assert answers(path, benchmark="gsm8k", problems=problems) == {"GSM8K/0": ["answer 0"], "GSM8K/3": ["answer 3"]}


@pytest.mark.parametrize("quoted", [True, False])
def test_lm_eval_log_likelihoods_answer_choices(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch, quoted: bool
) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    problems = list(plugins.find("benchmarks", "mmlu").problems())
    problem = next(each for each in problems if each.id == "MMLU/anatomy/5")
    values = [-1.5, -0.25, -3.0, -9.0]
    resps = [[[str(value), "False"] if quoted else [value, False]] for value in values]
    path = write(tmp_path / "samples_mmlu_anatomy_2025-01-31T10-11-12.3.jsonl", lm_eval(5, resps, subject="anatomy"))
    replay = Replay(str(path), {})
    assert replay.features == {"chat", "completion", "logprobs"}
    (recorded,) = replay.recorded("mmlu", problem)
    assert recorded.replies == (Reply(finish_reason="stop", logprobs=tuple(values)),)


# MT-Bench


def test_mt_bench_answers_have_turns(tmp_path: Path) -> None:
    line = {"question_id": FIRST, "choices": [{"index": 0, "turns": ["one", "two"]}, {"index": 1, "turns": ["a", "b"]}]}
    replay = Replay(str(write(tmp_path / "m.jsonl", line)), {})
    assert replay.recorded("hello", HELLO[0]) == (
        Recorded((Reply("one"), Reply("two")), "response"),
        Recorded((Reply("a"), Reply("b")), "response"),
    )


# Inspect, through a stand-in for its reader; the true one is in the soak test


def inspect_log(monkeypatch: pytest.MonkeyPatch, *samples: Any) -> None:
    module = types.ModuleType("inspect_ai.log")
    module.read_eval_log = lambda path: types.SimpleNamespace(samples=samples)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "inspect_ai", types.ModuleType("inspect_ai"))
    monkeypatch.setitem(sys.modules, "inspect_ai.log", module)


def inspect_sample(id_: Any, text: str, said: str = "hi", epoch: int = 1, error: str = "") -> Any:
    choice = types.SimpleNamespace(stop_reason="max_tokens")
    usage = types.SimpleNamespace(input_tokens=3, output_tokens=5)
    output = types.SimpleNamespace(completion=said, choices=[] if error else [choice], usage=usage)
    fault = types.SimpleNamespace(message=error) if error else None
    return types.SimpleNamespace(id=id_, input=text, epoch=epoch, output=output, error=fault, working_time=0.5)


def test_inspect_samples_are_found_by_id_and_by_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inspect_log(
        monkeypatch,
        inspect_sample(FIRST, "whatever"),
        inspect_sample("a hash", HELLO[1].prompt + "\n"),
        inspect_sample(FIRST, "whatever", "again", 2),
        inspect_sample(SECOND, "whatever", error="it broke"),
    )
    replay = Replay(str(write(tmp_path / "log.eval")), {})
    first, again = replay.recorded("hello", HELLO[0])
    assert first == Recorded((Reply("hi", "length", 3, 5, 0.5),), "response")
    assert again.replies[0].text == "again"
    assert [each.replies[0].error for each in replay.recorded("hello", HELLO[1])] == ["", "it broke"]


def test_a_question_of_inspect_is_found_with_its_choices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = types.SimpleNamespace(**{**vars(inspect_sample(1, "Which?")), "choices": ["this", "that"]})
    inspect_log(monkeypatch, asked)
    (entry,) = entries(tmp_path / "log.eval", "inspect")
    assert entry.text == "Which?\nA. this\nB. that"  # as MMLU's problems have it


def test_inspects_own_numbers_are_not_taken_for_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inspect_log(monkeypatch, inspect_sample(1, HELLO[0].prompt), inspect_sample(2, "unknown"))
    assert "its number is only Inspect's own" in refusal(write(tmp_path / "log.eval"))


def test_an_inspect_log_of_another_benchmark_is_left_out_of_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspect_log(monkeypatch)
    logs = {"a.eval": [inspect_sample(FIRST, "x")], "b.eval": [inspect_sample(1, "another"), inspect_sample(2, "text")]}
    read = []

    def read_eval_log(path: str) -> Any:
        read.append(Path(path).name)
        return types.SimpleNamespace(samples=logs[read[-1]])

    sys.modules["inspect_ai.log"].read_eval_log = read_eval_log  # type: ignore[attr-defined]
    for name in logs:
        write(tmp_path / name)
    replay = Replay(str(tmp_path), {})
    assert [len(replay.recorded("hello", each)) for each in HELLO[:2]] == [1, 0]
    assert replay.recorded("katas", next(iter(plugins.find("benchmarks", "katas").problems()))) == ()
    assert read == ["a.eval", "b.eval"]  # once each, though two benchmarks asked


def test_an_inspect_log_without_inspect_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    assert "pip install 'sparkgap[inspect]'" in refusal(write(tmp_path / "log.eval"))


INSPECT = """
import os, sys
from pathlib import Path
from chat_server import chatting
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import includes
from sparkgap import plugins
from sparkgap.models.replay import Replay

problems = list(plugins.find("benchmarks", "hello").problems())
os.environ["OPENAI_API_KEY"] = "none"
with chatting() as server:
    model = get_model("openai/x", base_url=server.url, responses_api=False)
    samples = [Sample(id=each.id, input=f"write {each.id}", target="x") for each in problems[:2]]
    tasks = [Task(dataset=MemoryDataset(samples), scorer=includes(), epochs=2)]
    tasks.append(Task(dataset=MemoryDataset([Sample(input=problems[2].prompt, target="x")]), scorer=includes()))
    eval(tasks[0], model=model, log_dir=sys.argv[1], display="none")
    eval(tasks[1], model=model, log_dir=sys.argv[1] + "/json", display="none", log_format="json")
logs = [str(path) for path in sorted(Path(sys.argv[1]).rglob("*.*"))]
replay = Replay(",".join(logs), {})
for each in problems[:3]:
    for recorded in replay.recorded("hello", each):
        (reply,) = recorded.replies
        print(each.id, reply.finish_reason, reply.completion_tokens, reply.text.split()[:4], recorded.form)
"""


@pytest.mark.soak
def test_logs_that_inspect_wrote_are_read_by_inspect(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "inspect-ai", "openai"], check=True)
    source = Path(plugins.__file__).parents[1]
    environment = {"PYTHONPATH": f"{source}:{Path(__file__).parents[1]}", "PATH": "/usr/bin:/bin"}
    told = subprocess.run(
        [python, "-c", INSPECT, str(tmp_path / "logs")], env=environment, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert len(told) == 5
    assert all(" stop " in line and line.endswith(" response") for line in told)
    assert [line.split()[0] for line in told] == [FIRST] * 2 + [SECOND] * 2 + [HELLO[2].id]


# Mistakes


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"task_id": FIRST}], "s.jsonl:1: no `completion`, `solution` or `response`"),
        ([{"task_id": "Nope/9", "completion": "x"}], "s.jsonl:1: no problem 'Nope/9' in this benchmark"),
        (
            [lm_eval(0, [["a"]], task_id=FIRST), {"doc_id": 1, "resps": [["x"]], "filter": "none"}],
            "s.jsonl:2: .*lm_eval.*no 'doc'",
        ),
        ([lm_eval(0, [], task_id=FIRST)], "s.jsonl:1: .*`resps` is no list of lists"),
        ([lm_eval(0, [["a", 5]], task_id=FIRST)], "s.jsonl:1: .*a reply that is no string"),
        ([lm_eval(0, [["a"]], task_id="Nope/9")], "s.jsonl:1: no problem 'Nope/9'"),
        ([{"question_id": FIRST, "choices": [{"turns": [3]}]}], "s.jsonl:1: .*mt_bench.*`turn` is no string"),
        ([{"task_id": FIRST, "replies": [{}]}], "s.jsonl:1: .*measure.*no 'text'"),
        ([{"task_id": FIRST, "replies": []}], "s.jsonl:1: .*measure.*`replies` is empty"),
        ([lm_eval(0, [[[]]], task_id=FIRST)], "s.jsonl:1: .*lm_eval"),
        ([], "s.jsonl is empty"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, lines: list[Any], said: str) -> None:
    path = write(tmp_path / "s.jsonl", *lines)
    with pytest.raises(InputError, match=said):
        answers(path)


def test_missing_files_and_empty_folders_and_options_are_named(tmp_path: Path) -> None:
    assert "there is no file" in refusal(tmp_path / "nowhere.jsonl")
    (tmp_path / "empty").mkdir()
    assert "no *.jsonl" in refusal(tmp_path / "empty")
    with pytest.raises(ModelError, match="replay has no option 'n'"):
        Replay(str(write(tmp_path / "s.jsonl", {"task_id": FIRST, "completion": ""})), {"n": "1"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.sampled_from([FIRST, "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["task_id", "doc", "doc_id", "resps", "replies", "question_id", "choices", "turns", "text"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["task_id", "doc", "doc_id", "resps", "replies", "question_id", "choices"]), JSON
        ),
        max_size=3,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_or_refused_with_a_word(tmp_path: Path, lines: list[Any]) -> None:
    path = write(tmp_path / "s.jsonl", *lines)
    said = ""
    try:
        answers(path)
    except SparkgapError as fault:
        said = str(fault)
    assert "s.jsonl" in said or (lines and not said)


# Published answers


@pytest.mark.parametrize("model", ["codegemma_7b", "codellama_7b", "deepseek-coder_6.7b", "qwen2.5-coder_7b"])
def test_published_samples_answer_every_problem(published: Path, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    problems = list(plugins.find("benchmarks", "humaneval").problems())
    path = published / "outputs" / "poe-evaluation" / "samples" / f"{model}_samples.jsonl"
    assert {id_: len(texts) for id_, texts in answers(path, benchmark="humaneval", problems=problems).items()} == {
        problem.id: 1 for problem in problems
    }


def test_published_mt_bench_answers_have_two_turns(published: Path) -> None:
    ids = [
        json.loads(line)["question_id"] for line in (published / "mt_bench" / "question.jsonl").read_text().splitlines()
    ]
    from sparkgap.models._recordings import entries, format_of

    for path in sorted((published / "mt_bench" / "model_answer").glob("*.jsonl")):
        assert format_of(path) == "mt_bench"
        found = list(entries(path, "mt_bench"))
        assert [entry.task for entry in found] == ids
        assert all(len(each.replies) == 2 for entry in found for each in entry.recorded)
