"""The loop `schedule → run → update`, and what becomes of its results: events of each request.

Everything here happens in one thread, which owns the model. Pictures are painted elsewhere; their
results come back through `painted`. Knows nothing of asyncio.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ninefold.checkpoints.model_folder import ModelConfig
from ninefold.drawing import Drawing, Picture
from ninefold.engine.config import EngineConfig
from ninefold.engine.image_decoder import ImageDecoder, PaintJob, PaintResult, PreviewJob
from ninefold.engine.metrics import EngineCounts, StepClock
from ninefold.engine.request import (
    Advanced,
    DrawRequest,
    EngineEvent,
    EngineLoad,
    Finished,
    Painted,
    Previewed,
    Queued,
    Started,
)
from ninefold.engine.runner import ImageInput, Runner
from ninefold.engine.scheduler import ScheduledRequest, Scheduler
from ninefold.engine.step import Join, Progressed
from ninefold.errors import CancelledError, NinefoldError, OverloadedError
from ninefold.generation.generate import choose_start_token
from ninefold.painting import order_pictures
from ninefold.preparation import PreparedPrompt

logger = logging.getLogger(__name__)

Emit = Callable[[str, EngineEvent | NinefoldError], None]
"""Tells a request's owner what happened; an error or `Finished` is the last thing that is told."""


@dataclass
class _Active:
    request: DrawRequest
    ready: PreparedPrompt
    task: ScheduledRequest
    codes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """By picture index, of the pictures whose codes are complete."""
    pictures: dict[int, Picture] = field(default_factory=dict)
    num_codes: int = 0
    has_started: bool = False


