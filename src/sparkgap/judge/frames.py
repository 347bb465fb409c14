"""Frames: how programs in other languages, their tests and compilers that live on talk to a worker.

A frame is a length (32 bits, little-endian; or decimal digits and a newline) and a body, whose first byte says what it
is:

    C   examiner  -> worker -> candidate   a call; the rest is the language's own business
    V   candidate -> worker -> examiner    what came of it
    L   candidate -> worker                its own start-up is over, calls may come
    R   examiner  -> worker                the report, JSON: the last frame of a run
    T   worker -> examiner that lives on   the tests to run now
    G   worker -> examiner that lives on   the candidate is gone; the run is over
    Q   worker -> compiler that lives on   what to compile
    B   compiler that lives on -> worker   what came of it, JSON

The worker reads no more of a candidate's frames than their first byte and their length.
"""

from __future__ import annotations

import os
import struct

_LENGTH = struct.Struct("<I")
LONGEST = 64 << 20


class Ended(EOFError):
    """The other end is closed."""


class TooLarge(Exception):
    """A frame is longer than it may be."""


class Frames:
    """Whole frames over a pair of pipes, read and written as far as they go without waiting."""

    def __init__(self, reading: int, writing: int, most_bytes: int = LONGEST, *, text: bool = False) -> None:
        self.reading, self.writing = reading, writing
        self._text = text
        self._most = most_bytes
        self._in, self._out = bytearray(), bytearray()
        for descriptor in (reading, writing):
            os.set_blocking(descriptor, False)

    def read(self) -> list[bytes]:
        """Return the frames that have come, waiting for none.

        Raises:
            Ended: the other end is closed.
            TooLarge: a frame claims to be longer than it may be.
        """
        try:
            chunk = os.read(self.reading, 1 << 18)
        except BlockingIOError:
            return []
        if not chunk:
            raise Ended
        self._in += chunk
        bodies = []
        while (head := self._head()) is not None:
            start, size = head
            if size > self._most:
                raise TooLarge(f"an answer of {size:,} bytes")
            if len(self._in) < start + size:
                break
            bodies.append(bytes(memoryview(self._in)[start : start + size]))
            del self._in[: start + size]
        return bodies

    def _head(self) -> tuple[int, int] | None:
        """Return where the body of the next frame begins and how long it is; None if that has not come yet."""
        if not self._text:
            return (4, _LENGTH.unpack_from(self._in)[0]) if len(self._in) >= 4 else None
        digits, newline, _ = bytes(self._in[:12]).partition(b"\n")
        if not newline and len(digits) < 12 and (digits.isdigit() or not digits):
            return None
        return len(digits) + 1, int(digits) if newline and digits.isdigit() else LONGEST + 1

    def write(self, body: bytes) -> None:
        """Take a frame to be written, and write what goes.

        Raises:
            Ended: the other end is closed.
        """
        self._out += (b"%d\n" % len(body) if self._text else _LENGTH.pack(len(body))) + body
        self.flush()

    def flush(self) -> bool:
        """Write what goes without waiting; return whether all is written.

        Raises:
            Ended: the other end is closed.
        """
        try:
            while self._out:
                del self._out[: os.write(self.writing, self._out)]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            raise Ended from None
        return True

    def close(self) -> None:
        """Close both pipes."""
        for descriptor in (self.reading, self.writing):
            os.close(descriptor)
