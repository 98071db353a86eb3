"""The engine as a function that draws one prompt after the other, for measuring what it draws."""

import asyncio
import itertools
from types import TracebackType
from typing import Self

from ninefold.drawing import Drawing
from ninefold.engine.async_engine import AsyncEngine
from ninefold.engine.config import EngineConfig
from ninefold.engine.request import DrawRequest, Finished
from ninefold.generation.params import SamplingParams


class EngineDraw:
    """An engine that is opened once; to be closed, or used in a `with` block.

    Args:
        model: its name or folder.
        device: see `ninefold.devices.resolve_device`.
        backend: one of `ninefold.engine.backends.BACKENDS`.
        num_threads: of the processor; None for PyTorch's own number.

    Raises:
        UserError: there is no such model, device or backend.
    """

    def __init__(
        self, model: str, device: str, backend: str, num_threads: int | None = None
    ) -> None:
        config = EngineConfig(num_threads=num_threads)
        self._engine = AsyncEngine.open(model, device=device, backend=backend, config=config)
        self._loop = asyncio.new_event_loop()
        self._numbers = itertools.count()
        self.backend = self._engine.info.backend

    def draw(self, prompt: str, params: SamplingParams) -> Drawing:
        """Draw a prompt; errors are those of `AsyncEngine.submit`."""
        return self._loop.run_until_complete(self._draw(prompt, params))

    def close(self) -> None:
        """Let go of the model."""
        self._loop.run_until_complete(self._engine.close())
        self._loop.close()

    async def _draw(self, prompt: str, params: SamplingParams) -> Drawing:
        request = DrawRequest(f"measured-{next(self._numbers)}", prompt, params)
        drawing: Drawing | None = None
        async for event in self._engine.submit(request):
            if isinstance(event, Finished):
                drawing = event.drawing
        assert drawing is not None, "a request ends with its drawing, or raises"
        return drawing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
