"""Proxies, certificates and keys as people have them: used, or named in one sentence."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from ninefold.errors import UserError
from ninefold.network import explain, open_client, proxy_for, require_token, without_password
from tests.patience import PATIENCE_S

VARIABLES = [
    *(f"{kind}_PROXY" for kind in ("HTTP", "HTTPS", "ALL", "NO")),
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
]  # fmt: skip


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """A server that answers with the address as it was asked for it: whole, where by a proxy."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def get(address: str) -> str:
    with open_client(timeout=PATIENCE_S) as client:
        return client.get(address).text


@contextmanager
def socks_proxy(target: int) -> Iterator[int]:
    """A SOCKS5 proxy of one connection, which leads to `target` whatever it is asked for."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            visitor, _ = listener.accept()
            with visitor, socket.create_connection(("127.0.0.1", target)) as server:
                visitor.recv(512)
                visitor.sendall(b"\5\0")
                visitor.recv(512)
                visitor.sendall(b"\5\0\0\1\x7f\0\0\1\0\0")
                server.sendall(visitor.recv(4096))
                answer = server.recv(4096)
                while b"\r\n\r\n/" not in answer:
                    answer += server.recv(4096)
                visitor.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    "environment",
    [
        {"ALL_PROXY": "socks5://127.0.0.1:1"},
        {"ALL_PROXY": "socks4://127.0.0.1:1", "NO_PROXY": "127.0.0.1"},
        {"HTTP_PROXY": "http://127.0.0.1:1"},
        {"http_proxy": "gopher://x"},
        {"ALL_PROXY": "http://["},
        {"HTTPS_PROXY": "nonsense://"},
        {"SSL_CERT_FILE": "/nonexistent.pem"},
        {"SSL_CERT_DIR": "/nonexistent"},
        {"REQUESTS_CA_BUNDLE": "/dev/null"},
    ],
)
def test_what_an_address_does_not_need_may_be_wrong(
    environment: dict[str, str], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert get(f"http://127.0.0.1:{port}/here") == "/here"
    assert get(f"http://localhost:{port}/here") == "/here"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"])
@pytest.mark.parametrize(
    "form", ["http://127.0.0.1:{}", "127.0.0.1:{}", "HTTP://u:p@127.0.0.1:{}/"]
)
def test_a_proxy_is_asked(name: str, form: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, form.format(port))
    assert get("http://service.example/there") == "http://service.example/there"


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks"])
def test_a_socks_proxy_is_asked(scheme: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with socks_proxy(port) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy}/")
        assert get("http://service.example/there") == "/there"


@pytest.mark.parametrize(
    ("address", "exceptions", "is_direct"),
    [
        ("http://service.test", "service.test", True),
        ("http://a.service.test", "service.test", True),
        ("http://a.service.test", ".service.test", True),
        ("http://a.service.test", "*.service.test, other", True),
        ("http://myservice.test", "service.test", False),
        ("http://service.test", "*", True),
        ("http://service.test:8000", "service.test:8000", True),
        ("http://service.test:8000", "service.test:9000", False),
        ("http://10.1.2.3", "10.0.0.0/8", True),
        ("http://10.1.2.3", "10.1.2.3", True),
        ("http://11.1.2.3", "10.0.0.0/8,,nonsense/99", False),
        ("http://[fd00::1]", "fd00::/8", True),
        ("http://[fd00::1]", "[fd00::1]", True),
        ("http://service.test", "", False),
    ],
)
def test_exceptions_are_read_as_curl_reads_them(
    address: str, exceptions: str, is_direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_for(address) == (None if is_direct else ("ALL_PROXY", "proxy:3128"))


@pytest.mark.parametrize(
    "proxy", ["socks4://127.0.0.1:1", "gopher://x", "http://", "http://[", "http://x:99999", "://"]
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(UserError, match=r"ALL_PROXY names no proxy that can be used.*NO_PROXY"):
        get("http://service.example")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("SSL_CERT_FILE", None, "No such file"),
        ("SSL_CERT_FILE", b"", "no certificates in PEM"),
        ("SSL_CERT_FILE", b"\0rubbish", "no certificates in PEM"),
        ("SSL_CERT_DIR", None, "No such file"),
        ("SSL_CERT_DIR", b"a file", "Not a directory"),
        ("REQUESTS_CA_BUNDLE", None, "No such file"),
        ("CURL_CA_BUNDLE", None, "No such file"),
    ],
)
def test_certificates_that_cannot_be_used_are_named_by_their_variable(
    name: str, content: bytes | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place.pem"
    if content is not None:
        place.write_bytes(content)
    monkeypatch.setenv(name, str(place))
    with pytest.raises(UserError, match=f"{name} names '.*place.pem'.*{reason}"):
        get("https://127.0.0.1:1")


def test_a_key_is_sent_without_the_end_of_its_line() -> None:
    assert require_token("nf_abc\n", "KEY") == "nf_abc"
    assert require_token(" \r\n", "KEY") is None
    assert require_token(None, "KEY") is None


@pytest.mark.parametrize(
    "key", ["nf_\nabc", "nf_abc\r\nX: y", "nf abc", "nf_\0", "nf_é", "nf_\udc80"]
)
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(UserError, match="KEY holds") as caught:
        require_token(key, "KEY")
    assert "abc" not in str(caught.value)


def test_reasons_hold_no_secrets() -> None:
    assert without_password("https://me:secret@host:1/x") == "https://host:1/x"
    error = httpx2.LocalProtocolError("Illegal header value b'Bearer nf_abc\\n'")
    assert "nf_abc" not in explain(error, "http://127.0.0.1")
    untrusted = httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")
    assert "SSL_CERT_FILE" in explain(untrusted, "https://host")


def test_a_failure_behind_a_proxy_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:1")
    with pytest.raises(httpx2.ConnectError) as caught:
        get("http://service.example")
    reason = explain(caught.value, "http://service.example")
    assert reason.endswith("by the proxy in HTTP_PROXY")
    assert "secret" not in reason
