"""A dataset of the Hugging Face hub by its name: the real client, and a server of this machine that says what the hub
would."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import corpus

pytestmark = pytest.mark.soak
REVISION = "a" * 40
API = "/api/datasets/someone/code"
FILE = "train.parquet"


def table() -> bytes:
    rows = [{"content": corpus.module(1), "path": "kept.py", "license": "MIT"},
            {"content": corpus.module(2), "path": "copyleft.py", "license": "gpl-3.0"},
            {"content": corpus.module(3), "path": "unlicensed.py", "license": None}]  # fmt: skip
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


class Hub(BaseHTTPRequestHandler):
    """What the hub says of one dataset that has one file."""

    data = table()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in {API, f"{API}/revision/{REVISION}", f"{API}/revision/main"}:
            self._json({"id": "someone/code", "sha": REVISION, "siblings": [{"rfilename": FILE}], "tags": []})
        elif path == f"{API}/tree/{REVISION}":
            self._json([{"type": "file", "path": FILE, "size": len(self.data), "oid": "b" * 40}])
        elif path.startswith("/datasets/someone/code/resolve/") and path.endswith(FILE):
            self._file()
        else:
            self._said(404, b"{}", {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET

    def _file(self) -> None:
        whole = len(self.data)
        said = {"ETag": f'"{"b" * 40}"', "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
        if asked := self.headers.get("Range"):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            end = min(int(last or whole), whole - 1)
            said["Content-Range"] = f"bytes {first}-{end}/{whole}"
            self._said(206, self.data[int(first) : end + 1], said)
        else:
            self._said(200, self.data, said)

    def _json(self, told: object) -> None:
        self._said(200, json.dumps(told).encode(), {})

    def _said(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_dataset_of_the_hub_is_streamed_by_name(endpoint: str, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
    words = ["curate", "hf:someone/code", "-o", str(tmp_path / "out"), "--against", "hello", "--no-behaviour",
             "--no-proof", "--no-compile", "--workers", "1", "--quiet"]  # fmt: skip
    command = [sys.executable, "-m", "sparkgap", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = {row["path"]: row for row in pq.read_table(tmp_path / "out" / "ledger.parquet").to_pylist()}
    assert {path: row["rule"] for path, row in told.items()} == {
        "kept.py": "", "copyleft.py": "licence", "unlicensed.py": "licence",
    }  # fmt: skip
    assert {row["repo"] for row in told.values()} == {"someone/code"}
    absent = [*command[:4], "hf:someone/else", *command[5:]]
    done = subprocess.run(absent, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert "hf:someone/else cannot be read" in done.stderr
