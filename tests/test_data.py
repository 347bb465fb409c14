"""Published files: the table, the offline folder, the cache, and downloads against a real server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sparkgap import data
from sparkgap.data import DataError, PublishedFile, download

CONTENT = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(12_500))  # 400,000 bytes that do not repeat
OTHER = CONTENT[::-1]


@dataclass
class Server:
    """A file server whose bad habits are set per path; it notes requests as (path, Range, status, bytes to send)."""

    url: str = ""
    log: list[tuple[str, str, int, int]] = field(default_factory=list)
    habits: dict[str, Callable[[Handler], None]] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)

    def file(self, path: str, content: bytes = CONTENT) -> PublishedFile:
        sha256 = hashlib.sha256(content).hexdigest()
        return PublishedFile(f"box/{path}", f"{self.url}/{path}", "MIT", len(content), 1, sha256)

    def ranges(self, path: str) -> list[str]:
        return [asked for at, asked, *_ in self.log if at == path]

    def sent(self, path: str) -> int:
        return sum(count for at, *_, count in self.log if at == path)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ThreadingHTTPServer
    house: Server

    def do_GET(self) -> None:
        self.path = self.path.lstrip("/")
        self.house.tries[self.path] = self.house.tries.get(self.path, 0) + 1
        self.house.habits.get(self.path, Handler.serve)(self)

    @property
    def attempt(self) -> int:
        return self.house.tries[self.path]

    def serve(
        self, content: bytes = CONTENT, *, ranges: bool = True, stop: int | None = None, pause_s: float = 0
    ) -> None:
        """Answer like a decent server; `stop` cuts the connection after so many bytes, `pause_s` waits per 20 kB."""
        asked = self.headers.get("Range", "")
        first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and ranges else 0
        status = 206 if asked and ranges else 200
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        body = content[first:] if stop is None else content[first : first + stop]
        self.note(status, len(body))  # before the body, lest the client be quicker than the log
        self.end_headers()
        try:
            for at in range(0, len(body), 20_000):
                self.wfile.write(body[at : at + 20_000])
                time.sleep(pause_s)
        except OSError:  # the client is gone
            self.close_connection = True
        if stop is not None:
            self.close_connection = True

    def refuse(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.note(status, 0)
        self.end_headers()

    def note(self, status: int, sent: int) -> None:
        self.house.log.append((self.path, self.headers.get("Range", ""), status, sent))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    house = Server()
    handler = type("Bound", (Handler,), {"house": house})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        httpd.daemon_threads = True
        house.url = f"http://127.0.0.1:{httpd.server_address[1]}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield house
        httpd.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's cache, offline folder or proxies."""
    for name in ("SPARKGAP_DATA", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARKGAP_CACHE", str(tmp_path / "cache"))


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name.endswith(".part"))


