"""The nine are judged in one batch before they are shown; what is not shown leaves nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from PIL import Image
from sqlalchemy import URL, insert

from ninefold.service.administration import Administration
from ninefold.service.jobs.picture_steps import Judgement, PictureSteps
from ninefold.service.store.tables import PictureRow
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import SIZE, FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio


@dataclass
class Counting:
    """Shows all pictures, and counts those of each batch."""

    batches: list[int] = field(default_factory=list)

    def judge(self, images: Sequence[Image.Image]) -> list[Judgement]:
        """Judge pictures."""
        assert all(image.size == (SIZE, SIZE) for image in images)
        self.batches.append(len(images))
        return [Judgement(policy_version="1", score=0.0) for _ in images]


@pytest.fixture
async def service(database_url: URL, make_settings: MakeSettings) -> AsyncIterator[RunningService]:
    """A gateway without a worker, whose jobs have no previews."""
    async with running_service(make_settings(previews=False), database_url) as running:
        yield running


async def until_eight_are_taken(engine: FakeEngine) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while engine.num_taken < 8:
            await asyncio.sleep(0.01)


async def audit(service: RunningService) -> list[str]:
    """Return the hashes of the pictures that were decided on."""
    gateway = service.gateway
    rows = await Administration(gateway.database, gateway.queue, gateway.objects).decisions(1)
    return [row["hash"] for row in rows if row["stage"] == "picture"]


async def test_nine_are_judged_in_one_batch_before_any_is_shown(service: RunningService) -> None:
    engine, counting = FakeEngine(may_end=asyncio.Event()), Counting()
    await service.add_worker(engine, PictureSteps(judge=counting.judge))
    job = await service.post("a red apple")
    await until_eight_are_taken(engine)
    assert counting.batches == []
    assert (await service.job(job["id"]))["pictures"] == []
    assert await service.gateway.objects.keys("pictures") == []
    assert engine.may_end is not None
    engine.may_end.set()
    kinds = [event["type"] for event in await service.events(job["id"])]
    assert counting.batches == [9]
    assert kinds[-11:] == ["picture"] * 9 + ["ranked", "done"]
    assert len(await audit(service)) == 9


async def test_only_the_chosen_candidates_are_judged(service: RunningService) -> None:
    counting = Counting()
    await service.add_worker(FakeEngine(), PictureSteps(judge=counting.judge))
    settings = {"count": 2, "candidates": 8}
    job = await service.ended((await service.post("a red apple", settings=settings))["id"])
    assert len(job["pictures"]) == 2
    assert counting.batches == [2]


async def test_previews_are_judged_as_they_come(
    database_url: URL, make_settings: MakeSettings
) -> None:
    counting = Counting()
    async with running_service(make_settings(), database_url) as service:
        await service.add_worker(FakeEngine(), PictureSteps(judge=counting.judge))
        job = await service.post("a red apple")
        kinds = [event["type"] for event in await service.events(job["id"])]
    assert counting.batches == [1] * kinds.count("preview") + [9]
    assert kinds.count("preview") > 0


async def test_a_job_that_is_cancelled_late_leaves_nothing(service: RunningService) -> None:
    engine, counting = FakeEngine(may_end=asyncio.Event()), Counting()
    await service.add_worker(engine, PictureSteps(judge=counting.judge))
    job = await service.post("a red apple")
    await until_eight_are_taken(engine)
    await service.http.delete(f"/api/v1/jobs/{job['id']}")
    ended = await service.ended(job["id"])
    assert (ended["status"], ended["pictures"]) == ("cancelled", [])
    async with asyncio.timeout(PATIENCE_S):
        while engine.active:
            await asyncio.sleep(0.01)
    assert counting.batches == []
    assert await audit(service) == []
    for prefix in ("pictures", "hidden"):
        assert await service.gateway.objects.keys(prefix) == []


async def test_what_an_earlier_attempt_showed_is_neither_shown_nor_decided_twice(
    service: RunningService,
) -> None:
    engine = FakeEngine(may_end=asyncio.Event())
    counting = Counting()
    await service.add_worker(engine, PictureSteps(judge=counting.judge))
    job = await service.post("a red apple", seed=1)
    await until_eight_are_taken(engine)
    async with service.gateway.database.begin() as connection:
        await connection.execute(
            insert(PictureRow).values(
                job_id=job["id"], index=3, hash="f" * 64, width=16, height=16, codes=[]
            )
        )
    assert engine.may_end is not None
    engine.may_end.set()
    events = await service.events(job["id"])
    shown = [event["index"] for event in events if event["type"] == "picture"]
    assert shown == [0, 1, 2, 4, 5, 6, 7, 8]
    assert len(await audit(service)) == 8
    assert {each["hash"] for each in events[-1]["job"]["pictures"] if each["index"] == 3} == {
        "f" * 64
    }
