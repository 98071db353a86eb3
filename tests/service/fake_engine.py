"""An engine without a model: draws squares of one colour, as slowly as a test wants.

Stands at the seam of `engine/request.py`; the same request draws the same pictures.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from PIL import Image

from ninefold.drawing import Drawing, Picture, Preview
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
from ninefold.errors import CancelledError, NinefoldError, UserError

SIZE = 16
LENGTH = 16
"""Codes of a picture, as the tiny model has."""

CANNOT, BREAKS, BUG = "cannot be drawn", "breaks the engine", "meets a bug"
"""Prompts that end in a UserError, a NinefoldError and an unexpected error."""


@dataclass
class FakeEngine:
    """Draws, taking `step_s` seconds for each step of all pictures of a request."""

    model_name: str = "tiny"
    step_s: float = 0.0
    num_slots: int = 9
    may_go_on: asyncio.Event | None = None
    """Where there is one, drawing waits for it after the first step."""
    may_end: asyncio.Event | None = None
    """Where there is one, the last picture waits for it."""
    drawn: list[DrawRequest] = field(default_factory=list)
    """Requests in the order in which they were begun."""
    steps_of: dict[str, int] = field(default_factory=dict)
    """Steps that were made, by the id of the request."""
    num_taken: int = 0
    """Painted pictures that were taken."""
    cancelled: set[str] = field(default_factory=set)
    active: set[str] = field(default_factory=set)

    @property
    def info(self) -> EngineInfo:
        """What draws."""
        return EngineInfo(
            model_name=self.model_name,
            model_sha256="0" * 64,
            backend="fake",
            dtype="float32",
            is_deterministic=True,
            num_slots=self.num_slots,
            image_length=LENGTH,
            picture_size=SIZE,
        )

    def load(self) -> EngineLoad:
        """Return a rate that fits `step_s`."""
        rate = 9 / self.step_s if self.step_s else 1e6
        return EngineLoad(len(self.active) * 9, 0, 0, rate)

    async def submit(self, request: DrawRequest) -> AsyncIterator[EngineEvent]:
        """Draw a request."""
        self.active.add(request.id)
        try:
            yield Queued(request.id, 0, 0.0)
            if request.prompt == CANNOT:
                raise UserError("This cannot be drawn; ask for something else.")
            self.drawn.append(request)
            yield Started(request.id)
            async for event in self._draw(request):
                yield event
        finally:
            self.active.discard(request.id)

    async def _draw(self, request: DrawRequest) -> AsyncIterator[EngineEvent]:
        params, total = request.params, LENGTH * request.params.num_drawn
        is_given = all(len(request.first_codes.get(i, ())) == LENGTH for i in params.image_indices)
        for step in range(1, 1 if is_given else LENGTH + 1):
            await asyncio.sleep(self.step_s)
            if self.may_go_on is not None and step > 1:
                await self._wait_for(self.may_go_on, request.id)
            self._require_wanted(request.id)
            self.steps_of[request.id] = step
            if step == 2:
                _break(request.prompt)
            yield Advanced(request.id, step * params.num_drawn, total, 0.0)
            if request.preview_every and step % request.preview_every == 0 and step < LENGTH:
                for index in params.image_indices:
                    image = paint(request.prompt, params.seed, index)
                    yield Previewed(request.id, Preview(image, index, step))
        pictures = [
            Picture(paint(request.prompt, params.seed, index), index, float(-index), (index,) * 16)
            for index in params.image_indices
        ]
        for picture in pictures:
            if picture is pictures[-1] and self.may_end is not None:
                await self._wait_for(self.may_end, request.id)
            yield Painted(request.id, picture)
            self.num_taken += 1
        yield Finished(request.id, self._drawing(request, pictures))

    async def _wait_for(self, event: asyncio.Event, request_id: str) -> None:
        while not event.is_set() and request_id not in self.cancelled:
            await asyncio.sleep(0.01)
        self._require_wanted(request_id)

    def _require_wanted(self, request_id: str) -> None:
        if request_id in self.cancelled:
            raise CancelledError("The drawing was cancelled.")

    def _drawing(self, request: DrawRequest, pictures: list[Picture]) -> Drawing:
        return Drawing(
            prompt=request.prompt,
            params=request.params,
            pictures=tuple(pictures[: request.params.count]),
            model_name=self.model_name,
            model_sha256="0" * 64,
            dtype="float32",
            drawn_size=SIZE,
            notices=(),
        )

    async def cancel(self, request_id: str) -> bool:
        """End a request."""
        self.cancelled.add(request_id)
        return request_id in self.active

    async def close(self) -> None:
        """Cancel everything."""
        self.cancelled |= self.active


def paint(prompt: str, seed: int, index: int) -> Image.Image:
    """Return a square whose colour only this prompt, seed and index have."""
    digest = hashlib.sha256(f"{prompt}/{seed}/{index}".encode()).digest()
    return Image.new("RGB", (SIZE, SIZE), (digest[0], digest[1], digest[2]))


def _break(prompt: str) -> None:
    if prompt == BREAKS:
        raise NinefoldError("The engine broke; report it.")
    if prompt == BUG:
        raise RuntimeError("a bug")
