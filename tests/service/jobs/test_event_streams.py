"""Laws of event streams: one read serves all of them, each from where it is."""

import asyncio

import pytest
from sqlalchemy import event

from ninefold.service.jobs import events
from ninefold.service.jobs.events import Event, NewEvent, append, read_events, read_events_of_many
from tests.patience import PATIENCE_S
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio


async def tell(service: RunningService, job_ids: list[str], *kinds: str) -> None:
    async with service.gateway.database.begin() as connection:
        for job_id in job_ids:
            await append(connection, job_id, [NewEvent(kind) for kind in kinds], only_if=[])


async def test_streams_of_many_jobs_are_served_by_few_looks(service: RunningService) -> None:
    jobs = [(await service.post(f"prompt {number}"))["id"] for number in range(12)]

    async def follow(job_id: str, after: int) -> list[Event]:
        followed = service.gateway.event_streams.follow(job_id, after)
        return [each async for batch in followed for each in batch]

    # Two who follow one job, and one who knows its first event already.
    following = [asyncio.create_task(follow(job_id, 0)) for job_id in (*jobs, jobs[0])]
    following.append(asyncio.create_task(follow(jobs[0], 1)))
    async with asyncio.timeout(PATIENCE_S):
        while service.gateway.event_streams.count < 14:
            await asyncio.sleep(0.01)
    statements: list[str] = []
    event.listen(
        service.gateway.database.sync_engine,
        "before_cursor_execute",
        lambda *told: statements.append(told[2]),
    )
    await tell(service, jobs, "progress", "cancelled")
    told = await asyncio.wait_for(asyncio.gather(*following), PATIENCE_S)
    assert len([each for each in statements if "FROM job_events" in each]) <= 3
    async with service.gateway.database.connect() as connection:
        for job_id, events_of_job in zip(jobs, told, strict=False):
            assert events_of_job == await read_events(connection, job_id, 0)
    assert told[12] == told[0]
    assert told[13] == told[0][1:]
    assert [each.type for each in told[0]][-2:] == ["progress", "cancelled"]


async def test_who_follows_from_a_number_that_cannot_be_fails_alone(
    service: RunningService,
) -> None:
    jobs = [(await service.post(f"prompt {number}"))["id"] for number in range(3)]

    async def first(job_id: str, after: int) -> list[Event]:
        async for batch in service.gateway.event_streams.follow(job_id, after):
            return list(batch)
        return []

    asked = [first(job_id, 0) for job_id in jobs] + [first(jobs[0], 10**30)]
    told = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE_S)
    for job_id, events_of_job in zip(jobs, told, strict=False):
        assert isinstance(events_of_job, list)
        assert [each.type for each in events_of_job] == ["position"], job_id
    assert isinstance(told[3], Exception)


async def test_many_events_are_read_in_parts_and_none_is_left_out(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [(await service.post(f"prompt {number}"))["id"] for number in range(3)]
    await tell(service, jobs, *["progress"] * 4)
    monkeypatch.setattr(events, "MAX_EVENTS", 4)
    async with service.gateway.database.connect() as connection:
        found = await read_events_of_many(connection, {jobs[0]: 0, jobs[1]: 2, jobs[2]: 99})
        assert found == {
            jobs[0]: await read_events(connection, jobs[0], 0, 99),
            jobs[1]: await read_events(connection, jobs[1], 2, 99),
        }
