"""What an operator does to pictures: take away what looks like one, look at and show hidden ones.

Works on database and store alone; what is done is kept as a decision. Knows nothing of a terminal.
"""

import json
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.errors import UserError
from ninefold.pictures.png import Recipe
from ninefold.safety.fingerprint import MATCH_DISTANCE, distance
from ninefold.safety.image_policy import Audience
from ninefold.service.jobs import picture_rows
from ninefold.service.jobs.picture_steps import EXTENSIONS, RECIPE, recipe_hash
from ninefold.service.store import decisions
from ninefold.service.store.objects import (
    PLACES,
    Objects,
    grid_key,
    hidden_key,
    owner_key,
    picture_key,
)
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
        recipe = await self._recipe_of(digest)
        async with self._database.begin() as connection:
            looks = await _looks(connection, digest)
            await connection.execute(
                insert(RemovedPicture)
                .values(hash=digest, reason=reason, fingerprint=looks, recipe=recipe)
                .on_conflict_do_nothing()
            )
            await decisions.record(connection, "removal", hash=digest, action="refuse", **_OPERATOR)
            job_ids = await picture_rows.set_audience(
                connection, digest, Audience.NOBODY, picture_rows.REMOVED
            )
        for extension in EXTENSIONS:
            for place in PLACES.values():
                await self._objects.delete(place(digest, extension))
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
        """Return the PNG file of a picture, whoever sees it.

        Raises:
            UserError: there is none.
        """
        for place in PLACES.values():
            data = await self._objects.get(place(digest, "png"))
            if data is not None:
                return data
        raise UserError("There is no such picture here; it may have been removed.")

    async def show(self, digest: str) -> int:
        """Show a picture that the policy hid or kept for its owner; return how many jobs have it.

        Raises:
            UserError: there is none, or it was removed, which is for good.
        """
        await self.look(digest)
        closed = [(place, each) for place in (owner_key, hidden_key) for each in EXTENSIONS]
        for place, extension in closed:
            data = await self._objects.get(place(digest, extension))
            if data is not None:
                await self._objects.put_once(picture_key(digest, extension), data)
        async with self._database.begin() as connection:
            await decisions.record(connection, "appeal", hash=digest, action="allow", **_OPERATOR)
            job_ids = await picture_rows.set_audience(connection, digest, Audience.GALLERY, None)
        for place, extension in closed:
            await self._objects.delete(place(digest, extension))
        await self._remove_grids(job_ids)
        return len(job_ids)

    async def _recipe_of(self, digest: str) -> str | None:
        for place in PLACES.values():
            data = await self._objects.get(place(digest, RECIPE))
            if data is not None:
                return recipe_hash(Recipe(**json.loads(data)))
        return None

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
