"""What one client may hold of the gateway: bytes and time of a request's head, and connections.

uvicorn's protocol bounds neither, so that one socket could fill the memory and a thousand idle ones
take every descriptor. Knows nothing of what is asked for.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ninefold.service import metrics
from ninefold.service.problems import MEDIA_TYPE, Problem, to_content
from ninefold.service.visitors import network_of

MAX_HEAD_BYTES = 32 * 1024
"""Most bytes of a request line and its headers; prompts come in bodies, or at most 12 kB long."""

MAX_HEADERS = 100
MAX_FRAMING_BYTES = 512 * 1024
"""Most bytes of a body that are not its content: sizes of chunks, their extensions, trailers."""

MAX_PIPELINED = 32
"""Most requests that a client may send ahead of their answers."""

_LINGER_S = 2.0  # for a client to read why, before a connection is cut off
_LINGER_BYTES = 2**20  # that it may still send meanwhile


@dataclass(frozen=True)
class Deadlines:
    """Seconds after which a client that makes no progress is left."""

    head_s: float = 20.0
    """From the connection, or the first byte of a further request, to the end of its headers."""
    body_s: float = 60.0
    """From the end of the headers to the end of the body, which is 64 KiB at most."""
    read_s: float = 60.0
    """For which a client may read nothing of an answer that waits for it."""


@dataclass
class Connections:
    """The connections of a gateway, by the network that they come from."""

    max_total: int
    max_per_address: int
    deadlines: Deadlines = field(default_factory=Deadlines)
    trusted: tuple[IPv4Network | IPv6Network, ...] = ()
    """Proxies, whose connections are those of everybody behind them."""
    _open: dict[str, dict["BoundedHttp", None]] = field(
        default_factory=lambda: defaultdict(dict), init=False
    )
    _total: int = field(default=0, init=False)

    def admit(self, connection: "BoundedHttp", host: str) -> Problem | None:
        """Count a new connection, and return why it is refused, if it is.

        Where there are too many, the one that has waited longest for a request to come makes room:
        of the same network, or of the one that holds most.
        """
        name = network_of(host)
        mates = self._open[name]
        if not self._is_trusted(host) and len(mates) >= self.max_per_address:
            if not _end_idle(mates):
                metrics.REFUSED_CONNECTIONS.labels("address").inc()
                return _too_many("Your network holds too many connections")
        elif self._total >= self.max_total and not _end_idle(max(self._open.values(), key=len)):
            metrics.REFUSED_CONNECTIONS.labels("total").inc()
            return _too_many("The service holds as many connections as it can")
        mates[connection] = None
        self._total += 1
        return None

    def release(self, connection: "BoundedHttp", host: str) -> None:
        """Count a connection no more."""
        name = network_of(host)
        mates = self._open.get(name)
        if mates is None:
            return
        if connection in mates:
            del mates[connection]
            self._total -= 1
        if not mates:
            del self._open[name]

    def _is_trusted(self, host: str) -> bool:
        if not self.trusted:
            return False
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.trusted)


def networks_of(names: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return addresses and networks as networks; other names (of Unix sockets) are left out."""
    found = []
    for name in names:
        try:
            found.append(ip_network(name, strict=False))
        except ValueError:
            continue
    return tuple(found)


def _end_idle(connections: dict["BoundedHttp", None]) -> bool:
    for connection in connections:  # the oldest first
        if connection.is_waiting:
            connection.end()
            return True
    return False


