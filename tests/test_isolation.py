"""The tests themselves reach nothing beyond this machine."""

import socket

import pytest

OUTSIDE = "192.0.2.1"
"""An address that RFC 5737 keeps for documentation."""


def test_a_connection_to_the_outside_fails_the_test() -> None:
    with socket.socket() as client:
        with pytest.raises(pytest.fail.Exception, match=OUTSIDE):
            client.connect((OUTSIDE, 80))
        with pytest.raises(pytest.fail.Exception, match=OUTSIDE):
            client.connect_ex((OUTSIDE, 80))


def test_a_name_look_up_outside_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"ninefold\.invalid"):
        socket.getaddrinfo("ninefold.invalid", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", b"localhost"])
def test_a_connection_to_this_machine_works(host: str | bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        socket.getaddrinfo(host, server.getsockname()[1])
        client.connect((host, server.getsockname()[1]))
        assert client.getpeername() == server.getsockname()


def test_a_connection_between_processes_works() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        assert right.recv(1) == b"x"
