"""Git repositories, working tree or bare, at any revision, read through the `git` command; nothing is checked out.

Neither hooks nor filters of the repository run: only `ls-tree` and `cat-file` are called. Not covered: submodules
(listed, not read) and files kept by Git LFS, whose pointers are what comes in.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sparkgap.curate.documents import Entry
from sparkgap.curate.sources.folders import readable_name
from sparkgap.curate.sources.governing import Governing, Notice, is_governing, most_bytes
from sparkgap.errors import InputError

_FAULTS = {"120000": "link", "160000": "submodule"}


@dataclass(frozen=True, slots=True)
class _Blob:
    path: str
    mode: str
    id: str
    size: int


def is_bare(folder: Path) -> bool:
    """Whether a folder is a bare git repository."""
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


class GitRepository:
    """One commit of one repository."""

    def __init__(self, folder: Path, revision: str, max_bytes: int) -> None:
        """Look the revision up; files larger than `max_bytes` will be listed and not read.

        Raises:
            InputError: git is missing, or the folder holds no such revision.
        """
        self._folder, self._max_bytes = folder, max_bytes
        self._commit = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        self.name = f"{folder}@{revision}"
        name = folder.resolve().name
        self._repo = (folder.resolve().parent.name if name == ".git" else name).removesuffix(".git")
        self._governing = Governing(self._repo)

    def entries(self) -> Iterator[Entry]:
        """Yield the files of the commit, in git's order."""
        self._governing = governing = Governing(self._repo)
        with self._contents() as read:
            for blob in self._list():
                if is_governing(blob.path) and blob.mode not in _FAULTS and blob.size <= most_bytes(blob.path):
                    governing.add(blob.path, read(blob))
            governing.settle()
            for blob in self._list():
                licence, said = governing.licence(blob.path)
                fault = _FAULTS.get(blob.mode, "")
                yield Entry(
                    source=self.name, repo=governing.repo(blob.path), path=blob.path, size=blob.size, stamp=blob.id,
                    content=None if fault or blob.size > self._max_bytes else read(blob), fault=fault,
                    licence=licence, licence_from=said,
                )  # fmt: skip

    def notices(self) -> Iterator[Notice]:
        """Yield the licence files."""
        return self._governing.notices()

    def _list(self) -> Iterator[_Blob]:
        told = subprocess.run(self._command("ls-tree", "-r", "-l", "-z", "--full-tree", self._commit),
                              capture_output=True, check=True, env=_environment())  # fmt: skip
        for line in told.stdout.split(b"\0")[:-1]:
            facts, _, path = line.partition(b"\t")
            mode, _, blob, size = facts.decode().split()
            yield _Blob(readable_name(os.fsdecode(path)), mode, blob, int(size) if size.isdigit() else 0)

    @contextmanager
    def _contents(self) -> Iterator[Callable[[_Blob], bytes]]:
        process = subprocess.Popen(self._command("cat-file", "--batch"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=_environment())  # fmt: skip
        asked, told = _pipes(process)

        def read(blob: _Blob) -> bytes:
            asked.write(f"{blob.id}\n".encode())
            asked.flush()
            size = int(told.readline().split()[2])
            content = told.read(size + 1)
            return content[:-1]

        try:
            yield read
        finally:
            asked.close()
            told.close()
            process.wait()

    def _command(self, *words: str) -> list[str]:
        return ["git", "-C", str(self._folder), *words]

    def _git(self, *words: str) -> str:
        try:
            told = subprocess.run(
                self._command(*words), capture_output=True, text=True, env=_environment(), check=False
            )
        except OSError as fault:
            raise InputError(f"{self._folder} is a git repository and git is not there: {fault.strerror}") from fault
        if told.returncode:
            raise InputError(f"{self._folder} has no such revision: {told.stderr.strip() or words[-1]}")
        return told.stdout.strip()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both were asked for")
    return process.stdin, process.stdout


def _environment() -> dict[str, str]:
    """Return the environment for git: whoever owns the repository, it is only read; no lazy fetching."""
    return {
        **os.environ, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0",
    }  # fmt: skip
