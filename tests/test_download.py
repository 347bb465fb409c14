"""Downloads against a real server on this machine: resumed, verified, shared, and clear when they fail."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from serving import CONTENT, Handler, Server, serving
from sparkgap.data import DataError, PublishedFile, download

OTHER = CONTENT[::-1]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as house:
        yield house


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name.endswith(".part"))


def part_of(file: PublishedFile, target: Path, content: bytes) -> Path:
    """Lay down what an earlier try would have left."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{file.sha256[:12]}.part")
    part.write_bytes(content)
    return part


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
