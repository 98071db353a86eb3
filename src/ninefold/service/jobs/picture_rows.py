"""The pictures of a job that is being drawn, as rows: added, decided on and ranked under its fence.

All run in the caller's transaction. Knows nothing of files, nor of how pictures are judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.safety.fingerprint import is_copy
from ninefold.safety.image_policy import Audience
from ninefold.service.jobs.audiences import is_shown
from ninefold.service.jobs.events import NewEvent
from ninefold.service.jobs.picture_steps import Judgement
from ninefold.service.jobs.transitions import Claim, report
from ninefold.service.store import decisions
from ninefold.service.store.tables import Job, JobEvent, Json, PictureRow, RemovedPicture

REMOVED = "This picture was removed."
"""Why a picture is hidden that an operator took away."""


@dataclass(frozen=True)
class JudgedPicture:
    """A picture that is stored, as its row, its event and its decision tell of it."""

    values: Json
    """Columns of `PictureRow`, without the job's."""
    event: Json
    judgement: Judgement


async def add_pictures(
    connection: AsyncConnection, held: Claim, pictures: Sequence[JudgedPicture]
) -> list[JudgedPicture] | None:
    """Add pictures, tell of them and keep what was decided on them.

    Returns:
        Those that were added: of an index that an earlier attempt added nothing is changed. None if
        the worker does not hold the job any more.
    """
    holds = select(Job.id).where(Job.id == held.job_id, *held.holds()).with_for_update()
    if (await connection.execute(holds)).scalar_one_or_none() is None:
        return None
    added = []
    for picture in pictures:
        statement = (
            insert(PictureRow)
            .values(job_id=held.job_id, **picture.values)
            .on_conflict_do_nothing()
            .returning(PictureRow.index)
        )
        if (await connection.execute(statement)).scalar_one_or_none() is not None:
            added.append(picture)
            await _record_judgement(
                connection, held.job_id, picture.values["hash"], picture.judgement
            )
    if added:
        await report(connection, held, [NewEvent("picture", picture.event) for picture in added])
    return added


async def find_removed(
    connection: AsyncConnection, looks_by_hash: Mapping[str, str | None]
) -> set[str]:
    """Return which pictures an operator removed, or ones that look the same.

    Args:
        connection: to the database.
        looks_by_hash: fingerprints of the pictures; None where a picture shows nothing.
    """
    statement = select(RemovedPicture.hash, RemovedPicture.fingerprint)
    return {
        digest
        for row in await connection.execute(statement)
        for digest, looks in looks_by_hash.items()
        if row.hash == digest or (looks and row.fingerprint and is_copy(looks, row.fingerprint))
    }


async def set_audience(
    connection: AsyncConnection, digest: str, audience: Audience, reason: str | None
) -> set[str]:
    """Say whom a picture is shown to, and why no more; return the jobs that it is in.

    What its jobs have told of it is told so from now on, too.
    """
    statement = (
        update(PictureRow)
        .where(PictureRow.hash == digest)
        .values(audience=audience.label, hidden_reason=reason)
        .returning(PictureRow.job_id)
    )
    job_ids = set((await connection.execute(statement)).scalars())
    told = tell_audience(audience, reason)
    await connection.execute(
        update(JobEvent)
        .where(
            JobEvent.job_id.in_(job_ids),
            JobEvent.type == "picture",
            JobEvent.data["hash"].astext == digest,
        )
        .values(data=JobEvent.data.concat(told))
    )
    return job_ids


def tell_audience(audience: Audience, reason: str | None) -> Json:
    """Return what the event of a picture says of who may see it, as everybody is told."""
    return {
        "hidden": not is_shown(audience, is_own=False),
        "hidden_reason": reason,
        "audience": audience.label,
    }


async def is_removed(connection: AsyncConnection, recipe: str, looks: str | None) -> bool:
    """Tell whether what is being drawn is a picture that an operator removed, or looks like one.

    Args:
        connection: to the database.
        recipe: hash of what it is drawn from.
        looks: fingerprint of what is there of it; None where that shows nothing.
    """
    statement = select(RemovedPicture.recipe, RemovedPicture.fingerprint)
    return any(
        row.recipe == recipe or (looks and row.fingerprint and is_copy(looks, row.fingerprint))
        for row in await connection.execute(statement)
    )


_ACTIONS = {
    Audience.NOBODY: "refuse",
    Audience.OWNER: "restrict",
    Audience.SHARE_PAGE: "hide",
    Audience.GALLERY: "allow",
}


async def _record_judgement(
    connection: AsyncConnection, job_id: str, digest: str, judgement: Judgement
) -> None:
    if judgement.policy_version is None:
        return
    await decisions.record(
        connection,
        "picture",
        job_id=job_id,
        hash=digest,
        action=_ACTIONS[judgement.audience],
        rule=judgement.rule,
        policy_version=judgement.policy_version,
        score=judgement.score,
    )


async def rank_pictures(connection: AsyncConnection, held: Claim, order: Sequence[int]) -> bool:
    """Store the order of the pictures, the best first, by their indices, and tell of it."""
    for rank, index in enumerate(order):
        await connection.execute(
            update(PictureRow)
            .where(PictureRow.job_id == held.job_id, PictureRow.index == index)
            .values(rank=rank)
        )
    return await report(connection, held, [NewEvent("ranked", {"order": list(order)})])
