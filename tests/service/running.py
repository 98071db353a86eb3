"""The service inside a test's event loop: a gateway on loopback and workers with fake engines.

Everything but the engine is real: PostgreSQL, the queue, uvicorn, the object store.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from sqlalchemy import URL

from ninefold.engine.request import Engine
from ninefold.service.app import SURFACES, build_app
from ninefold.service.gateway import Gateway, open_gateway
from ninefold.service.gateway_process import GatewayServer, server_config
from ninefold.service.jobs.drawing import WorkerContext
from ninefold.service.jobs.picture_steps import PictureSteps
from ninefold.service.jobs.queue import Queue
from ninefold.service.jobs.refusal import PromptCheck
from ninefold.service.jobs.worker import Worker
from ninefold.service.room import Room
from ninefold.service.settings import Settings
from ninefold.service.store.database import build_async_engine
from ninefold.service.store.objects import Objects
from ninefold.service.surfaces import SurfaceRoutes
from tests.patience import PATIENCE_S

SECRET = "a secret of tests, and of nothing else"


@dataclass
class RunningService:
    """A service that answers."""

    settings: Settings
    url: URL
    address: str
    gateway: Gateway
    server: GatewayServer
    http: httpx2.AsyncClient
    """Keeps cookies, so it is one visitor."""
    stack: AsyncExitStack
    workers: list[Worker] = field(default_factory=list)

    async def add_worker(
        self,
        engine: Engine,
        steps: PictureSteps | None = None,
        policy: PromptCheck | None = None,
        pace: float | None = None,
    ) -> Worker:
        """Start a worker; it drains when the service ends."""
        database = build_async_engine(self.url, pool_size=5)
        self.stack.push_async_callback(database.dispose)
        settings = self.settings
        objects = Objects.open(settings.pictures_url, settings.data, settings.storage_patience_s)
        queue = await self.stack.enter_async_context(Queue(self.url).open())
        room = Room.of(settings, self.url)
        context = WorkerContext(database, objects, engine, steps or PictureSteps(), room, policy)
        pace = pace or engine.load().codes_per_second
        worker = Worker(self.settings, self.url, queue, context, pace)
        task = asyncio.create_task(worker.run())

        async def end() -> None:
            worker.stop()
            await task

        self.stack.push_async_callback(end)
        self.workers.append(worker)
        await worker.registered.wait()
        return worker

    async def post(self, prompt: str, **members: Any) -> dict[str, Any]:
        """Ask for pictures and return the job."""
        answer = await self.http.post("/api/v1/jobs", json={"prompt": prompt, **members})
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    async def job(self, job_id: str) -> dict[str, Any]:
        """Return a job as it is now."""
        answer = await self.http.get(f"/api/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    async def events(self, job_id: str, after: int = 0, timeout_s: float = PATIENCE_S) -> list[Any]:
        """Follow a job to its end by server-sent events and return them."""
        found = []
        async with asyncio.timeout(timeout_s):
            async for event in stream_events(self.http, job_id, after):
                found.append(event)
        return found

    async def ended(self, job_id: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until a job has ended and return it."""
        last = (await self.events(job_id, timeout_s=timeout_s))[-1]
        job: dict[str, Any] = last["job"]
        return job


async def stream_events(
    http: httpx2.AsyncClient, job_id: str, after: int = 0
) -> AsyncIterator[dict[str, Any]]:
    """Yield a job's events as a browser's EventSource would, without connecting again."""
    headers = {"Last-Event-ID": str(after)} if after else {}
    url = f"/api/v1/jobs/{job_id}/events"
    async with http.stream("GET", url, headers=headers, timeout=PATIENCE_S) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        frame: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                frame[name] = value
            elif "data" in frame:
                event: dict[str, Any] = json.loads(frame["data"])
                assert (frame["id"], frame["event"]) == (str(event["seq"]), event["type"])
                yield event
                frame = {}
            else:
                frame = {}


@asynccontextmanager
async def running_service(
    settings: Settings, url: URL, surfaces: Sequence[SurfaceRoutes] = SURFACES
) -> AsyncIterator[RunningService]:
    """Run a gateway on a free port of loopback, without workers, for the time of the block."""
    async with AsyncExitStack() as stack:
        listener = socket.create_server(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        gateway = await stack.enter_async_context(open_gateway(settings, url, SECRET))

        @asynccontextmanager
        async def opened() -> AsyncIterator[Gateway]:
            yield gateway

        config = server_config(build_app(settings, opened(), surfaces), settings, grace_s=2)
        server = GatewayServer(config)
        server.gateway = gateway
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.005)

        async def end() -> None:
            gateway.event_streams.stop()
            server.should_exit = True
            await serving

        stack.push_async_callback(end)
        client = httpx2.AsyncClient(base_url=address, timeout=PATIENCE_S)
        http = await stack.enter_async_context(client)
        yield RunningService(settings, url, address, gateway, server, http, stack)
