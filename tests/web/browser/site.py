"""The real service beside the tests: in a thread with a loop of its own, with a tiny model.

Only the pace is a test's to choose, so that there is time to look at a drawing while it is drawn.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg

from ninefold.engine.request import (
    Advanced,
    DrawRequest,
    Engine,
    EngineEvent,
    EngineInfo,
    EngineLoad,
)
from ninefold.service.engines import build_engine
from ninefold.service.settings import Settings
from ninefold.service.store.database import connection_string, migrate
from ninefold.service.store.embedded import EmbeddedPostgres
from tests.service.running import RunningService, running_service

_Result = TypeVar("_Result")


@dataclass
class UnhurriedEngine:
    """Draws as another engine does, and lets `step_s` seconds pass after every step."""

    engine: Engine
    step_s: float = 0.0

    @property
    def info(self) -> EngineInfo:
        """What draws."""
        return self.engine.info

    def load(self) -> EngineLoad:
        """Return how busy it is now."""
        return self.engine.load()

    async def submit(self, request: DrawRequest) -> AsyncIterator[EngineEvent]:
        """Draw a request."""
        async for event in self.engine.submit(request):
            yield event
            if isinstance(event, Advanced) and self.step_s:
                await asyncio.sleep(self.step_s)

    async def cancel(self, request_id: str) -> bool:
        """End a request."""
        return await self.engine.cancel(request_id)

    async def close(self) -> None:
        """Cancel everything and let go of the model."""
        await self.engine.close()


class Site:
    """A service that is open to browsers for the time of a `with` block."""

    engine: UnhurriedEngine
    service: RunningService

    def __init__(self, settings: Settings, data: Path) -> None:
        """Prepare to serve.

        Args:
            settings: the service's.
            data: folder for PostgreSQL.
        """
        self._settings = settings
        self._data = data
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="site")
        self._stack = AsyncExitStack()

    @property
    def address(self) -> str:
        """What addresses begin with, without a slash at the end."""
        return self.service.address

    def __enter__(self) -> Self:
        self._postgres = EmbeddedPostgres(self._data)
        url = self._postgres.url
        with psycopg.connect(connection_string(url), autocommit=True) as connection:
            connection.execute("CREATE DATABASE site")
        url = url.set(database="site")
        migrate(url)
        self._thread.start()
        self.engine = UnhurriedEngine(build_engine(self._settings))
        opening = running_service(self._settings, url)
        self.service = self.run(self._stack.enter_async_context(opening))
        self.run(self.service.add_worker(self.engine))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.run(self._stack.aclose())
        self.run(self.engine.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._postgres.close()

    def run(self, work: Coroutine[Any, Any, _Result], timeout_s: float = 60) -> _Result:
        """Do work in the service's loop and return what it returns."""
        future: Future[_Result] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(timeout_s)

    def draw(self, prompt: str, **members: Any) -> dict[str, Any]:
        """Draw as another visitor would, by the API, and return the finished job."""

        async def drawn() -> dict[str, Any]:
            job = await self.service.post(prompt, **members)
            return await self.service.ended(job["id"])

        return self.run(drawn())
