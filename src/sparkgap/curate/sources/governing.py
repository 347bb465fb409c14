"""Which licence governs a file: the nearest licence file upward, else the package's metadata; and whose file it is.

An installed package says in its RECORD which files are its own. A licence file governs files of its own package only:
one that a careless package left at the root of site-packages governs no other package there.
"""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from posixpath import dirname, join, normpath

from sparkgap.curate import licences

_LICENCE_NAME = re.compile(
    r"(un)?licen[sc]es?([-._].*)?|copying([-._].*)?|.*[-._]licen[sc]e(\.(txt|md|rst))?|ofl\.txt", re.IGNORECASE
)
_NOT_A_LICENCE = re.compile(r".*\.(py|pyi|pyc|js|ts|c|h|go|rs|java|json|csv|html|css|xml|svg|png)", re.IGNORECASE)
_METADATA = {"PKG-INFO", "METADATA", "pyproject.toml", "setup.cfg", "package.json", "Cargo.toml"}

_MOST, _MOST_RECORD = 1 << 20, 32 << 20  # bytes of a licence file or of metadata, and of a RECORD, that are read


@dataclass(frozen=True, slots=True)
class Notice:
    """One licence file: whose, where, what it is, and its text."""

    repo: str
    path: str
    licence: str
    text: str


def is_governing(path: str) -> bool:
    """Whether a file of this name may say something on other files."""
    name = path.rpartition("/")[2]
    if name in _METADATA or (name == "RECORD" and dirname(path).endswith(".dist-info")):
        return True
    return bool(_LICENCE_NAME.fullmatch(name)) and not _NOT_A_LICENCE.fullmatch(name)


def most_bytes(path: str) -> int:
    """Return how large a governing file of this name may be to be read."""
    return _MOST_RECORD if path.endswith("RECORD") else _MOST


class Governing:
    """The licence files and metadata of one source; `add` them all, then ask."""

    def __init__(self, repo: str) -> None:
        """Start without any; `repo` is the name of files that no package owns."""
        self._repo = repo
        self._texts: list[tuple[str, str]] = []
        self._files: dict[tuple[str, str], list[tuple[str, str]]] = {}  # (repo, folder) -> (path, licence)
        self._metadata: dict[str, tuple[str, str]] = {}
        self._owner: dict[str, str] = {}
        self._homes: dict[str, str] = {}  # package -> its dist-info
        self._shared: set[str] = set()  # folders that hold several packages
        self._nested: dict[str, str] = {}  # folder of a nested repository -> its name

    def add(self, path: str, content: bytes) -> None:
        """Take in one governing file."""
        text = content.decode("utf-8", "replace")
        folder, _, name = path.rpartition("/")
        if name == "RECORD":
            self._own(folder, text)
        elif name in _METADATA:
            if (licence := _of_metadata(name, text)) and (folder not in self._metadata or name == "PKG-INFO"):
                self._metadata[folder] = (licence, path)
        else:
            self._texts.append((path, text))

    def nest(self, folder: str) -> None:
        """Note that a folder is a repository of its own."""
        if folder:
            self._nested[folder] = f"{self._repo}/{folder}"

    def settle(self) -> None:
        """Sort licence files by whose they are; call it after the last `add`."""
        for path, text in self._texts:
            self._files.setdefault((self.repo(path), dirname(path)), []).append((path, licences.of_file(text)))

    def repo(self, path: str) -> str:
        """Return the name of the package or repository that owns a file."""
        if (owner := self._owner.get(path)) is not None:
            return owner
        folder = dirname(path)
        if folder.endswith((".dist-info", ".egg-info")):
            return _package(folder)
        if folder in self._shared:
            return f"{self._repo} (no package)"
        while folder.strip("/") and self._nested:
            if folder in self._nested:
                return self._nested[folder]
            folder = dirname(folder)
        return self._repo

    def licence(self, path: str) -> tuple[str, str]:
        """Return the licence of a file as an SPDX expression, and where that is said; ("", "") if nowhere."""
        repo = self.repo(path)
        for folder in self._upward(dirname(path)):
            if found := self._files.get((repo, folder)):
                return _all_of(found), f"file {min(found)[0]}"
        home = self._homes.get(repo)
        for folder in self._upward(dirname(path) if home is None else home):
            if said := self._metadata.get(folder):
                return said[0], f"metadata {said[1]}"
        inside = [
            each
            for (owner, folder), files in self._files.items()
            if home is not None and owner == repo and f"{folder}/".startswith(f"{home}/")
            for each in files
        ]
        return (_all_of(inside), f"file {min(inside)[0]}") if inside else ("", "")

    def _upward(self, folder: str) -> Iterator[str]:
        """Yield a folder and those above it, up to the root of its repository."""
        while True:
            yield folder
            if not folder.strip("/") or folder in self._nested:
                return
            folder = dirname(folder)

    def notices(self) -> Iterator[Notice]:
        """Yield the licence files, sorted by path."""
        known = {path: licence for found in self._files.values() for path, licence in found}
        for path, text in sorted(self._texts):
            yield Notice(self.repo(path), path, known.get(path, licences.UNKNOWN), text)

    def _own(self, folder: str, record: str) -> None:
        """Read which files a package installed; paths in RECORD are relative to what holds the dist-info."""
        package, above = _package(folder), dirname(folder)
        self._homes[package] = folder
        self._shared.add(above)
        for row in csv.reader(record.splitlines()):
            if row and not row[0].startswith(("..", "/")):
                self._owner[normpath(join(above, row[0])) if above else normpath(row[0])] = package


def _all_of(found: list[tuple[str, str]]) -> str:
    """Return the expression for several licence files, which all hold."""
    return " AND ".join(dict.fromkeys(f"({each})" if " OR " in each else each for _, each in sorted(found)))


def _package(dist_info: str) -> str:
    return (
        dist_info.rpartition("/")[2].removesuffix(".dist-info").removesuffix(".egg-info").rpartition("-")[0]
        or (dist_info.rpartition("/")[2])
    )


def _of_metadata(name: str, text: str) -> str:
    try:
        if name in {"PKG-INFO", "METADATA"}:
            return _of_core_metadata(text)
        if name == "package.json":
            licence = json.loads(text).get("license", "")
            return licences.of_name(licence if isinstance(licence, str) else str(licence.get("type", "")), True)
        if name == "setup.cfg":
            found = re.search(r"(?m)^licen[sc]e\s*=\s*(.+)$", text)
            return licences.of_name(found[1], True) if found else ""
        return _of_toml(tomllib.loads(text))
    except (ValueError, AttributeError, TypeError):
        return ""


def _of_toml(read: dict[str, object]) -> str:
    for table in (read.get("project"), read.get("package"), (read.get("tool") or {}).get("poetry")):  # type: ignore[attr-defined]
        licence = table.get("license") if isinstance(table, dict) else None
        if isinstance(licence, dict):
            licence = licence.get("text")
        if isinstance(licence, str):
            return licences.of_name(licence, True)
    return ""


def _of_core_metadata(text: str) -> str:
    fields = HeaderParser().parsestr(text)
    if expression := fields.get("License-Expression"):
        return licences.of_name(expression)
    named = [licences.of_name(each.rpartition("::")[2].strip(), True) for each in fields.get_all("Classifier", [])
             if each.startswith("License ::")]  # fmt: skip
    free = licences.of_name(fields.get("License") or "", True)
    if free and free != licences.UNKNOWN:
        return free
    return " AND ".join(dict.fromkeys(each for each in named if each))
