"""What an operator does to pictures: take away what looks like one, look at and show hidden ones.

Works on database and store alone; what is done is kept as a decision. Knows nothing of a terminal.
"""

from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.errors import UserError
from ninefold.safety.fingerprint import MATCH_DISTANCE, distance
from ninefold.service.jobs import transitions
from ninefold.service.jobs.picture_steps import EXTENSIONS
from ninefold.service.store import decisions
from ninefold.service.store.objects import Objects, grid_key, hidden_key, picture_key
from ninefold.service.store.tables import PictureRow, RemovedPicture

_OPERATOR = {"rule": "operator", "policy_version": "operator"}


@dataclass(frozen=True)
class LookAlike:
    """A picture that looks the same as another."""

    hash: str
    bits: int
    """In which the fingerprints differ."""
    num_jobs: int
    """That have it."""


class PictureModeration:
    """The operator's hand on pictures."""

    def __init__(self, database: AsyncEngine, objects: Objects) -> None:
        """Work on a database and a store."""
        self._database, self._objects = database, objects

    async def remove(self, digest: str, reason: str) -> int:
        """Remove a picture everywhere, for good; return how many jobs showed it.

        Its files and the grids that it is in go; its address answers 410 from now on, and the same
        picture, or one that looks the same, is never stored again.
        """
        async with self._database.begin() as connection:
            await connection.execute(
                insert(RemovedPicture)
                .values(hash=digest, reason=reason, fingerprint=await _looks(connection, digest))
                .on_conflict_do_nothing()
            )
            await decisions.record(connection, "removal", hash=digest, action="refuse", **_OPERATOR)
            job_ids = await _set_hidden(connection, digest, transitions.REMOVED)
        for extension in EXTENSIONS:
            await self._objects.delete(picture_key(digest, extension))
            await self._objects.delete(hidden_key(digest, extension))
        await self._remove_grids(job_ids)
        return len(job_ids)

    async def similar(self, digest: str) -> list[LookAlike]:
        """Return the stored pictures that look the same and are not removed, the nearest first.

        A picture without structure has no fingerprint, and nothing is like it.
        """
        pictures = (
            select(
                PictureRow.hash, PictureRow.fingerprint, func.count(PictureRow.job_id.distinct())
            )
            .where(
                PictureRow.fingerprint.is_not(None),
                PictureRow.hash != digest,
                PictureRow.hash.not_in(select(RemovedPicture.hash)),
            )
            .group_by(PictureRow.hash, PictureRow.fingerprint)
        )
        async with self._database.connect() as connection:
            looks = await _looks(connection, digest)
            if looks is None:
                return []
            rows = (await connection.stream(pictures)).yield_per(10_000)
            found = [
                LookAlike(name, bits, num_jobs)
                async for name, other, num_jobs in rows
                if (bits := distance(looks, str(other))) <= MATCH_DISTANCE
            ]
        return sorted(found, key=lambda each: (each.bits, each.hash))

    async def look(self, digest: str) -> bytes:
        """Return the PNG file of a picture, hidden or not.

        Raises:
            UserError: there is none.
        """
        for key in (hidden_key, picture_key):
            data = await self._objects.get(key(digest, "png"))
            if data is not None:
                return data
        raise UserError("There is no such picture here; it may have been removed.")

    async def show(self, digest: str) -> int:
        """Show a picture that the policy hid, everywhere; return how many jobs it is in.

        Raises:
            UserError: there is none, or it was removed, which is for good.
        """
        await self.look(digest)
        for extension in EXTENSIONS:
            data = await self._objects.get(hidden_key(digest, extension))
            if data is not None:
                await self._objects.put_once(picture_key(digest, extension), data)
        async with self._database.begin() as connection:
            await decisions.record(connection, "appeal", hash=digest, action="allow", **_OPERATOR)
            job_ids = await _set_hidden(connection, digest, None)
        for extension in EXTENSIONS:
            await self._objects.delete(hidden_key(digest, extension))
        await self._remove_grids(job_ids)
        return len(job_ids)

    async def _remove_grids(self, job_ids: set[str]) -> None:
        for job_id in job_ids:
            for extension in EXTENSIONS:
                await self._objects.delete(grid_key(job_id, extension))


async def _looks(connection: AsyncConnection, digest: str) -> str | None:
    """Return the fingerprint of a picture, also of one that was removed and then forgotten."""
    for table in (PictureRow, RemovedPicture):
        statement = select(table.fingerprint).where(table.hash == digest).limit(1)
        looks: str | None = (await connection.execute(statement)).scalar_one_or_none()
        if looks is not None:
            return looks
    return None


async def _set_hidden(connection: AsyncConnection, digest: str, reason: str | None) -> set[str]:
    """Hide a picture for a reason, or show it for none; return the jobs that it is in."""
    is_shown = reason is None
    statement = (
        update(PictureRow)
        .where(PictureRow.hash == digest)
        .values(hidden=not is_shown, hidden_reason=reason, in_gallery=is_shown)
        .returning(PictureRow.job_id)
    )
    return set((await connection.execute(statement)).scalars())
