"""The real service beside the tests: in a thread with a loop of its own, with a tiny model.

A test may hold a drawing after its first preview, so that there is time to look at it.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from PIL import Image
from torch import Tensor

from ninefold.checkpoints.registry import find_model
from ninefold.devices import resolve_device
from ninefold.engine.async_engine import AsyncEngine
from ninefold.engine.backend import Backend, Rows
from ninefold.engine.backends import load_engine_parts
from ninefold.engine.config import EngineConfig
from ninefold.engine.request import (
    DrawRequest,
    Engine,
    EngineEvent,
    EngineInfo,
    EngineLoad,
    Previewed,
)
from ninefold.safety.image_policy import ImagePolicy
from ninefold.service.jobs.picture_steps import PictureSteps
from ninefold.service.jobs.safe_steps import judge_by
from ninefold.service.settings import Settings
from ninefold.service.store.database import connection_string, migrate
from ninefold.service.store.embedded import EmbeddedPostgres
from tests.patience import PATIENCE_S
from tests.service.running import RunningService, running_service

_Result = TypeVar("_Result")


class UnhurriedBackend:
    """Steps as another backend does, after a pause, so that there is time for previews."""

    def __init__(self, backend: Backend) -> None:
        """Step with a backend."""
        self._backend = backend
        self.name, self.dtype, self.num_texts = backend.name, backend.dtype, backend.num_texts
        self.select = backend.select
        self.pause_s = 0.0

    def read_text(self, entry: int, tokens: Tensor, mask: Tensor) -> None:
        """Encode a text."""
        self._backend.read_text(entry, tokens, mask)

    def step(self, rows: Rows) -> Tensor:
        """Return the logits of the next code."""
        time.sleep(self.pause_s)  # in the engine's own thread
        return self._backend.step(rows)


class HeldEngine:
    """Draws as another engine does; while it is held it tells nothing after a first preview."""

    def __init__(self, engine: Engine, backend: UnhurriedBackend) -> None:
        """Draw with an engine that steps with `backend`."""
        self._engine, self._backend = engine, backend
        self._is_held = False
        self.has_previews = True

    def hold(self) -> None:
        """Draw slowly, and tell of no more than a first preview."""
        self._is_held, self._backend.pause_s = True, 0.25

    def release(self) -> None:
        """Go on, as fast as can be."""
        self._is_held, self._backend.pause_s = False, 0.0
        self.has_previews = True

    @property
    def info(self) -> EngineInfo:
        """What draws."""
        return self._engine.info

    def load(self) -> EngineLoad:
        """Return how busy it is now."""
        return self._engine.load()

    async def submit(self, request: DrawRequest) -> AsyncIterator[EngineEvent]:
        """Draw a request."""
        async for event in self._engine.submit(request):
            if isinstance(event, Previewed) and not self.has_previews:
                continue
            yield event
            while self._is_held and isinstance(event, Previewed):
                await asyncio.sleep(0.02)

    async def cancel(self, request_id: str) -> bool:
        """End a request."""
        return await self._engine.cancel(request_id)

    async def close(self) -> None:
        """Cancel everything and let go of the model."""
        await self._engine.close()


class WaryClassifier:
    """Takes as many pictures for explicit as it is told to, and no more."""

    num_wary = 0
    wary_score = 0.9

    def scores(self, pictures: Sequence[Image.Image]) -> list[float]:
        """Return for each picture how likely it is to be explicit."""
        score = self.wary_score
        found = [score if place < self.num_wary else 0.0 for place, _ in enumerate(pictures)]
        self.num_wary -= found.count(score)
        return found


class Site:
    """A service that is open to browsers for the time of a `with` block."""

    engine: HeldEngine
    service: RunningService

    def __init__(self, settings: Settings, data: Path) -> None:
        """Prepare to serve.

        Args:
            settings: the service's.
            data: folder for PostgreSQL.
        """
        self._settings = settings
        self._data = data
        self.classifier = WaryClassifier()
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
        self.engine = self._open_engine()
        opening = running_service(self._settings, url)
        self.service = self.run(self._stack.enter_async_context(opening))
        steps = PictureSteps(judge=judge_by(ImagePolicy(self.classifier)))
        self.run(self.service.add_worker(self.engine, steps))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.engine.release()
        self.run(self._stack.aclose())
        self.run(self.engine.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._postgres.close()

    def _open_engine(self) -> HeldEngine:
        config = EngineConfig(num_threads=1)
        folder, place = find_model(self._settings.model), resolve_device("cpu")
        model, backend = load_engine_parts(folder, place, "auto", config.num_slots)
        unhurried = UnhurriedBackend(backend)
        return HeldEngine(AsyncEngine(model, unhurried, config), unhurried)

    def hide(self, number: int, score: float = 0.9) -> None:
        """Take the next finished pictures, so many of them, for explicit."""
        self.engine.has_previews = False  # which would be judged as well
        self.classifier.num_wary, self.classifier.wary_score = number, score

    def run(self, work: Coroutine[Any, Any, _Result], timeout_s: float = PATIENCE_S) -> _Result:
        """Do work in the service's loop and return what it returns."""
        future: Future[_Result] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(timeout_s)

    def draw(self, prompt: str, **members: Any) -> dict[str, Any]:
        """Draw as another visitor would, by the API, and return the finished job."""

        async def drawn() -> dict[str, Any]:
            job = await self.service.post(prompt, **members)
            return await self.service.ended(job["id"])

        return self.run(drawn())
