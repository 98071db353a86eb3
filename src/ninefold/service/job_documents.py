"""Jobs as the JSON of /api/v1: the row, its pictures with their addresses, and its place now."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.safety.image_policy import Audience
from ninefold.service.documents import (
    JobDocument,
    Links,
    PictureDocument,
    ProgressDocument,
)
from ninefold.service.jobs.audiences import is_shown
from ninefold.service.jobs.estimate import expected_seconds
from ninefold.service.jobs.load import place_of, read_capacity
from ninefold.service.jobs.states import Status
from ninefold.service.store.database import reading
from ninefold.service.store.tables import Job, PictureRow

_HIDDEN_SETTINGS = ("first_image", "dialect", "rank")

# Built once: that takes longer than sending them.
_job_id: ColumnElement[str] = bindparam("job_id")
_jobs: Any = Job.__table__
_pictures: Any = PictureRow.__table__
_OWNER = select(Job.owner).where(Job.id == _job_id)
_JOB = select(_jobs).where(Job.id == _job_id)
_PICTURES = (
    select(_pictures)
    .where(PictureRow.job_id == _job_id)
    .order_by(PictureRow.rank.nulls_last(), PictureRow.index)
)


class JobReader:
    """Reads rows of jobs and answers with documents."""

    def __init__(self, engine: AsyncEngine, stalled_s: float) -> None:
        """Read from a database; workers that are silent for `stalled_s` do not count."""
        self._engine = reading(engine)
        self._stalled_s = stalled_s

    async def find(
        self, job_id: str, base_url: str = "", viewer: str | None = None
    ) -> JobDocument | None:
        """Return a job, or None if there is none of this id.

        Args:
            job_id: its id.
            base_url: what addresses begin with; empty for paths.
            viewer: who looks; the owner sees pictures that are hidden from others.
        """
        async with self._engine.connect() as connection:
            row = await self._row(connection, job_id)
            if row is None:
                return None
            return await self._read(connection, row, base_url, viewer)

    async def _read(
        self, connection: AsyncConnection, row: RowMapping, base_url: str, viewer: str | None
    ) -> JobDocument:
        position, eta_s = await self._place(connection, row)
        pictures = await self._pictures(connection, row["id"])
        is_own = row["owner"] == viewer
        return to_document(row, pictures, position, eta_s, base_url, is_own=is_own)

    async def owner_of(self, job_id: str) -> str | None:
        """Return who may change a job, or None if there is none of this id."""
        async with self._engine.connect() as connection:
            return (await connection.execute(_OWNER, {"job_id": job_id})).scalar_one_or_none()

    async def _row(self, connection: AsyncConnection, job_id: str) -> RowMapping | None:
        return (await connection.execute(_JOB, {"job_id": job_id})).mappings().one_or_none()

    async def _pictures(self, connection: AsyncConnection, job_id: str) -> Sequence[RowMapping]:
        return (await connection.execute(_PICTURES, {"job_id": job_id})).mappings().all()

    async def _place(
        self, connection: AsyncConnection, row: RowMapping
    ) -> tuple[int | None, float | None]:
        status = Status(row["status"])
        if status.is_ended:
            return None, None
        capacity = await read_capacity(connection, self._stalled_s)
        if status is Status.QUEUED:
            place = await place_of(connection, row["id"], capacity)
            return (place.position, place.eta_s) if place else (None, None)
        left = row["total_codes"] - row["done_codes"]
        return None, expected_seconds(0, left, capacity)


def to_document(
    row: RowMapping,
    pictures: Sequence[RowMapping],
    position: int | None,
    eta_s: float | None,
    base_url: str = "",
    *,
    is_own: bool = False,
) -> JobDocument:
    """Return a job as JSON.

    Args:
        row: of the table of jobs.
        pictures: rows of its pictures, in the order to show them in.
        position: where it waits, if it does.
        eta_s: seconds until its last picture is expected.
        base_url: what addresses begin with.
        is_own: whether it is told to who asked for it.
    """
    job_id, status = row["id"], Status(row["status"])
    path = f"{base_url}/api/v1/jobs/{job_id}"
    hidden = _HIDDEN_SETTINGS
    return JobDocument(
        id=job_id,
        status=status.value,
        prompt=row["prompt"],
        seed=int(row["seed"]),
        model=row["model"],
        settings={name: value for name, value in row["settings"].items() if name not in hidden},
        position=position,
        eta_s=None if eta_s is None else round(eta_s, 1),
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        progress=ProgressDocument(codes=row["done_codes"], total_codes=row["total_codes"]),
        pictures=[
            _to_picture(picture, row["prompt"], base_url, is_own=is_own) for picture in pictures
        ],
        grid_url=f"{path}/grid.png" if status is Status.DONE and pictures else None,
        notices=row["notices"],
        refusal=row["refusal"],
        error=row["error"],
        links=Links(self=path, events=f"{path}/events", page=f"{base_url}/g/{job_id}"),
    )


def _to_picture(row: RowMapping, prompt: str, base_url: str, *, is_own: bool) -> PictureDocument:
    audience = Audience.named(row["audience"])
    path = picture_path(audience, row["job_id"], row["hash"])
    is_hidden = not is_shown(audience, is_own=is_own)
    return PictureDocument(
        index=row["index"],
        rank=row["rank"],
        hash=row["hash"],
        url=None if is_hidden or path is None else base_url + path,
        width=row["width"],
        height=row["height"],
        hidden=is_hidden,
        hidden_reason=row["hidden_reason"],
        audience=audience.label,
        alt=f"{prompt}, picture {row['index'] + 1}",
    )


def picture_path(audience: Audience, job_id: str, digest: str) -> str | None:
    """Return the path of a picture's PNG, for those that it is shown to; None where for nobody.

    What everybody with the page's address may see has an address made from its content; what is
    for its owner alone has one of the job's.
    """
    if audience >= Audience.SHARE_PAGE:
        return f"/i/{digest}.png"
    if audience is Audience.OWNER:
        return f"/api/v1/jobs/{job_id}/own/{digest}.png"
    return None
