"""Published files: by address and sha256, from an offline folder or a cache, and never downloaded unasked.

`locate` is what the other rooms call: it returns a file only after its sha256 has held. `fetch` is the one place that
uses the network. Both folders are laid out alike, so a copy of the cache is an offline folder:

    SPARKGAP_DATA     an offline folder; set, it is the only place looked in, and nothing is downloaded
    SPARKGAP_CACHE    where downloads go; unset, `$XDG_CACHE_HOME/sparkgap` or `~/.cache/sparkgap`

Not covered: mirrors, credentials, and unpacking (a benchmark reads its own format).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from io import FileIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from sparkgap.errors import DataError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager, Retry

Progress = Callable[[str, int, int], None]  # name, bytes here, bytes in all

_CHUNK_BYTES = 1 << 16
_CONNECT_S, _READ_S = 10.0, 30.0
_BUSY = (408, 429, 500, 502, 503, 504)  # answers that may be better next time
_LONGEST_WAIT_S = 60
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file as its publisher serves it. `name` is its place in the data folder; `url` is pinned to a revision."""

    name: str
    url: str
    licence: str
    bytes: int
    records: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Holding:
    """Where a published file is looked for and what is there: `ok`, `absent`, or `differs` from the published one.

    `why` says what is wrong and `mend` what to do about it; both are "" when it is ok.
    """

    file: PublishedFile
    path: Path
    state: Literal["ok", "absent", "differs"]
    why: str = ""
    mend: str = ""


class _UnreachableError(DataError):
    """The network, not the file, failed: the next file would fare no better."""


@cache
def published() -> Mapping[str, PublishedFile]:
    """Return every published file by name, in the order of the table."""
    lines = files("sparkgap").joinpath("published.tsv").read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines[1:])
    table = (PublishedFile(name, url, licence, int(size), int(n), sha) for name, url, licence, size, n, sha in rows)
    return MappingProxyType({file.name: file for file in table})


