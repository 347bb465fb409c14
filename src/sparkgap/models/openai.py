"""Models of OpenAI, and of any server that speaks its protocol: vLLM, llama.cpp, Ollama, SGLang, hosted ones.

    openai/gpt-4o-mini                                                the hosted one, key in OPENAI_API_KEY
    openai/meta-llama/Llama-3.1-8B --base-url http://localhost:8000/v1   a server; OPENAI_API_KEY only if it wants one

Options:
    base_url     the server's address; by default the environment's OPENAI_BASE_URL, then OpenAI's own
    api          what the model can do: `chat` (the default), `completions` (a base model), or `both`
    logprobs     how choices are scored by /completions: `echo` (the default), `next`, or `off`; see below
    key_env      the environment variable with the key, by default OPENAI_API_KEY
    timeout_s    how long one request may take, by default 600
    body.NAME    anything else for the request's body, as JSON: body.top_k=40, body.reasoning_effort=low

Log-probabilities of choices come from /completions alone, in one of two ways. `echo`: the prompt with each choice is
sent and echoed back with the log-probability of each token; a choice has those after the tokens that its text shares
with the bare prompt's. vLLM answers that. `next`: one token is generated, and the choices are looked up among the most
probable ones: right only for choices of one token each, and one that is not among them gets the least of those that
are, which bounds it from above. For llama.cpp and OpenAI's own completion models.

A server that does not take `n`, `max_tokens`, `temperature`, `top_p`, `seed` or `stop` says so once; `remarks` tells
what was then sent instead. Stops are looked for here too. Not covered: the Responses API, streaming, tools, images.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from sparkgap.models import Model, ModelError, Refused, Transient
from sparkgap.models._http import Caller, Faults, Mends, address, api_key, cut, shares
from sparkgap.models._options import Options
from sparkgap.types import Feature, Reply, Request

_FEATURES: dict[str, frozenset[Feature]] = {
    "chat": frozenset({"chat"}),
    "completions": frozenset({"completion", "logprobs"}),
    "both": frozenset({"chat", "completion", "logprobs"}),
}
_MOST_STOPS = 4  # that OpenAI's own servers take
_TOP = 5  # tokens that `logprobs=next` asks for; OpenAI gives no more
_MENDS = {"max_tokens": "max_completion_tokens", "temperature": "", "top_p": "", "seed": "", "stop": "", "n": ""}


class OpenAIModel:
    """One model behind an OpenAI-compatible address."""

    concurrency = 64

    def __init__(self, model: str, options: Mapping[str, str]) -> None:
        """Read the options and the key; connect to nothing yet.

        Raises:
            ModelError: as `OpenAIProvider.open`.
        """
        read = Options("openai", options)
        url = read.text("base_url") or os.environ.get("OPENAI_BASE_URL", "")
        self.name = f"openai/{model}"
        self._model = model
        self._url = address(url, "--base-url (or OPENAI_BASE_URL)") if url else ""
        self._api = read.one_of("api", ("chat", "completions", "both"))
        self._scoring = read.one_of("logprobs", ("echo", "next", "off"))
        timeout_s = read.number("timeout_s", 600)
        self._body = read.nested("body")
        key = api_key(read.text("key_env", "OPENAI_API_KEY"), needed=not self._url)
        read.finish()
        off: frozenset[Feature] = frozenset({"logprobs"} if self._scoring == "off" else ())
        self.features = _FEATURES[self._api] - off
        self._client, sdk_error = _client(key, self._url, timeout_s)
        self._caller = Caller(Faults(self.name, key), Mends(_MENDS), timeout_s, sdk_error)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was sent otherwise than asked for, because the server does not take it."""
        return self._caller.mends.remarks

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the replies besides the request."""
        found: dict[str, Any] = {"provider": "openai", "model": self._model, "base_url": self._url, "api": self._api}
        if "logprobs" in self.features:
            found["logprobs"] = self._scoring
        return {**found, "body": self._body} if self._body else found

    async def generate(self, request: Request, n: int = 1) -> tuple[Reply, ...]:
        """Return up to n replies; fewer where the server gives fewer at once.

        Raises:
            Transient, Refused, ModelError: see `sparkgap.models`.
        """
        if request.choices:
            return (await (self._next(request) if self._scoring == "next" else self._echoed(request)),)
        decoding = request.decoding
        stops = decoding.stop if self._url else decoding.stop[:_MOST_STOPS]
        asked: dict[str, Any] = {"max_tokens": decoding.max_tokens, "temperature": decoding.temperature}
        asked |= {"top_p": decoding.top_p} if decoding.top_p != 1 else {}
        asked |= {"seed": decoding.seed} if decoding.seed is not None else {}
        asked |= {"stop": list(stops)} if stops else {}
        asked |= {"n": n} if n > 1 else {}
        if request.messages:
            messages = [{"role": message.role, "content": message.content} for message in request.messages]
            answer = await self._answer(self._client.chat.completions.create, {"messages": messages}, asked)
        else:
            answer = await self._answer(self._client.completions.create, {"prompt": request.text}, asked)
        return _replies(answer, n, decoding.stop)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _echoed(self, request: Request) -> Reply:
        """Score the choices by the log-probabilities of prompts that hold them."""
        prompts = [request.text, *(request.text + choice for choice in request.choices)]
        parameters = {"max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}
        answer = await self._scored(prompts, parameters)
        try:
            told = [
                (each.logprobs.tokens[:-1], each.logprobs.token_logprobs[:-1])  # the last was generated
                for each in sorted(answer.choices, key=lambda choice: choice.index)
            ]
            logprobs = tuple(_after(told[0][0], tokens, values) for tokens, values in told[1:])
        except (AttributeError, TypeError, ValueError):
            raise self._unscored("no log-probabilities of the prompt came back") from None
        return _scores(answer, logprobs)

    async def _next(self, request: Request) -> Reply:
        """Score choices of one token by the most probable next tokens."""
        answer = await self._scored([request.text], {"max_tokens": 1, "temperature": 0, "logprobs": _TOP})
        try:
            top = {str(token): float(value) for token, value in answer.choices[0].logprobs.top_logprobs[0].items()}
            least = min(top.values())
        except (AttributeError, TypeError, ValueError, IndexError):
            raise self._unscored("no log-probabilities of the next token came back") from None
        stripped = {token.strip(): value for token, value in sorted(top.items(), key=lambda item: item[1])}
        found = [top.get(choice, stripped.get(choice.strip())) for choice in request.choices]
        if all(value is None for value in found):
            raise Refused(f"none of the choices is among the {len(top)} most probable next tokens")
        return _scores(answer, tuple(least if value is None else value for value in found))

    async def _scored(self, prompts: list[str], parameters: Mapping[str, Any]) -> Any:
        """Ask /completions for log-probabilities; a server that will not give them ends the run."""
        try:
            answer = await self._answer(self._client.completions.create, {"prompt": prompts}, parameters)
        except Refused as fault:
            if "logprobs" in str(fault) or "echo" in str(fault):
                raise self._unscored(str(fault)) from None
            raise
        if len(answer.choices) != len(prompts):
            raise self._unscored(f"{len(answer.choices)} choices came back for {len(prompts)} prompts")
        return answer

    def _unscored(self, said: str) -> ModelError:
        other = "next (for choices of one token)" if self._scoring == "echo" else "echo"
        return ModelError(
            f"{self.name}: the server does not score choices by logprobs={self._scoring} ({said}); "
            f"try --model-arg logprobs={other}, or logprobs=off and a variant that needs none"
        )

    async def _answer(self, create: Any, prompt: Mapping[str, Any], asked: Mapping[str, Any]) -> Any:
        """Return the SDK's answer, which has choices."""
        answer = await self._caller.answer(
            lambda sent: create(model=self._model, **prompt, extra_body={**sent, **self._body}), asked
        )
        choices = getattr(answer, "choices", None)
        if not isinstance(choices, list) or not choices:
            said = getattr(answer, "error", None) or answer
            raise Transient(f"an answer without choices: {self._caller.faults.scrubbed(str(said))}")
        return answer


