"""What a workshop has running: programs that talk in frames, compilers and examiners that live on among them."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping
from typing import Any

from sparkgap.judge.frames import LONGEST, Frames
from sparkgap.judge.handles import HungUp, YardProcess
from sparkgap.judge.orders import Ending, Order
from sparkgap.judge.yard import KILL

TICK_MS = 250
BUILD_FILE_KB = 128 << 10
EXAMINER_MEMORY_MB = 3072


class Server:
    """A process that lives on in a yard of its own: a compiler kept warm, or an examiner for whatever tests come."""

    def __init__(self, yard: YardProcess, command: Mapping[str, Any], *, lives_on: bool = True) -> None:
        self.yard = yard
        self._command, self.lives_on = command, lives_on
        self.frames: Frames | None = None
        self.answered = False
        self._spent = 0.0

    def running(self) -> Frames:
        """Return the frames to it, started if it is not running."""
        if self.frames is None:
            spec = spec_of(self._command, EXAMINER_MEMORY_MB, "", {})
            order = Order(1e9, 1e9, 0, BUILD_FILE_KB, 1 << 16)
            self.frames = started(self.yard, spec, order, self._command)
            self._spent = 0.0
        return self.frames

    def ran_s(self) -> float | None:
        """Return for how long it has run since it was last asked; None if it has ended."""
        usage = self.yard.usage()
        return None if usage is None else usage.ran_s - self._spent

    def note(self) -> None:
        """Count from here."""
        usage = self.yard.usage()
        self._spent = usage.ran_s if usage else 0.0

    def end(self) -> Ending | None:
        """End it; the next that is asked starts it anew."""
        if self.frames is None:
            return None
        self.frames.close()
        self.frames = None
        self.yard.control.send(KILL)
        ending = self.yard.ending()
        self.yard.sweep()
        return ending


def spec_of(command: Mapping[str, Any], memory_mb: int, folder: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what a yard starts a command by: see `yard.launch`."""
    argv = [part.replace("{memory_mb}", str(memory_mb)) for part in command["argv"]]
    return {
        "argv": argv, "environment": command["environment"], "forks": command["forks"],
        "memory_mb": memory_mb + command["memory_mb"], "folder": folder, "files": dict(files),
    }  # fmt: skip


def started(
    yard: YardProcess, spec: Mapping[str, Any], order: Order, command: Mapping[str, Any], most_bytes: int = LONGEST
) -> Frames:
    """Have a program started that talks in frames."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    try:
        places = {0: theirs_in, 1: theirs_out} if command["frames_on_stdio"] else {3: theirs_in, 4: theirs_out}
        yard.start(spec, order, places)
    finally:
        os.close(theirs_in)
        os.close(theirs_out)
    return Frames(ours_in, ours_out, min(most_bytes, LONGEST), text=command["text_frames"])


def poller_for(judge: int, yard: YardProcess, frames: Frames | None = None) -> select.poll:
    """Return a poller that hears of a yard, of frames, and of the judge's end."""
    poller = select.poll()
    poller.register(yard.control.fileno(), select.POLLIN)
    poller.register(judge, 0)  # only to hear that the judge is gone
    if frames is not None:
        poller.register(frames.reading, select.POLLIN)
        poller.register(frames.writing, select.POLLOUT)
    return poller


def heard_from(poller: select.poll, judge: int) -> set[int]:
    """Wait for one tick at most; return the descriptors that have something to say.

    Raises:
        HungUp: the judge is gone.
    """
    ready = {descriptor for descriptor, _ in poller.poll(TICK_MS)}
    if judge in ready:
        raise HungUp
    return ready
