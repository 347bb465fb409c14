"""Messages between Sparkgap's own processes: a length, a body, and perhaps descriptors, over a Unix socket.

Written on `_socket`, the C part of `socket`: the rest of that module would double what a forked program has to carry.
"""

from __future__ import annotations

import _socket
import os
import struct
from collections.abc import Sequence

_LENGTH = struct.Struct("=I")
DOUBLE = struct.Struct("=d")
_RIGHTS = _socket.CMSG_SPACE(4 * 4)  # room for four descriptors


class Closed(EOFError):
    """The other end is gone."""


class Channel:
    """One end of a stream socket that carries whole messages."""

    def __init__(self, sock: _socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        """Return the descriptor, so that selectors take a channel."""
        return self._socket.fileno()

    def send(self, body: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send one message.

        Raises:
            Closed: the other end is gone.
        """
        self._send(_LENGTH.pack(len(body)) + body, descriptors)

    def send_all(self, bodies: Sequence[bytes]) -> None:
        """Send messages, in one go.

        Raises:
            Closed: the other end is gone.
        """
        self._send(b"".join(_LENGTH.pack(len(body)) + body for body in bodies), ())

    def _send(self, data: bytes, descriptors: Sequence[int]) -> None:
        try:
            if descriptors:
                rights = struct.pack(f"{len(descriptors)}i", *descriptors)
                sent = self._socket.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
            else:
                sent = self._socket.send(data)
            while sent < len(data):
                sent += self._socket.send(memoryview(data)[sent:])
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def receive(self) -> bytes:
        """Wait for one message and return its body.

        Raises:
            Closed: the other end is gone.
        """
        while (body := self.take()) is None:
            self.read_some()
        return body

    def descriptors(self) -> list[int]:
        """Return the descriptors that have come with the messages so far, which are then the caller's."""
        received, self._descriptors = self._descriptors, []
        return received

    def read_some(self) -> None:
        """Take in what has arrived, waiting if nothing has; whole messages then come from `take`.

        Raises:
            Closed: the other end is gone.
        """
        try:
            chunk, extras, _, _ = self._socket.recvmsg(1 << 16 if self._buffer else 4096, _RIGHTS)
        except ConnectionResetError:
            raise Closed from None
        if not chunk:
            raise Closed
        for level, kind, data in extras:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                self._descriptors += struct.unpack(f"{len(data) // 4}i", data[: len(data) // 4 * 4])
        self._buffer += chunk

    def take(self) -> bytes | None:
        """Return the next whole message that has arrived, or None."""
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        end = 4 + _LENGTH.unpack_from(buffer)[0]
        if len(buffer) < end:
            return None
        body = bytes(memoryview(buffer)[4:end])
        del buffer[:end]
        return body

    def holds_message(self) -> bool:
        """Whether a whole message has been read from the socket already, which then no poll will tell of."""
        return len(self._buffer) >= 4 and len(self._buffer) >= 4 + _LENGTH.unpack_from(self._buffer)[0]

    def put_back(self, body: bytes) -> None:
        """Have `receive` return this message again, before any other."""
        self._buffer[:0] = _LENGTH.pack(len(body)) + body

    def close(self) -> None:
        """Close this end."""
        self._socket.close()


def pair() -> tuple[Channel, Channel]:
    """Return two connected channels."""
    one, other = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    return Channel(one), Channel(other)


def inherit(descriptor: int) -> Channel:
    """Return the channel on a descriptor that this process was started with."""
    os.set_inheritable(descriptor, False)
    return Channel(_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, descriptor))
