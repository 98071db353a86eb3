"""How much is waiting and what the workers do: the numbers that positions and times come from."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.jobs.estimate import Capacity, expected_seconds
from ninefold.service.jobs.placement import Ask, Backlog, QueuedAt, Standing
from ninefold.service.jobs.states import Status
from ninefold.service.store.clock import ago
from ninefold.service.store.statements import READ_BACKLOG
from ninefold.service.store.tables import Job, Json, WorkerRow


@dataclass(frozen=True)
class Place:
    """Where a job is in the queue."""

    position: int
    """1 is next."""
    eta_s: float | None
    """Seconds until its last picture; None while no worker is known."""


async def read_capacity(connection: AsyncConnection, stalled_s: float) -> Capacity:
    """Return what the workers that are alive and not stopping do together."""
    num, rate = (await connection.execute(_capacity(stalled_s))).one()
    return Capacity(int(num), float(rate))


def _capacity(stalled_s: float) -> Select[int, float]:
    rate = func.coalesce(func.sum(WorkerRow.codes_per_second), 0.0)
    return select(func.count().label("num"), rate.label("rate")).where(
        WorkerRow.heartbeat_at > ago(stalled_s),
        WorkerRow.draining.is_(False),
    )


async def read_engine_info(connection: AsyncConnection, stalled_s: float) -> Json:
    """Return what the youngest worker that is alive says of its engine; empty if there is none."""
    statement = (
        select(WorkerRow.info)
        .where(WorkerRow.heartbeat_at > ago(stalled_s))
        .order_by(WorkerRow.started_at.desc())
        .limit(1)
    )
    return (await connection.execute(statement)).scalar_one_or_none() or {}


async def read_backlog(
    connection: AsyncConnection, asks: Sequence[Ask], stalled_s: float
) -> Backlog:
    """Return what `placement.place` needs to know of the database for some jobs.

    Args:
        connection: in the transaction that will write the jobs.
        asks: the jobs that are to be placed.
        stalled_s: seconds without a heartbeat after which a worker does not count.
    """
    networks = {each.name: each.network for each in asks}
    asked = [
        {"share": share, "lane": lane, "network": network}
        for (share, lane), network in networks.items()
    ]
    given = {"asked": asked, "stalled_s": stalled_s}
    row = (await connection.execute(READ_BACKLOG, given)).one()
    return Backlog(
        capacity=Capacity(int(row.num_workers), float(row.codes_per_second)),
        drawing_codes=int(row.drawing_codes),
        virtual_times=row.virtual_times,
        queued=[QueuedAt(*each) for each in row.queued or ()],
        standings={
            (share, lane): Standing(finish_tag, num_others)
            for share, lane, finish_tag, num_others in row.standings or ()
        },
    )


async def drawing_codes(connection: AsyncConnection) -> int:
    """Return the codes that are left of the jobs that are being drawn."""
    statement = select(func.coalesce(func.sum(Job.total_codes - Job.done_codes), 0)).where(
        Job.status == Status.DRAWING
    )
    return int((await connection.execute(statement)).scalar_one())


def queue_order() -> Select[tuple[str, int, int, int]]:
    """Return a query of waiting jobs: id, position, codes up to and with it, its own codes."""
    order = (
        case((Job.lane == "priority", 0), else_=1),
        Job.start_tag,
        Job.number,
    )
    return select(
        Job.id,
        func.row_number().over(order_by=order).label("position"),
        func.sum(Job.total_codes).over(order_by=order).label("codes_through"),
        Job.total_codes,
    ).where(Job.status == Status.QUEUED)


async def place_of(connection: AsyncConnection, job_id: str, capacity: Capacity) -> Place | None:
    """Return where a job waits; None if it does not wait."""
    ranked = queue_order().subquery()
    row = (
        await connection.execute(
            select(ranked.c.position, ranked.c.codes_through, ranked.c.total_codes).where(
                ranked.c.id == job_id
            )
        )
    ).one_or_none()
    if row is None:
        return None
    position, codes_through, own = (int(value) for value in row)
    ahead = codes_through - own + await drawing_codes(connection)
    return Place(position, expected_seconds(ahead, own, capacity))


async def queue_depths(connection: AsyncConnection) -> dict[str, int]:
    """Return how many jobs wait, by lane."""
    statement = select(Job.lane, func.count()).where(Job.status == Status.QUEUED).group_by(Job.lane)
    return {lane: int(count) for lane, count in await connection.execute(statement)}


async def queued_codes(connection: AsyncConnection) -> int:
    """Return the codes of all jobs that wait."""
    statement = select(func.coalesce(func.sum(Job.total_codes), 0)).where(
        Job.status == Status.QUEUED
    )
    return int((await connection.execute(statement)).scalar_one())
