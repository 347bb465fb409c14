"""Folders: every file below one, in a fixed order, links not followed; with the packages and repositories in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from sparkgap.curate.documents import Entry
from sparkgap.curate.sources.governing import Governing, Notice, is_governing, most_bytes
from sparkgap.errors import InputError

_LEFT_OUT = {".git", ".hg", ".svn", "__pycache__"}  # what tools keep beside the files, no files of the source


class Folder:
    """One folder on this machine."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is read yet."""
        self._root = root.resolve()
        self.name = str(root)
        self._governing = Governing(self._root.name)

    def entries(self) -> Iterator[Entry]:
        """Yield the files, folder by folder, by name; only the licence files and the metadata are held.

        Raises:
            InputError: a folder cannot be listed.
        """
        self._governing = governing = Governing(self._root.name)
        for path, found in self._walk():
            if found.name == ".git":
                governing.nest(path.rpartition("/")[0])
            elif (
                is_governing(path)
                and found.is_file(follow_symlinks=False)
                and found.stat(follow_symlinks=False).st_size <= most_bytes(path)
            ):
                governing.add(path, Path(found.path).read_bytes())
        governing.settle()
        for path, found in self._walk():
            if found.name not in _LEFT_OUT:
                yield self._entry(path, found)

    def notices(self) -> Iterator[Notice]:
        """Yield the licence files."""
        return self._governing.notices()

    def _entry(self, path: str, found: os.DirEntry[str]) -> Entry:
        status = found.stat(follow_symlinks=False)
        fault = ""
        if stat.S_ISLNK(status.st_mode):
            fault = "link"
        elif not stat.S_ISREG(status.st_mode):
            fault = "special"
        licence, said = self._governing.licence(path)
        return Entry(
            source=self.name, repo=self._governing.repo(path), path=path, size=status.st_size,
            stamp=str(status.st_mtime_ns), place=found.path, fault=fault, licence=licence, licence_from=said,
        )  # fmt: skip

    def _walk(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Yield the files and the `.git` below the root, with their paths; links are files here."""
        waiting: list[tuple[str, os.DirEntry[str] | None]] = [("", None)]
        while waiting:
            path, found = waiting.pop()
            if found is not None and (found.name in _LEFT_OUT or not found.is_dir(follow_symlinks=False)):
                yield path, found
                continue
            place = self._root if found is None else Path(found.path)
            try:
                with os.scandir(place) as listed:
                    inside = sorted(listed, key=lambda each: each.name, reverse=True)
            except OSError as fault:
                raise InputError(f"{place} cannot be listed: {fault.strerror}") from fault
            for each in inside:
                waiting.append((f"{path}/{readable_name(each.name)}".lstrip("/"), each))


def readable_name(name: str) -> str:
    r"""Return a file's name as text that a table can hold; bytes that are no UTF-8 are written as \xff."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
