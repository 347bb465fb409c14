"""A file server on this machine whose bad habits are set per path, for the tests of downloads."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sparkgap.data import PublishedFile

CONTENT = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(12_500))  # 400,000 bytes that do not repeat


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


@contextmanager
def serving() -> Iterator[Server]:
    """Serve on a free port until the block is left."""
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
