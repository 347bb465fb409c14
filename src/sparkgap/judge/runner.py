"""What runs in the candidate's process: load the program, call its functions when asked, say what came back.

Everything here shares its process with hostile code and is trusted with nothing: it holds no test and no expected
value, and whatever reaches the examiner from here is only ever read as plain values. One message is believed, the
first, which is sent before any of the program has run: that it compiled, and whether a hash seed could matter to it.
"""

from __future__ import annotations

import _socket
import builtins
import contextlib
import io
import marshal
import os
import resource
import struct
import sys
import time
import types
from collections.abc import Callable
from functools import partial
from typing import Any

from sparkgap.judge import chance, wire
from sparkgap.judge.hashing import hash_sensitive
from sparkgap.judge.wire import json_chunks

FILENAME = "solution.py"
MODULE = "solution"

_LENGTH = struct.Struct("=I")
_FULL = 70  # EX_SOFTWARE, as for any failure of ours
_MOST_TEXT = 2000
_MOST_HELD, _LONGEST_HELD_NS = 16384, 1_000_000  # of answers that nobody waits for: bytes, and how long
_INT_DIGITS = sys.get_int_max_str_digits()
# To call a builtin function by a `partial` touches the partial alone, and these lie side by side (`warmth.py`).
_monotonic_ns, _int_digits = partial(time.monotonic_ns), partial(sys.get_int_max_str_digits)
_read, _write, _exit = partial(os.read), partial(os.write), partial(os._exit)
_compile, _unmarshalled = partial(compile), partial(marshal.loads)
_length, _packed_length = partial(_LENGTH.unpack_from), partial(_LENGTH.pack)
_started, _sys, _stdout = chance.started, vars(sys), sys.stdout
_flush = partial(_stdout.flush)
_Function = types.FunctionType


def _whole(body: bytes) -> bytes:
    """Return a message with its length before it."""
    return _LENGTH.pack(len(body)) + body


_SENSITIVE, _INSENSITIVE = _whole(b's["compiled",true]'), _whole(b's["compiled",false]')


def warm_up() -> None:
    """Take chance out of what all programs share, and have gone the way of one."""
    sys.argv = [FILENAME]
    sys.setrecursionlimit(1000 + 16)  # the frames below a program's are ours
    quitter = sys.modules["_sitebuiltins"].Quitter
    for name in ("exit", "quit"):
        setattr(builtins, name, quitter(name, "Ctrl-D (i.e. EOF)"))
    chance.fix()
    rehearse()


