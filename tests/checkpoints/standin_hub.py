"""A stand-in for the Hugging Face hub: a real HTTP server on this machine, with faults to order.

It speaks what a download needs of the hub's protocol: `HEAD` and `GET` of addresses
`/repository/resolve/revision/file` with `X-Repo-Commit` and an ETag (git's hash of a small file;
SHA-256 of a large one, which is served by a redirect to another host name, as the hub does with its
content network), byte ranges, and the error headers that huggingface_hub turns into its own errors.
"""

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.patience import PATIENCE_S

COMMIT = "0123456789abcdef0123456789abcdef01234567"
"""The one revision that every repository has."""

LARGE = 10_000
"""Bytes from which a file counts as large."""


@dataclass
class Fault:
    """What goes wrong with one file."""

    cut_after: int | None = None
    """Close the connection after so many bytes of each answer ..."""
    cuts: int = 1_000_000
    """... so many times."""
    status: int | None = None
    """Answer with this status ..."""
    refusals: int = 1_000_000
    """... so many times."""
    error_code: str = ""
    """X-Error-Code of such an answer."""
    gate: threading.Event | None = None
    """Hold the content back until this is set."""
    is_corrupt: bool = False
    """Send other bytes than the hash promises."""
    ignores_ranges: bool = False
    headers: dict[str, str | None] = field(default_factory=dict)
    """Headers to send instead; None sends none of that name."""


@dataclass
class Request:
    """What was asked of the server."""

    method: str
    path: str
    byte_range: str | None
    authorization: str | None


class StandinHub:
    """Repositories to serve, the faults of their files, and a record of what was asked."""

    def __init__(self, repositories: Mapping[str, Mapping[str, bytes]]) -> None:
        self.repositories = repositories
        self.faults: dict[str, Fault] = {}
        self.moved: dict[str, str] = {}
        self.requests: list[Request] = []
        self.counts: Counter[str] = Counter()
        self.endpoint = ""

    def fault(self, name: str) -> Fault:
        """Return what is wrong with the files called `name`."""
        return self.faults.get(name, Fault())

    def bytes_sent(self, name: str) -> int:
        """Return how many bytes of `name` have gone out."""
        return self.counts[name]


def read_repository(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of `folder`, to serve it."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@contextmanager
def serve(repositories: Mapping[str, Mapping[str, bytes]]) -> Iterator[StandinHub]:
    """Run a stand-in hub for the length of a `with` block."""
    hub = StandinHub(repositories)
    server = _Server(hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: StandinHub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent when a client goes away; the test says what it expects."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing to the terminal."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        hub = self.server.hub
        hub.requests.append(
            Request(
                self.command,
                self.path,
                self.headers.get("Range"),
                self.headers.get("Authorization"),
            )
        )
        path = urlsplit(self.path).path
        found = re.fullmatch(r"/(content/)?(.+?)/resolve/([^/]+)/(.+)", path)
        if not found:
            return self._refuse(404, "")
        is_content, repository, revision, name = found.groups()
        fault = hub.fault(name)
        if fault.status and fault.refusals > 0:
            fault.refusals -= 1
            return self._refuse(fault.status, fault.error_code)
        if repository in hub.moved:
            return self._move(hub.moved[repository], revision, name)
        if repository not in hub.repositories:
            return self._refuse(401, "RepoNotFound")
        if revision not in (COMMIT, "main"):
            return self._refuse(404, "RevisionNotFound")
        if name not in hub.repositories[repository]:
            return self._refuse(404, "EntryNotFound")
        content = hub.repositories[repository][name]
        if len(content) >= LARGE and not is_content:
            return self._redirect(content, fault)
        return self._send(name, content, fault, with_body=with_body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _move(self, repository: str, revision: str, name: str) -> None:
        self.send_response(307)
        self.send_header("Location", f"/{repository}/resolve/{revision}/{name}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _headers(self, fault: Fault, headers: dict[str, str]) -> None:
        for name, value in {**headers, **fault.headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def _redirect(self, content: bytes, fault: Fault) -> None:
        """Point to the content network: another host name, with hash and size already here."""
        self.send_response(302)
        host = f"http://localhost:{self.server.server_port}"
        headers = {
            "Location": f"{host}/content{self.path}?signature=secret",
            "X-Repo-Commit": COMMIT,
            "X-Linked-Size": str(len(content)),
            "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
            "Content-Length": "0",
        }
        self._headers(fault, headers)

    def _send(self, name: str, content: bytes, fault: Fault, *, with_body: bool) -> None:
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if asked and not fault.ignores_ranges:
            start = int(asked[1])
            self.send_response(206)
        else:
            self.send_response(200)
        headers = {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{hashlib.sha1(b"blob %d" % len(content) + bytes(1) + content).hexdigest()}"',
            "Content-Length": str(len(content) - start),
        }
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._headers(fault, headers)
        if not with_body:
            return
        if fault.gate:
            fault.gate.wait(PATIENCE_S)
        body = content[start:]
        if fault.is_corrupt:
            body = bytes([body[0] ^ 1]) + body[1:]
        if fault.cut_after is not None and fault.cuts > 0:
            fault.cuts -= 1
            body = body[: fault.cut_after]
            self.close_connection = True
        self.wfile.write(body)
        self.server.hub.counts[name] += len(body)