class EngineCore:
    """Draws requests with one runner and one image decoder."""

    def __init__(
        self,
        config: EngineConfig,
        model: ModelConfig,
        dtype: str,
        runner: Runner,
        image_decoder: ImageDecoder,
        clock: StepClock,
        emit: Emit,
    ) -> None:
        self.config, self.model, self.dtype = config, model, dtype
        self.runner, self.image_decoder = runner, image_decoder
        self.clock, self._emit = clock, emit
        self.scheduler = Scheduler(config, model.dallebart.image_length)
        self.counts = EngineCounts()
        self._active: dict[str, _Active] = {}

    @property
    def has_steps(self) -> bool:
        """Whether there is something to draw, apart from painting."""
        return not self.scheduler.is_idle

    def load(self) -> EngineLoad:
        """Return how busy the engine is."""
        return EngineLoad(
            busy_slots=len(self.scheduler.slots.busy),
            waiting_requests=self.scheduler.num_waiting_requests,
            codes_ahead=self.scheduler.codes_ahead(),
            codes_per_second=self._rate(0),
        )

    def submit(self, request: DrawRequest, ready: PreparedPrompt, now: float) -> None:
        """Accept a request, or tell its owner why not."""
        length = self.model.dallebart.image_length
        given = {index: tuple(codes) for index, codes in request.first_codes.items()}
        complete = {index: codes for index, codes in given.items() if len(codes) == length}
        open_images = tuple(i for i in ready.params.image_indices if i not in complete)
        deadline = None if request.deadline_s is None else now + request.deadline_s
        task = ScheduledRequest(
            request.id, open_images, request.requester, request.priority, deadline
        )
        refusal = self._refusal(task)
        if refusal is not None:
            self.counts.refused += 1
            self._emit(request.id, refusal)
            return
        active = _Active(request, ready, task, num_codes=length * len(complete))
        self._active[request.id] = active
        ahead = self.scheduler.codes_ahead(task) if open_images else 0
        if open_images:
            self.scheduler.submit(task)
        eta = self._eta(active)
        self._emit(request.id, Queued(request.id, ahead - length * len(open_images), eta))
        for index, codes in complete.items():
            self._start(active)
            self._complete(active, index, codes)

    def cancel(self, request_id: str) -> bool:
        """End a request; its slots are free at once."""
        if not self._end(request_id, CancelledError("The drawing was cancelled.")):
            return False
        self.counts.cancelled += 1
        return True

    def step(self, now: float) -> None:
        """Run one step for all slots."""
        plan = self.scheduler.schedule(now)
        for request_id in plan.expired:
            self.counts.expired += 1
            message = "The drawing did not start in time; try again when less is waiting."
            self._end(request_id, CancelledError(message))
        for join in plan.joins:
            self._join(join)
        slots = sorted(self.scheduler.slots.busy)
        if not slots:
            return
        begin = time.perf_counter()
        try:
            result = self.runner.run(slots)
        except Exception:
            logger.exception("A step failed")
            for owner in {self.scheduler.request_of(slot) for slot in slots}:
                self._fail(owner, "Drawing failed inside ninefold.")
            return
        seconds = time.perf_counter() - begin
        self.clock.count(len(slots), seconds)
        self.counts.steps += 1
        self.counts.codes += len(result.codes)
        self.counts.step_seconds += seconds
        for slot, message in result.failures.items():
            self._fail(self.scheduler.request_of(slot), message)
        self._update(self.scheduler.update(result))

    def painted(self, result: PaintResult) -> None:
        """Take what came of painting."""
        active = self._active.get(result.request_id)
        if active is None:
            return
        if result.failure:
            self._fail(result.request_id, result.failure)
            return
        if result.preview is not None:
            if result.preview.image_index not in active.pictures:
                self.counts.previews += 1
                self._emit(result.request_id, Previewed(result.request_id, result.preview))
            return
        for picture in result.pictures:
            active.pictures[picture.image_index] = picture
            self.counts.pictures += 1
            self._emit(result.request_id, Painted(result.request_id, picture))
        if len(active.pictures) == active.ready.params.num_drawn:
            del self._active[result.request_id]
            self.counts.finished += 1
            self._emit(result.request_id, Finished(result.request_id, self._drawing(active)))

    def check_integrity(self) -> None:
        """Check that slots, rows and requests agree; called in tests and when idle."""
        self.scheduler.check_integrity()
        self.runner.check_integrity(self.scheduler.slots.busy)

    def _refusal(self, task: ScheduledRequest) -> NinefoldError | None:
        if task.request_id in self._active:
            return NinefoldError(f"There is a request {task.request_id!r} already.")
        waiting = self.scheduler.num_waiting_images + len(task.image_indices)
        codes = self.scheduler.codes_ahead(task) if task.image_indices else 0
        wait = codes / self._rate(len(task.image_indices))
        limit = self.config.max_wait_s
        if waiting > self.config.max_waiting_images or (limit is not None and wait > limit):
            after = wait if limit is None else max(1.0, wait - limit)
            return OverloadedError(
                f"Too much is waiting to be drawn; try again in about {after:.0f} seconds.", after
            )
        return None

    def _join(self, join: Join) -> None:
        active = self._active.get(join.image.request_id)
        if active is None:  # ended by a failure of a picture that joined before
            return
        params = active.ready.params
        start = choose_start_token(params, self.model.dallebart, self.model.vqgan.n_embed)
        index = join.image.image_index
        first = active.request.first_codes.get(index, ())
        try:
            self.runner.begin(join.slot, ImageInput(active.ready.text, params, index, start, first))
        except Exception:
            logger.exception("A picture could not be started")
            self._fail(join.image.request_id, "Reading the prompt failed inside ninefold.")
            return
        self._start(active)

    def _start(self, active: _Active) -> None:
        if not active.has_started:
            active.has_started = True
            self._emit(active.request.id, Started(active.request.id))

    def _update(self, progressed: tuple[Progressed, ...]) -> None:
        advanced: dict[str, _Active] = {}
        for item in progressed:
            active = self._active[item.image.request_id]
            active.num_codes += 1
            advanced[item.image.request_id] = active
            if item.is_complete:
                codes = self.runner.codes_of(item.slot)
                self.runner.leave(item.slot)
                self._complete(active, item.image.image_index, codes)
            else:
                self._consider_preview(active, item)
        for request_id, active in advanced.items():
            total = active.ready.params.num_drawn * self.model.dallebart.image_length
            eta = self._eta(active)
            self._emit(request_id, Advanced(request_id, active.num_codes, total, eta))

    def _consider_preview(self, active: _Active, item: Progressed) -> None:
        every = active.request.preview_every
        if every > 0 and item.num_codes % every == 0:
            codes = self.runner.codes_of(item.slot)
            job = PreviewJob(item.image.request_id, item.image.image_index, codes)
            self.image_decoder.preview(job)

    def _complete(self, active: _Active, index: int, codes: tuple[int, ...]) -> None:
        """Have the picture painted, or the square once it has all its pictures."""
        active.codes[index] = codes
        params = active.ready.params
        if not params.seamless:
            prompt = active.ready.prompt if params.rank else None
            self.image_decoder.paint(PaintJob(active.request.id, (index,), (codes,), prompt))
        elif len(active.codes) == params.num_drawn:
            indices = tuple(params.image_indices)
            all_codes = tuple(active.codes[i] for i in indices)
            self.image_decoder.paint(PaintJob(active.request.id, indices, all_codes, None, True))

    def _fail(self, request_id: str | None, message: str) -> None:
        if request_id is not None and self._end(request_id, NinefoldError(message)):
            self.counts.failed += 1

    def _end(self, request_id: str, error: NinefoldError) -> bool:
        active = self._active.pop(request_id, None)
        if active is None:
            return False
        for slot in self.scheduler.cancel(request_id) or ():
            self.runner.leave(slot)
        self.image_decoder.forget(request_id)
        self._emit(request_id, error)
        return True

    def _rate(self, num_more: int) -> float:
        busy = len(self.scheduler.slots.busy)
        return self.clock.codes_per_second(busy + self.scheduler.num_waiting_images + num_more)

    def _eta(self, active: _Active) -> float:
        is_drawing = self.scheduler.codes_left_of(active.request.id) > 0
        codes = self.scheduler.codes_ahead(active.task) if is_drawing else 0
        left = len(active.ready.params.image_indices) - len(active.pictures)
        # Pictures are painted while others are drawn; the last ones are waited for.
        return codes / self._rate(0) + left * self.image_decoder.seconds_per_picture

    def _drawing(self, active: _Active) -> Drawing:
        params = active.ready.params
        pictures = [active.pictures[index] for index in params.image_indices]
        return Drawing(
            prompt=active.ready.prompt,
            params=params,
            pictures=order_pictures(pictures, params.count),
            model_name=self.model.name,
            model_sha256=self.model.sha256,
            dtype=self.dtype,
            drawn_size=self.model.drawn_size,
            notices=active.ready.notices,
        )