class _Candidate:
    """The loaded program and the objects of its that the examiner holds by number.

    What every program passes through is kept to few functions and objects, bound beforehand: a process that has just
    been forked pays for each that it is the first to touch (`warmth.py`). Binding them also keeps them from a program
    that replaces what modules hold.
    """

    def __init__(self) -> None:
        self._line = -1
        self._buffer = b""
        self._most_bytes = 0
        self._captures = self._batched = False
        self._out = b""  # what is still to be written
        self._kept: list[Any] = []
        self._classes: dict[str, type] = {}
        self._encoded = wire.Encoder(self._classes, self._keep).dumps
        self._decoder = wire.Decoder(self._classes, self._kept_object)
        self._module = sys.modules[MODULE] = types.ModuleType(MODULE)
        self._names = self._module.__dict__
        self._names["__file__"] = FILENAME

    def attend(self, line: int) -> bool:
        """Take in the program from a socket and run its own statements; return whether calls may follow."""
        self._line = line
        _started[0] = _monotonic_ns()
        source, script, wanted, classes, self._captures, self._most_bytes, self._batched = self._request()
        names = self._names
        _source[0] = source
        try:
            code = _compile(source, FILENAME, "exec", 0, True)  # inheriting no flags of this module's
        except BaseException as error:
            self._say("syntax", _described(error))
            return False
        self._out = _SENSITIVE if hash_sensitive(code) else _INSENSITIVE
        self._let_out(False)  # while this process is still to be believed
        if script:
            names["__name__"] = "__main__"
            sys.modules["__main__"] = sys.modules.pop(MODULE)
        try:
            exec(code, names)  # noqa: S102 - the point of it all
        except BaseException as error:
            if not (script and type(error) is SystemExit and error.code in (None, 0)):
                self._say("raised", _described(error))
                return False
        if script:
            _finish_script()
            self._say("finished", None)
            return False
        defined: list[str] = []
        for name in wanted:
            if name in names:
                value = names[name]
                defined += name, "function" if type(value) is _Function else _kind(value)
        for name in classes:
            if isinstance(names.get(name), type):
                self._classes[name] = names[name]
        loaded = b's["loaded",' + "".join(json_chunks({"d": defined}, 0)).encode() + b"]"
        self._out = _packed_length(len(loaded)) + loaded
        if not self._batched or self._captures:
            self._let_out()
        return True

    def _request(self) -> Any:
        """Wait for one message of the examiner's, which this side may trust."""
        buffer = self._buffer
        while len(buffer) < 4 or len(buffer) < 4 + _length(buffer)[0]:
            if self._out:
                self._let_out()
            try:
                chunk = _read(self._line, 1 << 16 if buffer else 4096)
            except OSError:
                _exit(_FULL)
            if not chunk:
                _exit(0)
            buffer += chunk
        end = 4 + _length(buffer)[0]
        self._buffer = buffer[end:]
        return _unmarshalled(buffer[5:end]) if buffer[4] == _MARSHALLED else self._decoder.loads(buffer[5:end])

    def _put(self, body: bytes) -> None:
        """Have a message written, at the latest before the next wait for a request."""
        if len(body) > self._most_bytes:
            body = _too_large(body)
        self._out += _packed_length(len(body)) + body

    def _let_out(self, flushes: bool = True) -> None:
        """Write what is to be written, but first what the program printed."""
        if flushes:
            try:
                out = _sys["stdout"]
                if out is _stdout:
                    _flush()
                else:
                    out.flush()
            except BaseException:  # noqa: S110
                pass
        data, self._out = self._out, b""
        try:
            sent = _write(self._line, data)
            while sent < len(data):
                sent += _write(self._line, data[sent:])
        except OSError:  # nobody reads: it is over, or will be asked in the other way
            _exit(_FULL)

    def _keep(self, value: Any) -> int:
        self._kept.append(value)
        return len(self._kept) - 1

    def _kept_object(self, number: int, name: str) -> Any:
        """Return an object that the examiner holds: by its number, or a function of the program's by name."""
        return self._kept[number] if number >= 0 else self._names[name]

    def obey(self) -> None:
        """Wait for one request of the examiner's and answer it."""
        what, *rest = self._request()
        if what == "each":
            self._answer_each(rest[0])
        elif what == "calls":
            name, many = rest
            self._answer_each([(name, args) for args in many])
        elif what == "call":
            self._answer(self._call, *rest)
        elif what == "get":
            self._answer(self._get, *rest)
        elif what == "do":
            self._answer(self._do, *rest)

    def _answer_each(self, calls: list[tuple[str, Any]]) -> None:
        """Answer calls of which none waits for the answer to another.

        Where nobody waits for the answers either, they are written a few at a time; the 1st, 4th, 16th ... at once, so
        that one who looks in on a program that never ends sees what it got wrong before.
        """
        names, encoded, captures, batched = self._names, self._encoded, self._captures, self._batched
        due = _monotonic_ns() + _LONGEST_HELD_NS
        place = due_place = 0
        for name, args in calls:
            if captures:
                self._answer(self._call_only, name, args)
            else:  # the same, by way of fewer functions
                try:
                    result = names[name](*args)
                    body = b"v" + (encoded(result) if _int_digits() == _INT_DIGITS else self._dumps(result))
                except BaseException as error:
                    body = _trouble(error)
                if len(body) > self._most_bytes:
                    body = _too_large(body)
                self._out += _packed_length(len(body)) + body
            if not batched or place == due_place or len(self._out) > _MOST_HELD or _monotonic_ns() > due:
                self._let_out()
                due, due_place = _monotonic_ns() + _LONGEST_HELD_NS, 4 * place + 3
            place += 1  # noqa: SIM113 - `enumerate` is one more type to touch

    def _call(self, target: Any, args: Any, kwargs: Any) -> Any:
        function = self._names[target] if type(target) is str else target
        if _unchanging(map(type, args)):
            return function(*args, **kwargs)
        before = _fingerprint(args)
        result = function(*args, **kwargs)
        if _fingerprint(args) != before:
            return _InPlace([result, [a if type(a) in _MUTABLE else None for a in args]])
        return result

    def _call_only(self, target: str, args: Any) -> Any:
        return self._names[target](*args)

    def _get(self, name: str) -> Any:
        return self._names[name]

    def _do(self, what: str, target: Any, *args: Any) -> Any:
        return _OPERATIONS[what](target, *args)

    def _answer(self, action: Callable[..., Any], *args: Any) -> None:
        sink = None
        if self._captures:
            sink = sys.stdout = io.StringIO()
        try:
            result = action(*args)
            in_place = type(result) is _InPlace
            body = (b"c" if in_place else b"v") + self._dumps(result.both if in_place else result)
        except BaseException as error:
            body = _trouble(error)
        if sink is not None:
            self._put(b"o" + wire.dumps(sink.getvalue()[: self._most_bytes // 8]))
        self._put(body)

    def _dumps(self, value: Any) -> bytes:
        digits = _int_digits()
        if digits == _INT_DIGITS:
            return self._encoded(value)
        sys.set_int_max_str_digits(_INT_DIGITS)  # the program raised it; the encoder and the examiner rely on it
        try:
            return self._encoded(value)
        finally:
            sys.set_int_max_str_digits(digits)

    def _say(self, what: str, value: Any) -> None:
        self._put(b"s" + wire.dumps([what, value]))
        self._let_out()


def _trouble(error: BaseException) -> bytes:
    """Return what is answered where a call, or the crossing of what came of it, raised."""
    if isinstance(error, wire.TooLarge):
        return b"l" + wire.dumps(str(error))
    if isinstance(error, wire.Uncrossable):
        return b"u" + wire.dumps(str(error))
    return b"x" + wire.dumps(_described(error))


def _too_large(body: bytes) -> bytes:
    return b"l" + wire.dumps(f"an answer of {len(body):,} bytes")


def _kind(value: Any) -> str:
    if isinstance(value, types.ModuleType):
        return "module:" + value.__name__
    if isinstance(value, type):
        return "exception" if issubclass(value, Exception) else "class"
    return "function" if callable(value) else "value"


class _InPlace:
    """A call that changed its arguments: what it returned, and what it left in each list, dict or set."""

    def __init__(self, both: list[Any]) -> None:
        self.both = both


_MUTABLE = frozenset({list, dict, set, bytearray})
_unchanging = _MUTABLE.isdisjoint
_MARSHALLED = ord("m")


def _fingerprint(args: tuple[Any, ...]) -> bytes:
    """Return bytes that differ once a mutable argument has changed."""
    try:
        return marshal.dumps(args, 2)  # the version without references, whose bytes depend on values alone
    except ValueError:
        return b"?"


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "attribute": getattr,
    "length": len,
    "item": lambda target, key: target[key],
    "items": iter,
    "contains": lambda target, item: item in target,
    "text": str,
    "truth": bool,
    "repr": repr,
    "set": setattr,
    "instance": isinstance,
}


def _described(error: BaseException) -> dict[str, Any]:
    """Return an exception as plain data: its types by name, its text, and where in the program it happened."""
    if isinstance(error, MemoryError):  # what is left may not be enough to say so
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    line = column = None
    if isinstance(error, SyntaxError) and error.filename == FILENAME:
        line, column = error.lineno, error.offset
        text = error.msg
    else:
        line, column = _place(error.__traceback__)
        text = _text(error)
    names = [kind.__name__ for kind in type(error).__mro__ if kind is not object]
    return {"types": names[:20], "text": text[:_MOST_TEXT], "line": line, "column": column}


_source = [""]  # the program's; a traceback counts in bytes, a person in characters


def _characters(line: int, byte: int | None) -> int | None:
    """Return the 1-based column, in characters, of a byte of one line of the program."""
    lines = _source[0].split("\n")
    if byte is None or line > len(lines):
        return None
    return len(lines[line - 1].encode("utf-8", "replace")[:byte].decode("utf-8", "replace")) + 1


def _text(error: BaseException) -> str:
    try:
        return str.__str__(str(error))
    except BaseException as second:
        return f"<its text could not be read: {type(second).__name__}>"


def _place(traceback: types.TracebackType | None) -> tuple[int | None, int | None]:
    line = column = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == FILENAME:
            line, column = traceback.tb_lineno, None
            positions = list(code.co_positions())
            index = traceback.tb_lasti // 2
            if index < len(positions) and positions[index][2] is not None:
                column = _characters(line, positions[index][2])
        traceback = traceback.tb_next
    return line, column


def _finish_script() -> None:
    """Do what the interpreter does at the end of a program: wait for its threads, run what it left for the exit."""
    threading, atexit = sys.modules.get("threading"), sys.modules.get("atexit")
    if threading is not None:
        threading._shutdown()
    if atexit is not None:
        atexit._run_exitfuncs()


_prepared: _Candidate


def main(descriptors: list[int]) -> None:
    """Serve one program: never trusted, soon killed.

    Args:
        descriptors: a socket, to the worker or the examiner; for a script also its stdin.
    """
    if len(descriptors) > 1:
        os.dup2(descriptors[1], 0)
        os.close(descriptors[1])
    if _prepared.attend(descriptors[0]):
        while True:
            _prepared.obey()


def rehearse(times: int = 12) -> None:
    """Load a small program and call it, over a real line, so that forked processes find this path warm."""
    global _prepared  # noqa: PLW0603 - the one that each forked process inherits
    source = "from typing import List\ndef f(a: List[int], b=1):\n    return len(a) + b\n"
    load: tuple[Any, ...] = source, False, ["f"], [], False, 1 << 20, True
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    requests = (
        marshal.dumps(load), marshal.dumps(("each", [("f", ([1],)), ("f", ([2], 3))])),
        marshal.dumps(("call", "f", ([1, 2],), {})), wire.dumps(["calls", "f", [([1], 2.5), ([2], 3)]]),
    )  # fmt: skip
    for _ in range(times):
        _prepared = _Candidate()
        for tag, body in zip(b"mmmj", requests, strict=True):
            theirs.send(_LENGTH.pack(len(body) + 1) + bytes([tag]) + body)
        _prepared.attend(ours.fileno())
        for _ in requests[1:]:
            _prepared.obey()
        _prepared._let_out()
        theirs.recv(1 << 16)
    ours.close()
    theirs.close()
    _prepared = _Candidate()
