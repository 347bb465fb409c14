"""Sources: what the user names, as a stream of entries in a fixed order.

    folder           every file below it, sorted; links are not followed, `.git` is left out
    repository       `PATH@REVISION`, or a bare repository: the files of that commit, read through git
    archive          .zip, .whl, .tar, .tar.gz/.tgz, .tar.bz2, .tar.xz (sdists among them)
    table            .jsonl(.gz) and .parquet with a column of contents (The Stack's names are understood)
    hf:NAME          a dataset of the Hugging Face hub or of a folder, streamed through `datasets`; hf:NAME:SPLIT

A source reads what it must to say which licence governs each file, and leaves the contents of a folder's files to
whoever measures them. Nothing is ever unpacked to the disk, and nothing of a source is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sparkgap.curate.documents import Entry
from sparkgap.curate.sources.governing import Notice
from sparkgap.errors import InputError

ARCHIVES = (".zip", ".whl", ".egg", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz")
TABLES = (".jsonl", ".jsonl.gz", ".parquet")


class Source(Protocol):
    """What every kind of source is."""

    name: str  # as it stands in the ledger; two sources of a run have different names

    def entries(self) -> Iterator[Entry]:
        """Yield every file, the same ones in the same order each time."""
        ...

    def notices(self) -> Iterator[Notice]:
        """Yield the licence files, for the attribution; call it after `entries` has ended."""
        ...


def open_source(text: str, max_bytes: int) -> Source:
    """Return the source that `text` names; entries larger than `max_bytes` are listed and not read.

    Raises:
        InputError: there is no such thing, or it is of no known kind.
    """
    if text.startswith("hf:"):
        from sparkgap.curate.sources.tables import HubDataset

        return HubDataset(text)
    path, _, revision = text.partition("@") if not Path(text).exists() else (text, "", "")
    place = Path(path)
    if not place.exists():
        raise InputError(f"there is no source {text}; name a folder, a repository, an archive, a table or hf:NAME")
    if place.is_dir():
        from sparkgap.curate.sources.repositories import GitRepository, is_bare

        if revision or is_bare(place):
            return GitRepository(place, revision or "HEAD", max_bytes)
        from sparkgap.curate.sources.folders import Folder

        return Folder(place)
    if place.name.endswith(ARCHIVES):
        from sparkgap.curate.sources.archives import open_archive

        return open_archive(place, max_bytes)
    if place.name.endswith(TABLES):
        from sparkgap.curate.sources.tables import Table

        return Table(place)
    raise InputError(f"{place} is of no known kind; its name should end in one of {' '.join(ARCHIVES + TABLES)}")
