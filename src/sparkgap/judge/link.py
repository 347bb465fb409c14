"""The examiner's end of the pipes: call the candidate's functions, and hold its odd objects at arm's length."""

from __future__ import annotations

import builtins
import marshal
import os
import struct
from collections.abc import Callable
from typing import Any

from sparkgap.judge import wire

_LENGTH = struct.Struct("=I")
MOST_BYTES = 64 << 20  # of one message

# Exceptions that say what the jail refused, and what ran out.
_FORBIDDEN = frozenset({"PermissionError", "gaierror"})


class Gone(BaseException):
    """The candidate's process ended, or can no longer be heard; not an Exception, so no test catches it."""


class Refused(Exception):  # noqa: N818 - a refusal is data: it carries the verdict's status
    """A value that may not cross: the candidate's fault ("wrong", "output") or the tests' need ("infra")."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Raised(BaseException):
    """The candidate raised something that is no Exception, or raised while loading."""

    def __init__(self, said: Any) -> None:
        described = _trimmed(said)
        super().__init__(described["text"])
        self.described = described
        self.reason = f"{described['types'][0]}: {described['text']}".rstrip(": ")
        self.status = status_of(described["types"])


def status_of(types: list[str]) -> str:
    """Return the verdict's status for an exception, given the names of its types."""
    if "MemoryError" in types:
        return "memory"
    return "raised" if _FORBIDDEN.isdisjoint(types) else "forbidden"


def _trimmed(said: Any) -> dict[str, Any]:
    """Read a described exception as what it should be, whatever it is."""
    said = said if type(said) is dict else {}
    types = [str(t)[:80] for t in said.get("types", []) if type(t) is str] if type(said.get("types")) is list else []
    place = {k: said[k] if type(said.get(k)) is int and 0 < said[k] < 10**7 else None for k in ("line", "column")}
    text = said.get("text")
    return {"types": types or ["Exception"], "text": text[:2000] if type(text) is str else "", **place}


class Candidate(Exception):  # noqa: N818
    """An exception of the candidate's, as the tests see it: also an instance of the builtin it derives from."""

    described: dict[str, Any]


_stand_ins: dict[str, type[Exception]] = {}


def _exception(described: dict[str, Any]) -> BaseException:
    """Return what the tests see raised: `pytest.raises(ValueError)` and `except KeyError` must work."""
    for name in described["types"]:
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            if not issubclass(kind, Exception):
                return Raised(described)
            made = _stand_ins.get(name)
            if made is None:
                try:
                    made = type(name, (Candidate, kind), {"__init__": Exception.__init__, "__str__": Exception.__str__})
                except TypeError:  # a layout that does not combine
                    continue
                _stand_ins[name] = made
            raised = made(described["text"])
            raised.described = described  # type: ignore[attr-defined]
            return raised
    return Raised(described)