def _too_many(what: str) -> Problem:
    return Problem(
        503, "too_many_connections", f"{what}; close some, or come back later.", retry_after_s=10
    )


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on what a client may send, and for how long."""

    _timer: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _refusal: Problem | None = None
    _is_in_head = True
    _is_lingering = False
    _host = ""
    _num_raw = 0  # bytes that came since the head or the body began
    _num_parsed = 0  # of a head, those that are names and values; of a body, its content
    _num_headers = 0

    def __init__(self, guard: Connections, **kwargs: Any) -> None:
        """Answer one connection of those that `guard` counts."""
        super().__init__(**kwargs)
        self._guard = guard

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being answered."""
        cycle: Any = self.cycle  # None before the first request
        return cycle is None or bool(cycle.response_complete)

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a request that has not come whole."""
        return self.is_idle or bool(self.cycle.more_body)

    def end(self) -> None:
        """Close at once, for another connection."""
        self._leave()
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._host = self.client[0] if self.client else ""
        problem = self._guard.admit(self, self._host)
        if problem is None:
            self._wait(self._guard.deadlines.head_s)
            return
        self._is_lingering = True
        transport.write(_to_bytes(problem))
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._leave()
        super().connection_lost(exc)

    def _leave(self) -> None:
        self._wait(None)
        self.resume_writing()
        self._guard.release(self, self._host)

    def _wait(self, seconds: float | None, then: Callable[[], None] | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        then = then or self._be_late
        self._timer = None if seconds is None else self.loop.call_later(seconds, then)

    def _be_late(self) -> None:
        if self._is_in_head and self._num_raw == 0:
            self.transport.close()  # nothing was asked, so nothing is answered
        else:
            what = "headers" if self._is_in_head else "body"
            metrics.REFUSED_CONNECTIONS.labels("late").inc()
            self._refuse(Problem(408, "too_slow", f"The request's {what} took too long to come."))

    def data_received(self, data: bytes) -> None:
        """Read some bytes, up to what a request may have."""
        self._num_raw += len(data)
        if self._is_lingering and self._num_raw > _LINGER_BYTES:
            self.transport.abort()
        if self._is_lingering or self.transport.is_closing():
            return
        if self._is_in_head and self._timer is None and self.is_idle:
            self._wait(self._guard.deadlines.head_s)
        super().data_received(data)
        if self._refusal is None and not self._is_lingering:
            self._check_size()
        if self._refusal is not None:
            self._refuse(self._refusal)

    def _check_size(self) -> None:
        """Bound what the parser holds of a head, or passes over in a body, that is not whole."""
        if self._is_in_head:
            if self._num_raw > MAX_HEAD_BYTES:
                self._refusal = _too_large()
        elif self._num_raw - self._num_parsed > MAX_FRAMING_BYTES:
            self._refusal = Problem(400, "invalid_request", "The body is not framed sensibly.")

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with a request that could not be read."""
        self._refusal = self._refusal or Problem(400, "invalid_request", msg)

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._num_parsed = self._num_headers = 0
        if self._timer is None:
            self._wait(self._guard.deadlines.head_s)

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer of the body."""
        super().on_header(name, value)
        self._num_headers += 1
        if self._num_headers > MAX_HEADERS:
            self._stop_with(_too_large())
        if self._is_in_head:
            self._count_head(len(name) + len(value) + 4)

    def _count_head(self, size: int) -> None:
        self._num_parsed += size
        if self._num_parsed > MAX_HEAD_BYTES:
            self._stop_with(_too_large())

    def _stop_with(self, problem: Problem) -> None:
        self._refusal = problem
        raise problem  # the parser stops, and `send_400_response` is called

    def on_headers_complete(self) -> None:
        """Begin to answer, while the body comes."""
        if len(self.pipeline) >= MAX_PIPELINED:
            self._stop_with(Problem(400, "invalid_request", "Too many requests at once."))
        self._is_in_head, self._num_raw, self._num_parsed = False, 0, 0
        self._wait(self._guard.deadlines.body_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._num_parsed += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing more, until the next request begins."""
        self._is_in_head, self._num_raw = True, 0
        self._wait(None)
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        if self._stall is None:
            seconds = self._guard.deadlines.read_s
            self._stall = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        super().resume_writing()

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem, if nothing was answered yet, and end the connection."""
        self._is_lingering, self._num_raw = True, 0
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        is_answering = not self.is_idle
        if is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not (is_answering and self.cycle.response_started):
            self.transport.write(_to_bytes(problem))
        self._wait(_LINGER_S, self.transport.abort)


def _too_large() -> Problem:
    metrics.REFUSED_CONNECTIONS.labels("head").inc()
    return Problem(
        431,
        "head_too_large",
        f"The request's headers are more than {MAX_HEADERS}, or longer than {MAX_HEAD_BYTES:,} "
        "bytes together.",
    )


def _to_bytes(problem: Problem) -> bytes:
    """Return an answer; which surface it would be for is not known."""
    content = json.dumps(to_content(problem, None)).encode()
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(content)}",
        "connection: close",
        *(f"{name}: {value}" for name, value in problem.all_headers().items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content
