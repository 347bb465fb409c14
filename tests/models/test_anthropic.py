"""Models of Anthropic, against a server that speaks their protocol."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from chat_server import FAULTS, chatting, tokens
from sparkgap import plugins
from sparkgap.asking import Asker, Patience
from sparkgap.models import Model, ModelError, Provider, Refused, Transient
from sparkgap.models.anthropic import AnthropicModel
from sparkgap.types import Decoding, Message, Reply, Request

T = TypeVar("T")
CANARY = "sk-ant-canary-8f14e45fceea167a"
CHAT = Request(
    messages=(Message("system", "be brief"), Message("system", "be kind"), Message("user", "two and two")),
    decoding=Decoding(temperature=0.5, top_p=0.9, max_tokens=64, stop=("END", "\n\n"), seed=3),
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)


def with_model(url: str, use: Callable[[AnthropicModel], Awaitable[T]], **options: str) -> T:
    async def run() -> T:
        model = AnthropicModel("claude-x", {"base_url": url.removesuffix("/v1"), **options})
        try:
            return await use(model)
        finally:
            await model.close()

    return asyncio.run(run())


def generate(url: str, request: Request = CHAT, n: int = 1, **options: str) -> tuple[Reply, ...]:
    return with_model(url, lambda model: model.generate(request, n), **options)


def test_it_keeps_the_contracts() -> None:
    provider = plugins.find("models", "anthropic")
    assert isinstance(provider, Provider)
    model = provider.open("claude-x", {"body.top_k": "3"})
    assert isinstance(model, Model)
    assert (model.name, model.features) == ("anthropic/claude-x", {"chat"})
    assert model.identity() == {"provider": "anthropic", "model": "claude-x", "base_url": "", "body": {"top_k": 3}}


def test_system_messages_are_sent_apart() -> None:
    with chatting() as server:
        (reply,) = generate(server.url)
    assert reply == Reply("reply 0 to two and two", "stop", len(tokens("two and two")), 6)
    assert server.bodies == [
        {
            "model": "claude-x",
            "max_tokens": 64,
            "messages": [{"role": "user", "content": "two and two"}],
            "system": "be brief\n\nbe kind",
            "temperature": 0.5,
            "top_p": 0.9,
            "stop_sequences": ["END"],
        }
    ]


def test_a_stop_of_blanks_is_looked_for_here() -> None:
    with chatting(reply=lambda prompt, i: "one\n\ntwo") as server:
        (reply,) = generate(server.url)
    assert (reply.text, reply.finish_reason) == ("one", "stop")


def test_several_replies_are_several_requests() -> None:
    async def ask(model: AnthropicModel) -> tuple[Reply, ...]:
        return await Asker(model).ask(CHAT, 5)

    with chatting() as server:
        assert len(with_model(server.url, ask)) == 5
    assert len(server.bodies) == 5


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
        (None, ""),
    ],
)
def test_reasons_to_stop_are_called_as_elsewhere(stop_reason: str | None, finish_reason: str) -> None:
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    usage = {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5}
    answer = {"type": "message", "content": blocks, "stop_reason": stop_reason, "usage": usage}
    with chatting(always=(200, answer, {})) as server:
        assert generate(server.url) == (Reply("ab", finish_reason, 7, 5),)


@pytest.mark.parametrize(
    ("status", "error", "fault", "said"),
    [
        (400, {"message": "prompt is too long"}, Refused, "HTTP 400: prompt is too long"),
        (401, {"message": "invalid x-api-key"}, ModelError, "the key was refused"),
        (404, {"message": "model: claude-x"}, ModelError, "no such model"),
        (429, {"message": "too fast"}, Transient, "HTTP 429"),
        (529, {"message": "Overloaded"}, Transient, "HTTP 529: Overloaded"),
        (500, {"message": "broke"}, Transient, "HTTP 500"),
    ],
)
def test_every_status_is_one_of_three_faults(status: int, error: Any, fault: type[Exception], said: str) -> None:
    body = {"type": "error", "error": {"type": "some_error", **error}}
    with chatting(always=(status, body, {"retry-after": "2"})) as server, pytest.raises(fault, match=said) as caught:
        generate(server.url)
    if isinstance(caught.value, Transient):
        assert (caught.value.after_s, caught.value.crowded) == (2.0, status in {429, 529})


def test_a_model_without_temperature_is_asked_without_it_and_remarked() -> None:
    async def ask(model: AnthropicModel) -> tuple[str, ...]:
        await model.generate(CHAT)
        return model.remarks

    said = "`temperature` is deprecated for this model."
    with chatting(refuses={"temperature": said}) as server:
        (remark,) = with_model(server.url, ask)
    assert "temperature" in remark
    assert "temperature" not in server.bodies[-1]


@pytest.mark.parametrize("content", [None, "text", [{"type": "text", "text": 3}]])
def test_an_answer_of_another_shape_is_transient(content: Any) -> None:
    answer = {"type": "message", "content": content}
    with chatting(always=(200, answer, {})) as server, pytest.raises(Transient, match="an answer with"):
        generate(server.url)


def test_what_is_no_chat_is_refused() -> None:
    with pytest.raises(Refused, match="chats only"):
        generate("http://127.0.0.1:9/v1", Request(text="go on"))


def test_nothing_is_lost_whatever_goes_wrong() -> None:
    async def ask(model: AnthropicModel) -> list[tuple[Reply, ...]]:
        asker = Asker(model, 16, Patience(retries=20, first_delay_s=0.005, longest_delay_s=0.05), seed=2)
        requests = (Request(messages=(Message("user", f"question {i}"),)) for i in range(100))
        return await asyncio.gather(*(asker.ask(request) for request in requests))

    faults = dict.fromkeys(FAULTS, 0.05)
    with chatting(delay_s=0.002, faults=faults, seed=4) as server:
        replies = with_model(server.url, ask, timeout_s="0.2")
    assert [reply.text for (reply,) in replies] == [f"reply 0 to question {i}" for i in range(100)]
    assert len(server.served) > 8


def test_no_key_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(ModelError, match="ANTHROPIC_API_KEY"):
        AnthropicModel("m", {})


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 529])
def test_a_key_that_the_server_repeats_is_in_no_fault_trace_or_log(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"type": "error", "error": {"type": "x", "message": f"wrong key {CANARY}"}}
    with (
        caplog.at_level(logging.DEBUG),
        chatting(always=(status, body, {})) as server,
        pytest.raises((Transient, Refused, ModelError)) as caught,
    ):
        generate(server.url)
    assert any(CANARY in head for head in server.headers)
    assert "[key]" in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value)) + caplog.text
