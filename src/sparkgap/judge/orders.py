"""What a worker asks of a process that forks programs, and what it learns of a program's end."""

from __future__ import annotations

import fcntl
import os
import struct
from enum import IntEnum
from typing import NamedTuple

_ORDER = struct.Struct("=ddIII")  # cpu_s, wall_s, memory_mb, file_kb, clip bytes
_ENDING = struct.Struct("=BiddIQQII")


class Cause(IntEnum):
    """Why a program ended."""

    ITSELF = 0
    CPU = 1
    WALL = 2
    ORDERED = 3


class Order(NamedTuple):
    """What a forked program may use. `file_kb` bounds each file it writes, stdout and stderr included."""

    cpu_s: float
    wall_s: float
    memory_mb: int
    file_kb: int
    clip: int = 65536

    def pack(self) -> bytes:
        """Return the message that has a yard fork."""
        return b"F" + _ORDER.pack(*self)

    @staticmethod
    def unpack(message: bytes) -> Order:
        """Read the message that `pack` wrote."""
        return Order(*_ORDER.unpack_from(message, 1))


class Ending(NamedTuple):
    """How a program ended: wait status, seconds, peak resident kB, and the start of what it wrote."""

    cause: Cause
    status: int
    cpu_s: float
    wall_s: float
    peak_kb: int
    output: bytes
    errors: bytes
    output_bytes: int
    error_bytes: int

    @property
    def signal(self) -> int:
        """The signal that ended it, 0 if none did."""
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else 0

    def pack(self) -> bytes:
        """Return the message that reports the ending."""
        head = _ENDING.pack(
            self.cause, self.status, self.cpu_s, self.wall_s, self.peak_kb,
            self.output_bytes, self.error_bytes, len(self.output), len(self.errors),
        )  # fmt: skip
        return b"X" + head + self.output + self.errors

    @staticmethod
    def unpack(message: bytes) -> Ending:
        """Read the message that `pack` wrote."""
        cause, status, cpu_s, wall_s, peak, out_size, err_size, out_len, err_len = _ENDING.unpack_from(message, 1)
        start = 1 + _ENDING.size
        output, errors = message[start : start + out_len], message[start + out_len : start + out_len + err_len]
        return Ending(Cause(cause), status, cpu_s, wall_s, peak, output, errors, out_size, err_size)


class Sinks:
    """Files in memory for a program's stdout and stderr: writing to them never blocks, and their size is bounded.

    They are stdout and stderr of the process that forks, which makes no use of them, so that programs inherit them.
    """

    def __init__(self, output: int, errors: int) -> None:
        self._places = output, errors

    @classmethod
    def new(cls) -> Sinks:
        """Make two files."""
        made = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("output", "errors")]
        for place in made:
            fcntl.fcntl(place, fcntl.F_SETFL, os.O_APPEND)
        return cls(*made)

    @property
    def places(self) -> tuple[int, int]:
        """Their descriptors."""
        return self._places

    def collect(self, clip: int) -> tuple[bytes, bytes, int, int]:
        """Read the start of what the program wrote, and empty the files for the next one; return also the sizes."""
        (output, out_size), (errors, err_size) = (self._emptied(place, clip) for place in self._places)
        return output, errors, out_size, err_size

    @staticmethod
    def _emptied(place: int, clip: int) -> tuple[bytes, int]:
        text = b""
        size = os.fstat(place).st_size
        if size:
            text = os.pread(place, clip, 0)
            os.ftruncate(place, 0)
        os.lseek(place, 0, os.SEEK_SET)  # the position and the flags are shared with the program that is gone
        fcntl.fcntl(place, fcntl.F_SETFL, os.O_APPEND)
        return text, size

    def close(self) -> None:
        """Close both."""
        for place in self._places:
            os.close(place)