def part_of(file: PublishedFile, target: Path, content: bytes) -> Path:
    """Lay down what an earlier try would have left."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{file.sha256[:12]}.part")
    part.write_bytes(content)
    return part


# The table


def test_every_published_file_is_pinned_to_a_revision_and_a_sha256() -> None:
    table = data.published()
    assert len(table) > 40
    for name, file in table.items():
        assert file.name == name
        assert re.match(r"https://[^/]+/.*/[0-9a-f]{40}/", file.url), name
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256), name
        assert file.bytes > 0
        assert file.records > 0
        assert file.licence, name
        assert ".." not in Path(name).parts
        assert not Path(name).is_absolute()


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        data.published()["x"] = data.published()["humaneval/HumanEval.jsonl.gz"]  # type: ignore[index]


def test_the_real_files_are_the_published_ones(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    held = [data.holding(name) for name in data.published()]
    assert [each.file.name for each in held if each.state != "ok"] == []
    assert all(each.path.stat().st_size == each.file.bytes for each in held)


# Locating


@pytest.fixture
def boxed(monkeypatch: pytest.MonkeyPatch) -> PublishedFile:
    """The table holds one small file, `box/one`."""
    file = PublishedFile("box/one", "http://127.0.0.1:9/one", "MIT", 3, 1, hashlib.sha256(b"one").hexdigest())
    monkeypatch.setattr(data, "published", lambda: {file.name: file})
    return file


def test_an_unknown_name_suggests_the_close_ones() -> None:
    with pytest.raises(
        DataError, match=r"no published file 'humaneval/HumanEval.jsonl'.*humaneval/HumanEval\.jsonl\.gz"
    ):
        data.locate("humaneval/HumanEval.jsonl")


def test_an_absent_file_is_never_downloaded_by_locate(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    file = server.file("one")
    monkeypatch.setattr(data, "published", lambda: {file.name: file})
    with pytest.raises(DataError, match="run `sparkgap data fetch box/one`"):
        data.locate("box/one")
    assert server.log == []


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert data.cache_folder() == tmp_path / "cache" / "data"
    monkeypatch.delenv("SPARKGAP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert data.cache_folder() == tmp_path / "xdg" / "sparkgap" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert data.cache_folder() == tmp_path / "home" / ".cache" / "sparkgap" / "data"


def test_a_cached_file_is_located_once_its_sha256_holds(boxed: PublishedFile) -> None:
    path = data.cache_folder() / boxed.name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"one")
    assert data.locate(boxed.name) == path
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    with pytest.raises(
        DataError, match=r"is not the published box/one: its sha256 is .*; run `sparkgap data fetch box/one`"
    ):
        data.locate(boxed.name)


def test_the_offline_folder_is_used_instead_of_the_cache(
    boxed: PublishedFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder, content in ((tmp_path / "offline", b"one"), (data.cache_folder(), b"bad")):
        (folder / "box").mkdir(parents=True)
        (folder / boxed.name).write_bytes(content)
    monkeypatch.setenv("SPARKGAP_DATA", str(tmp_path / "offline"))
    assert data.locate(boxed.name) == tmp_path / "offline" / boxed.name
    (tmp_path / "offline" / boxed.name).unlink()
    with pytest.raises(
        DataError, match=r"box/one is missing from SPARKGAP_DATA=.*; put it there .*unset SPARKGAP_DATA"
    ):
        data.locate(boxed.name)


def test_a_changed_file_in_the_offline_folder_is_named_with_its_mend(
    boxed: PublishedFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / boxed.name).write_bytes(b"uno")
    monkeypatch.setenv("SPARKGAP_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"box/one is not the published box/one.*; replace it \(published at http"):
        data.locate(boxed.name)


def test_an_offline_folder_that_is_none_is_a_mistake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="is not a folder"):
        data.locate("humaneval/HumanEval.jsonl.gz")


def test_a_file_is_read_for_its_sha256_only_once(boxed: PublishedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    path = data.cache_folder() / boxed.name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"one")
    reads: list[object] = []
    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: reads.append(given) or real(*given))
    for _ in range(5):
        data.locate(boxed.name)
    assert len(reads) == 1


# Downloading


def test_a_download_arrives_whole_and_reports_its_progress(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    target = download(server.file("one"), tmp_path / "box" / "one", progress=lambda *step: seen.append(step))
    assert target.read_bytes() == CONTENT
    assert server.ranges("one") == [""]
    assert seen[-1] == ("box/one", len(CONTENT), len(CONTENT))
    assert [have for _, have, _ in seen] == sorted(have for _, have, _ in seen)
    assert leftovers(tmp_path) == []


def test_a_part_from_an_earlier_try_is_not_sent_again(server: Server, tmp_path: Path) -> None:
    file = server.file("one")
    part_of(file, tmp_path / "one", CONTENT[:123_456])
    assert download(file, tmp_path / "one").read_bytes() == CONTENT
    assert server.ranges("one") == ["bytes=123456-"]
    assert server.sent("one") == len(CONTENT) - 123_456


def test_a_whole_part_needs_no_request(server: Server, tmp_path: Path) -> None:
    file = server.file("one")
    part_of(file, tmp_path / "one", CONTENT)
    assert download(file, tmp_path / "one").read_bytes() == CONTENT
    assert server.log == []


@pytest.mark.parametrize("kind", ["changed", "too long"])
def test_a_part_that_is_no_part_of_the_file_is_replaced(server: Server, tmp_path: Path, kind: str) -> None:
    file = server.file("one")
    part_of(file, tmp_path / "one", OTHER[:1000] if kind == "changed" else CONTENT + b"!")
    assert download(file, tmp_path / "one").read_bytes() == CONTENT
    assert server.ranges("one")[-1] == ""


def test_a_server_without_ranges_sends_it_all_again(server: Server, tmp_path: Path) -> None:
    file = server.file("one")
    server.habits["one"] = lambda handler: handler.serve(ranges=False)
    part_of(file, tmp_path / "one", CONTENT[:5000])
    assert download(file, tmp_path / "one").read_bytes() == CONTENT
    assert server.sent("one") == len(CONTENT)


def test_a_server_that_goes_on_from_another_place_is_asked_for_it_all(server: Server, tmp_path: Path) -> None:
    file = server.file("one")

    def habit(handler: Handler) -> None:
        if handler.headers.get("Range"):
            handler.headers.replace_header("Range", "bytes=4096-")  # as a cache that keeps whole blocks does
        handler.serve()

    server.habits["one"] = habit
    part_of(file, tmp_path / "one", CONTENT[:5000])
    assert download(file, tmp_path / "one").read_bytes() == CONTENT


def test_a_range_that_the_server_calls_unsatisfiable_starts_over(server: Server, tmp_path: Path) -> None:
    file = server.file("one")
    server.habits["one"] = lambda handler: handler.refuse(416) if handler.headers.get("Range") else handler.serve()
    part_of(file, tmp_path / "one", CONTENT[:5000])
    assert download(file, tmp_path / "one").read_bytes() == CONTENT
    assert server.ranges("one") == ["bytes=5000-", ""]


def test_a_connection_that_drops_midway_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.habits["one"] = lambda handler: handler.serve(stop=150_000)
    assert download(server.file("one"), tmp_path / "one", backoff_s=0.01).read_bytes() == CONTENT
    assert server.ranges("one") == ["", "bytes=150000-", "bytes=300000-"]
    assert server.sent("one") == len(CONTENT)


def test_drops_do_not_use_up_the_tries_while_bytes_arrive(server: Server, tmp_path: Path) -> None:
    server.habits["one"] = lambda handler: handler.serve(stop=40_000)
    assert download(server.file("one"), tmp_path / "one", retries=1, backoff_s=0.01).read_bytes() == CONTENT
    assert len(server.log) == 10


def test_a_server_without_ranges_that_always_drops_is_given_up(server: Server, tmp_path: Path) -> None:
    server.habits["one"] = lambda handler: handler.serve(ranges=False, stop=150_000)
    with pytest.raises(DataError, match="run the same command again"):
        download(server.file("one"), tmp_path / "one", retries=2, backoff_s=0.01)
    assert len(server.log) == 3
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_recovers_is_waited_for(server: Server, tmp_path: Path, status: int) -> None:
    server.habits["one"] = lambda handler: handler.refuse(status) if handler.attempt < 3 else handler.serve()
    assert download(server.file("one"), tmp_path / "one", backoff_s=0.01).read_bytes() == CONTENT
    assert [line[2] for line in server.log] == [status, status, 200]


def test_a_server_that_does_not_recover_is_named(server: Server, tmp_path: Path) -> None:
    server.habits["one"] = lambda handler: handler.refuse(500)
    with pytest.raises(
        DataError, match=r"box/one cannot be downloaded from 127\.0\.0\.1:\d+: too many 500 error responses"
    ):
        download(server.file("one"), tmp_path / "one", retries=2, backoff_s=0.01)
    assert len(server.log) == 3


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_final_and_says_so(server: Server, tmp_path: Path, status: int) -> None:
    server.habits["one"] = lambda handler: handler.refuse(status)
    with pytest.raises(DataError, match=f"one answers HTTP {status} .*SPARKGAP_DATA"):
        download(server.file("one"), tmp_path / "one", backoff_s=0.01)
    assert len(server.log) == 1


def test_a_redirect_is_followed(server: Server, tmp_path: Path) -> None:
    server.habits["old"] = lambda handler: handler.refuse(302, Location="/one")
    assert download(server.file("old"), tmp_path / "one").read_bytes() == CONTENT


def test_wrong_bytes_are_never_kept(server: Server, tmp_path: Path) -> None:
    server.habits["one"] = lambda handler: handler.serve(OTHER)
    with pytest.raises(DataError, match="does not serve the published box/one: the sha256 of what it sent is another"):
        download(server.file("one"), tmp_path / "one")
    assert not (tmp_path / "one").exists()
    server.habits.clear()
    assert download(server.file("one"), tmp_path / "one").read_bytes() == CONTENT


def test_a_login_page_is_told_from_the_file_by_its_size(server: Server, tmp_path: Path) -> None:
    server.habits["one"] = lambda handler: handler.serve(b"<html>Welcome to our hotel</html>")
    with pytest.raises(DataError, match=r"it has 33 bytes, not 400,000; .*login page"):
        download(server.file("one"), tmp_path / "one")
    assert server.sent("one") <= 33


def test_an_endless_answer_is_cut_at_the_size_of_the_file(server: Server, tmp_path: Path) -> None:
    def pour(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        try:
            for _ in range(1000):
                handler.wfile.write(CONTENT)
        except OSError:
            return

    server.habits["one"] = pour
    with pytest.raises(DataError, match="it goes on after 400,000 bytes"):
        download(server.file("one"), tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_an_answer_that_is_packed_on_the_way_is_unpacked(server: Server, tmp_path: Path) -> None:
    def packed(handler: Handler) -> None:
        body = gzip.compress(CONTENT)
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.habits["one"] = packed
    assert download(server.file("one"), tmp_path / "one").read_bytes() == CONTENT


def test_no_network_is_said_plainly(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as shut:
        port = shut.server_address[1]
    file = PublishedFile("box/one", f"http://127.0.0.1:{port}/one", "MIT", 3, 1, "0" * 64)
    with pytest.raises(
        DataError, match=rf"cannot be downloaded from 127\.0\.0\.1:{port}: .*refused.*; check the network"
    ):
        download(file, tmp_path / "one", retries=1, backoff_s=0.01)


def test_the_environments_proxy_is_used(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = server.file("one")
    behind = PublishedFile(real.name, "http://published.invalid/one", "MIT", real.bytes, 1, real.sha256)
    server.habits["http://published.invalid/one"] = Handler.serve
    monkeypatch.setenv("http_proxy", server.url)
    assert download(behind, tmp_path / "one").read_bytes() == CONTENT


def in_a_process(file: PublishedFile, target: Path, before: str = "") -> subprocess.Popen[str]:
    script = (
        f"from pathlib import Path; from sparkgap.data import *; {before}\n"
        f"try: download({file!r}, Path({str(target)!r}))\n"
        "except DataError as error: print(error); raise SystemExit(2)"
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def test_a_killed_fetch_goes_on_with_what_it_had(server: Server, tmp_path: Path) -> None:
    file, target = server.file("one"), tmp_path / "one"
    server.habits["one"] = lambda handler: handler.serve(pause_s=0.05)
    with in_a_process(file, target) as first:
        deadline = time.monotonic() + 30
        while not (parts := list(tmp_path.glob(".one.*.part"))) or parts[0].stat().st_size < 60_000:
            assert time.monotonic() < deadline, "the download never started"
            time.sleep(0.005)
        first.send_signal(signal.SIGKILL)
    kept = parts[0].stat().st_size
    assert 60_000 <= kept < len(CONTENT)
    assert not target.exists()

    server.habits.clear()
    server.log.clear()
    with in_a_process(file, target) as second:
        assert second.wait() == 0
    assert target.read_bytes() == CONTENT
    second_request = next(line for line in server.log if line[1])
    assert second_request == ("one", f"bytes={kept}-", 206, len(CONTENT) - kept)
    assert leftovers(tmp_path) == []


def test_processes_that_want_the_same_file_fetch_it_once(server: Server, tmp_path: Path) -> None:
    file, target = server.file("one"), tmp_path / "one"
    server.habits["one"] = lambda handler: handler.serve(pause_s=0.02)
    crowd = [in_a_process(file, target) for _ in range(4)]
    for each in crowd:
        with each:
            assert each.wait() == 0
    assert target.read_bytes() == CONTENT
    assert server.sent("one") == len(CONTENT)
    assert leftovers(tmp_path) == []


def test_threads_that_want_the_same_file_fetch_it_once(server: Server, tmp_path: Path) -> None:
    file = server.file("one")
    crowd = [threading.Thread(target=download, args=(file, tmp_path / "one")) for _ in range(8)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()
    assert (tmp_path / "one").read_bytes() == CONTENT
    assert server.sent("one") == len(CONTENT)


def test_a_full_disk_is_said_and_what_arrived_is_kept(server: Server, tmp_path: Path) -> None:
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))"
    with in_a_process(server.file("one"), tmp_path / "one", before=full) as child:
        said = child.communicate()[0]
    assert child.returncode == 2
    assert "no room for box/one (400,000 bytes)" in said
    assert "SPARKGAP_CACHE" in said
    assert download(server.file("one"), tmp_path / "one").read_bytes() == CONTENT
    assert server.ranges("one") == ["", "bytes=150000-"]


def test_a_folder_that_cannot_be_made_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(b"a file where a folder should be")
    with pytest.raises(DataError, match=r"cannot be written: .*SPARKGAP_CACHE"):
        download(server.file("one"), tmp_path / "box" / "one")


# Fetching several


def test_fetch_brings_only_what_is_not_here(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [server.file("one"), server.file("two")]
    monkeypatch.setattr(data, "published", lambda: {file.name: file for file in files})
    first = data.fetch(["box/one"])
    assert first == {"box/one": data.cache_folder() / "box" / "one"}
    both = data.fetch(["box/one", "box/two", "box/one"])
    assert list(both) == ["box/one", "box/two"]
    assert [line[0] for line in server.log] == ["one", "two"]
    assert data.locate("box/two").read_bytes() == CONTENT


def test_fetch_replaces_a_file_that_does_not_hold(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    file = server.file("one")
    monkeypatch.setattr(data, "published", lambda: {file.name: file})
    path = data.cache_folder() / file.name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"torn")
    assert data.fetch([file.name])[file.name].read_bytes() == CONTENT


def test_one_file_that_is_gone_does_not_keep_the_others(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [server.file(name) for name in ("one", "gone", "two")]
    server.habits["gone"] = lambda handler: handler.refuse(404)
    monkeypatch.setattr(data, "published", lambda: {file.name: file for file in files})
    with pytest.raises(DataError, match="gone answers HTTP 404"):
        data.fetch([file.name for file in files])
    assert data.holding("box/one").state == data.holding("box/two").state == "ok"


def test_fetch_leaves_the_offline_folder_alone(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = [server.file("one"), server.file("two")]
    monkeypatch.setattr(data, "published", lambda: {file.name: file for file in files})
    (tmp_path / "offline" / "box").mkdir(parents=True)
    (tmp_path / "offline" / "box" / "one").write_bytes(CONTENT)
    monkeypatch.setenv("SPARKGAP_DATA", str(tmp_path / "offline"))
    assert data.fetch(["box/one"]) == {"box/one": tmp_path / "offline" / "box" / "one"}
    with pytest.raises(DataError, match=r"box/two is missing from SPARKGAP_DATA=.*unset SPARKGAP_DATA"):
        data.fetch(["box/two"])
    assert server.log == []


def test_a_copy_of_the_cache_is_an_offline_folder(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = server.file("one")
    monkeypatch.setattr(data, "published", lambda: {file.name: file})
    data.fetch([file.name])
    shutil.copytree(data.cache_folder(), tmp_path / "offline")
    monkeypatch.setenv("SPARKGAP_DATA", str(tmp_path / "offline"))
    assert data.locate(file.name) == tmp_path / "offline" / file.name
