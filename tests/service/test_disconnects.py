"""Laws of disconnects: what a client asked for that has gone is not drawn, on any surface."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select

from ninefold.service.routes import gradio
from ninefold.service.store.tables import Job
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio

PROMPT = "a red apple"
REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/images/generations": {"prompt": PROMPT, "n": 10},
    "/v1/images/generations?streamed": {"prompt": PROMPT, "stream": True, "partial_images": 1},
    "/sdapi/v1/txt2img": {"prompt": PROMPT},
    "/hf/{model}": {"inputs": PROMPT},
    "/generate": {"prompt": PROMPT},
    "/v3": {"prompt": PROMPT},
}
"""What is asked for on surfaces that answer with pictures."""


@pytest.fixture
def make_settings(make_settings: MakeSettings) -> MakeSettings:
    """Settings with all surfaces."""
    surfaces = "api_v1,openai,automatic1111,huggingface,gradio,craiyon"
    return lambda **given: make_settings(**{"surfaces": surfaces, **given})


@asynccontextmanager
async def sent(
    service: RunningService, method: str, path: str, body: dict[str, Any] | None = None
) -> AsyncIterator[asyncio.StreamReader]:
    """Send a request, and hang up at the end of the block."""
    host, _, port = service.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    await writer.drain()
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def statuses(service: RunningService) -> list[str]:
    async with service.gateway.database.connect() as connection:
        return list((await connection.execute(select(Job.status).order_by(Job.number))).scalars())


async def until(service: RunningService, expected: list[str]) -> None:
    """Wait until the jobs are in these states, in the order of their acceptance."""
    async with asyncio.timeout(PATIENCE_S):
        while await statuses(service) != expected:
            await asyncio.sleep(0.02)


async def test_a_drawing_whose_client_has_gone_is_cancelled(service: RunningService) -> None:
    engine = FakeEngine(may_go_on=asyncio.Event())
    await service.add_worker(engine)
    for number, (path, body) in enumerate(REQUESTS.items()):
        path = path.format(model=service.gateway.facts.name)
        async with sent(service, "POST", path, body):
            await until(service, ["cancelled"] * number + ["drawing"])
        await until(service, ["cancelled"] * (number + 1))
    async with asyncio.timeout(PATIENCE_S):
        while engine.active or service.gateway.watches:
            await asyncio.sleep(0.02)


async def test_a_client_that_goes_while_its_job_waits_gives_up_its_place(
    service: RunningService,
) -> None:
    for number, (path, body) in enumerate(REQUESTS.items()):
        path = path.format(model=service.gateway.facts.name)
        async with sent(service, "POST", path, body):
            await until(service, ["cancelled"] * number + ["queued"])
        await until(service, ["cancelled"] * (number + 1))


async def test_who_stays_gets_pictures_and_nothing_is_left_watching(
    drawing_service: RunningService,
) -> None:
    for path, body in REQUESTS.items():
        path = path.format(model=drawing_service.gateway.facts.name)
        answer = await drawing_service.http.post(path, json=body, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
    assert await statuses(drawing_service) == ["done"] * len(REQUESTS)
    async with asyncio.timeout(PATIENCE_S):
        while drawing_service.gateway.watches:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("path", ["/v1/images/generations", "/generate"])
async def test_an_answer_that_fails_leaves_no_job_behind(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def fail(*_given: Any) -> None:
        raise LookupError("nobody expects this")

    monkeypatch.setattr(service.gateway.reader, "find", fail)
    answer = await service.http.post(path, json={"prompt": PROMPT})
    assert answer.status_code == 500
    await until(service, ["cancelled"])


async def test_jobs_of_api_v1_go_on_without_anybody_following(
    service: RunningService,
) -> None:
    engine = FakeEngine(may_go_on=asyncio.Event())
    await service.add_worker(engine)
    job = await service.post(PROMPT)
    async with sent(service, "GET", f"/api/v1/jobs/{job['id']}/events") as reader:
        await reader.readuntil(b"started")
    async with asyncio.timeout(PATIENCE_S):
        while service.gateway.event_streams.count:
            service.gateway.event_streams._wakeups[job["id"]].copy().pop().set()
            await asyncio.sleep(0.02)
    assert engine.may_go_on is not None
    engine.may_go_on.set()
    assert (await service.ended(job["id"]))["status"] == "done"


async def join(service: RunningService, session: str) -> str:
    body = {"data": [PROMPT], "session_hash": session}
    answer = await service.http.post("/gradio_api/queue/join", json=body)
    return str(answer.json()["event_id"])


async def test_a_session_whose_client_does_not_come_back_is_cancelled(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradio, "COME_BACK_S", 0.1)
    await join(service, "one")
    async with sent(service, "GET", "/gradio_api/queue/data?session_hash=one") as reader:
        await reader.readuntil(b"estimation")
    await until(service, ["cancelled"])
    called = await join(service, "two")
    async with sent(service, "GET", f"/gradio_api/call/generate/{called}") as reader:
        await reader.readuntil(b"200 OK")
    await until(service, ["cancelled", "cancelled"])


async def test_a_session_that_is_followed_again_goes_on(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradio, "COME_BACK_S", 0.1)
    await join(service, "one")
    path = "/gradio_api/queue/data?session_hash=one"
    async with sent(service, "GET", path) as later:
        async with sent(service, "GET", path) as earlier:
            for reader in (earlier, later):
                await reader.readuntil(b"estimation")
        async with asyncio.timeout(PATIENCE_S):
            while len(service.gateway.watches) > 1:
                await asyncio.sleep(0.02)
        assert await statuses(service) == ["queued"]
