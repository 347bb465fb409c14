"""What the coding benchmarks put to a model, against the published files and the forms that the field uses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparkgap import plugins
from sparkgap.extract import extract
from sparkgap.types import CodeTests, Problem, Request, Variant


@pytest.fixture(autouse=True)
def _published(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))


def asked(benchmark: str, variant: str, id_: str = "") -> tuple[Problem, Variant, Request]:
    """Return a problem (the first, or the one of this id), the variant, and the request for the two."""
    found = plugins.find("benchmarks", benchmark)
    problem = next(problem for problem in found.problems() if problem.id == id_ or not id_)
    named = next(each for each in found.variants if each.name == variant)
    request = found.ask(problem, named, ())
    assert request is not None
    return problem, named, request


@pytest.mark.parametrize("benchmark", ["humaneval", "humaneval_plus"])
def test_a_base_model_sees_humanevals_prompt_to_the_last_newline(benchmark: str) -> None:
    problem, variant, request = asked(benchmark, "completion")
    assert request.text == problem.prompt
    assert request.text.endswith("\n"), "stripped of it, a base model scores half"
    assert request.decoding.stop == ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
    assert (request.decoding.temperature, request.decoding.max_tokens) == (0, 512)
    assert variant.form == "completion"


def test_every_humaneval_prompt_reaches_the_model_whole() -> None:
    humaneval = plugins.find("benchmarks", "humaneval")
    for problem in humaneval.problems():
        (message,) = humaneval.ask(problem, humaneval.variants[0], ()).messages
        assert f"```python\n{problem.prompt.strip()}\n```" in message.content


def test_a_split_is_what_published_scores_are_over() -> None:
    splits = {name: plugins.find("benchmarks", name).split for name in plugins.names("benchmarks")}
    assert {splits["mbpp"], splits["mbpp_sanitized"]} == {"test"}
    assert {splits["humaneval"], splits["humaneval_plus"], splits["mbpp_plus"], splits["hello"]} == {""}


@pytest.mark.parametrize(("benchmark", "file"), [("mbpp", "mbpp.jsonl"), ("mbpp_sanitized", "sanitized-mbpp.json")])
def test_three_shots_are_tasks_2_3_and_4(benchmark: str, file: str, published: Path) -> None:
    text = (published / "mbpp" / file).read_text("utf-8")
    records = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    problem, _, request = asked(benchmark, "three_shot", "Mbpp/11")
    *shots, last = request.text.split("\n[DONE]\n\n")
    for number, shot in zip((2, 3, 4), shots, strict=True):
        (record,) = (record for record in records if record["task_id"] == number)
        task, code = shot.split("\n[BEGIN]\n")
        assert record.get("text", record.get("prompt")) in task
        assert task.endswith("\n\n" + "\n".join(record["test_list"]))
        assert code == record["code"].replace("\r\n", "\n")
    assert isinstance(problem.tests, CodeTests)
    assert last.endswith(f"Your code should pass these tests:\n\n{problem.tests.code}\n[BEGIN]\n")
    assert problem.reference not in request.text
    assert request.decoding.stop == ("[DONE]",)


def test_shots_as_turns_hold_what_the_text_holds() -> None:
    _, _, text = asked("mbpp", "three_shot", "Mbpp/11")
    _, _, chat = asked("mbpp", "three_shot_chat", "Mbpp/11")
    assert [message.role for message in chat.messages] == ["user", "assistant"] * 3 + ["user"]
    assert all(
        message.content.strip("`").removeprefix("python\n").strip("\n") in text.text for message in chat.messages
    )


@pytest.mark.parametrize("benchmark", ["mbpp", "mbpp_sanitized", "mbpp_plus"])
@pytest.mark.parametrize("variant", ["zero_shot", "docstring"])
def test_zero_shot_shows_the_docstring_and_no_reference(benchmark: str, variant: str) -> None:
    problem, _, request = asked(benchmark, variant, "Mbpp/11" if benchmark != "mbpp_plus" else "Mbpp/2")
    assert problem.prompt.strip() in (request.text or request.messages[0].content)
    assert problem.reference.strip() not in (request.text or request.messages[0].content)


@pytest.mark.parametrize(
    ("benchmark", "variant"),
    [
        ("humaneval", "completion"),
        ("humaneval_plus", "completion"),
        ("mbpp", "three_shot"),
        ("mbpp_sanitized", "docstring"),
        ("mbpp_plus", "docstring"),
        ("hello", "completion"),
        ("hello", "chat"),
    ],
)
def test_the_right_reply_to_a_request_is_read_as_the_reference(benchmark: str, variant: str) -> None:
    found = plugins.find("benchmarks", benchmark)
    named = next(each for each in found.variants if each.name == variant)
    for problem in found.problems():
        reply = problem.reference.removeprefix(problem.prompt if problem.continues else "")
        if named.form == "response":
            reply = f"Here it is:\n```python\n{problem.reference}\n```\nThat is all."
        read = extract(reply, problem, named.form)
        assert read.strict.strip() == problem.reference.strip(), problem.id


@pytest.mark.parametrize("benchmark", ["humaneval", "humaneval_plus", "mbpp", "mbpp_sanitized", "mbpp_plus", "hello"])
def test_no_variant_stops_inside_a_right_answer(benchmark: str) -> None:
    """What a reference holds below its prompt is not cut, save where the field's own stops cut it."""
    found = plugins.find("benchmarks", benchmark)
    cut: dict[str, int] = {}
    for problem in found.problems():
        for variant in found.variants:
            request = found.ask(problem, variant, ())
            answer = problem.reference.removeprefix(problem.prompt if problem.continues else "")
            cut[variant.name] = cut.get(variant.name, 0) + any(s in answer.rstrip() for s in request.decoding.stop)
    known = {"mbpp": {"docstring": 1}, "humaneval": {"completion": 0}}
    assert cut == {variant.name: known.get(benchmark, {}).get(variant.name, 0) for variant in found.variants}, cut
