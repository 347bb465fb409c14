"""Emptying a folder that programs have written to."""

from __future__ import annotations

import itertools
import os

_swept = itertools.count(1)


def sweep(folder: str) -> None:
    """Remove what lies in a folder, but for what lay deeper: that is moved up, for the next call.

    So no path is ever long, however deep a program has nested.
    """
    for name in os.listdir(folder):
        top = f"{folder}/.{next(_swept)}"
        os.rename(f"{folder}/{name}", top)
        try:
            os.unlink(top)
        except IsADirectoryError:
            for inner in os.listdir(top):
                os.rename(f"{top}/{inner}", f"{folder}/.{next(_swept)}")
            os.rmdir(top)
