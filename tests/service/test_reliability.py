"""Laws of recovery inside one process: fencing, draining, restarts, and an honest ETA."""

import asyncio
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from sqlalchemy import URL, func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.engine.request import Advanced, DrawRequest, EngineEvent, Finished
from ninefold.service.jobs import transitions
from ninefold.service.jobs import worker as worker_module
from ninefold.service.jobs.queue import Queue
from ninefold.service.jobs.reaper import Reaper
from ninefold.service.jobs.worker import Worker
from ninefold.service.store.clock import ago
from ninefold.service.store.tables import Job, WorkerRow
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import BUG, LENGTH, FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio


async def until_drawing(engine: FakeEngine) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not engine.drawn:
            await asyncio.sleep(0.01)


async def test_a_worker_that_wakes_late_changes_nothing(service: RunningService) -> None:
    sleeper = FakeEngine(may_go_on=asyncio.Event())
    asleep = await service.add_worker(sleeper)
    job = await service.post("a red apple")
    await until_drawing(sleeper)
    mute(asleep)
    async with service.gateway.database.begin() as connection:
        silent = update(WorkerRow).where(WorkerRow.id == asleep.id).values(heartbeat_at=ago(3600))
        await connection.execute(silent)
    other = FakeEngine()
    await service.add_worker(other)
    ended = await service.ended(job["id"])
    assert ended["status"] == "done"
    assert len(other.drawn) == 1
    before = await service.events(job["id"])
    assert sleeper.may_go_on is not None
    sleeper.may_go_on.set()
    async with asyncio.timeout(PATIENCE_S):
        while sleeper.active:
            await asyncio.sleep(0.01)
    assert await service.events(job["id"]) == before
    assert [event["type"] for event in before].count("picture") == 9


def mute(worker: Worker) -> None:
    """Stop a worker's heartbeat, as if its process were stopped."""

    async def silence(_every_s: float = 0) -> None:
        await asyncio.sleep(3600)

    worker._heartbeat._beat_once = silence  # type: ignore[method-assign]  # nothing else can be late


async def test_a_worker_that_is_told_to_stop_loses_no_job(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(drain_s=0.1), database_url) as service:
        slow = FakeEngine(may_go_on=asyncio.Event())
        worker = await service.add_worker(slow)
        job = await service.post("a red apple")
        await until_drawing(slow)
        worker.stop()
        await service.add_worker(FakeEngine())
        ended = await service.ended(job["id"])
        assert ended["status"] == "done"
        kinds = [event["type"] for event in await service.events(job["id"])]
        assert kinds.count("started") == 2


async def num_workers(service: RunningService) -> int:
    async with service.gateway.database.connect() as connection:
        return int((await connection.execute(select(func.count(WorkerRow.id)))).scalar_one())


async def test_a_worker_that_is_told_to_stop_ends_although_the_database_is_gone(
    database_url: URL, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "LEAVE_S", 0.05)
    async with running_service(make_settings(drain_s=0.1), database_url) as service:
        slow = FakeEngine(may_go_on=asyncio.Event())
        worker = await service.add_worker(slow)
        job = await service.post("a red apple")
        await until_drawing(slow)

        async def fail(*_: object, **__: object) -> bool:
            raise OperationalError("UPDATE", {}, Exception("the server is gone"))

        with monkeypatch.context() as patch:
            patch.setattr(transitions, "put_back", fail)
            worker.stop()
            async with asyncio.timeout(PATIENCE_S):
                while await num_workers(service):
                    await asyncio.sleep(0.01)
        # Its row is gone, so the job is found and drawn by another.
        await service.add_worker(FakeEngine())
        assert (await service.ended(job["id"]))["status"] == "done"


