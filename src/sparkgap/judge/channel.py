"""Messages between Sparkgap's own processes: a length, a body, and perhaps descriptors, over a Unix socket."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence

_LENGTH = struct.Struct("=I")
DOUBLE = struct.Struct("=d")
MAX_DESCRIPTORS = 4


class Closed(EOFError):
    """The other end is gone."""


class Channel:
    """One end of a stream socket that carries whole messages."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._buffer = bytearray()
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        """Return the descriptor, so that selectors take a channel."""
        return self.socket.fileno()

    def send(self, body: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send one message.

        Raises:
            Closed: the other end is gone.
        """
        data = _LENGTH.pack(len(body)) + body
        try:
            sent = socket.send_fds(self.socket, [data], descriptors) if descriptors else self.socket.send(data)
            while sent < len(data):
                sent += self.socket.send(memoryview(data)[sent:])
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
            chunk, received, _, _ = socket.recv_fds(self.socket, 1 << 16, MAX_DESCRIPTORS)
        except ConnectionResetError:
            raise Closed from None
        if not chunk:
            raise Closed
        self._descriptors += received
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

    def put_back(self, body: bytes) -> None:
        """Have `receive` return this message again, before any other."""
        self._buffer[:0] = _LENGTH.pack(len(body)) + body

    def close(self) -> None:
        """Close this end."""
        self.socket.close()


def pair() -> tuple[Channel, Channel]:
    """Return two connected channels."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Channel(one), Channel(other)


def inherit(descriptor: int) -> Channel:
    """Return the channel on a descriptor that this process was started with."""
    os.set_inheritable(descriptor, False)
    return Channel(socket.socket(fileno=descriptor))
