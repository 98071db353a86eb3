"""How much is waiting and what the workers do: the numbers that positions and times come from."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Select,
    Text,
    bindparam,
    case,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.jobs.estimate import Capacity, expected_seconds
from ninefold.service.jobs.fair_share import NETWORK_SHARES
from ninefold.service.jobs.shares import next_start_tag, now_in, waiting_of_network
from ninefold.service.jobs.states import Status
from ninefold.service.store.clock import ago
from ninefold.service.store.tables import Job, Json, WorkerRow


@dataclass(frozen=True)
class Place:
    """Where a job is in the queue."""

    position: int
    """1 is next."""
    eta_s: float | None
    """Seconds until its last picture; None while no worker is known."""


@dataclass(frozen=True)
class Ahead:
    """What is to be drawn before a job."""

    jobs: int
    codes: int
    start_tag: int
    """Where it stands itself."""
    others: int = 0
    """Visitors of the same network who have jobs that wait."""


@dataclass(frozen=True)
class Standing:
    """Whose next job it is that something may be ahead of."""

    share: str
    lane: str
    offset: int
    """Cost of what the same visitor asked for just before and is not written yet."""
    network: str | None = None
    """Of the visitor; None where it does not count."""
    cost: int = 0
    """Of the job."""
    mates: int = 0
    """Other visitors of the network who asked just before and are not written yet."""


async def read_capacity(connection: AsyncConnection, stalled_s: float) -> Capacity:
    """Return what the workers that are alive and not stopping do together."""
    num, rate = (await connection.execute(_capacity(stalled_s))).one()
    return Capacity(int(num), float(rate))


def _capacity(stalled_s: float | ColumnElement[float]) -> Select[int, float]:
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


async def read_prospects(
    connection: AsyncConnection, standings: Sequence[Standing], stalled_s: float
) -> tuple[Capacity, list[Ahead]]:
    """Return what the workers do, and what they do before the next jobs of some visitors.

    What is begun counts as ahead. One statement, because every job that is asked for waits for it.
    """
    asked = [
        {"place": place, **dataclasses.asdict(standing)} for place, standing in enumerate(standings)
    ]
    given = {"asked": asked, "stalled_s": stalled_s}
    rows = (await connection.execute(_PROSPECTS, given)).all()
    num, rate = rows[0].num, rows[0].rate
    aheads = [
        Ahead(int(row.jobs), int(row.codes), int(row.start_tag), int(row.others)) for row in rows
    ]
    return Capacity(int(num), float(rate)), aheads


def _prospects() -> Select[Any]:
    asked = (
        func.jsonb_to_recordset(bindparam("asked", type_=JSONB))
        .table_valued(
            column("share", Text),
            column("lane", Text),
            column("offset", BigInteger),
            column("network", Text),
            column("cost", BigInteger),
            column("mates", BigInteger),
            column("place", BigInteger),
        )
        .render_derived(name="asked", with_types=True)
    )
    waiting_others = waiting_of_network(asked.c.network, asked.c.share, asked.c.lane)
    others = (waiting_others + asked.c.mates).label("others")
    stands = next_start_tag(asked.c.share, asked.c.lane).label("stands")
    known = select(asked, others, stands, now_in(asked.c.lane).label("now")).subquery("known")
    # As `part_of_network` has it; only who has no job that waits is delayed.
    is_first = (known.c.stands == known.c.now) & (known.c.offset == 0)
    delay = case((is_first, known.c.others // NETWORK_SHARES * known.c.cost), else_=0)
    start = (known.c.stands + known.c.offset + delay).label("start_tag")
    placed = select(known.c.place, known.c.lane, known.c.others, start).subquery("placed")
    is_before = ((placed.c.lane == "normal") & (Job.lane == "priority")) | (
        (Job.lane == placed.c.lane) & (Job.start_tag <= placed.c.start_tag)
    )
    waiting = (Job.status == Status.QUEUED) & is_before
    drawing = Job.status == Status.DRAWING
    ahead = (
        select(
            func.count().filter(waiting).label("jobs"),
            (
                func.coalesce(func.sum(Job.total_codes).filter(waiting), 0)
                + func.coalesce(func.sum(Job.total_codes - Job.done_codes).filter(drawing), 0)
            ).label("codes"),
        )
        .where(waiting | drawing)
        .lateral("ahead")
    )
    workers = _capacity(bindparam("stalled_s", type_=Float)).subquery("capacity")
    stands_at = (placed.c.start_tag, placed.c.others)
    columns = (workers.c.num, workers.c.rate, *stands_at, ahead.c.jobs, ahead.c.codes)
    return (
        select(*columns)
        .select_from(placed)
        .join(ahead, literal(True))
        .join(workers, literal(True))
        .order_by(placed.c.place)
    )


_PROSPECTS = _prospects()


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
