"""How long things are kept: what is older goes, by the database's clock, in every hour of running.

The one place that knows what is kept for how long; the page for readers is made from it.
"""

import asyncio
import logging
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ninefold.errors import NinefoldError
from ninefold.service.jobs.states import Status
from ninefold.service.settings import Settings
from ninefold.service.store import decisions, publications, reports
from ninefold.service.store.clock import ago
from ninefold.service.store.objects import Objects
from ninefold.service.store.retry import is_away
from ninefold.service.store.tables import IdempotencyKey, Job, Round, Share
from ninefold.service.sweep import Sweep

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

ANSWERS_S = DAY_S
"""Seconds that the answer to a request with an Idempotency-Key is kept and given again."""

SHARES_S = 30 * DAY_S
"""Seconds that it is kept how much a visitor drew."""

LOOK_EVERY_S = 60.0
"""Seconds between two looks whether a vacuum is due."""

_TASK = "vacuum"
_BATCH = 1000  # jobs that one transaction removes
_SKEW_S = 60.0  # a round that is further in the future was written before the clock was set back

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Periods:
    """How many days what is kept."""

    jobs: float
    """A job after its end, with its pictures, unless the gallery shows it."""
    decisions: float = 90
    """What a policy decided."""
    reports: float = 90
    """What people reported."""

    @classmethod
    def of(cls, settings: Settings) -> "Periods":
        """Return how long the settings let each kind of row live."""
        return cls(
            settings.keep_jobs_days, settings.keep_decisions_days, settings.keep_reports_days
        )


@dataclass(frozen=True)
class Vacuumed:
    """What a vacuum removed."""

    jobs: int
    pictures: int
    objects: int


async def vacuum(database: AsyncEngine, sweep: Sweep, periods: Periods) -> Vacuumed:
    """Remove what is older than the periods, and the files that nothing refers to.

    Raises:
        StorageError: the store cannot be read or written; the rows are gone, the next vacuum
            removes the files.
    """
    num_jobs = 0
    while removed := await _remove_jobs(database, periods.jobs):
        num_jobs += removed
    async with database.begin() as connection:
        await decisions.prune(connection, periods.decisions)
        await reports.prune(connection, periods.reports)
        await publications.prune_visits(connection)
        is_expired = IdempotencyKey.created_at < ago(ANSWERS_S)
        await connection.execute(delete(IdempotencyKey).where(is_expired))
        await connection.execute(delete(Share).where(Share.updated_at < ago(SHARES_S)))
    swept = await sweep.run()
    return Vacuumed(num_jobs, swept.pictures, swept.objects)


async def _remove_jobs(database: AsyncEngine, days: float) -> int:
    """Remove some old jobs in a transaction that holds nothing for long; return how many."""
    old = (
        select(Job.id)
        .where(_is_old(days * DAY_S), Job.id.not_in(publications.published_ids()))
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    async with database.begin() as connection:
        statement = delete(Job).where(Job.id.in_(old)).returning(Job.id)
        return len((await connection.execute(statement)).all())


def _is_old(seconds: float) -> ColumnElement[bool]:
    # A job that nobody began in all that time (no worker ran) is kept no longer than a drawn one.
    is_abandoned = (Job.status == Status.QUEUED) & (Job.created_at < ago(seconds))
    return or_(Job.ended_at < ago(seconds), is_abandoned)


def duration(seconds: float) -> str:
    """Return a length of time in words: days from two on, else hours or minutes."""
    if seconds >= 2 * DAY_S:
        unit_s, name = DAY_S, "day"
    elif seconds >= HOUR_S:
        unit_s, name = HOUR_S, "hour"
    else:
        unit_s, name = 60.0, "minute"
    number = f"{seconds / unit_s:.3g}"
    return f"{number} {name}{'' if number == '1' else 's'}"


async def vacuum_for_good(database: AsyncEngine, objects: Objects, settings: Settings) -> None:
    """Vacuum whenever it is due, until cancelled; of all processes one does it."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await vacuum_if_due(database, objects, settings)
        except Exception as error:
            if is_away(error) or isinstance(error, NinefoldError):
                _log.warning("a vacuum was not finished (%s); the next one goes on", error)
            else:
                _log.exception("a vacuum failed")


async def vacuum_if_due(
    database: AsyncEngine, objects: Objects, settings: Settings
) -> Vacuumed | None:
    """Vacuum unless a process did so within `vacuum_every_hours`; None if one did."""
    if not await _take_round(database, settings.vacuum_every_hours * HOUR_S):
        return None
    done = await vacuum(database, Sweep(database, objects), Periods.of(settings))
    if done.jobs or done.objects:
        _log.info("a vacuum removed %d jobs and %d files", done.jobs, done.objects)
    return done


async def _take_round(database: AsyncEngine, every_s: float) -> bool:
    """Tell whether a round is due, and if so note that it is done now, by us."""
    is_due = or_(Round.at < ago(every_s), Round.at > ago(-_SKEW_S))
    statement = (
        insert(Round)
        .values(task=_TASK)
        .on_conflict_do_update(index_elements=[Round.task], set_={"at": func.now()}, where=is_due)
        .returning(Round.task)
    )
    async with database.begin() as connection:
        return (await connection.execute(statement)).scalar_one_or_none() is not None
