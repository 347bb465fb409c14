"""`sparkgap data`: what a person and a script see of the published files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from sparkgap import data
from sparkgap.cli import main
from sparkgap.data import PublishedFile


def sparkgap(*words: str) -> Result:
    return CliRunner().invoke(main, ["data", *words])


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache of this test's own, and no offline folder."""
    monkeypatch.delenv("SPARKGAP_DATA", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARKGAP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, PublishedFile]]:
    """A table of two files that a server on this machine serves."""
    (tmp_path / "served").mkdir()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: Quiet(*given, directory=str(tmp_path / "served")))
    table = {}
    for name in ("one", "two"):
        content = name.encode() * 1000
        (tmp_path / "served" / name).write_bytes(content)
        url = f"http://127.0.0.1:{httpd.server_address[1]}/{name}"
        sha256 = hashlib.sha256(content).hexdigest()
        table[f"box/{name}"] = PublishedFile(f"box/{name}", url, "MIT", len(content), 7, sha256)
    monkeypatch.setattr(data, "published", lambda: table)
    thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield table
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_list_shows_every_file_on_one_line() -> None:
    done = sparkgap("list")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0].split() == ["here", "size", "records", "benchmark", "licence", "file"]
    assert [line.split()[-1] for line in lines[1:-2]] == list(data.published())
    assert {line.split()[0] for line in lines[1:-2]} == {"no"}
    (line,) = [line for line in lines if line.endswith("  humaneval/HumanEval.jsonl.gz")]
    assert line.split() == ["no", "45", "kB", "164", "humaneval", "MIT", "humaneval/HumanEval.jsonl.gz"]
    assert lines[-1].startswith(f"0 of {len(data.published())} files in ")


def test_list_as_json_holds_all_that_is_known(cache: Path) -> None:
    plain = json.loads(sparkgap("list", "--json").output)
    assert plain["folder"] == str(cache)
    assert [file["name"] for file in plain["files"]] == list(data.published())
    (file,) = [file for file in plain["files"] if file["name"] == "mbpp/mbpp.jsonl"]
    known = data.published()["mbpp/mbpp.jsonl"]
    assert (file["bytes"], file["sha256"], file["url"]) == (known.bytes, known.sha256, known.url)
    assert file["benchmarks"] == ["mbpp"]
    assert file["state"] == "absent"
    assert file["path"] == str(cache / "mbpp" / "mbpp.jsonl")


def test_fetch_then_list_then_verify(shelf: dict[str, PublishedFile], cache: Path) -> None:
    done = sparkgap("fetch", "box/one")
    assert (done.exit_code, done.stdout) == (0, f"{cache / 'box' / 'one'}\n")
    assert "box/one" in done.stderr
    lines = sparkgap("list").output.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["yes", "no"]
    assert lines[-1] == f"1 of 2 files in {cache} hold their sha256 (0.0 of 0.0 MB)"
    done = sparkgap("verify")
    assert (done.exit_code, done.stdout) == (0, f"1 of 2 files in {cache} hold their sha256\n")
    assert sparkgap("verify", "box/one").exit_code == 0


def test_fetch_all_brings_all(shelf: dict[str, PublishedFile], cache: Path) -> None:
    assert sparkgap("fetch", "--all").stdout.split() == [str(cache / name) for name in shelf]
    assert sparkgap("verify", *shelf).exit_code == 0


def test_fetch_by_benchmark_brings_what_it_reads(shelf: dict[str, PublishedFile], cache: Path) -> None:
    shelf["humaneval/HumanEval.jsonl.gz"] = replace(shelf["box/two"], name="humaneval/HumanEval.jsonl.gz")
    done = sparkgap("fetch", "--benchmark", "humaneval")
    assert done.stdout == f"{cache / 'humaneval' / 'HumanEval.jsonl.gz'}\n"
    assert sparkgap("verify").stdout.startswith("1 of 3 files")


def test_fetch_of_a_benchmark_that_ships_its_own_says_so() -> None:
    done = sparkgap("fetch", "--benchmark", "hello")
    assert done.exit_code == 0
    assert "ships with Sparkgap" in done.output


def test_fetch_of_nothing_is_a_mistake() -> None:
    done = sparkgap("fetch")
    assert done.exit_code == 2
    assert "--all" in done.stderr


@pytest.mark.parametrize("verb", ["fetch", "verify"])
def test_an_unknown_file_is_a_mistake_with_a_suggestion(verb: str) -> None:
    done = sparkgap(verb, "mbpp/mbpp.json")
    assert done.exit_code == 2
    assert "did you mean mbpp/mbpp.jsonl" in done.stderr


def test_an_unknown_benchmark_is_a_mistake_with_a_suggestion() -> None:
    done = sparkgap("fetch", "--benchmark", "humanevl")
    assert done.exit_code == 2
    assert "did you mean humaneval" in done.stderr


def test_verify_says_which_file_differs_and_the_mend(shelf: dict[str, PublishedFile], cache: Path) -> None:
    sparkgap("fetch", "--all")
    (cache / "box" / "two").write_bytes(b"changed")
    done = sparkgap("verify")
    assert done.exit_code == 2
    assert done.stdout == f"1 of 2 files in {cache} hold their sha256\n"
    assert f"{cache / 'box' / 'two'} is not the published box/two" in done.stderr
    assert "run `sparkgap data fetch box/two`" in done.stderr
    assert sparkgap("list").output.splitlines()[2].split()[0] == "differs"
    assert sparkgap("fetch", "box/two").exit_code == 0
    assert sparkgap("verify").exit_code == 0


def test_verify_of_a_named_file_that_is_absent_fails(shelf: dict[str, PublishedFile]) -> None:
    done = sparkgap("verify", "box/one")
    assert done.exit_code == 2
    assert "box/one is not on this machine; run `sparkgap data fetch box/one`" in done.stderr
    assert sparkgap("verify").exit_code == 0, "nothing that is here is wrong"


def test_a_file_that_cannot_be_had_is_exit_2(shelf: dict[str, PublishedFile], tmp_path: Path) -> None:
    (tmp_path / "served" / "one").unlink()
    done = sparkgap("fetch", "box/one", "box/two")
    assert done.exit_code == 2
    assert "one answers HTTP 404" in done.stderr
    assert sparkgap("verify", "box/two").exit_code == 0


def test_the_real_folder_verifies(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKGAP_DATA", str(published))
    done = sparkgap("verify")
    total = len(data.published())
    assert (done.exit_code, done.stdout) == (0, f"{total} of {total} files in {published} hold their sha256\n")
