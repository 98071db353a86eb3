"""The engine for programs that wait: requests go in, events come out, one thread owns the model.

It wires text, scheduler, runner, painting and their threads together; what is drawn is not decided
here. `submit` may be called from any event loop.
"""

import asyncio
import dataclasses
import logging
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self

from ninefold.checkpoints.registry import find_model
from ninefold.devices import resolve_device
from ninefold.engine.backend import Backend
from ninefold.engine.backends import load_engine_parts, recipe_dtype
from ninefold.engine.config import EngineConfig
from ninefold.engine.core import EngineCore
from ninefold.engine.image_decoder import ImageDecoder, PaintResult
from ninefold.engine.loaded_model import LoadedModel
from ninefold.engine.metrics import EngineCounts, StepClock
from ninefold.engine.request import DrawRequest, EngineEvent, EngineInfo, EngineLoad, Finished
from ninefold.engine.runner import Runner
from ninefold.engine.self_check import check_backend
from ninefold.engine.threads import ThreadShare, set_threads
from ninefold.errors import CancelledError, NinefoldError, UserError
from ninefold.generation.generate import read_first_codes

logger = logging.getLogger(__name__)

_Owner = tuple[asyncio.AbstractEventLoop, "asyncio.Queue[EngineEvent | NinefoldError]"]


class AsyncEngine:
    """Draws many requests at once; implements `ninefold.engine.request.Engine`."""

    def __init__(self, model: LoadedModel, backend: Backend, config: EngineConfig) -> None:
        sizes, num_codes = model.config.dallebart, model.config.vqgan.n_embed
        self._model, self.config = model, config
        self._threads = ThreadShare(config.num_threads)
        set_threads(self._threads.total)
        check = check_backend(backend, sizes, num_codes, config.num_slots)
        self.info = EngineInfo(
            model_name=model.config.name,
            model_sha256=model.config.sha256,
            backend=backend.name,
            dtype=backend.dtype,
            is_deterministic=check.is_deterministic,
            num_slots=config.num_slots,
            image_length=sizes.image_length,
            picture_size=model.config.picture_size,
        )
        self._owners: dict[str, _Owner] = {}
        self._inbox: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._image_decoder = ImageDecoder(
            model.painter,
            self._take_painted,
            max_previews=config.max_pending_previews,
            threads=self._threads,
        )
        self._core = EngineCore(
            config,
            model.config,
            recipe_dtype(backend.name),
            Runner(backend, num_codes, sizes.image_length),
            self._image_decoder,
            StepClock(check.one_picture_s, check.all_slots_s, config.num_slots),
            self._tell,
        )
        self._load = self._core.load()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="ninefold-engine", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        model: str | Path = "pocket",
        *,
        device: str = "auto",
        backend: str = "auto",
        config: EngineConfig | None = None,
    ) -> Self:
        """Load an installed model and start drawing with it.

        Args:
            model: its name, such as "pocket", "mini" or "mega", or its folder.
            device: see `ninefold.devices.resolve_device`.
            backend: one of `ninefold.engine.config.BACKENDS`.
            config: sizes and limits.

        Raises:
            UserError: there is no such model, device or backend.
            CheckpointError: the model's files are damaged.
        """
        config = config or EngineConfig()
        folder, place = find_model(model), resolve_device(device)
        return cls(*load_engine_parts(folder, place, backend, config.num_slots), config)

    def load(self) -> EngineLoad:
        """Return how busy the engine is."""
        return self._load

    def counts(self) -> EngineCounts:
        """Return what the engine has done so far."""
        return dataclasses.replace(
            self._core.counts, previews_dropped=self._image_decoder.num_previews_dropped
        )

    async def submit(self, request: DrawRequest) -> AsyncGenerator[EngineEvent, None]:
        """Draw a request and yield what happens; closing the iterator cancels it.

        Raises:
            UserError: it cannot be drawn as asked.
            OverloadedError: too much is waiting.
            CancelledError: `cancel` was called, or the deadline passed before it started.
            NinefoldError: drawing failed.
        """
        ready = self._model.prepare(request.prompt, request.params)
        sizes, vqgan = self._model.config.dallebart, self._model.config.vqgan
        read_first_codes(request.first_codes, ready.params, vqgan.n_embed, sizes.image_length)
        if self._is_closed:
            raise CancelledError("The engine is closed.")
        if request.id in self._owners:
            raise UserError(f"There is a request {request.id!r} already; use another id.")
        events: asyncio.Queue[EngineEvent | NinefoldError] = asyncio.Queue()
        self._owners[request.id] = (asyncio.get_running_loop(), events)
        self._inbox.put(lambda: self._core.submit(request, ready, time.monotonic()))
        is_ended = False
        try:
            while not is_ended:
                event = await events.get()
                is_ended = isinstance(event, Finished | NinefoldError)
                if isinstance(event, NinefoldError):
                    raise event
                yield event
        finally:
            del self._owners[request.id]
            if not is_ended:
                self._inbox.put(lambda: self._core.cancel(request.id))

    async def cancel(self, request_id: str) -> bool:
        """End a request, freeing its slots within a step; False if there is none of this id."""
        if self._is_closed:
            return False
        answer: Future[bool] = Future()
        self._inbox.put(lambda: answer.set_result(self._core.cancel(request_id)))
        return await asyncio.wrap_future(answer)

    async def close(self) -> None:
        """Cancel everything and let go of the model."""
        if self._is_closed:
            return
        self._is_closed = True
        self._inbox.put(lambda: None)
        await asyncio.to_thread(self._thread.join)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _take_painted(self, result: PaintResult) -> None:
        self._inbox.put(lambda: self._core.painted(result))

    def _tell(self, request_id: str, event: EngineEvent | NinefoldError) -> None:
        owner = self._owners.get(request_id)
        if owner is None:
            return
        loop, events = owner
        if not loop.is_closed():
            loop.call_soon_threadsafe(events.put_nowait, event)

    def _work(self) -> None:
        """The engine's thread: messages, then a step, as long as there is something to draw."""
        try:
            while not self._is_closed:
                self._read_inbox()
                if self._core.has_steps:
                    self._threads.enter_step()
                    with self._threads.measured_step():
                        self._core.step(time.monotonic())
                self._load = self._core.load()
        except Exception:
            logger.exception("The engine stopped")
            self._is_closed = True
        finally:
            self._image_decoder.close()
            for request_id in list(self._owners):
                self._tell(request_id, CancelledError("The engine was closed."))

    def _read_inbox(self) -> None:
        """Do what was asked for since the last step; wait for it where there is nothing to draw."""
        while True:
            # Said before waiting: after the last step all threads may paint.
            self._threads.set_decoding(self._core.has_steps)
            try:
                message = self._inbox.get(block=not self._core.has_steps and not self._is_closed)
            except queue.Empty:
                return
            message()
            if not self._core.has_steps:
                self._load = self._core.load()