class Handle:
    """An object of the candidate's that has no plain form. Tests may call it, ask its attributes and pass it back;

    nothing they compare ever asks it anything, for it could say what it likes.
    """

    __slots__ = ("_link", "_name", "_number")

    def __init__(self, link: Link, number: int, name: str) -> None:
        self._link = link
        self._number = number
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._link.call(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._link.request(("do", "attribute", self, name))

    def __len__(self) -> int:
        length = self._link.request(("do", "length", self))
        if type(length) is not int:
            raise self._refusal()
        return length

    def __getitem__(self, key: Any) -> Any:
        return self._link.request(("do", "item", self, key))

    def __iter__(self) -> Any:
        items = self._link.request(("do", "items", self))
        if type(items) is Handle:
            raise self._refusal()
        return iter(items)

    def __contains__(self, item: Any) -> bool:
        return self._link.request(("do", "contains", self, item)) is True

    def __str__(self) -> str:
        text = self._link.request(("do", "text", self))
        return text if type(text) is str else repr(self)

    def __repr__(self) -> str:
        return f"<an object of type {self._name[:80]!r}>"

    def _refusal(self) -> Refused:
        return Refused("wrong", f"the answer is an object of type {self._name[:80]!r}, not a plain value")

    def _refuse(self, *_: Any) -> Any:
        raise self._refusal()

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __add__ = __radd__ = __sub__ = _refuse
    __mul__ = __int__ = __float__ = __index__ = __hash__ = _refuse  # type: ignore[assignment]


class _ToCandidate(wire.Encoder):
    """Encodes arguments; handles go home as the objects they stand for."""

    def pack(self, value: Any, big: bool = False) -> Any:
        kind = type(value)
        if kind is Handle:
            return {"h": [value._number, value._name]}
        return super().pack(value, big)


class Link:
    """Requests to one candidate, and its answers as plain values."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._buffer = b""
        self._classes: dict[str, type] = {}
        self._encoder = _ToCandidate(self._classes)
        self._decoder = wire.Decoder(self._classes, lambda number, name: Handle(self, number, name))
        self.names: dict[str, str] = {}
        self.buffers = False  # whether arguments may be byte arrays and the like
        self.last_call: tuple[str, tuple[Any, ...], dict[str, Any]] | None = None
        self.last_answer: Any = None
        self.answered = False
        self.printed = ""

    def supply(self, classes: dict[str, type]) -> None:
        """Name the classes, defined by the problem itself, whose instances may cross."""
        self._classes.update(classes)

    def send(self, value: Any) -> None:
        """Send one message.

        Raises:
            Gone: the candidate's process has ended.
            Refused: the tests pass an object that cannot cross.
        """
        if not self.buffers:
            try:
                # Far the fastest, and exact for builtin types; what it does not know (or would blur) goes by `wire`.
                self.send_bytes(b"m" + marshal.dumps(value))
                return
            except ValueError:
                pass
        try:
            body = self._encoder.dumps(value)
        except wire.Uncrossable as error:
            raise Refused("infra", f"the test passes an argument that cannot cross: {error}") from None
        self.send_bytes(b"j" + body)

    def send_bytes(self, body: bytes) -> None:
        """Send one message that is already encoded."""
        data = memoryview(_LENGTH.pack(len(body)) + body)
        try:
            while data:
                data = data[os.write(self._writing, data) :]
        except BrokenPipeError:
            raise Gone from None

    def receive(self) -> bytes:
        """Wait for one message of the candidate's process."""
        buffer = self._buffer
        while len(buffer) < 4 or len(buffer) < 4 + _LENGTH.unpack_from(buffer)[0]:
            chunk = os.read(self._reading, 1 << 16 if buffer else 4096)
            if not chunk:
                raise Gone
            if len(buffer) > 1 << 20:  # a long message: collect it without copying it again and again
                return self._receive_long(buffer + chunk)
            buffer += chunk
            if len(buffer) >= 4 and _LENGTH.unpack_from(buffer)[0] > MOST_BYTES:
                raise wire.Malformed("a message longer than any answer may be")
        end = 4 + _LENGTH.unpack_from(buffer)[0]
        self._buffer = buffer[end:]
        return buffer[4:end]

    def _receive_long(self, start: bytes) -> bytes:
        end = 4 + _LENGTH.unpack_from(start)[0]
        parts = bytearray(start)
        while len(parts) < end:
            chunk = os.read(self._reading, 1 << 20)
            if not chunk:
                raise Gone
            parts += chunk
        self._buffer = bytes(parts[end:])
        return bytes(parts[4:end])

    def receive_word(self) -> tuple[str, Any]:
        """Wait for what the candidate's process says of loading the program."""
        message = self.receive()
        if message[:1] != b"s":
            raise wire.Malformed("an answer before there was a question")
        word = self._decoder.loads(message[1:])
        if type(word) is not list or len(word) != 2 or type(word[0]) is not str:
            raise wire.Malformed("not a word")
        return word[0], word[1]

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function that calls the candidate's function of that name."""

        def candidate(*args: Any, **kwargs: Any) -> Any:
            return self.call(name, args, kwargs)

        candidate.__name__ = candidate.__qualname__ = name
        return candidate

    def call(self, target: str | Handle, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of the candidate's and return its answer, or raise what it raised."""
        self.last_call = (target if type(target) is str else repr(target), args, kwargs)
        self.answered = False
        self.send(("call", target, args, kwargs))
        answer = self.answer(args)
        self.last_answer = answer
        self.answered = True
        return answer

    def request(self, message: tuple[Any, ...]) -> Any:
        """Ask for something other than a call."""
        self.send(message)
        return self.answer(())

    def answer(self, args: tuple[Any, ...]) -> Any:
        """Wait for the answer to the last request.

        Raises:
            Gone, Refused, wire.Malformed, Raised, Candidate: as each says.
        """
        message = self.receive()
        kind = message[:1]
        if kind == b"o":
            text = self._decoder.loads(message[1:])
            if type(text) is not str:
                raise wire.Malformed("not what was printed")
            self.printed += text
            message = self.receive()
            kind = message[:1]
        value = self._decoder.loads(message[1:])
        if kind == b"v":
            return value
        if kind == b"i" and type(value) is list:
            _change_in_place(args, value)
            return None
        if kind == b"x":
            raise _exception(_trimmed(value))
        if kind == b"u":
            raise Refused("wrong", f"the answer cannot cross: {value}"[:300])
        if kind == b"l":
            raise Refused("output", f"the answer is too large: {value}"[:300])
        raise wire.Malformed("an answer of no known kind")


def _change_in_place(args: tuple[Any, ...], changed: list[Any]) -> None:
    """Give the tests' own arguments the contents that the candidate left in its copies."""
    for mine, theirs in zip(args, changed, strict=False):
        if type(mine) is not type(theirs):
            continue
        if type(mine) is list or type(mine) is bytearray:
            mine[:] = theirs
        elif type(mine) is dict or type(mine) is set:
            mine.clear()
            mine.update(theirs)
