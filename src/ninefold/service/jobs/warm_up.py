"""A worker's pace, measured before it takes its first job, so that the first promises are honest.

The engine's own start-up check knows its steps alone. What jobs wait for is more: codes are drawn
from what the steps say, and pictures and previews are painted, judged and encoded. A little of each
is done here with made-up pictures, which are thrown away. Knows nothing of jobs or the database.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from ninefold.drawing import Drawing
from ninefold.engine.request import Advanced, DrawRequest, Engine, Finished
from ninefold.errors import NinefoldError
from ninefold.generation.params import SamplingParams
from ninefold.service.jobs.picture_steps import PictureSteps

DRAWING_S = 0.25
"""Seconds after which drawing codes was measured long enough."""

_MIN_STEPS = 3
_NUM_PAINTED = 2
_CODES = 16  # every codebook has as many
_PROMPT = "a red square"
_SEED = 0
_log = logging.getLogger(__name__)


async def measure_pace(engine: Engine, steps: PictureSteps, num_previews: int) -> float:
    """Return the codes per second of jobs, with all that a worker does for their pictures.

    Args:
        engine: draws nothing else meanwhile.
        steps: what is done with each picture.
        num_previews: previews of each picture.

    Returns:
        The rate. Where the engine cannot draw, as its first job will tell, its own estimate.
    """
    try:
        codes_per_second = await _draw_codes(engine)
        await _paint_pictures(engine, steps, 1, 1)  # loads what is loaded when first used
        picture_s = await _paint_pictures(engine, steps, _NUM_PAINTED, num_previews)
    except NinefoldError as error:
        _log.warning("the pace could not be measured: %s", type(error).__name__)
        return engine.load().codes_per_second
    length = engine.info.image_length
    return length / (length / codes_per_second + picture_s)


async def _draw_codes(engine: Engine) -> float:
    """Return the codes per second of a job of the usual size, from some steps of it."""
    usual = SamplingParams().count
    params = SamplingParams(seed=_SEED, count=min(usual, engine.info.num_slots))
    events = engine.submit(DrawRequest("warm-up.codes", _PROMPT, params))
    first: tuple[float, int] | None = None
    num_steps = 0
    try:
        async for event in events:
            if not isinstance(event, Advanced):
                continue
            now = time.perf_counter()
            if first is None:  # the prompt is read
                first = now, event.num_codes
                continue
            num_steps += 1
            seconds, codes = now - first[0], event.num_codes - first[1]
            is_long = seconds >= DRAWING_S and num_steps >= _MIN_STEPS
            if is_long or 2 * event.num_codes >= event.total_codes:
                return codes / max(1e-9, seconds)
    finally:
        await events.aclose()  # type: ignore[attr-defined]  # an async generator in every engine
    return engine.load().codes_per_second


async def _paint_pictures(
    engine: Engine, steps: PictureSteps, num_pictures: int, num_previews: int
) -> float:
    """Return the seconds that a picture takes after its codes are drawn, its previews included."""
    begin = time.perf_counter()
    drawing = await _paint(engine, num_pictures)
    paint_s = (time.perf_counter() - begin) / num_pictures
    finish_s = await _seconds_of(lambda: _finish(drawing, steps)) / num_pictures
    preview_s = await _seconds_of(lambda: steps.preview(drawing.pictures[0].image))
    return paint_s + finish_s + num_previews * (paint_s + preview_s)


def _finish(drawing: Drawing, steps: PictureSteps) -> None:
    steps.judge([picture.image for picture in drawing.pictures])
    for picture in drawing.pictures:
        steps.finish(picture.image, drawing.recipe(picture))


async def _paint(engine: Engine, num_pictures: int) -> Drawing:
    """Have pictures painted whose codes are given, so that none has to be drawn."""
    chance = random.Random(_SEED)
    length = engine.info.image_length
    codes = {i: [chance.randrange(_CODES) for _ in range(length)] for i in range(num_pictures)}
    params = SamplingParams(seed=_SEED, count=num_pictures)
    request = DrawRequest("warm-up.pictures", _PROMPT, params, first_codes=codes)
    async for event in engine.submit(request):
        if isinstance(event, Finished):
            return event.drawing
    raise AssertionError("a request that succeeds ends with Finished")


async def _seconds_of(work: Callable[[], object]) -> float:
    """Return how long something takes in a thread, where jobs have it done too."""
    begin = time.perf_counter()
    await asyncio.to_thread(work)
    return time.perf_counter() - begin
