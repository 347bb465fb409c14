"""Models behind OpenAI's protocol, against a server that breaks in every way it can."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from chat_server import FAULTS, ChatServer, chatting, logprob, tokens
from sparkgap import plugins
from sparkgap.asking import Asker, Patience
from sparkgap.models import Model, ModelError, Provider, Refused, Transient
from sparkgap.models.openai import OpenAIModel
from sparkgap.types import Decoding, Message, Reply, Request

T = TypeVar("T")
CANARY = "sk-canary-8f14e45fceea167a"
CHAT = Request(messages=(Message("system", "be brief"), Message("user", "two and two")))
TEXT = Request(text="two and two is")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def with_model(url: str, use: Callable[[OpenAIModel], Awaitable[T]], **options: str) -> T:
    async def run() -> T:
        model = OpenAIModel("some/model", {"base_url": url, **options})
        try:
            return await use(model)
        finally:
            await model.close()

    return asyncio.run(run())


def generate(url: str, request: Request = CHAT, n: int = 1, **options: str) -> tuple[Reply, ...]:
    return with_model(url, lambda model: model.generate(request, n), **options)


def test_it_keeps_the_contracts() -> None:
    provider = plugins.find("models", "openai")
    assert isinstance(provider, Provider)
    model = provider.open("gpt-4o-mini", {})
    assert isinstance(model, Model)
    assert (model.name, model.features) == ("openai/gpt-4o-mini", {"chat"})


def test_a_chat_is_sent_as_it_is_and_read_back() -> None:
    decoding = Decoding(temperature=0.5, top_p=0.9, max_tokens=7, stop=("END",), seed=11)
    with chatting() as server:
        (reply,) = generate(server.url, Request(messages=CHAT.messages, decoding=decoding))
    assert reply == Reply("reply 0 to two and two", "stop", len(tokens("two and two")), 6)
    assert server.bodies == [
        {
            "model": "some/model",
            "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "two and two"}],
            "max_tokens": 7,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 11,
            "stop": ["END"],
        }
    ]


def test_what_is_not_asked_for_is_not_sent() -> None:
    with chatting() as server:
        generate(server.url, TEXT)
    assert server.bodies == [{"model": "some/model", "prompt": TEXT.text, "max_tokens": 1024, "temperature": 0.0}]


def test_other_parameters_go_into_the_body_and_the_identity() -> None:
    options = {"body.top_k": "40", "body.reasoning_effort": "low", "body.chat_template_kwargs": '{"thinking": false}'}
    body = {"top_k": 40, "reasoning_effort": "low", "chat_template_kwargs": {"thinking": False}}
    with chatting() as server:
        generate(server.url, **options)
        assert {name: server.bodies[0][name] for name in body} == body
        model = OpenAIModel("m", {"base_url": server.url + "/", **options})
    assert model.identity() == {
        "provider": "openai", "model": "m", "base_url": server.url, "api": "chat", "body": body,
    }  # fmt: skip
    json.dumps(model.identity())


def test_several_replies_come_from_one_request_and_their_tokens_sum_to_what_was_paid() -> None:
    with chatting(reply=lambda prompt, i: "word " * (i + 1)) as server:
        replies = generate(server.url, n=5)
        assert len(server.bodies) == 1
    assert [reply.text for reply in replies] == ["word " * (i + 1) for i in range(5)]
    counts = [reply.completion_tokens or 0 for reply in replies]
    assert sum(counts) == sum(len(tokens("word " * (i + 1))) for i in range(5))
    assert counts == sorted(counts)
    assert sum(reply.prompt_tokens or 0 for reply in replies) == len(tokens("two and two"))


@pytest.mark.parametrize("habits", [{"most_choices": 1}, {"refuses": {"n": "'n' must be 1"}}])
def test_a_server_that_gives_one_reply_at_a_time_is_asked_again(habits: dict[str, Any]) -> None:
    async def ask(model: OpenAIModel) -> tuple[Reply, ...]:
        return await Asker(model).ask(CHAT, 4)

    with chatting(**habits) as server:
        replies = with_model(server.url, ask)
    assert [reply.text for reply in replies] == ["reply 0 to two and two"] * 4
    assert len(server.bodies) == (5 if "refuses" in habits else 4)


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("max_tokens", "Unsupported parameter: 'max_tokens' is not supported with this model."),
        ("temperature", "Unsupported value: 'temperature' does not support 0 with this model."),
        ("seed", "Unrecognized request argument supplied: seed"),
        ("stop", "'stop' is not supported with this model"),
    ],
)
def test_a_parameter_that_is_not_taken_is_sent_otherwise_and_remarked(parameter: str, said: str) -> None:
    request = Request(messages=CHAT.messages, decoding=Decoding(stop=(" two", "and"), seed=3, max_tokens=5))

    async def twice(model: OpenAIModel) -> tuple[Reply, ...]:
        await asyncio.gather(*(model.generate(request) for _ in range(5)))
        assert len(model.remarks) == 1
        assert f"does not take `{parameter}`" in model.remarks[0]
        return await model.generate(request)

    with chatting(refuses={parameter: said}) as server:
        (reply,) = with_model(server.url, twice)
        assert len(server.bodies) <= 11
        last = server.bodies[-1]
    assert (reply.text, reply.finish_reason) == ("reply 0 to", "stop")
    assert parameter not in last
    assert last.get("max_completion_tokens") == (5 if parameter == "max_tokens" else None)


def test_a_value_that_is_wrong_is_refused_and_not_left_out() -> None:
    error = {"error": {"message": "max_tokens is too large: 4096", "param": "max_tokens", "code": None}}
    with chatting(always=(400, error, {})) as server, pytest.raises(Refused, match="HTTP 400: max_tokens is too large"):
        generate(server.url)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("status", "error", "fault", "said"),
    [
        (400, {"message": "too long"}, Refused, "HTTP 400: too long"),
        (403, {"message": "not here"}, Refused, "HTTP 403: not here"),
        (413, {"message": "too big"}, Refused, "HTTP 413: too big"),
        (422, {"message": "no such role"}, Refused, "HTTP 422: no such role"),
        (401, {"message": "Incorrect API key"}, ModelError, "openai/some/model: the key was refused"),
        (404, {"message": "no such model"}, ModelError, "no such model or address"),
        (429, {"message": "x", "code": "insufficient_quota"}, ModelError, "quota is used up"),
        (429, {"message": "too fast"}, Transient, "HTTP 429: too fast"),
        (408, {"message": "too slow"}, Transient, "HTTP 408: too slow"),
        (500, {"message": "broke"}, Transient, "HTTP 500: broke"),
        (502, "<html> <h1>Bad\n gateway</h1>", Transient, "HTTP 502: .*Bad gateway"),
        (200, {"message": "upstream"}, Transient, "without choices.*upstream"),
    ],
)
def test_every_status_is_one_of_three_faults(status: int, error: Any, fault: type[Exception], said: str) -> None:
    with chatting(always=(status, {"error": error}, {})) as server, pytest.raises(fault, match=said):
        generate(server.url)


@pytest.mark.parametrize(
    "choices",
    [None, [], "text", {}, [None], [1], [{}], [{"text": 3}], [{"message": {"content": [{"text": "a"}]}}], ["x"]],
)
def test_an_answer_of_another_shape_is_transient(choices: Any) -> None:
    with chatting(always=(200, {"choices": choices}, {})) as server, pytest.raises(Transient, match="an answer w"):
        generate(server.url)


@pytest.mark.parametrize(
    ("message", "text"), [({"content": None}, ""), ({"content": None, "refusal": "I won't."}, "I won't."), ({}, "")]
)
def test_a_reply_without_content_is_empty_and_no_fault(message: dict[str, Any], text: str) -> None:
    answer = {"choices": [{"message": message, "finish_reason": "length"}]}
    with chatting(always=(200, answer, {})) as server:
        assert generate(server.url) == (Reply(text, "length"),)


@pytest.mark.parametrize(
    ("headers", "after_s", "crowded", "status"),
    [
        ({"Retry-After": "3"}, 3.0, True, 429),
        ({"retry-after-ms": "250", "Retry-After": "3"}, 0.25, True, 429),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0, True, 503),
        ({"Retry-After": "soon"}, None, True, 429),
        ({"Retry-After": "-1"}, None, False, 500),
        ({}, None, True, 503),
    ],
)
def test_a_crowded_server_says_when_to_come_again(
    headers: dict[str, str], after_s: float | None, crowded: bool, status: int
) -> None:
    with chatting(always=(status, {}, headers)) as server, pytest.raises(Transient) as caught:
        generate(server.url)
    assert (caught.value.after_s, caught.value.crowded) == (after_s, crowded)


def test_no_server_and_no_answer_in_time_are_transient() -> None:
    with pytest.raises(Transient, match="Connection error"):
        generate("http://127.0.0.1:9/v1")
    with chatting(delay_s=0.5) as server, pytest.raises(Transient, match=r"no answer within 0\.05 s"):
        generate(server.url, timeout_s="0.05")


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "slow"])
def test_every_fault_of_the_test_server_is_transient(fault: str) -> None:
    with chatting(faults={fault: 1.0}) as server, pytest.raises(Transient):
        generate(server.url)


def ask_all(server: ChatServer, count: int, n: int, retries: int) -> tuple[list[tuple[Reply, ...]], Asker]:
    async def ask(model: OpenAIModel) -> tuple[list[tuple[Reply, ...]], Asker]:
        patience = Patience(retries=retries, first_delay_s=0.005, longest_delay_s=0.05)
        asker = Asker(model, concurrency=48, patience=patience, seed=2)
        requests = (Request(messages=(Message("user", f"question {i}"),)) for i in range(count))
        return await asyncio.gather(*(asker.ask(request, n) for request in requests)), asker

    return with_model(server.url, ask, timeout_s="1")


def test_nothing_is_lost_or_made_up_whatever_goes_wrong() -> None:
    faults = {**dict.fromkeys(FAULTS, 0.04), "slow": 0.008}
    with chatting(delay_s=0.002, slow_s=1.5, faults=faults, seed=7) as server:
        replies, asker = ask_all(server, 500, 2, retries=20)
    assert set(server.served) == {"ok", *FAULTS}
    assert [[reply.text for reply in pair] for pair in replies] == [
        [f"reply 0 to question {i}", f"reply 1 to question {i}"] for i in range(500)
    ]
    assert not [reply for pair in replies for reply in pair if reply.error]
    assert (asker.counters.requests, asker.counters.failed) == (500, 0)
    assert 0 < asker.counters.crowded <= server.served["429"] + server.served["503"]
    assert set(server.answered) == {f"question {i}" for i in range(500)}


def test_a_server_that_answers_nothing_right_ends_the_run() -> None:
    with chatting(faults={"malformed": 1.0}) as server, pytest.raises(ModelError, match="not JSON"):
        ask_all(server, 60, 1, retries=2)


# Log-probabilities

CHOICES = Request(text="Question: 1+1?\nAnswer:", choices=(" A", " B", " two words"))


def test_choices_are_scored_by_the_tokens_after_the_prompt() -> None:
    with chatting() as server:
        (reply,) = generate(server.url, CHOICES, api="completions")
        (body,) = server.bodies
    prompt = tokens(CHOICES.text)
    expected = [sum(logprob([*prompt, *tokens(c)[:i]], t) for i, t in enumerate(tokens(c))) for c in CHOICES.choices]
    assert reply.logprobs == pytest.approx(expected)
    assert reply.text == ""
    assert (body["echo"], body["max_tokens"]) == (True, 1)


def test_a_token_across_the_boundary_belongs_to_the_choice() -> None:
    request = Request(text="Answer: fo", choices=("od", "x"))
    with chatting() as server:
        (reply,) = generate(server.url, request, api="completions")
    before = tokens("Answer:")
    assert tokens("Answer: food") == [*before, " food"]
    assert reply.logprobs == pytest.approx([logprob(before, " food"), logprob(before, " fox")])


def test_choices_are_looked_up_among_the_next_tokens() -> None:
    request = Request(text="Answer:", choices=(" A", " B", " D", " E"))
    with chatting() as server:
        (reply,) = generate(server.url, request, api="completions", logprobs="next")
    top = {letter: logprob(tokens("Answer:"), letter) for letter in (" A", " B", " C", "D")}
    assert reply.logprobs == pytest.approx([top[" A"], top[" B"], top["D"], min(top.values())])


def test_choices_of_which_none_is_among_the_next_tokens_are_refused() -> None:
    request = Request(text="Answer:", choices=(" X", " Y"))
    with chatting() as server, pytest.raises(Refused, match="none of the choices"):
        generate(server.url, request, api="completions", logprobs="next")


@pytest.mark.parametrize("scoring", ["echo", "next"])
@pytest.mark.parametrize(
    "answer",
    [
        (400, {"error": {"message": "echo and logprobs cannot be used together"}}),
        (200, {"choices": [{"index": i, "text": "x"} for i in range(4)]}),
        (200, {"choices": [{"index": i, "text": "x", "logprobs": {"tokens": None}} for i in range(4)]}),
        (200, {"choices": [{"index": i, "text": "x", "logprobs": {"top_logprobs": [{}]}} for i in range(4)]}),
        (200, {"choices": [{"index": 0, "text": "x", "logprobs": None}]}),
    ],
)
def test_a_server_that_scores_no_choices_ends_the_run_with_the_mend(answer: tuple[int, Any], scoring: str) -> None:
    with (
        chatting(always=(*answer, {})) as server,
        pytest.raises(ModelError, match=r"does not score choices.*try --model-arg logprobs="),
    ):
        generate(server.url, CHOICES, api="completions", logprobs=scoring)


@pytest.mark.parametrize(
    ("options", "features"),
    [
        ({}, {"chat"}),
        ({"api": "completions"}, {"completion", "logprobs"}),
        ({"api": "both", "logprobs": "off"}, {"chat", "completion"}),
        ({"api": "both", "logprobs": "next"}, {"chat", "completion", "logprobs"}),
    ],
)
def test_the_user_says_what_the_model_can_do(options: dict[str, str], features: set[str]) -> None:
    assert OpenAIModel("m", options).features == features


# Mistakes of the user


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"base_ulr": "x"}, r"openai has no option 'base_ulr'; did you mean base_url\? \(there are: base_url, api, "),
        ({"api": "responses"}, "api='responses' must be one of chat, completions, both"),
        ({"timeout_s": "soon"}, "timeout_s='soon' must be a number above 0"),
        ({"timeout_s": "nan"}, "must be a number above 0"),
        ({"base_url": "localhost:8000"}, r"--base-url .* is no address like http://localhost:8000/v1"),
        ({"base_url": "http://[::1/v1"}, "is no address"),
        ({"key_env": "NO_SUCH_KEY_HERE"}, "no key: set the environment variable NO_SUCH_KEY_HERE"),
    ],
)
def test_a_mistake_is_named_with_its_mend(options: dict[str, str], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        OpenAIModel("m", options)


def test_a_server_of_ones_own_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with chatting() as server:
        generate(server.url)
        assert "authorization: bearer none" in server.headers[0].lower()
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        OpenAIModel("m", {})


def test_the_address_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    assert OpenAIModel("m", {}).identity()["base_url"] == "http://elsewhere/v1"


# The key


@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{CANARY}@host:80/v1",
        f"http://{CANARY}@host/v1",
        f"https://host/v1?key={CANARY}",
        f"ftp://{CANARY}@h",
    ],
)
@pytest.mark.parametrize("from_environment", [False, True])
def test_an_address_with_a_secret_is_refused_without_saying_it(
    url: str, from_environment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(ModelError) as caught:
        OpenAIModel("m", {} if from_environment else {"base_url": url})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("key", [f"{CANARY}\nX-Evil: 1", f"{CANARY}ä", f"two {CANARY}"])
def test_a_key_that_cannot_be_one_is_refused_without_saying_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ModelError, match="OPENAI_API_KEY") as caught:
        OpenAIModel("m", {})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
@pytest.mark.parametrize("shape", ["message", "text"])
def test_a_key_that_the_server_repeats_is_in_no_fault_trace_or_log(
    status: int, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    said = f"wrong key {CANARY}, you sent Bearer {CANARY}"
    body = {"error": {"message": said}} if shape == "message" else {"error": said}
    with (
        caplog.at_level(logging.DEBUG),
        chatting(always=(status, body, {})) as server,
        pytest.raises((Transient, Refused, ModelError)) as caught,
    ):
        generate(server.url)
    assert "[key]" in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value)) + caplog.text


@pytest.mark.parametrize("fault", FAULTS)
def test_the_key_is_in_no_log_and_in_no_reply_that_failed(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    async def ask(model: OpenAIModel) -> tuple[Reply, ...]:
        assert CANARY not in repr(model) + repr(vars(model)) + str(model.identity())
        return await Asker(model, patience=Patience(retries=1, total_s=1, first_delay_s=0.001)).ask(CHAT)

    with caplog.at_level(logging.DEBUG), chatting(faults={fault: 1.0}, slow_s=0.1) as server:
        (reply,) = with_model(server.url, ask, timeout_s="0.05")
        assert f"bearer {CANARY}" in server.headers[0].replace("Bearer", "bearer")
    assert reply.error
    assert CANARY not in repr(reply) + caplog.text
