"""Laws of positions: who hears of a move, and that hearing leaves events without a gap."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select, update

from ninefold.service.jobs.events import read_events
from ninefold.service.jobs.positions import PositionReporter, is_due
from ninefold.service.store.tables import Job
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("position", "told", "seconds", "hears"),
    [
        (3, None, 0, True),
        (3, 4, 1, True),
        (3, 3, 1, False),
        (3, 3, 15, True),
        (95, 100, 9.5, False),
        (90, 100, 8, False),
        (90, 100, 9, True),
        (11, 20, 1.1, True),
        (300, 400, 14, False),
        (300, 400, 15, True),
    ],
)
def test_near_the_front_each_move_is_told_and_further_back_large_ones_seldom(
    position: int, told: int | None, seconds: float, hears: bool
) -> None:
    told_at = None if told is None else NOW - timedelta(seconds=seconds)
    assert is_due(position, told, told_at, NOW) is hears


async def test_a_round_tells_all_that_wait_at_once_and_nobody_else(
    service: RunningService,
) -> None:
    database = service.gateway.database
    jobs = [(await service.post(f"prompt {number}"))["id"] for number in range(5)]
    async with database.begin() as connection:
        first = update(Job).where(Job.id == jobs[0]).values(status="drawing")
        await connection.execute(first)
        rest = update(Job).where(Job.id != jobs[0]).values(told_position=None)
        await connection.execute(rest)
        before = await read_events(connection, jobs[0], 0)
    statements: list[str] = []
    event.listen(
        database.sync_engine, "before_cursor_execute", lambda *told: statements.append(told[2])
    )
    positions = PositionReporter(database, service.gateway.settings.stalled_s)
    waits = select(Job.id).where(Job.status == "queued", Job.told_position.is_(None))
    async with database.connect() as connection:
        while (await connection.execute(waits)).first() is not None:
            await positions.run_once()  # the gateway has one of its own, which may be at it
        for place, job_id in enumerate(jobs[1:], 1):
            events = await read_events(connection, job_id, 0)
            assert [item.seq for item in events] == list(range(1, len(events) + 1))
            assert len(events) >= 2
            assert events[-1].data == {"position": place, "eta_s": None}
        assert await read_events(connection, jobs[0], 0) == before
    assert len([told for told in statements if "INSERT INTO job_events" in told]) < 4
