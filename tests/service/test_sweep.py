"""Laws of the sweep: what nothing refers to goes, and what a job is about to refer to stays."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import delete

from ninefold.service.jobs.drawing import JobDrawing
from ninefold.service.jobs.picture_steps import StoredPicture
from ninefold.service.store.objects import ListedObject, Objects, hidden_key
from ninefold.service.store.tables import Job
from ninefold.service.sweep import ASIDE, Sweep, Swept
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio

FILES = 9 * 4


def make_old(folder: Path, seconds: float = 7200) -> None:
    """Let all files of a store look as if they had been written so long ago."""
    moment = time.time() - seconds
    for path in folder.rglob("*.*"):
        os.utime(path, (moment, moment))


async def forget_rows(service: RunningService) -> None:
    """Leave the files of all jobs behind, as an old vacuum does whose store was away."""
    async with service.gateway.database.begin() as connection:
        await connection.execute(delete(Job))
    make_old(service.settings.data)


async def draw(service: RunningService) -> dict[str, object]:
    return await service.ended((await service.post("a red apple", seed=1))["id"])


async def files_of(service: RunningService) -> set[str]:
    return {key for key in await service.gateway.objects.keys("") if key.startswith("pictures/")}


class Hooked(Objects):
    """A store that has something else happen before one of its works."""

    def __init__(self, objects: Objects, work: str, then: Callable[[], Awaitable[object]]) -> None:
        super().__init__(objects._opened)
        self._work, self._then, self.num_calls = work, then, 0

    async def _before(self, work: str) -> None:
        if work == self._work:
            self._work = ""
            self.num_calls += 1
            await self._then()

    async def move(self, key: str, new_key: str) -> None:
        await self._before("move" if new_key.startswith(ASIDE) else "move back")
        await super().move(key, new_key)

    async def delete(self, key: str, patience_s: float | None = None) -> None:
        await self._before("delete")
        await super().delete(key, patience_s)

    async def listed(self, prefix: str, size: int = 1000) -> AsyncIterator[list[ListedObject]]:
        await self._before("list")
        async for batch in super().listed(prefix, size):
            yield batch
            if batch:
                await self._before("go on")


@pytest.mark.parametrize("moment", ["list", "go on", "move", "delete"])
async def test_pictures_of_a_job_that_ends_while_a_vacuum_runs_stay(
    drawing_service: RunningService, moment: str
) -> None:
    await draw(drawing_service)
    await forget_rows(drawing_service)
    before = await files_of(drawing_service)

    async def draw_again() -> None:
        await draw(drawing_service)
        make_old(drawing_service.settings.data)  # a clock may jump, too

    gateway = drawing_service.gateway
    objects = Hooked(gateway.objects, moment, draw_again)
    await Sweep(gateway.database, objects).run()
    assert objects.num_calls == 1
    assert await files_of(drawing_service) == before
    assert not await gateway.objects.keys(ASIDE.rstrip("/"))


async def test_files_that_a_vacuum_takes_between_storing_and_committing_are_stored_again(
    drawing_service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await draw(drawing_service)
    await forget_rows(drawing_service)
    before = await files_of(drawing_service)
    gateway = drawing_service.gateway
    swept = []
    put = JobDrawing._put

    async def put_and_vacuum(self: JobDrawing, stored: StoredPicture, *rest: object) -> None:
        await put(self, stored, *rest)  # type: ignore[arg-type]  # passed on as they came
        swept.append(await Sweep(gateway.database, gateway.objects).run())

    monkeypatch.setattr(JobDrawing, "_put", put_and_vacuum)
    await draw(drawing_service)
    assert sum((each.objects for each in swept), 0) == FILES
    assert await files_of(drawing_service) == before


async def test_a_vacuum_removes_while_jobs_are_drawn(service: RunningService) -> None:
    engine = FakeEngine()
    await service.add_worker(engine)
    await draw(service)
    await forget_rows(service)
    engine.may_go_on = asyncio.Event()
    waiting = await service.post("a castle")
    while len(engine.drawn) < 2:
        await asyncio.sleep(0.01)
    gateway = service.gateway
    assert await Sweep(gateway.database, gateway.objects).run() == Swept(9, FILES)
    engine.may_go_on.set()
    await service.ended(waiting["id"])
    assert len(await files_of(service)) == FILES


async def test_what_is_younger_than_an_hour_stays(drawing_service: RunningService) -> None:
    gateway = drawing_service.gateway
    await draw(drawing_service)
    await forget_rows(drawing_service)
    make_old(drawing_service.settings.data, 3500)
    assert await Sweep(gateway.database, gateway.objects).run() == Swept()
    make_old(drawing_service.settings.data, 3700)
    assert await Sweep(gateway.database, gateway.objects).run() == Swept(9, FILES)


async def test_what_an_interrupted_vacuum_set_aside_is_put_back_or_removed(
    drawing_service: RunningService,
) -> None:
    objects = drawing_service.gateway.objects
    await draw(drawing_service)
    kept = await files_of(drawing_service)
    for key in kept:
        await objects.move(key, ASIDE + key)
    await objects.put(ASIDE + hidden_key("0" * 64, "png"), b"of nobody")
    gateway = drawing_service.gateway
    assert await Sweep(gateway.database, objects).run() == Swept(1, 1)
    assert await files_of(drawing_service) == kept
    assert not await objects.keys(ASIDE.rstrip("/"))


async def test_orphans_of_every_kind_go_and_what_is_not_ours_stays(
    drawing_service: RunningService,
) -> None:
    gateway = drawing_service.gateway
    job = await draw(drawing_service)
    orphans = ["grids/of-a-forgotten-job.png", "previews/of-a-forgotten-job/0.webp"]
    ended = f"previews/{job['id']}/0.webp"
    foreign = ["pictures/readme.txt", "pictures/ab/notes.txt", "elsewhere.txt"]
    for key in (*orphans, ended, *foreign, f"grids/{job['id']}.png"):
        await gateway.objects.put(key, b"")
    make_old(drawing_service.settings.data)
    before = set(await gateway.objects.keys(""))
    # A slow worker may have left previews of its own; they go with the job's other one.
    gone = {*orphans, *(key for key in before if key.startswith(f"previews/{job['id']}/"))}
    assert ended in gone
    swept = await Sweep(gateway.database, gateway.objects).run()
    left = set(await gateway.objects.keys(""))
    assert before - left == gone
    assert swept.objects == len(gone)
    assert left >= {*foreign, f"grids/{job['id']}.png"}