def offline_folder() -> Path | None:
    """Return the folder that `SPARKGAP_DATA` names, or None where it is unset or empty.

    Raises:
        DataError: it names no folder.
    """
    named = os.environ.get("SPARKGAP_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise DataError(f"SPARKGAP_DATA={named} is not a folder; point it at the data folder, or unset it")
    return folder


def cache_folder() -> Path:
    """Return the folder that downloads go to, laid out like an offline folder; it need not exist yet."""
    if named := os.environ.get("SPARKGAP_CACHE"):
        return Path(named).expanduser() / "data"
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "sparkgap" / "data"


def locate(name: str) -> Path:
    """Return where the published file `name` is on this machine, its sha256 verified. Downloads nothing.

    Raises:
        DataError: there is no published file of that name, or it is not here, or it is not the published one.
    """
    found = holding(name)
    if found.state != "ok":
        raise DataError(f"{found.why}; {found.mend}")
    return found.path


def holding(name: str) -> Holding:
    """Return where `name` is looked for and whether the published file is there.

    Raises:
        DataError: there is no published file of that name, or `SPARKGAP_DATA` names no folder.
    """
    file, offline = _named(name), offline_folder()
    path = (offline or cache_folder()) / name
    try:
        sha256 = _sha256(path)
    except FileNotFoundError:
        if offline:
            mend = (
                f"put it there (published at {file.url}), or unset SPARKGAP_DATA and run `sparkgap data fetch {name}`"
            )
            return Holding(file, path, "absent", f"{name} is missing from SPARKGAP_DATA={offline}", mend)
        return Holding(file, path, "absent", f"{name} is not on this machine", f"run `sparkgap data fetch {name}`")
    except OSError as error:
        return Holding(file, path, "differs", f"{path} cannot be read: {error.strerror}", "mend its permissions")
    if sha256 == file.sha256:
        return Holding(file, path, "ok")
    why = f"{path} is not the published {name}: its sha256 is {sha256}, not {file.sha256}"
    mend = f"replace it (published at {file.url})" if offline else f"run `sparkgap data fetch {name}`"
    return Holding(file, path, "differs", why, mend)


def fetch(names: Iterable[str], progress: Progress | None = None) -> dict[str, Path]:
    """Download the published files `names` that are not here yet, and return where each of them is.

    A file that fails does not keep the others from coming; one command more goes on where this one stopped.

    Raises:
        DataError: a name is unknown, or one or more files could not be had (every one is named).
    """
    paths: dict[str, Path] = {}
    failures: list[str] = []
    for found in [holding(name) for name in dict.fromkeys(names)]:
        name = found.file.name
        try:
            if found.state != "ok" and offline_folder():
                raise DataError(f"{found.why}; {found.mend}")
            paths[name] = found.path if found.state == "ok" else download(found.file, found.path, progress=progress)
        except _UnreachableError as error:
            failures.append(str(error))
            break
        except DataError as error:
            failures.append(str(error))
    if failures:
        raise DataError("\n".join(failures))
    return paths


def download(
    file: PublishedFile, target: Path, *, progress: Progress | None = None, retries: int = 4, backoff_s: float = 0.5
) -> Path:
    """Download `file` to `target`, going on from what an earlier try left, and return `target` once its sha256 holds.

    What has arrived waits beside `target` in a hidden `.part` file named after the sha256, locked while it is
    written, so that processes that want the same file take turns and the later ones find it done. `retries` is how
    often in a row it tries again with nothing new having come; the wait doubles from `backoff_s` seconds.

    If-Range would add nothing here: the sha256 is known beforehand, so a file that was replaced halfway is found out
    by its hash and, if part of it came from an earlier try, is downloaded once more from the start.

    Raises:
        DataError: no network, a refusal, another file than the published one, or no room to write it.
    """
    from urllib3 import Retry
    from urllib3.exceptions import HTTPError, MaxRetryError

    patience = Retry(
        retries, backoff_factor=backoff_s, backoff_jitter=backoff_s / 2, backoff_max=_LONGEST_WAIT_S,
        retry_after_max=_LONGEST_WAIT_S, status_forcelist=_BUSY,
    )  # fmt: skip
    part = target.with_name(f".{target.name}.{file.sha256[:12]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _sole_writer(part) as out:
            if target.exists() and _sha256(target) == file.sha256:  # another process brought it while we waited
                part.unlink()
                return target
            _Transfer(file, out, patience, progress).complete()
            os.fsync(out.fileno())
            return part.replace(target)
    except HTTPError as error:
        reason = error.reason if isinstance(error, MaxRetryError) else error
        raise _UnreachableError(
            f"{file.name} cannot be downloaded from {urlsplit(file.url).netloc}: {reason}; "
            "check the network and run the same command again, which goes on where this one stopped"
        ) from error
    except OSError as error:
        raise _unwritable(file, part, error) from error


def _unwritable(file: PublishedFile, part: Path, error: OSError) -> DataError:
    if error.errno in _NO_ROOM:
        return DataError(
            f"no room for {file.name} ({file.bytes:,} bytes) in {part.parent}; free some, or set SPARKGAP_CACHE to a "
            "folder elsewhere, and run the same command again"
        )
    return DataError(f"{part} cannot be written: {error.strerror or error}; mend that, or set SPARKGAP_CACHE")


@contextmanager
def _sole_writer(part: Path) -> Iterator[FileIO]:
    """Open `part` for appending while no other process or thread has it; the kernel lets go if we are killed."""
    while True:
        with FileIO(part, "a+") as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            try:
                ours = os.path.samestat(os.fstat(out.fileno()), part.stat())
            except FileNotFoundError:
                ours = False
            if ours:  # and not a file that the process before us has already moved into place
                yield out
                return


class _Transfer:
    """One published file on its way into `out`, over as many requests as it takes."""

    def __init__(self, file: PublishedFile, out: FileIO, patience: Retry, progress: Progress | None) -> None:
        self._file, self._out, self._patience = file, out, patience
        self._progress = progress or (lambda name, have, total: None)
        self._connections = _connections(file.url)

    def complete(self) -> None:
        """Receive what is missing until the sha256 holds; a first part from an earlier try gets a second chance."""
        with self._connections:
            for _ in range(2 if self._have() else 1):
                self._receive()
                if self._holds():
                    return
                self._restart()
        raise self._wrong("the sha256 of what it sent is another")

    def _receive(self) -> None:
        """Ask until all bytes are here, each time only for what is missing."""
        from urllib3.exceptions import HTTPError

        if self._have() > self._file.bytes:
            self._restart()
        patience, furthest = self._patience, self._have()
        while (have := self._have()) < self._file.bytes:
            asked = {"Accept-Encoding": "identity", "User-Agent": "sparkgap"}
            if have:
                asked["Range"] = f"bytes={have}-"
            response = self._connections.request(
                "GET", self._file.url, headers=asked, preload_content=False, retries=patience
            )
            try:
                self._take(response, have)
            except HTTPError as error:  # broken off in the body; `request` sees to the tries before it
                if self._have() > furthest:
                    patience, furthest = self._patience, self._have()
                patience = patience.increment("GET", self._file.url, error=error)
                patience.sleep()
            finally:
                response.close()

    def _take(self, response: BaseHTTPResponse, have: int) -> None:
        """Append one answer to the file, or empty the file when the server will not go on from where it ends."""
        from urllib3.exceptions import ProtocolError

        first, total = _span(response)
        if have and (response.status == 416 or (response.status == 206 and first != have)):
            self._restart()
            return
        if response.status not in (200, 206) or (response.status == 206 and first != have):
            raise DataError(
                f"{self._file.url} answers HTTP {response.status} {response.reason}; if it has moved, get "
                f"{self._file.name} from elsewhere and point SPARKGAP_DATA at a folder that holds it"
            )
        if total is not None and total != self._file.bytes:
            self._restart()
            raise self._wrong(f"it has {total:,} bytes, not {self._file.bytes:,}")
        if response.status == 200:  # the server starts from the beginning, asked to or not
            self._restart()
        while chunk := response.read1(_CHUNK_BYTES, decode_content=True):
            if self._have() + len(chunk) > self._file.bytes:
                self._restart()
                raise self._wrong(f"it goes on after {self._file.bytes:,} bytes")
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._out.write(rest) :]
            self._progress(self._file.name, self._have(), self._file.bytes)
        if self._have() < self._file.bytes:
            raise ProtocolError(f"the answer ended after {self._have():,} of {self._file.bytes:,} bytes")

    def _have(self) -> int:
        return os.fstat(self._out.fileno()).st_size

    def _holds(self) -> bool:
        self._out.seek(0)
        return hashlib.file_digest(self._out, "sha256").hexdigest() == self._file.sha256

    def _restart(self) -> None:
        self._out.truncate(0)

    def _wrong(self, why: str) -> DataError:
        return DataError(
            f"{self._file.url} does not serve the published {self._file.name}: {why}; it was replaced, or a proxy or a "
            "login page answers in its place: try another network, or point SPARKGAP_DATA at a folder that holds it"
        )


def _span(response: BaseHTTPResponse) -> tuple[int, int | None]:
    """Return the offset of an answer's first byte in the file, and the file's size where the answer tells it."""
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"  # then its offsets are not the file's
    if response.status == 206:
        told = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if encoded or not told:
            return -1, None
        return int(told[1]), None if told[2] == "*" else int(told[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() and not encoded else None


def _connections(url: str) -> PoolManager:
    """Return the way to `url`: through the proxy that the environment names for it, or straight."""
    from urllib.request import getproxies, proxy_bypass

    from urllib3 import PoolManager, ProxyManager, Timeout, make_headers
    from urllib3.util import parse_url

    timeout = Timeout(connect=_CONNECT_S, read=_READ_S)
    to = urlsplit(url)
    proxy = getproxies().get(to.scheme)
    if not proxy or proxy_bypass(to.hostname or ""):
        return PoolManager(timeout=timeout)
    login = parse_url(proxy).auth
    return ProxyManager(proxy, proxy_headers=make_headers(proxy_basic_auth=login) if login else None, timeout=timeout)


def _named(name: str) -> PublishedFile:
    table = published()
    if name in table:
        return table[name]
    close = get_close_matches(name, table, n=3, cutoff=0.5)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    raise DataError(f"there is no published file {name!r}{meant} (`sparkgap data list` lists all)")


_known: dict[tuple[str, int, int], str] = {}  # (path, bytes, mtime in ns) -> sha256


def _sha256(path: Path) -> str:
    """Return a file's sha256, reading it once as long as its size and time of change stay the same."""
    with path.open("rb") as opened:
        status = os.fstat(opened.fileno())
        key = (str(path), status.st_size, status.st_mtime_ns)
        if key not in _known:
            _known[key] = hashlib.file_digest(opened, "sha256").hexdigest()
        return _known[key]
