"""Laws of the warm-up: what it finds is what jobs take, and a broken engine does not stop it."""

import dataclasses
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import URL

from ninefold.engine.async_engine import AsyncEngine
from ninefold.engine.config import EngineConfig
from ninefold.engine.request import DrawRequest, EngineEvent
from ninefold.service.jobs.picture_steps import Judgement, PictureSteps, show_all
from ninefold.service.jobs.warm_up import measure_pace
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import BREAKS, LENGTH, FakeEngine
from tests.service.running import running_service
from tests.service.test_reliability import error_of

pytestmark = pytest.mark.anyio

JUDGING_S = 0.3
"""So long that what else a busy machine does in between counts little."""


def judge_slowly(images: Sequence[Image.Image]) -> list[Judgement]:
    """Take longer than all else that a tiny model needs."""
    time.sleep(JUDGING_S * len(images))
    return show_all(images)


@pytest.fixture
async def engine(tiny_model: Path) -> AsyncIterator[AsyncEngine]:
    """A tiny model that draws one job at a time with one thread."""
    config = EngineConfig(num_slots=9, num_threads=1)
    async with AsyncEngine.open(tiny_model, device="cpu", backend="eager", config=config) as opened:
        yield opened


async def test_the_first_promises_of_a_worker_are_within_a_half(
    database_url: URL, make_settings: MakeSettings, engine: AsyncEngine
) -> None:
    steps = PictureSteps(judge_slowly)
    pace = await measure_pace(engine, steps, 0)
    async with running_service(make_settings(previews=False), database_url) as service:
        await service.add_worker(engine, steps, pace=pace)
        jobs = [await service.post(f"a hat {number}") for number in range(5)]
        errors = []
        for job in jobs:
            asked_at = datetime.fromisoformat(job["created_at"])
            errors.append(await error_of(service, job["id"], asked_at, job["eta_s"]))
    assert statistics.median(errors) < 0.5, errors


async def test_previews_and_what_is_done_with_pictures_count(engine: AsyncEngine) -> None:
    length = engine.info.image_length
    steps = PictureSteps(judge_slowly)
    assert await measure_pace(engine, steps, 0) < length / JUDGING_S
    assert await measure_pace(engine, steps, 3) < length / (4 * JUDGING_S)


async def test_a_slow_engine_draws_a_few_steps_and_no_more() -> None:
    engine = FakeEngine(step_s=0.1)
    pace = await measure_pace(engine, PictureSteps(), 0)
    assert sum(engine.steps_of.values()) < LENGTH / 2
    assert pace < 9 / 0.1
    assert not engine.active


async def test_an_engine_that_cannot_draw_is_believed_until_its_first_job() -> None:
    class Broken(FakeEngine):
        async def submit(self, request: DrawRequest) -> AsyncIterator[EngineEvent]:
            async for event in super().submit(dataclasses.replace(request, prompt=BREAKS)):
                yield event

    engine = Broken(step_s=0.1)
    pace = await measure_pace(engine, PictureSteps(), 0)
    assert pace == engine.load().codes_per_second
