"""Laws of connections: no client holds memory, descriptors or time that others need."""

import asyncio
import contextlib
import json
import resource
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import URL

from ninefold.service.connections import MAX_HEAD_BYTES, MAX_HEADERS, Connections
from ninefold.service.descriptors import RESERVED_DESCRIPTORS, raise_descriptors
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def connected(service: RunningService) -> AsyncIterator[Streams]:
    port = int(service.address.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, Any]:
    """Return status and document of an answer, up to the end of the connection."""
    head, _, body = (await asyncio.wait_for(reader.read(-1), PATIENCE_S)).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


GET = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"X-%d: %s\r\n" % (i, b"a" * 1000) for i in range(MAX_HEAD_BYTES // 1000 + 1)),
        b"X: " + b"a" * MAX_HEAD_BYTES,
        b"".join(b"X-%d: a\r\n" % i for i in range(MAX_HEADERS + 1)),
        b"X: a\r\n" * (MAX_HEADERS + 1),
        b"X: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
    ],
    ids=["long together", "one long", "many", "many of one name", "long and whole"],
)
async def test_headers_beyond_the_limits_are_answered_431(
    service: RunningService, head: bytes
) -> None:
    async with connected(service) as (reader, writer):
        writer.write(GET + head)
        status, problem = await read_answer(reader)
    assert (status, problem["code"]) == (431, "head_too_large")


async def test_an_address_beyond_the_limit_is_answered_431(service: RunningService) -> None:
    async with connected(service) as (reader, writer):
        writer.write(b"GET /" + b"a" * MAX_HEAD_BYTES)
        assert (await read_answer(reader))[0] == 431


async def test_no_bytes_are_taken_from_who_goes_on_sending_headers(
    service: RunningService,
) -> None:
    taken = 0
    async with connected(service) as (_, writer):
        writer.write(GET)
        with contextlib.suppress(OSError):
            for _ in range(3000):
                writer.write(b"X: " + b"a" * 10_000 + b"\r\n")
                await asyncio.wait_for(writer.drain(), PATIENCE_S)
                taken += 10_000
    assert taken < 30_000_000


async def test_trailers_and_extensions_of_chunks_are_bounded_too(service: RunningService) -> None:
    post = b"POST /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    floods = {
        b"0\r\n" + b"X: a\r\n" * (MAX_HEADERS + 1): 431,
        b"1;x=" + b"a" * 1_000_000: 400,
        b"0\r\nX: " + b"a" * 1_000_000: 400,
    }
    for flood, expected in floods.items():
        async with connected(service) as (reader, writer):
            writer.write(post + flood)
            data = await asyncio.wait_for(reader.read(-1), PATIENCE_S)
        statuses = [int(part.split()[0]) for part in data.split(b"HTTP/1.1 ")[1:]]
        assert expected in statuses or statuses[:1] in ([403], [405], [421]), (
            statuses
        )  # said, or cut off unsaid


async def test_a_head_at_the_limit_is_answered(service: RunningService) -> None:
    headers = b"".join(b"X-%d: a\r\n" % i for i in range(MAX_HEADERS - 2))
    filling = MAX_HEAD_BYTES - len(GET) - len(headers) - 200
    async with connected(service) as (reader, writer):
        writer.write(GET + headers + b"X: " + b"a" * filling + b"\r\n\r\n")
        assert (await asyncio.wait_for(reader.readline(), PATIENCE_S)).split()[1] == b"200"


async def test_requests_sent_ahead_are_bounded(service: RunningService) -> None:
    async with connected(service) as (reader, writer):
        writer.write((GET + b"\r\n") * 3000)
        data = await asyncio.wait_for(reader.read(-1), PATIENCE_S)
    assert data.count(b"HTTP/1.1 200") < 100
    assert b"Too many requests at once" in data


@pytest.fixture
async def hasty(database_url: URL, make_settings: MakeSettings) -> AsyncIterator[RunningService]:
    """A service that waits for a request for a moment only."""
    settings = make_settings(head_timeout_s=0.3, body_timeout_s=0.3)
    async with running_service(settings, database_url) as running:
        yield running


async def test_who_sends_nothing_is_closed(hasty: RunningService) -> None:
    async with connected(hasty) as (reader, _):
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""


@pytest.mark.parametrize(
    "start",
    [
        GET,
        b"\r\n" * 10,
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
    ],
    ids=["head", "empty lines", "body", "chunks"],
)
async def test_a_request_that_does_not_go_on_is_answered_408(
    hasty: RunningService, start: bytes
) -> None:
    async with connected(hasty) as (reader, writer):
        writer.write(start)
        status, problem = await read_answer(reader)
    assert (status, problem["code"]) == (408, "too_slow")


