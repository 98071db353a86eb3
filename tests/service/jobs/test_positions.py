"""Laws of positions: who hears of a move, and that hearing leaves events without a gap."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, update

from ninefold.service.jobs.events import read_events
from ninefold.service.jobs.positions import Announcer, is_due
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
        (95, 100, 1, False),
        (90, 100, 1, True),
    ],
)
def test_near_the_front_each_move_is_told_and_further_back_large_ones(
    position: int, told: int | None, seconds: float, hears: bool
) -> None:
    told_at = None if told is None else NOW - timedelta(seconds=seconds)
    assert is_due(position, told, told_at, NOW) is hears


async def test_a_round_tells_all_that_wait_at_once_and_nobody_else(
    service: RunningService,
) -> None:
    jobs = [await service.post(f"prompt {number}") for number in range(5)]
    gateway = service.gateway
    async with gateway.database.begin() as connection:
        first = update(Job).where(Job.id == jobs[0]["id"]).values(status="drawing")
        await connection.execute(first)
        rest = update(Job).where(Job.id != jobs[0]["id"]).values(told_position=None)
        await connection.execute(rest)
    statements: list[str] = []
    event.listen(
        gateway.database.sync_engine,
        "before_cursor_execute",
        lambda *told: statements.append(told[2]),
    )
    await Announcer(gateway.database, gateway.settings.stalled_s).run_once()
    assert len([told for told in statements if "INSERT INTO job_events" in told]) <= 1
    for place, job in enumerate(jobs[1:], 1):
        async with service.gateway.database.connect() as connection:
            events = await read_events(connection, job["id"], 0)
        assert [item.seq for item in events] == [1, 2]
        assert events[-1].data == {"position": place, "eta_s": None}
    async with service.gateway.database.connect() as connection:
        assert [item.seq for item in await read_events(connection, jobs[0]["id"], 0)] == [1]
