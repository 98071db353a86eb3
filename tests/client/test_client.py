"""A service that cannot be asked is said at once, and no secret is shown."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from ninefold.client import Client
from ninefold.client.client import LOST_AFTER_S
from ninefold.errors import NinefoldError, UserError


class Clock:
    """Stands for the client's `time`: only its waiting takes any."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("ninefold.client.client.time", self)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_key_that_cannot_be_one_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(UserError, match="NINEFOLD_API_KEY holds") as caught:
        Client("http://127.0.0.1:1", "nf_\nabc", "NINEFOLD_API_KEY")
    assert "nf_" not in str(caught.value)
    assert (
        Client("http://127.0.0.1:1", "nf_abc\n")._http.headers["Authorization"] == "Bearer nf_abc"
    )


def test_a_password_in_the_address_is_sent_and_not_shown() -> None:
    with Client("http://me:secret@127.0.0.1:1/") as client:
        assert client.server == "http://127.0.0.1:1"
        with pytest.raises(NinefoldError, match=r"http://127\.0\.0\.1:1 cannot be") as caught:
            client.job("x")
    assert "secret" not in str(caught.value)


class _Refusing(BaseHTTPRequestHandler):
    def do_CONNECT(self) -> None:
        self.send_response(407)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def refusing_proxy() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_proxy_that_refuses_is_told_at_once(
    refusing_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", refusing_proxy)
    clock = Clock(monkeypatch)
    with (
        Client("https://service.example") as client,
        pytest.raises(NinefoldError, match=r"407.*by the proxy in HTTPS_PROXY"),
    ):
        client.submit("an apple")
    assert clock.now == 0, "it should not wait"


def test_a_connection_that_breaks_is_told_before_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return

        Thread(target=hang_up, daemon=True).start()
        with (
            Client(f"http://127.0.0.1:{listener.getsockname()[1]}") as client,
            pytest.raises(NinefoldError, match="cannot be reached"),
        ):
            client.submit("an apple", on_wait=lambda _, reason: told.append(reason))
        listener.shutdown(socket.SHUT_RDWR)
    assert clock.now > LOST_AFTER_S
    assert len(told) == 1
    assert "connection broke" in told[0]
