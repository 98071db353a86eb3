"""Removes objects that nothing refers to, and never one that a job is about to refer to.

A worker stores files first and commits the rows that name them afterwards, and a file may be there
already from a job that is long gone. So an object is listed, then looked up, then set aside under
another key, looked up again, and only then deleted; whoever commits in between either is seen by
the second look, or finds the file missing afterwards and stores it again (`jobs/drawing.py`).
Knows nothing of how long jobs are kept.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.service.jobs.states import Status
from ninefold.service.store.database import reading
from ninefold.service.store.objects import PLACES, Objects
from ninefold.service.store.tables import Job, PictureRow

SPARED_S = 3600.0
"""Age in seconds below which an object is left alone, whoever refers to it."""

ASIDE = "aside/"
"""What the key of an object begins with while it is looked up for the second time."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BATCH = 500


@dataclass(frozen=True)
class Swept:
    """What was removed."""

    pictures: int = 0
    objects: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(self.pictures + other.pictures, self.objects + other.objects)


class Sweep:
    """Removes from a store what a database does not know."""

    def __init__(self, database: AsyncEngine, objects: Objects, spared_s: float = SPARED_S) -> None:
        """Sweep a store by what a database refers to; spare what is younger than `spared_s`."""
        self._database, self._objects, self._spared_s = reading(database), objects, spared_s

    async def run(self) -> Swept:
        """Look at every object of the store.

        Raises:
            StorageError: the store cannot be read or written; what was removed until then is gone.
        """
        swept = await self._finish_interrupted()
        for prefix in (*PLACES, "previews", "grids"):
            async for listed in self._objects.listed(prefix, _BATCH):
                now = datetime.now(UTC)
                old = [
                    each.key
                    for each in listed
                    if (now - each.modified_at).total_seconds() > self._spared_s
                ]
                swept += await self.remove_unused(old)
        return swept

    async def remove_unused(self, keys: Sequence[str]) -> Swept:
        """Remove those of some objects that nothing refers to; they need not exist."""
        unused = keys_without(keys, await self._references(keys))
        for key in unused:
            await self._objects.move(key, ASIDE + key)
        return await self._settle(unused)

    async def _finish_interrupted(self) -> Swept:
        swept = Swept()
        async for listed in self._objects.listed(ASIDE.rstrip("/"), _BATCH):
            swept += await self._settle([each.key.removeprefix(ASIDE) for each in listed])
        return swept

    async def _settle(self, keys: Sequence[str]) -> Swept:
        """Put back what is referred to by now, and delete the rest of what was set aside."""
        unused = set(keys_without(keys, await self._references(keys)))
        for key in keys:
            if key not in unused:
                await self._objects.move(ASIDE + key, key)
            else:
                await self._objects.delete(ASIDE + key)
        pictures = [key for key in unused if key.endswith(".png") and not key.startswith("grids/")]
        return Swept(len(pictures), len(unused))

    async def _references(self, keys: Iterable[str]) -> dict[str, set[str]]:
        """Return which names of the keys are in use, by the kind of object."""
        asked: dict[str, set[str]] = defaultdict(set)
        for kind, name in map(name_of, keys):
            if name is not None:
                asked[kind].add(name)
        if not asked:
            return {}
        async with self._database.connect() as connection:
            return {kind: await _used(connection, kind, names) for kind, names in asked.items()}


def name_of(key: str) -> tuple[str, str | None]:
    """Return the kind of an object and what it belongs to: a picture's hash, or a job's id.

    The second is None for what this service did not put there.
    """
    parts = key.split("/")
    file = parts[-1].partition(".")[0]
    if len(parts) == 3 and parts[0] in PLACES:
        return "pictures", file if _DIGEST.fullmatch(file) else None
    if len(parts) == 3 and parts[0] == "previews":
        return "previews", parts[1]
    if len(parts) == 2 and parts[0] == "grids":
        return "grids", file
    return "", None


def keys_without(keys: Sequence[str], used: dict[str, set[str]]) -> list[str]:
    """Return the keys of ours that none of the names in use belongs to."""
    found = []
    for key in keys:
        kind, name = name_of(key)
        if name is not None and name not in used.get(kind, ()):
            found.append(key)
    return found


async def _used(connection: AsyncConnection, kind: str, names: set[str]) -> set[str]:
    if kind == "pictures":
        statement = select(PictureRow.hash).where(PictureRow.hash.in_(names)).distinct()
    else:
        statement = select(Job.id).where(Job.id.in_(names))
        if kind == "previews":
            statement = statement.where(Job.status == Status.DRAWING)
    return set((await connection.execute(statement)).scalars())
