"""One run of a program by all that its tests ask: what it answers is recorded, for an examiner to read later."""

from __future__ import annotations

import _socket
import marshal
import struct
from typing import Any

from sparkgap.judge.questionnaire import Questionnaire
from sparkgap.judge.scripts import Forks, order_for

_LENGTH = struct.Struct("=I")
_WORDS = 2  # that come before any answer: that the program compiled, and what it defines
_MOST_SAID = 8 << 20  # bytes, that it may take to answer
_HARDLY = struct.pack("=qq", 0, 1000)  # seconds, microseconds


class TooLong(Exception):
    """The program, or what it is asked first, does not fit into a socket."""


class Interview:
    """One run of a program by a questionnaire.

    It answers by a socket, not by a pipe: what is sent can then not be taken back, not even through /proc. And it waits
    for nobody who would read: an answer that does not fit ends the program, which is then examined in the other way.
    """

    def __init__(self, job: dict[str, Any], asked: Questionnaire, zygote: Forks) -> None:
        """Have the program forked.

        Raises:
            TooLong: it must be examined in the other way.
        """
        self._socket, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._rows = list(asked.rows)
        self._due = _WORDS
        self._said, self._counted = bytearray(), 0
        load: Any = job["source"], False, asked.wanted, asked.classes, False, job["output_kb"] << 10, True
        try:
            theirs.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, _HARDLY)
            self._ask(b"m" + marshal.dumps(load))
            zygote.order(order_for(job), (theirs.fileno(),))
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()

    def _ask(self, *before: bytes) -> None:
        """Ask the next row; after the last one there is nothing more to read, and the program ends."""
        message, answers = self._rows.pop(0)
        data = b"".join(_LENGTH.pack(len(each)) + each for each in (*before, message))
        try:
            sent = self._socket.send(data, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            raise TooLong
        self._due += answers
        if not self._rows:
            self._socket.shutdown(_socket.SHUT_WR)

    def fileno(self) -> int:
        """Return the descriptor that can be read from when there is something to hear."""
        return self._socket.fileno()

    def goes_on(self) -> bool:
        """Whether there still are rows to ask."""
        return bool(self._rows)

    def said(self) -> bytes:
        """Return what it has said so far."""
        return bytes(self._said)

    def hear(self) -> bool:
        """Take in what has come, and ask the next row if that was the last answer to the one before.

        Returns:
            Whether anything had come.
        """
        try:
            chunk = self._socket.recv(1 << 18, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except ConnectionResetError:  # it is gone, and did not read all
            chunk = b""
        self._said += chunk
        while len(self._said) >= self._counted + 4:
            end = self._counted + 4 + _LENGTH.unpack_from(self._said, self._counted)[0]
            if len(self._said) < end:
                break
            self._counted = end
            self._due -= 1
        if len(self._said) > _MOST_SAID:
            self._give_up()
        elif self._rows and self._due <= 0:
            try:
                self._ask()
            except (TooLong, ConnectionError):
                self._give_up()
        elif not chunk:
            self._rows.clear()
        return bool(chunk)

    def _give_up(self) -> None:
        """Ask no more, and have what it still says end it."""
        self._rows.clear()
        self._socket.shutdown(_socket.SHUT_RDWR)

    def transcript(self) -> bytes:
        """Return all that the program, which has ended, has said."""
        try:
            while chunk := self._socket.recv(1 << 18, _socket.MSG_DONTWAIT):
                self._said += chunk
        except (BlockingIOError, ConnectionResetError):
            pass
        self._socket.close()
        return bytes(self._said)

    def close(self) -> None:
        """Give it up."""
        self._socket.close()
