"""What an operator does to the state: look, cancel, requeue, forget, keys, vacuum.

Works on database and store alone, with or without a running service. Knows nothing of a terminal.
"""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.errors import UserError
from ninefold.service.jobs import transitions
from ninefold.service.jobs.picture_steps import EXTENSIONS
from ninefold.service.jobs.queue import Queue
from ninefold.service.picture_moderation import PictureModeration
from ninefold.service.retention import Periods, Vacuumed, vacuum
from ninefold.service.settings import Settings
from ninefold.service.store import decisions, publications, reports
from ninefold.service.store.database import build_async_engine
from ninefold.service.store.objects import PLACES, Objects, StorageError, grid_key
from ninefold.service.store.tables import ApiKey, Job, PictureRow
from ninefold.service.supervisor import open_database
from ninefold.service.sweep import Sweep
from ninefold.service.visitors import KEY_PREFIX, TierName, hash_key

_SHOWN = 12  # characters of a key that are kept to tell it by


@dataclass(frozen=True)
class JobLine:
    """A job in a list; the prompt is not shown unless asked for."""

    id: str
    status: str
    lane: str
    tier: str
    attempt: int
    created_at: datetime
    prompt: str


class Administration:
    """The operator's hand."""

    def __init__(self, database: AsyncEngine, queue: Queue, objects: Objects) -> None:
        """Work on a database, its queue (open) and a store."""
        self._database, self._queue, self._objects = database, queue, objects
        self._sweep = Sweep(database, objects)
        self.pictures = PictureModeration(database, objects)

    async def jobs(self, status: str | None, limit: int) -> list[JobLine]:
        """Return the newest jobs, of one state or of all."""
        statement = (
            select(Job.id, Job.status, Job.lane, Job.tier, Job.attempt, Job.created_at, Job.prompt)
            .order_by(Job.number.desc())
            .limit(limit)
        )
        if status is not None:
            statement = statement.where(Job.status == status)
        async with self._database.connect() as connection:
            return [JobLine(*row) for row in await connection.execute(statement)]

    async def cancel(self, job_id: str) -> bool:
        """Cancel a job; False if it has ended.

        Raises:
            UserError: there is none of this id.
        """
        async with self._database.begin() as connection:
            await _require_job(connection, job_id)
            return await transitions.cancel(connection, job_id)

    async def requeue(self, job_id: str) -> bool:
        """Take a job that is being drawn from its worker; False if it is not being drawn.

        Raises:
            UserError: there is none of this id.
        """
        async with self._database.begin() as connection:
            attempt = await _require_job(connection, job_id)
            return await transitions.put_back(
                connection, self._queue, job_id, attempt, max_attempts=attempt + 1, counts=False
            )

    async def forget(self, job_id: str) -> int:
        """Delete a job on request: prompt, events, reports, pictures and files; not decisions.

        Returns:
            How many of its pictures' files went; those that another job shows too stay.

        Raises:
            UserError: there is none of this id, or it has not ended.
            StorageError: some files could not be removed; nothing shows them any more, and the next
                vacuum removes them.
        """
        async with self._database.begin() as connection:
            await _require_job(connection, job_id)
            shown = select(PictureRow.hash).where(PictureRow.job_id == job_id)
            hashes = set((await connection.execute(shown)).scalars())
            ended = delete(Job).where(Job.id == job_id, Job.ended_at.is_not(None))
            if not (await connection.execute(ended)).rowcount:
                raise UserError(f"Job {job_id!r} is not finished; cancel it first.")
            await decisions.forget_prompt(connection, job_id)
            others = select(PictureRow.hash).where(PictureRow.hash.in_(hashes))
            gone = hashes - set((await connection.execute(others)).scalars())
            await reports.forget(connection, job_id, gone)
        files = [
            place(each, name) for each in gone for place in PLACES.values() for name in EXTENSIONS
        ]
        grids = [grid_key(job_id, extension) for extension in EXTENSIONS]
        try:
            previews = await self._objects.keys(f"previews/{job_id}")
            # Another job may be storing one of them at this moment.
            await self._sweep.remove_unused([*grids, *previews, *files])
        except StorageError as error:
            raise StorageError(
                "The job is forgotten, but the pictures' store refused to remove all of its files; "
                "the next vacuum removes the rest."
            ) from error
        return len(gone)

    async def decisions(self, days: float) -> list[dict[str, Any]]:
        """Return what the policies decided in the last days, the oldest first, for an audit."""
        async with self._database.connect() as connection:
            return [row async for row in decisions.export(connection, days)]

    async def unpublish(self, job_id: str) -> bool:
        """Take a drawing out of the gallery for good; False if it was never there."""
        async with self._database.begin() as connection:
            return await publications.remove(connection, job_id)

    async def reports(self, limit: int) -> list[reports.Report]:
        """Return what people reported, the newest first."""
        async with self._database.connect() as connection:
            return await reports.list_reports(connection, limit)

    async def create_key(self, name: str, tier: TierName) -> str:
        """Make an API key and return it; only its hash is kept."""
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        async with self._database.begin() as connection:
            await connection.execute(
                insert(ApiKey).values(hash=hash_key(key), prefix=key[:_SHOWN], name=name, tier=tier)
            )
        return key

    async def keys(self) -> Sequence[Any]:
        """Return all keys as rows: prefix, name, tier, created_at, revoked_at."""
        statement = select(
            ApiKey.prefix, ApiKey.name, ApiKey.tier, ApiKey.created_at, ApiKey.revoked_at
        ).order_by(ApiKey.created_at)
        async with self._database.connect() as connection:
            return (await connection.execute(statement)).all()

    async def revoke_key(self, prefix: str) -> int:
        """Revoke the keys that begin so; return how many."""
        statement = (
            update(ApiKey)
            .where(ApiKey.prefix == prefix[:_SHOWN], ApiKey.revoked_at.is_(None))
            .values(revoked_at=func.now())
            .returning(ApiKey.hash)
        )
        async with self._database.begin() as connection:
            return len((await connection.execute(statement)).all())

    async def vacuum(
        self, keep_days: float, keep_decisions_days: float = 90, keep_reports_days: float = 90
    ) -> Vacuumed:
        """Remove jobs that ended longer ago, unused pictures, and old rows of what else is kept.

        What the gallery shows is kept as long as it shows it; files younger than an hour stay.

        Args:
            keep_days: for a job that ended, and its pictures.
            keep_decisions_days: for what a policy decided.
            keep_reports_days: for what people reported.

        Raises:
            StorageError: the store cannot be read or written.
        """
        periods = Periods(keep_days, keep_decisions_days, keep_reports_days)
        return await vacuum(self._database, self._sweep, periods)


async def _require_job(connection: AsyncConnection, job_id: str) -> int:
    attempt = (
        await connection.execute(select(Job.attempt).where(Job.id == job_id))
    ).scalar_one_or_none()
    if attempt is None:
        raise UserError(f"There is no job {job_id!r}; `ninefold admin jobs` lists them.")
    return int(attempt)


@asynccontextmanager
async def open_administration(settings: Settings) -> AsyncIterator[Administration]:
    """Open database and store of the settings; the embedded server is joined or started.

    Raises:
        UserError: a setting names something that is not there.
        NinefoldError: the database does not start.
    """
    embedded, url = open_database(settings)
    database = build_async_engine(url, pool_size=2)
    objects = Objects.open(settings.pictures_url, settings.data, settings.storage_patience_s)
    try:
        async with Queue(url).open() as queue:
            yield Administration(database, queue, objects)
    finally:
        await database.dispose()
        if embedded is not None:
            embedded.close()