class OpenAIProvider:
    """Opens models of OpenAI and of compatible servers."""

    name = "openai"
    title = "OpenAI, and any server that speaks its protocol (--base-url)"

    def open(self, model: str, options: Mapping[str, str]) -> Model:
        """Return the model called `model`.

        Raises:
            ModelError: the package is missing, there is no key, or an option is not understood.
        """
        return OpenAIModel(model, options)


PROVIDER = OpenAIProvider()


def _client(key: str, url: str, timeout_s: float) -> tuple[Any, type[Exception]]:
    """Return the SDK's client, with as many connections as there are requests, and what it raises."""
    try:
        import openai
    except ImportError as error:
        raise ModelError("openai/ models need a package: pip install 'sparkgap[openai]'") from error
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=None, max_keepalive_connections=None)
    http = openai.DefaultAsyncHttpxClient(limits=limits, timeout=timeout_s)
    client = openai.AsyncOpenAI(api_key=key, base_url=url or None, timeout=timeout_s, max_retries=0, http_client=http)
    return client, openai.OpenAIError


def _replies(answer: Any, n: int, stops: tuple[str, ...]) -> tuple[Reply, ...]:
    """Return the choices of an answer as replies; tokens are counted for all of them together, and shared out."""
    texts = tuple(_text(choice) for choice in answer.choices[:n])
    tokens = shares(_count(answer, "completion_tokens"), texts)
    prompt_tokens = _count(answer, "prompt_tokens")
    replies = []
    for i, (choice, text) in enumerate(zip(answer.choices, texts, strict=False)):
        shorter = cut(text, stops)
        reason = str(getattr(choice, "finish_reason", None) or "") if shorter is None else "stop"
        paid = prompt_tokens if i == 0 or prompt_tokens is None else 0  # once for all choices
        replies.append(Reply(text if shorter is None else shorter, reason, paid, tokens[i]))
    return tuple(replies)


def _text(choice: Any) -> str:
    """Return the text of a choice of either kind; a refusal is what the model said."""
    message = getattr(choice, "message", None)
    text = getattr(choice, "text", None)
    if message is not None:
        text = getattr(message, "content", None) or getattr(message, "refusal", None)
    if text is not None and not isinstance(text, str):
        raise Transient(f"an answer whose text is of the type {type(text).__name__}")
    if message is None and text is None:
        raise Transient("an answer without a text")
    return text or ""


def _count(answer: Any, name: str) -> int | None:
    count = getattr(getattr(answer, "usage", None), name, None)
    return count if isinstance(count, int) else None


def _scores(answer: Any, logprobs: tuple[float, ...]) -> Reply:
    tokens = _count(answer, "prompt_tokens"), _count(answer, "completion_tokens")
    return Reply("", "stop", *tokens, logprobs=logprobs)


def _after(prompt: Sequence[str], tokens: Sequence[str], values: Sequence[float]) -> float:
    """Return the log-probability of `tokens` after those that they share with the bare prompt's.

    Raises:
        ValueError, TypeError: there are none, or one has no value.
    """
    shared = next((i for i, pair in enumerate(zip(prompt, tokens, strict=False)) if pair[0] != pair[1]), len(prompt))
    if not tokens[shared:] or len(tokens) != len(values):
        raise ValueError
    return float(sum(values[shared:]))