async def test_a_request_that_trickles_is_ended_all_the_same(hasty: RunningService) -> None:
    async with connected(hasty) as (reader, writer):
        writer.write(GET)

        async def trickle() -> None:
            with contextlib.suppress(OSError):
                while True:
                    writer.write(b"X: a\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        task = asyncio.create_task(trickle())
        data = await asyncio.wait_for(reader.read(-1), PATIENCE_S)
        task.cancel()
    assert b"408" in data.split(b"\r\n")[0]


async def test_a_second_request_on_a_connection_has_a_deadline_too(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(head_timeout_s=3.0)  # in which the first is sent on any machine
    async with (
        running_service(settings, database_url) as service,
        connected(service) as (reader, writer),
    ):
        writer.write(GET + b"\r\n")
        assert b"200" in await asyncio.wait_for(reader.readline(), PATIENCE_S)
        writer.write(GET)
        assert b"HTTP/1.1 408" in await asyncio.wait_for(reader.read(-1), PATIENCE_S)


async def test_an_answer_may_take_longer_than_a_request(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(head_timeout_s=2.0, body_timeout_s=2.0)
    async with running_service(settings, database_url) as service:
        job = await service.post("a red apple")
        url = f"/api/v1/jobs/{job['id']}/events"
        async with service.http.stream("GET", url, timeout=PATIENCE_S) as answer:
            await asyncio.sleep(3)
            await service.http.delete(f"/api/v1/jobs/{job['id']}")
            told = "".join([text async for text in answer.aiter_text()])
    assert "event: cancelled" in told


async def test_an_address_that_holds_all_it_may_makes_room_with_what_waits_longest(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(max_connections_per_address=5)
    async with running_service(settings, database_url) as service, contextlib.AsyncExitStack() as s:
        held = [await s.enter_async_context(connected(service)) for _ in range(20)]
        for reader, _ in held[:15]:
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        reader, writer = await s.enter_async_context(connected(service))
        writer.write(GET + b"\r\n")
        assert b"200" in await asyncio.wait_for(reader.readline(), PATIENCE_S)


async def test_an_address_whose_connections_are_all_at_work_is_refused_a_further_one(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(max_connections_per_address=3)
    async with running_service(settings, database_url) as service, contextlib.AsyncExitStack() as s:
        job = await service.post("a red apple")
        follow = f"GET /api/v1/jobs/{job['id']}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        for _ in range(3):  # the visitor's own connection, which waits, makes room for the third
            reader, writer = await s.enter_async_context(connected(service))
            writer.write(follow)
            assert b"200" in await asyncio.wait_for(reader.readline(), PATIENCE_S)
        reader, _ = await s.enter_async_context(connected(service))
        status, problem = await read_answer(reader)
        assert (status, problem["code"]) == (503, "too_many_connections")


class Held:
    """A connection as `Connections` sees it."""

    def __init__(self, is_waiting: bool = True) -> None:
        self.is_waiting, self.is_ended = is_waiting, False

    def end(self) -> None:
        self.is_ended = True


def admit(guard: Connections, host: str, **given: bool) -> tuple[Held, bool]:
    held = Held(**given)
    return held, guard.admit(held, host) is None  # type: ignore[arg-type]  # as far as is needed


def test_where_all_is_taken_the_network_with_most_makes_room() -> None:
    guard = Connections(max_total=10, max_per_address=6)
    many = [admit(guard, "10.0.0.1")[0] for _ in range(6)]
    few = [admit(guard, "10.0.0.2")[0] for _ in range(4)]
    assert admit(guard, "10.0.0.3")[1]
    assert [held.is_ended for held in many] == [True, *[False] * 5]
    assert not any(held.is_ended for held in few)


def test_a_network_of_ipv6_counts_as_one_and_a_proxy_as_none() -> None:
    from ninefold.service.connections import networks_of

    guard = Connections(
        max_total=100, max_per_address=2, trusted=networks_of(["10.1.0.0/16", "unix:"])
    )
    first = [admit(guard, f"2001:db8::{i}", is_waiting=False)[1] for i in range(3)]
    assert first == [True, True, False]
    assert admit(guard, "2001:db8:0:1::1")[1]
    assert all(admit(guard, "10.1.2.3", is_waiting=False)[1] for _ in range(50))


async def test_a_thousand_idle_connections_leave_the_service_as_it_was(
    database_url: URL, make_settings: MakeSettings
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert raise_descriptors() >= soft
    settings = make_settings(max_connections_per_address=50)
    try:
        async with (
            running_service(settings, database_url) as service,
            contextlib.AsyncExitStack() as stack,
        ):
            for _ in range(1015):
                _, writer = await stack.enter_async_context(connected(service))
                writer.write(b"GET / HT")
            for path in ("/livez", "/readyz", "/about", "/api/v1/status", "/metrics"):
                assert (await service.http.get(path)).status_code == 200, path
            assert (await service.post("a red apple"))["status"] == "queued"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_visitors_never_take_the_descriptors_of_the_database(make_settings: MakeSettings) -> None:
    from fastapi import FastAPI

    from ninefold.service.gateway_process import server_config

    config = server_config(FastAPI(), make_settings(max_connections=10**9), 1)
    guard = config.http.args[0]  # type: ignore[union-attr]  # a partial
    assert guard.max_total == raise_descriptors() - RESERVED_DESCRIPTORS
    assert guard.max_per_address <= guard.max_total / 4