async def test_a_service_that_starts_again_goes_on_where_it_was(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    async with running_service(settings, database_url) as service:
        jobs = [await service.post(f"prompt {number}") for number in range(3)]
    async with running_service(settings, database_url) as service:
        await service.add_worker(FakeEngine())
        for job in jobs:
            assert (await service.ended(job["id"]))["status"] == "done"


async def test_a_job_that_brings_its_worker_down_fails_in_the_end(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(max_attempts=3), database_url) as service:
        engine = FakeEngine()
        await service.add_worker(engine)
        job = await service.ended((await service.post(BUG))["id"])
        assert (job["status"], job["error"]["code"]) == ("failed", "too_many_attempts")
        assert len(engine.drawn) == 3


async def test_a_closed_connection_loses_no_job(service: RunningService) -> None:
    job = await service.post("a red apple")
    async with service.http.stream("GET", f"/api/v1/jobs/{job['id']}/events") as answer:
        async for _ in answer.aiter_lines():
            break
    await service.add_worker(FakeEngine())
    assert (await service.ended(job["id"]))["status"] == "done"


async def test_streams_end_when_the_gateway_stops_and_can_be_resumed(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    async with running_service(settings, database_url) as service:
        job = await service.post("a red apple")
        following = asyncio.create_task(service.events(job["id"]))
        await asyncio.sleep(0.3)
        service.server.drain()
        events = await asyncio.wait_for(following, PATIENCE_S)
        assert [event["type"] for event in events] == ["position"]
    async with running_service(settings, database_url) as service:
        await service.add_worker(FakeEngine())
        rest = await service.events(job["id"], after=events[-1]["seq"])
        assert rest[0]["seq"] == events[-1]["seq"] + 1
        assert rest[-1]["type"] == "done"


@dataclass
class SteadyEngine(FakeEngine):
    """An engine by whose steps time passes; it stops in each job until it is let go on."""

    job_s: ClassVar[float] = 0.48
    now: float = 0.0
    ended_at: list[float] = field(default_factory=list)

    async def submit(self, request: DrawRequest) -> AsyncIterator[EngineEvent]:
        """Draw a request."""
        async for event in super().submit(request):
            if isinstance(event, Advanced):
                self.now += self.job_s / LENGTH
            yield event
            if isinstance(event, Finished) and self.may_go_on is not None:
                self.ended_at.append(self.now)
                self.may_go_on.clear()


async def let_one_job_end(service: RunningService, engine: SteadyEngine, job_id: str) -> None:
    """Draw one job to its end; the next waits after its first step."""
    assert engine.may_go_on is not None
    engine.may_go_on.set()
    await service.ended(job_id)


async def test_the_expected_time_is_within_a_quarter_on_a_steady_load(
    database_url: URL, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The only time that passes is that of the engine's steps, however slow the machine is.
    engine = SteadyEngine(step_s=0.0, num_slots=1, may_go_on=asyncio.Event())
    monkeypatch.setattr(worker_module, "time", SimpleNamespace(monotonic=lambda: engine.now))
    settings = make_settings(previews=False, heartbeat_s=0.02)
    async with running_service(settings, database_url) as service:
        # The engine promises nine times the rate at which these jobs of one picture are drawn.
        await service.add_worker(engine, pace=9 * LENGTH / engine.job_s)
        one = {"count": 1}
        jobs = [(await service.post(f"prompt {n}", settings=one))["id"] for n in range(20)]
        told: list[tuple[float, float]] = []
        for number in range(17):
            await let_one_job_end(service, engine, jobs[number])
            if number > 2:  # the load is steady, and the rate was measured
                job = await service.job(jobs[number + 3])
                assert job["status"] == "queued"
                told.append((engine.now, job["eta_s"]))
        for number in range(17, 20):
            await let_one_job_end(service, engine, jobs[number])
    assert len(told) == 14
    ended_at = engine.ended_at[6:]
    errors = [
        abs(eta_s - (ended - asked)) / (ended - asked)
        for (asked, eta_s), ended in zip(told, ended_at, strict=True)
    ]
    assert statistics.median(errors) < 0.25, errors


async def error_of(service: RunningService, job_id: str, asked_at: datetime, eta_s: float) -> float:
    """Return how far an expected time was from the time that passed, as a share of the latter."""
    ended_at = datetime.fromisoformat((await service.ended(job_id))["ended_at"])
    took_s = (ended_at - asked_at).total_seconds()
    return abs(eta_s - took_s) / took_s


async def test_a_job_that_cannot_be_read_fails_and_the_next_is_drawn(
    service: RunningService,
) -> None:
    bad, good = await service.post("an old one"), await service.post("a red apple")
    async with service.gateway.database.begin() as connection:
        settings = {"count": 9, "temperature": -1, "a setting of another version": True}
        await connection.execute(update(Job).where(Job.id == bad["id"]).values(settings=settings))
    await service.add_worker(FakeEngine())
    failed = await service.ended(bad["id"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "cannot_draw")
    assert (await service.ended(good["id"]))["status"] == "done"


async def test_a_lost_job_that_cannot_be_put_back_holds_up_no_other(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = await service.post("a bad one"), await service.post("a red apple")
    async with service.gateway.database.begin() as connection:
        await connection.execute(update(Job).values(status="drawing", worker_id="lost"))
    put_back = transitions.put_back

    async def failing(
        connection: AsyncConnection, queue: Queue, job_id: str, attempt: int, **given: Any
    ) -> bool:
        if job_id == bad["id"]:
            await connection.execute(text("SELECT 1 / 0"))
        return await put_back(connection, queue, job_id, attempt, **given)

    monkeypatch.setattr(transitions, "put_back", failing)
    reaper = Reaper(service.gateway.database, service.gateway.queue, stalled_s=1, max_attempts=5)
    await reaper.run_once()
    assert (await service.job(good["id"]))["status"] == "queued"
    assert (await service.job(bad["id"]))["status"] == "drawing"
