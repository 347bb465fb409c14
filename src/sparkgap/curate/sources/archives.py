"""Archives: zip and wheels, tar and sdists, read in memory, member by member, and never unpacked to the disk.

What a member says of itself may be a lie, so bounds are on what really comes out: of one member, and of the whole
archive. A member whose path leaves the archive is listed with the fault "path". Not covered: archives in archives,
which are files like any other, and encrypted members.
"""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sparkgap.curate.documents import Entry
from sparkgap.curate.sources.governing import Governing, Notice, is_governing, most_bytes
from sparkgap.errors import InputError

# A whole archive may come out 200 times as large as it is, and 64 MB besides; source code shrinks to a fifth, and a
# gigabyte of zeros to a thousandth. The first member beyond that has the fault "bomb", and no more are read.
MOST_GROWTH = 200
MOST_SLACK = 64 << 20


@dataclass(frozen=True, slots=True)
class _Member:
    path: str
    size: int
    stamp: str
    fault: str


class _Archive:
    """What both kinds share: two rounds over the members, the first for what governs the others."""

    def __init__(self, place: Path, max_bytes: int) -> None:
        """Name the archive; nothing is read yet."""
        self._place, self._max_bytes = place, max_bytes
        self.name = str(place)
        self._repo = repo_name(place.name)
        self._governing = Governing(self._repo)

    def entries(self) -> Iterator[Entry]:
        """Yield the members, in the archive's order.

        Raises:
            InputError: it is no archive of its kind, or a damaged one.
        """
        self._governing = governing = Governing(self._repo)
        try:
            for member, stream in self._members():
                if not member.fault and stream and is_governing(member.path) and member.size <= most_bytes(member.path):
                    governing.add(member.path, stream.read(most_bytes(member.path)))
            governing.settle()
            for member, stream in self._members():
                yield self._entry(member, stream)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as fault:
            raise InputError(f"{self._place} is no archive of its kind, or a damaged one: {fault}") from fault

    def notices(self) -> Iterator[Notice]:
        """Yield the licence files."""
        return self._governing.notices()

    def _entry(self, member: _Member, stream: IO[bytes] | None) -> Entry:
        fault, content, size = member.fault, None, member.size
        if not fault and size <= self._max_bytes and stream is not None:
            try:
                content = stream.read(self._max_bytes + 1)
            except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as broken:
                fault = f"damaged: {broken}"
            else:
                size = len(content)
                content = content if size <= self._max_bytes else None
        licence, said = self._governing.licence(member.path)
        return Entry(
            source=self.name, repo=self._governing.repo(member.path), path=member.path, size=size, stamp=member.stamp,
            content=content, fault=fault, licence=licence, licence_from=said,
        )  # fmt: skip

    def _members(self) -> Iterator[tuple[_Member, IO[bytes] | None]]:
        raise NotImplementedError


class Zip(_Archive):
    """A zip file, a wheel or an egg."""

    def _members(self) -> Iterator[tuple[_Member, IO[bytes] | None]]:
        most = MOST_GROWTH * self._place.stat().st_size + MOST_SLACK
        with zipfile.ZipFile(self._place) as archive:
            out = 0
            for info in archive.infolist():
                if info.is_dir():
                    continue
                fault = "path" if _leaves(info.filename) else ""
                out += min(info.file_size, self._max_bytes)
                if out > most:
                    fault = "bomb"
                if info.flag_bits & 1:
                    fault = fault or "encrypted"
                path = info.filename.encode("utf-8", "backslashreplace").decode()
                member = _Member(path, info.file_size, str(info.CRC), fault)
                if fault or info.file_size > max(self._max_bytes, most_bytes(path)):
                    yield member, None
                else:
                    with archive.open(info) as stream:
                        yield member, stream
                if fault == "bomb":
                    return


class Tar(_Archive):
    """A tar file, compressed or not."""

    def _members(self) -> Iterator[tuple[_Member, IO[bytes] | None]]:
        most = MOST_GROWTH * self._place.stat().st_size + MOST_SLACK
        with tarfile.open(self._place, "r:*") as archive:
            for info in archive:
                if info.isdir():
                    continue
                fault = "link" if info.issym() or info.islnk() else "" if info.isfile() else "special"
                if _leaves(info.name):
                    fault = "path"
                if info.offset_data + info.size > most:
                    fault = "bomb"
                path = info.name.encode("utf-8", "backslashreplace").decode().removeprefix("./")
                member = _Member(path, info.size, str(info.mtime), fault)
                yield member, None if fault else archive.extractfile(info)
                archive.members = []  # type: ignore[attr-defined]  # or it keeps every header it has seen
                if fault == "bomb":  # what follows cannot be reached without unpacking it
                    return


def open_archive(place: Path, max_bytes: int) -> Zip | Tar:
    """Return the archive by the end of its name."""
    return (Zip if place.name.endswith((".zip", ".whl", ".egg")) else Tar)(place, max_bytes)


def repo_name(file: str) -> str:
    """Return a file's name without what says its kind: `six` for six-1.16.0-py2.py3-none-any.whl."""
    if file.endswith((".whl", ".egg")):
        return file.split("-", maxsplit=1)[0]
    for end in (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".txz", ".tar", ".zip"):
        file = file.removesuffix(end)
    return file


def _leaves(path: str) -> bool:
    r"""Whether a path leads out of the archive: absolute, with `..` in it, or with a drive."""
    parts = path.replace("\\", "/").split("/")
    return path.startswith(("/", "\\")) or ".." in parts or (len(parts[0]) == 2 and parts[0][1] == ":")
