"""An OpenAI-compatible server on this machine that is as slow and as faulty as a test wants it.

It answers /v1/chat/completions and /v1/completions (`n`, `stop`, `max_tokens`, echo, log-probabilities) over kept-alive
connections, `delay_s` after each request, and /v1/messages as Anthropic does. `faults` are chances by kind, drawn by
`seed` in the order of arrival. What it served is counted.

For a bench: python tests/chat_server.py --port 8123 --delay 0.5 --answers answers.json
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAULTS = ("429", "500", "503", "cut", "gone", "slow", "malformed", "empty", "page", "error_in_200")
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


def tokens(text: str) -> list[str]:
    """Cut a text as this server's model does: words with the blank before them, every other character alone."""
    return re.findall(r" ?\w+|\W", text)


def logprob(before: list[str], token: str) -> float:
    """Return what this server's model gives `token` after `before`: fixed, and different for different contexts."""
    digest = hashlib.sha256("\0".join([*before, token]).encode()).digest()
    return -(int.from_bytes(digest[:4], "big") % 10_000 + 1) / 1000


def parrot(prompt: str, index: int) -> str:
    """Reply with a text that tells which prompt it answers."""
    return f"reply {index} to {prompt}"


@dataclass
class ChatServer:
    """What the server does, and what it did."""

    delay_s: float = 0.0
    slow_s: float = 0.3
    retry_after_s: float = 0.02
    faults: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    reply: Callable[[str, int], str] = parrot
    most_choices: int = 128  # it gives no more at once, whatever is asked
    refuses: Mapping[str, str] = field(default_factory=dict)  # parameter -> what it says of it, with a 400
    always: tuple[int, dict[str, Any], dict[str, str]] | None = None  # (status, body, headers) of every answer
    url: str = ""
    served: Counter[str] = field(default_factory=Counter)  # "ok" or the fault -> how many
    answered: Counter[str] = field(default_factory=Counter)  # prompt -> choices that reached the wire whole
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    keep_bodies: bool = True
    in_flight: int = 0
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def fault(self) -> str:
        """Draw what is to go wrong with the next request, "" for nothing."""
        drawn = self._random.random()
        for kind, chance in self.faults.items():
            drawn -= chance
            if drawn < 0:
                return kind
        return ""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Return (status, body, headers) for a request without a fault."""
        if self.always is not None:
            return self.always
        for parameter, said in self.refuses.items():
            if parameter in body:
                return 400, {"error": {"message": said, "param": parameter, "code": "unsupported_parameter"}}, {}
        if path.endswith("/messages"):
            return 200, self._message(body), {}
        if path.endswith("/chat/completions"):
            prompt = body["messages"][-1]["content"]
            choices = [self._chat_choice(prompt, i, body) for i in range(self._count(body))]
        elif path.endswith("/completions"):
            prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
            prompt = prompts[-1]
            count = self._count(body)
            choices = [
                {**self._completion_choice(each, i, body), "index": at * count + i}
                for at, each in enumerate(prompts)
                for i in range(count)
            ]
        else:
            return 404, {"error": {"message": f"no {path} here", "code": "not_found"}}, {}
        self.answered[prompt] += len(choices)
        texts = [choice.get("text") or choice["message"]["content"] for choice in choices]
        usage = {"prompt_tokens": len(tokens(prompt)), "completion_tokens": sum(len(tokens(text)) for text in texts)}
        usage["total_tokens"] = sum(usage.values())
        kind = "chat.completion" if "messages" in body else "text_completion"
        found = {"id": "x", "object": kind, "created": 0, "model": body.get("model"), "choices": choices}
        return 200, {**found, "usage": usage}, {}

    def _count(self, body: dict[str, Any]) -> int:
        return max(1, min(body.get("n") or 1, self.most_choices))

    def _written(self, prompt: str, index: int, body: dict[str, Any]) -> tuple[str, str]:
        text, reason = self.reply(prompt, index), "stop"
        for stop in body.get("stop") or body.get("stop_sequences") or []:
            text = text.split(stop)[0]
        most = body.get("max_completion_tokens") or body.get("max_tokens")
        if most is not None and len(tokens(text)) > most:
            text, reason = "".join(tokens(text)[:most]), "length"
        return text, reason

    def _chat_choice(self, prompt: str, index: int, body: dict[str, Any]) -> dict[str, Any]:
        text, reason = self._written(prompt, index, body)
        return {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": reason}

    def _completion_choice(self, prompt: str, index: int, body: dict[str, Any]) -> dict[str, Any]:
        text, reason = self._written(prompt, index, body)
        choice: dict[str, Any] = {"text": text, "finish_reason": reason}
        if body.get("logprobs") is not None:
            shown = tokens(prompt if body.get("echo") else "")
            new = tokens(text)
            all_tokens = [*tokens(prompt), *new]
            first = len(all_tokens) - len(shown) - len(new)
            values = [logprob(all_tokens[:i], all_tokens[i]) for i in range(first, len(all_tokens))]
            letters = {letter: logprob(all_tokens[:first], letter) for letter in (" A", " B", " C", "D")}
            choice["logprobs"] = {
                "tokens": [*shown, *new],
                "token_logprobs": [None, *values[1:]] if body.get("echo") else values,
                "top_logprobs": [letters] * len(values),
                "text_offset": [],
            }
        if body.get("echo"):
            choice["text"] = prompt + text
        return choice

    def _message(self, body: dict[str, Any]) -> dict[str, Any]:
        prompt = body["messages"][-1]["content"]
        text, reason = self._written(prompt, 0, body)
        self.answered[prompt] += 1
        usage = {"input_tokens": len(tokens(prompt)), "output_tokens": len(tokens(text))}
        stop_reason = {"stop": "end_turn", "length": "max_tokens"}[reason]
        content = [{"type": "text", "text": text}]
        found = {"id": "x", "type": "message", "role": "assistant", "model": body["model"], "stop_reason": stop_reason}
        return {**found, "stop_sequence": None, "content": content, "usage": usage}


class _Connection(asyncio.Protocol):
    """One kept-alive connection: requests one after another, each answered after a delay."""

    def __init__(self, house: ChatServer) -> None:
        self._house = house
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head_end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:head_end].decode("latin-1")
            length = re.search(r"(?im)^content-length: *(\d+)", head)
            end = head_end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < end:
                return
            body, self._buffer = self._buffer[head_end + 4 : end], self._buffer[end:]
            self._take(head, json.loads(body) if body else {})

    def _take(self, head: str, body: dict[str, Any]) -> None:
        house = self._house
        if house.keep_bodies:
            house.bodies.append(body)
            house.headers.append(head)
        house.in_flight += 1
        house.most_in_flight = max(house.most_in_flight, house.in_flight)
        fault = house.fault()
        delay_s = 0.0 if fault in {"429", "gone"} else house.delay_s + (house.slow_s if fault == "slow" else 0.0)
        path = head.split(" ", 2)[1]
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._give, path, body, fault)
        else:
            self._give(path, body, fault)

    def _give(self, path: str, body: dict[str, Any], fault: str) -> None:
        house = self._house
        house.in_flight -= 1
        house.served[fault or "ok"] += 1
        if fault == "gone":
            self._transport.abort()
        elif fault == "429":
            self._send(429, b'{"error": {"message": "slow down"}}', {"Retry-After": f"{house.retry_after_s:g}"})
        elif fault in {"500", "503"}:
            self._send(int(fault), b'{"error": {"message": "the server broke"}}', {})
        elif fault == "malformed":
            self._send(200, b'{"choices": [{"message": {"content": "ha', {})
        elif fault == "page":
            self._send(200, b"<html><body>Bad gateway</body></html>", {"Content-Type": "text/html"})
        elif fault == "empty":
            self._send(200, b'{"id": "x", "choices": []}', {})
        elif fault == "error_in_200":
            self._send(200, b'{"error": {"message": "upstream is overloaded"}}', {})
        elif fault == "cut":
            self._send(200, b'{"id": "x", "choices": [{"message": {"cont', {}, announced=5000)
            self._transport.close()
        elif not self._transport.is_closing():
            status, answer, headers = house.answer(path, body)
            self._send(status, json.dumps(answer).encode(), headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], announced: int | None = None) -> None:
        lines = {"Content-Type": "application/json", **headers, "Content-Length": str(announced or len(body))}
        head = f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._transport.write(head.encode() + b"\r\n" + body)


async def serve(house: ChatServer, port: int = 0) -> asyncio.Server:
    """Listen on this machine and note the address in `house.url`."""
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(house), "127.0.0.1", port, backlog=1024)
    house.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    return server


@contextmanager
def chatting(**habits: Any) -> Iterator[ChatServer]:
    """Serve from a thread until the block is left."""
    house = ChatServer(**habits)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(serve(house))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield house
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def by_prompt(answers: Mapping[str, str]) -> Callable[[str, int], str]:
    """Reply to a prompt with what `answers` has for it; SAMPLE in it is a number that no other reply has."""
    counted = itertools.count()

    def reply(prompt: str, index: int) -> str:
        return answers.get(prompt, "I do not know.").replace("SAMPLE", str(next(counted)))

    return reply


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds from a request to its answer")
    parser.add_argument("--answers", type=Path, help="JSON: prompt -> reply")
    parser.add_argument("--most-choices", type=int, default=1, help="replies to one request, whatever n says")
    asked = parser.parse_args()
    reply = by_prompt(json.loads(asked.answers.read_text())) if asked.answers else parrot
    house = ChatServer(delay_s=asked.delay, reply=reply, most_choices=asked.most_choices, keep_bodies=False)
    server = await serve(house, asked.port)
    print(house.url, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
