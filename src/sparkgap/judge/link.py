"""The examiner's end of the line to a candidate: call its functions, and hold its odd objects at arm's length."""

from __future__ import annotations

import builtins
import marshal
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sparkgap.judge import wire
from sparkgap.judge.testcode import packed

_LENGTH = struct.Struct("=I")
_UNFORESEEN = "the tests ask something else than was foretold"
MOST_BYTES = 64 << 20  # of one message

# Exceptions that say what the jail refused.
_FORBIDDEN = frozenset({"PermissionError", "gaierror"})
# Exceptions that would steer the tests' own loops and generators.
_STEERING = frozenset({"StopIteration", "StopAsyncIteration", "GeneratorExit"})


class Stop(BaseException):
    """What ends the tests, whatever they catch: it is no Exception, and the link remembers it.

    `status` is the verdict's; "gone" means that the candidate's process can no longer be heard, "again" that the tests
    must be run once more, with nothing asked before its time.
    """

    def __init__(self, status: str, reason: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Raised(BaseException):
    """The candidate raised something that is no Exception, or raised while loading."""

    def __init__(self, said: Any) -> None:
        described = trimmed(said)
        super().__init__(described["text"])
        self.described = described
        self.reason = f"{described['types'][0]}: {described['text']}".rstrip(": ")
        self.status = status_of(described["types"])


class Candidate(Exception):
    """An exception of the candidate's, as the tests see it: also an instance of the builtin it derives from."""

    described: dict[str, Any]


def status_of(types: list[str]) -> str:
    """Return the verdict's status for an exception, given the names of its types."""
    if "MemoryError" in types:
        return "memory"
    return "raised" if _FORBIDDEN.isdisjoint(types) else "forbidden"


def trimmed(said: Any) -> dict[str, Any]:
    """Read a described exception as what it should be, whatever it is."""
    said = said if type(said) is dict else {}
    types = said.get("types")
    names = [_clean(name)[:80] for name in types if type(name) is str] if type(types) is list else []
    place = {k: said[k] if type(said.get(k)) is int and 0 < said[k] < 10**7 else None for k in ("line", "column")}
    text = said.get("text")
    return {"types": names or ["Exception"], "text": _clean(text)[:2000] if type(text) is str else "", **place}


def _clean(text: str) -> str:
    """Return text that can be written to any UTF-8 file."""
    return text.encode("utf-8", "replace").decode("utf-8")


_stand_ins: dict[str, type[Exception]] = {}


def _exception(described: dict[str, Any], own: dict[str, type[Exception]]) -> BaseException:
    """Return what the tests see raised: `except KeyError` must work, and so must the candidate's own classes."""
    for name in described["types"]:
        kind = own.get(name) or getattr(builtins, name, None)
        if not isinstance(kind, type) or not issubclass(kind, BaseException):
            continue
        if not issubclass(kind, Exception) or name in _STEERING:
            break
        try:
            made = _stand_ins.get(name) if name not in own else None
            if made is None:
                made = type(name, (kind,) if issubclass(kind, Candidate) else (Candidate, kind), _PLAIN_TEXT)
                _stand_ins[name] = made
            raised = made(described["text"])
        except TypeError:  # a layout or a constructor that does not fit: the next base will
            continue
        raised.described = described  # type: ignore[attr-defined]
        return raised
    return Raised(described)


_PLAIN_TEXT = {"__init__": Exception.__init__, "__str__": Exception.__str__, "__new__": Exception.__new__}


class Handle:
    """An object of the candidate's that has no plain form.

    Tests may call it, ask its attributes and pass it back; nothing they compare ever asks it anything, for it could
    say what it likes.
    """

    __slots__ = ("_link", "_name", "_number")

    def __init__(self, link: Link, number: int, name: str) -> None:
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_name", name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it, over there."""
        return self._link.call(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._link.opens_objects:
            self._refuse()
        return self._link.request(("do", "attribute", self, name))

    def __setattr__(self, name: str, value: Any) -> None:
        self._link.request(("do", "set", self, name, value))

    def __len__(self) -> int:
        length = self._link.request(("do", "length", self))
        if type(length) is not int or length < 0:
            self._refuse()
        return int(length)

    def __getitem__(self, key: Any) -> Any:
        return self._link.request(("do", "item", self, key))

    def __iter__(self) -> Iterator[Any]:
        items = self._link.request(("do", "items", self))
        if type(items) is Handle:
            self._refuse()
        return iter(items)

    def __contains__(self, item: Any) -> bool:
        return any(item == own for own in self)  # looked for here: it is not for the candidate to say

    def __str__(self) -> str:
        text = self._link.request(("do", "text", self))
        return text if type(text) is str else "?"

    def __repr__(self) -> str:
        if self._link.shows_reprs:
            text = self._link.request(("do", "repr", self))
            return text if type(text) is str else "?"
        return self.described()

    def described(self) -> str:
        """Return what the object is, without asking it."""
        return f"<an object of type {self._name[:80]!r}>"

    def _refuse(self, *_: Any) -> Any:
        raise self._link.stop("wrong", f"the answer is an object of type {self._name[:80]!r}, not a plain value")

    def __bool__(self) -> bool:
        return self._link.request(("do", "truth", self)) is True  # it could as well have answered True itself

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __sub__ = _refuse
    __mul__ = __int__ = __float__ = __index__ = __hash__ = _refuse


class _ToCandidate(wire.Encoder):
    """Encodes arguments; handles and the candidate's functions go home as the objects they stand for."""

    def pack(self, value: Any, big: bool = False) -> Any:
        if type(value) is Handle:
            return {"h": [value._number, value._name]}
        name = getattr(value, "sparkgap_candidate", None) if callable(value) else None
        if type(name) is str:
            return {"h": [-1, name]}
        return super().pack(value, big)


class Link:
    """Requests to one candidate, and its answers as plain values."""

    def __init__(self, line: int, most_bytes: int = MOST_BYTES) -> None:
        """Begin; `line` is the descriptor of a socket."""
        self._most_bytes = most_bytes
        self._line = line
        self._buffer = b""
        self._classes: dict[str, type] = {}
        self._encoder = _ToCandidate(self._classes)
        self._decoder = wire.Decoder(self._classes, lambda number, name: Handle(self, number, name))
        self.exceptions: dict[str, type[Exception]] = {}  # the candidate's own, as the tests name them
        self.names: dict[str, str] = {}
        self.buffers = False  # whether arguments may be byte arrays and the like
        self.opens_objects = True  # whether tests may use methods of odd objects: not in place of the problem's own
        self.shows_reprs = False  # whether what an odd object prints as is part of the test (docstring examples)
        self.stopped: Stop | None = None
        self.sent = b""  # the last message
        self.last_call: tuple[str, tuple[Any, ...], dict[str, Any]] | None = None
        self.last_answer: Any = None
        self.answered = False
        self.printed = ""
        self.calls = 0

    def supply(self, classes: dict[str, type]) -> None:
        """Name the classes, defined by the problem itself, whose instances may cross."""
        self._classes.update(classes)

    def stop(self, status: str, reason: str = "") -> Stop:
        """Return what ends the tests, to be raised; the first of them is the verdict, even if a test swallows it."""
        stop = Stop(status, reason)
        if self.stopped is None:
            self.stopped = stop
        return stop

    def send(self, value: Any) -> None:
        """Send one message.

        Raises:
            Stop: the candidate's process has ended, or the tests pass an object that cannot cross.
        """
        if not self.buffers:
            try:
                # Far the fastest, and exact for builtin types; what it does not know (or would blur) goes by `wire`.
                self.sent = b"m" + marshal.dumps(value)
                self.send_bytes(self.sent)
                return
            except ValueError:
                pass
        try:
            self.sent = body = b"j" + self._encoder.dumps(value)
        except (wire.TooDeep, wire.TooLarge) as error:  # only what the candidate answered before can be like that
            raise self.stop("wrong", f"an answer cannot be passed on: {error}") from None
        except wire.Uncrossable as error:
            raise self.stop("infra", f"the test passes an argument that cannot cross: {error}") from None
        self.send_bytes(body)

    def send_bytes(self, body: bytes) -> None:
        """Send one message that is already encoded."""
        data = memoryview(_LENGTH.pack(len(body)) + body)
        try:
            while data:
                data = data[os.write(self._line, data) :]
        except ConnectionError:
            raise self.stop("gone") from None

    def receive(self) -> bytes:
        """Wait for one message of the candidate's process."""
        buffer = self._buffer
        while len(buffer) < 4 or len(buffer) < 4 + _LENGTH.unpack_from(buffer)[0]:
            if len(buffer) >= 4 and _LENGTH.unpack_from(buffer)[0] > self._most_bytes:
                raise self.forged("a message longer than any answer may be")
            chunk = self._read_some(1 << 16 if buffer else 4096)
            if not chunk:
                raise self.stop("gone")
            if len(buffer) > 1 << 20:  # a long message: collect it without copying it again and again
                return self._receive_long(buffer + chunk)
            buffer += chunk
        end = 4 + _LENGTH.unpack_from(buffer)[0]
        self._buffer = buffer[end:]
        return buffer[4:end]

    def _receive_long(self, start: bytes) -> bytes:
        end = 4 + _LENGTH.unpack_from(start)[0]
        parts = bytearray(start)
        while len(parts) < end:
            chunk = self._read_some(1 << 20)
            if not chunk:
                raise self.stop("gone")
            parts += chunk
        self._buffer = bytes(parts[end:])
        return bytes(parts[4:end])

    def _read_some(self, most: int) -> bytes:
        try:
            return os.read(self._line, most)
        except ConnectionResetError:  # it is gone, and did not read all
            return b""

    def forged(self, why: object) -> Stop:
        """Return the end of the tests for a message that Sparkgap's own half of the process would never send."""
        return self.stop("forbidden", f"it wrote what it should not to the judge ({why})")

    def _read(self, message: bytes) -> Any:
        if b'{"B":' in message or b'{"a":' in message:
            self.buffers = True  # may be passed on, and must then stay what it is
        try:
            return self._decoder.loads(message)
        except wire.Malformed as error:
            raise self.forged(error) from None

    def receive_word(self) -> tuple[str, Any]:
        """Wait for what the candidate's process says of loading the program."""
        message = self.receive()
        if message[:1] != b"s":
            raise self.forged("an answer before there was a question")
        word = self._read(message[1:])
        if type(word) is not list or len(word) != 2 or type(word[0]) is not str:
            raise self.forged("not a word")
        return word[0], word[1]

    def function(self, name: str) -> Callable[..., Any]:
        """Return a function that calls the candidate's function of that name."""

        def candidate(*args: Any, **kwargs: Any) -> Any:
            return self.call(name, args, kwargs)

        candidate.__name__ = candidate.__qualname__ = name
        candidate.sparkgap_candidate = name  # type: ignore[attr-defined]
        return candidate

    def made_class(self, name: str) -> type:
        """Return what stands for a class of the candidate's: calling it makes one, over there."""
        link = self

        class Stand(type):
            sparkgap_candidate = name

            def __call__(cls, *args: Any, **kwargs: Any) -> Any:
                return link.call(name, args, kwargs)

            def __instancecheck__(cls, instance: Any) -> bool:
                return type(instance) is Handle and link.request(("do", "instance", instance, cls)) is True

            def __getattr__(cls, attribute: str) -> Any:
                if attribute.startswith("__"):
                    raise AttributeError(attribute)
                return link.request(("do", "attribute", cls, attribute))

        return Stand(name, (), {})

    def call(self, target: str | Handle, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of the candidate's and return its answer, or raise what it raised."""
        self.last_call = (target if type(target) is str else target.described(), args, kwargs)  # type: ignore[union-attr]
        self.answered = False
        self.calls += 1
        self._send_call(target, args, kwargs)
        answer = self.answer(args)
        self.last_answer = answer
        self.answered = True
        return answer

    def _send_call(self, target: str | Handle, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.send(("call", target, args, kwargs))

    def request(self, message: tuple[Any, ...]) -> Any:
        """Ask for something other than a call."""
        self.send(message)
        return self.answer(())

    def answer(self, args: tuple[Any, ...]) -> Any:
        """Wait for the answer to the last request; `args` are what the candidate may have changed in place.

        Raises:
            Stop: the tests are over. Candidate, Raised: what the candidate raised.
        """
        message = self.receive()
        kind = message[:1]
        if kind == b"o":
            text = self._read(message[1:])
            if type(text) is not str:
                raise self.forged("not what was printed")
            self.printed += text
            message = self.receive()
            kind = message[:1]
        value = self._read(message[1:])
        if kind == b"v":
            return value
        if kind == b"c" and type(value) is list and len(value) == 2 and type(value[1]) is list:
            _change_in_place(args, value[1])
            return value[0]
        if kind == b"x":
            raise _exception(trimmed(value), self.exceptions)
        if kind == b"u":
            raise self.stop("wrong", f"the answer cannot cross: {value}"[:300])
        if kind == b"l":
            raise self.stop("output", f"the answer is too large: {value}"[:300])
        raise self.forged("an answer of no known kind")


class Recorded(Link):
    """A program that has been run already, by all that the tests ask: the same answers, and nobody to ask more."""

    def __init__(self, said: bytes, foretold: Sequence[bytes]) -> None:
        """Begin.

        Args:
            said: all that the program said.
            foretold: its calls, see `testcode.packed`.
        """
        super().__init__(-1)
        self._said, self._place = said, 0
        self._foretold = deque(foretold)

    def receive(self) -> bytes:
        """Return the next message that was recorded."""
        start = self._place + 4
        if start > len(self._said):
            raise self.stop("gone")
        end = start + _LENGTH.unpack_from(self._said, self._place)[0]
        if end - start > self._most_bytes:
            raise self.forged("a message longer than any answer may be")
        if end > len(self._said):
            raise self.stop("gone")
        self._place = end
        return self._said[start:end]

    def send(self, value: Any) -> None:
        """Have the tests run once more, since this was not foretold."""
        raise self.stop("again", _UNFORESEEN)

    def send_bytes(self, body: bytes) -> None:
        """Do nothing: it has been asked."""

    def _send_call(self, target: str | Handle, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            if self._foretold and type(target) is str and not kwargs and packed(target, args) == self._foretold[0]:
                self._foretold.popleft()
                self.sent = b""
                return
        except ValueError:
            pass
        raise self.stop("again", _UNFORESEEN)


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
