"""Published files: the table, the offline folder, the cache, and fetching several."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import CONTENT, Server, serving
from sparkgap import data
from sparkgap.data import DataError, PublishedFile


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as house:
        yield house


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's cache, offline folder or proxies."""
    for name in ("SPARKGAP_DATA", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARKGAP_CACHE", str(tmp_path / "cache"))


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
