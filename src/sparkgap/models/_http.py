"""What the hosted providers share: keys, addresses, and what a vendor's SDK raises as one of our three faults.

The SDKs of OpenAI and Anthropic come from one generator, so their exceptions have the same names and attributes. No
message that leaves this file holds a key, and none is raised `from` an SDK's exception, whose text might.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from time import time
from typing import Any
from urllib.parse import urlsplit

from sparkgap.models import ModelError, Refused, Transient

NO_KEY = "none"  # what a server without keys is sent
_CROWDED = {429, 503, 529}
_LATER = {408, 409, 425}  # timeout, conflict, too early: as good as a server's own error
_HOPELESS = {401: "the key was refused", 402: "the account must be paid", 404: "no such model or address"}
_SAYS_UNSUPPORTED = re.compile(
    r"unsupported|not supported|n[o']t support|not permitted|unrecognized|unknown|unexpected|deprecated|cannot both"
    r"|must be (?:1|one)\b|only (?:one|1|n ?= ?1)\b",
    re.IGNORECASE,
)


def api_key(variable: str, needed: bool) -> str:
    """Return the key in the environment `variable`, or a placeholder where none is `needed`.

    Raises:
        ModelError: it is not set, or cannot be a key; the text does not hold it.
    """
    key = os.environ.get(variable, "").strip()
    if not key and needed:
        raise ModelError(f"no key: set the environment variable {variable}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ModelError(f"the environment variable {variable} holds blanks or characters that no key has; set it anew")
    return key or NO_KEY


def address(url: str, whose: str) -> str:
    """Return `url` without a slash at its end, once it is seen to hold no secret.

    Raises:
        ModelError: it is no http address, or holds a user name, a password or a query; the text holds neither.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ModelError(f"{whose} is no address like http://localhost:8000/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        shown = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}{parts.path}"
        raise ModelError(
            f"{whose} may hold no user name, password or query, which would be written down; use {shown}, "
            "and put the key into the environment"
        )
    return url.rstrip("/")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long the server asks to be left alone: Retry-After in seconds or as a date, or retry-after-ms."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        said = headers.get(name, "")
        try:
            seconds = float(said) * unit
        except ValueError:
            try:
                seconds = max(0.0, parsedate_to_datetime(said).timestamp() - time())
            except ValueError:
                continue
        if 0 <= seconds < float("inf"):
            return seconds
    return None


@dataclass
class Faults:
    """Turns what an SDK raises into our faults, without `key` in their text."""

    model: str  # as the user named it
    key: str = field(repr=False)

    def of(self, error: Exception) -> Transient | Refused | ModelError:
        """Return the fault that stands for `error` of an SDK."""
        status = getattr(error, "status_code", None)
        said = self.said(error)
        if status is None or status < 400:  # no connection, cut, timeout; or a reply that is none
            return Transient(f"{type(error).__name__}: {said}")
        said = f"HTTP {status}: {said}"
        after_s = retry_after_s(getattr(error, "response").headers)  # noqa: B009  the SDKs' classes are not known here
        if status in _HOPELESS:
            return ModelError(f"{self.model}: {_HOPELESS[status]} ({said})")
        if status == 429 and "insufficient_quota" in {getattr(error, "code", None), getattr(error, "type", None)}:
            return ModelError(f"{self.model}: the account's quota is used up ({said})")
        if status >= 500 or status in _CROWDED | _LATER:
            return Transient(said, after_s=after_s, crowded=status in _CROWDED)
        return Refused(said)

    def said(self, error: Exception) -> str:
        """Return the words of `error` in one line: the server's own message where it has one."""
        body = getattr(error, "body", None)
        inner = body.get("error", body) if isinstance(body, Mapping) else body
        message = inner.get("message") if isinstance(inner, Mapping) else inner
        text = message if isinstance(message, str) and message else str(error) or type(error).__name__
        cause = error.__cause__
        if body is None and cause is not None and str(cause):
            text = f"{text} ({cause})"
        return self.scrubbed(text)

    def scrubbed(self, text: str) -> str:
        """Return `text` in one line, not too long, without tags and without the key."""
        text = re.sub(r"\s+", " ", re.sub(r"<[^<>]{1,200}>", " ", text)).strip()
        if self.key != NO_KEY:
            text = text.replace(self.key, "[key]")
        return text[:300]


class Mends:
    """Parameters that a server does not take, learnt from its refusals: renamed, or left out.

    Each is tried, refused once with a status of 400 or 422 that names it, and from then on sent otherwise.
    """

    def __init__(self, mends: Mapping[str, str]) -> None:
        """Know for each parameter which one to send instead, "" for none."""
        self._mends = mends
        self._active: dict[str, None] = {}  # an ordered set

    def applied(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return `parameters` as the server takes them."""
        sent = {name: value for name, value in parameters.items() if name not in self._active}
        for name in self._active:
            if name in parameters and self._mends[name]:
                sent[self._mends[name]] = parameters[name]
        return sent

    def learn(self, error: Exception, sent: Mapping[str, Any]) -> bool:
        """Whether `error` says that a parameter that was `sent` is not taken, and it can be sent otherwise."""
        if getattr(error, "status_code", None) not in {400, 422}:
            return False
        body = getattr(error, "body", None)
        inner = body.get("error", body) if isinstance(body, Mapping) else None
        said = str(inner.get("message") if isinstance(inner, Mapping) else error)
        code = str(inner.get("code") if isinstance(inner, Mapping) else "")
        if not (_SAYS_UNSUPPORTED.search(said) or code.startswith("unsupported_")):
            return False
        param = getattr(error, "param", None) or (inner.get("param") if isinstance(inner, Mapping) else None)
        for name in self._mends:
            if name in sent and (param == name or (not param and re.search(rf"(?<![\w.]){name}(?![\w.])", said))):
                self._active[name] = None
                return True
        return False

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was sent otherwise than asked for, in words for the reader of a result."""
        return tuple(
            f"the server does not take `{name}`: "
            + (f"sent as `{self._mends[name]}`" if self._mends[name] else "left out, its own default holds")
            for name in self._active
        )


@dataclass
class Caller:
    """Calls an SDK: one fault of ours for whatever it raises, and again while it names parameters it does not take."""

    faults: Faults
    mends: Mends
    timeout_s: float
    sdk_error: type[Exception]

    async def answer(self, send: Callable[[dict[str, Any]], Awaitable[Any]], asked: Mapping[str, Any]) -> Any:
        """Return what `send` returns for the parameters `asked`, as the server takes them.

        Raises:
            Transient, Refused, ModelError: never `from` the SDK's exception, whose text may hold a key.
        """
        while True:
            sent = self.mends.applied(asked)
            try:
                async with asyncio.timeout(self.timeout_s):
                    return await send(sent)
            except TimeoutError:
                raise Transient(f"no answer within {self.timeout_s:g} s") from None
            except (JSONDecodeError, UnicodeDecodeError):
                raise Transient("the answer is not JSON") from None
            except self.sdk_error as error:
                if not self.mends.learn(error, sent):
                    raise self.faults.of(error) from None


def cut(text: str, stops: tuple[str, ...]) -> str | None:
    """Return `text` before the first of `stops` in it, None where it has none."""
    found = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return text[: min(found)] if found else None


def shares(total: int | None, texts: tuple[str, ...]) -> tuple[int | None, ...]:
    """Return what each of `texts` has of `total` tokens, by its length; they sum to `total`."""
    if total is None:
        return (None,) * len(texts)
    weights = [len(text) + 1 for text in texts]
    ends = [round(total * sum(weights[: i + 1]) / sum(weights)) for i in range(len(weights))]
    return tuple(end - start for start, end in zip([0, *ends], ends, strict=False))
