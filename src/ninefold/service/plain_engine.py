"""The plain generator behind the engine's protocol: one request at a time, drawn in a thread.

Slower than `engine/`, and equal to it picture for picture. `first_codes` is not made use of: a
request is drawn from its beginning, which comes to the same pictures.
"""

import asyncio
import heapq
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from ninefold.drawing import Drawing, Preview, Progress
from ninefold.engine.request import (
    Advanced,
    DrawRequest,
    EngineEvent,
    EngineInfo,
    EngineLoad,
    Finished,
    Painted,
    Previewed,
    Queued,
    Started,
)
from ninefold.errors import CancelledError, UserError
from ninefold.generation.generate import GROUP_SIZE
from ninefold.generation.params import SamplingParams
from ninefold.pipeline import TextToImage
from ninefold.service.jobs.estimate import RateMeter

_CHECK_PROMPT = "a red apple"


@dataclass
class _Run:
    """A request that is waiting or being drawn."""

    request: DrawRequest
    total_codes: int
    submitted_at: float
    events: asyncio.Queue[EngineEvent | BaseException] = field(default_factory=asyncio.Queue)
    stop: threading.Event = field(default_factory=threading.Event)
    done_codes: int = 0


class PlainEngine:
    """Draws requests with a `TextToImage`, those of the highest priority first."""

    def __init__(self, painter: TextToImage) -> None:
        """Use a loaded model, and draw a picture twice to learn how fast it is, and if alike."""
        self._painter = painter
        config = painter.config
        self._length = config.dallebart.image_length
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, int, _Run]] = []
        self._drawing: _Run | None = None
        self._runs: dict[str, _Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        started_at = time.monotonic()
        is_deterministic = self._draw_check() == self._draw_check()
        seconds = (time.monotonic() - started_at) / 2
        self._meter = RateMeter(GROUP_SIZE * self._length / seconds)
        self._info = EngineInfo(
            model_name=config.name,
            model_sha256=config.sha256,
            backend=str(painter.dallebart.lm_head.weight.device),
            dtype=painter.dtype,
            is_deterministic=is_deterministic,
            num_slots=GROUP_SIZE,
            image_length=self._length,
            picture_size=config.picture_size,
        )

    @property
    def info(self) -> EngineInfo:
        """What draws."""
        return self._info

    def load(self) -> EngineLoad:
        """Return how busy it is now."""
        waiting = [run for _, _, run in self._waiting]
        runs = [*waiting, self._drawing] if self._drawing else waiting
        return EngineLoad(
            busy_slots=min(GROUP_SIZE, self._drawing.request.params.num_drawn)
            if self._drawing
            else 0,
            waiting_requests=len(waiting),
            image_steps_ahead=sum(run.total_codes - run.done_codes for run in runs),
            image_steps_per_second=self._meter.steps_per_second,
        )

    async def submit(self, request: DrawRequest) -> AsyncIterator[EngineEvent]:
        """Draw a request and yield what happens; closing the iterator cancels it.

        Raises:
            UserError: it cannot be drawn as asked.
            CancelledError: `cancel` was called, or the deadline passed before it started.
            NinefoldError: drawing failed.
        """
        if request.id in self._runs:
            raise UserError(f"A request {request.id!r} is being drawn already.")
        run = _Run(request, request.params.num_drawn * self._length, time.monotonic())
        ahead = self.load().image_steps_ahead
        self._runs[request.id] = run
        heapq.heappush(self._waiting, (-request.priority, next(self._numbers), run))
        try:
            yield Queued(request.id, ahead, (ahead + run.total_codes) / self._rate)
            self._start_next()
            while True:
                event = await run.events.get()
                if isinstance(event, BaseException):
                    raise event
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            run.stop.set()
            self._runs.pop(request.id, None)
            self._waiting = [item for item in self._waiting if item[2] is not run]
            heapq.heapify(self._waiting)

    async def cancel(self, request_id: str) -> bool:
        """End a request, freeing its slots within a step; False if there is none of this id."""
        run = self._runs.get(request_id)
        if run is None:
            return False
        run.stop.set()
        if run is not self._drawing:
            run.events.put_nowait(CancelledError("The drawing was cancelled."))
        return True

    async def close(self) -> None:
        """Cancel everything and let go of the model."""
        for request_id in list(self._runs):
            await self.cancel(request_id)
        await asyncio.gather(*self._tasks)

    @property
    def _rate(self) -> float:
        return self._meter.steps_per_second

    def _draw_check(self) -> tuple[int, ...]:
        drawing = self._painter.draw(_CHECK_PROMPT, SamplingParams(count=1, rank=False))
        return drawing.pictures[0].codes

    def _start_next(self) -> None:
        while self._drawing is None and self._waiting:
            _, _, run = heapq.heappop(self._waiting)
            deadline = run.request.deadline_s
            if deadline is not None and time.monotonic() - run.submitted_at > deadline:
                run.events.put_nowait(CancelledError("The deadline passed before it started."))
                continue
            self._drawing = run
            task = asyncio.create_task(self._draw(run))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _draw(self, run: _Run) -> None:
        loop, request_id = asyncio.get_running_loop(), run.request.id
        started_at = time.monotonic()
        run.events.put_nowait(Started(request_id))

        def tell(event: EngineEvent) -> None:
            loop.call_soon_threadsafe(run.events.put_nowait, event)

        try:
            drawing = await asyncio.to_thread(self._draw_in_thread, run, tell)
            self._meter.add(run.total_codes, time.monotonic() - started_at)
            for picture in drawing.pictures:
                run.events.put_nowait(Painted(request_id, picture))
            run.events.put_nowait(Finished(request_id, drawing))
        except Exception as error:  # whatever it is, the iterator raises it
            run.events.put_nowait(error)
        finally:
            self._drawing = None
            self._start_next()

    def _draw_in_thread(self, run: _Run, tell: Callable[[EngineEvent], None]) -> Drawing:
        request = run.request

        def on_progress(progress: Progress) -> None:
            run.done_codes = run.total_codes * progress.step // progress.total
            left = run.total_codes - run.done_codes
            tell(Advanced(request.id, run.done_codes, run.total_codes, left / self._rate))

        def on_preview(preview: Preview) -> None:
            tell(Previewed(request.id, preview))

        return self._painter.draw(
            request.prompt,
            request.params,
            on_progress=on_progress,
            on_preview=on_preview if request.preview_every else None,
            preview_every=request.preview_every or 1,
            should_stop=run.stop.is_set,
        )
