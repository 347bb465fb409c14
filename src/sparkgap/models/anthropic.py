"""Models of Anthropic, through its own SDK: anthropic/claude-sonnet-4-5, the key in ANTHROPIC_API_KEY.

Options:
    base_url     another address, by default the environment's ANTHROPIC_BASE_URL, then Anthropic's own
    key_env      the environment variable with the key, by default ANTHROPIC_API_KEY
    timeout_s    how long one request may take, by default 600
    body.NAME    anything else for the request's body, as JSON: body.thinking={"type":"disabled"}

A chat only: no completions, no log-probabilities, and one reply for each request. There is no seed. System messages are
sent apart, as the protocol has it. Stops of blanks alone are not taken there; they are looked for here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from sparkgap.models import Model, ModelError, Refused, Transient
from sparkgap.models._http import Caller, Faults, Mends, address, api_key, cut
from sparkgap.models._options import Options
from sparkgap.types import Feature, Reply, Request

_REASONS = {
    "end_turn": "stop", "stop_sequence": "stop",
    "max_tokens": "length", "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}  # fmt: skip
_MENDS = {"temperature": "", "top_p": "", "stop_sequences": ""}


class AnthropicModel:
    """One model of Anthropic."""

    concurrency = 16
    features: frozenset[Feature] = frozenset({"chat"})

    def __init__(self, model: str, options: Mapping[str, str]) -> None:
        """Read the options and the key; connect to nothing yet.

        Raises:
            ModelError: as `AnthropicProvider.open`.
        """
        read = Options("anthropic", options)
        url = read.text("base_url") or os.environ.get("ANTHROPIC_BASE_URL", "")
        self.name = f"anthropic/{model}"
        self._model = model
        self._url = address(url, "--base-url (or ANTHROPIC_BASE_URL)") if url else ""
        key = api_key(read.text("key_env", "ANTHROPIC_API_KEY"), needed=True)
        timeout_s = read.number("timeout_s", 600)
        self._body = read.nested("body")
        read.finish()
        self._client, sdk_error = _client(key, self._url, timeout_s)
        self._caller = Caller(Faults(self.name, key), Mends(_MENDS), timeout_s, sdk_error)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was sent otherwise than asked for, because the server does not take it."""
        return self._caller.mends.remarks

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the replies besides the request."""
        found: dict[str, Any] = {"provider": "anthropic", "model": self._model, "base_url": self._url}
        return {**found, "body": self._body} if self._body else found

    async def generate(self, request: Request, n: int = 1) -> tuple[Reply, ...]:
        """Return one reply, whatever n is: the protocol gives no more at once.

        Raises:
            Transient, Refused, ModelError: see `sparkgap.models`.
        """
        if not request.messages or request.choices:
            raise Refused("anthropic/ models answer chats only")
        decoding = request.decoding
        stops = [stop for stop in decoding.stop if stop.strip()]
        asked: dict[str, Any] = {"temperature": decoding.temperature}
        asked |= {"top_p": decoding.top_p} if decoding.top_p != 1 else {}
        asked |= {"stop_sequences": stops} if stops else {}
        system = "\n\n".join(message.content for message in request.messages if message.role == "system")
        told: dict[str, Any] = {"system": system} if system else {}
        messages = [
            {"role": message.role, "content": message.content}
            for message in request.messages
            if message.role != "system"
        ]
        answer = await self._caller.answer(
            lambda sent: self._client.messages.create(
                model=self._model,
                max_tokens=decoding.max_tokens,
                messages=messages,
                timeout=self._caller.timeout_s,
                extra_body={**told, **sent, **self._body},
            ),
            asked,
        )
        return (self._reply(answer, decoding.stop),)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _reply(self, answer: Any, stops: tuple[str, ...]) -> Reply:
        content = getattr(answer, "content", None)
        if not isinstance(content, list):
            raise Transient(f"an answer without content: {self._caller.faults.scrubbed(str(answer))}")
        texts = [getattr(block, "text", None) for block in content if getattr(block, "type", None) == "text"]
        if not all(isinstance(text, str) for text in texts):
            raise Transient("an answer with a block of text that is none")
        text, reason = "".join(map(str, texts)), str(getattr(answer, "stop_reason", None) or "")
        shorter = cut(text, stops)
        usage = getattr(answer, "usage", None)
        prompt = [
            count
            for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
            if isinstance(count := getattr(usage, name, None), int)
        ]
        completion = getattr(usage, "output_tokens", None)
        return Reply(
            text if shorter is None else shorter,
            _REASONS.get(reason, reason) if shorter is None else "stop",
            sum(prompt) if prompt else None,
            completion if isinstance(completion, int) else None,
        )


class AnthropicProvider:
    """Opens models of Anthropic."""

    name = "anthropic"
    title = "Anthropic"

    def open(self, model: str, options: Mapping[str, str]) -> Model:
        """Return the model called `model`.

        Raises:
            ModelError: the package is missing, there is no key, or an option is not understood.
        """
        return AnthropicModel(model, options)


PROVIDER = AnthropicProvider()


def _client(key: str, url: str, timeout_s: float) -> tuple[Any, type[Exception]]:
    """Return the SDK's client, with as many connections as there are requests, and what it raises."""
    try:
        import anthropic
    except ImportError as error:
        raise ModelError("anthropic/ models need a package: pip install 'sparkgap[anthropic]'") from error
    client = anthropic.AsyncAnthropic(api_key=key, base_url=url or None, timeout=timeout_s, max_retries=0)
    return client, anthropic.AnthropicError
