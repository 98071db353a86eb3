"""The gallery: what was published, found by words, and ordered by age or by what people look at.

Knows nothing of who may publish what; that is asked before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.safety.image_policy import Audience
from ninefold.service.store.clock import ago
from ninefold.service.store.gallery_tables import Publication, Visit
from ninefold.service.store.tables import PictureRow, RemovedPicture

Order = Literal["trending", "newest"]
AnySelect = Select[*tuple[Any, ...]]

VISITS_COUNT_S = 14 * 24 * 3600.0
"""Seconds that a visit counts and is kept."""

_FADING_S = 2 * 24 * 3600.0  # a visit's weight falls to 1/e in so many seconds


@dataclass(frozen=True)
class PublishedDrawing:
    """A drawing as the gallery shows it."""

    job_id: str
    prompt: str
    published_at: datetime
    hashes: tuple[str, ...]
    """Its pictures that may be shown, the best first."""


async def publish(connection: AsyncConnection, job_id: str, prompt: str) -> bool:
    """Put a drawing into the gallery; False where an operator had taken it out.

    What was in the gallery before keeps its date, so that nobody publishes to the top again.
    """
    await prune_visits(connection)
    statement = (
        insert(Publication)
        .values(job_id=job_id, prompt=prompt)
        .on_conflict_do_update(
            index_elements=[Publication.job_id],
            set_={"withdrawn_at": None},
            where=Publication.removed_at.is_(None),
        )
        .returning(Publication.job_id)
    )
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def withdraw(connection: AsyncConnection, job_id: str) -> None:
    """Take a drawing out of the gallery, as its owner wishes."""
    statement = update(Publication).where(Publication.job_id == job_id)
    await connection.execute(statement.values(withdrawn_at=func.now()))


async def remove(connection: AsyncConnection, job_id: str) -> bool:
    """Take a drawing out of the gallery for good; False if it was never there."""
    statement = (
        update(Publication)
        .where(Publication.job_id == job_id)
        .values(removed_at=func.now())
        .returning(Publication.job_id)
    )
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def is_published(connection: AsyncConnection, job_id: str) -> bool:
    """Tell whether the gallery shows a drawing."""
    statement = select(Publication.job_id).where(Publication.job_id == job_id, *_shown())
    return (await connection.execute(statement)).scalar_one_or_none() is not None


def published_ids() -> Select[str]:
    """Return the query for the ids of all drawings that the gallery shows."""
    return select(Publication.job_id).where(*_shown())


async def prune_visits(connection: AsyncConnection) -> None:
    """Remove the visits that count no more."""
    await connection.execute(delete(Visit).where(Visit.at < ago(VISITS_COUNT_S)))


async def count_visit(connection: AsyncConnection, job_id: str, visitor: str) -> None:
    """Count that somebody looked at a published drawing, once for each network."""
    statement = insert(Visit).values(job_id=job_id, visitor=visitor)
    await connection.execute(statement.on_conflict_do_nothing())


async def find_published(
    connection: AsyncConnection, query: str, order: Order, *, offset: int, limit: int
) -> list[PublishedDrawing]:
    """Return published drawings.

    Args:
        connection: to the database.
        query: words that the prompt must have, as people write them into a search box: quotes for
            phrases, a dash for what must not be there. Empty for all.
        order: by visits, newer ones counting more, or by date.
        offset: drawings to pass by.
        limit: most to return.
    """
    columns = (Publication.job_id, Publication.prompt, Publication.published_at)
    statement: AnySelect = select(*columns)
    statement = statement.where(*_shown())
    if query:
        words = func.websearch_to_tsquery("simple", query)
        statement = statement.where(Publication.search.op("@@")(words))
    statement = _ordered(statement, order).offset(offset).limit(limit)
    rows = (await connection.execute(statement)).all()
    hashes = await _hashes_of(connection, [row.job_id for row in rows])
    return [
        PublishedDrawing(row.job_id, row.prompt, row.published_at, hashes[row.job_id])
        for row in rows
        if row.job_id in hashes
    ]


async def suggest(connection: AsyncConnection, text: str, limit: int) -> list[str]:
    """Return published prompts with words that begin as those of `text`, the best liked first."""
    words = [word for word in text.split() if any(map(str.isalnum, word))]
    if not words:
        return []
    lexemes = " & ".join(f"{_quoted(word)}:*" for word in words)
    found = _ordered(
        select(Publication.prompt).where(
            *_shown(), Publication.search.op("@@")(func.to_tsquery("simple", lexemes))
        ),
        "trending",
    )
    prompts = (await connection.execute(found.limit(limit * 4))).scalars()
    return list(dict.fromkeys(prompts))[:limit]


def _quoted(word: str) -> str:
    """Return a word as one quoted lexeme of a tsquery."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def _shown() -> tuple[ColumnElement[bool], ...]:
    """Return what must be true of a publication that people see: a picture is left of it."""
    removed = select(RemovedPicture.hash).where(RemovedPicture.hash == PictureRow.hash).exists()
    has_picture = (
        select(PictureRow.job_id)
        .where(
            PictureRow.job_id == Publication.job_id,
            PictureRow.audience == Audience.GALLERY.label,
            ~removed,
        )
        .exists()
    )
    return Publication.withdrawn_at.is_(None), Publication.removed_at.is_(None), has_picture


def _ordered(statement: AnySelect, order: Order) -> AnySelect:
    newest = (Publication.published_at.desc(), Publication.job_id)
    if order == "newest":
        return statement.order_by(*newest)
    age = func.extract("epoch", func.now() - Visit.at)
    weight = (
        select(func.coalesce(func.sum(func.exp(-age / _FADING_S)), 0))
        .where(Visit.job_id == Publication.job_id, Visit.at > ago(VISITS_COUNT_S))
        .scalar_subquery()
    )
    return statement.order_by(weight.desc(), *newest)


async def _hashes_of(
    connection: AsyncConnection, job_ids: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    removed = select(RemovedPicture.hash).where(RemovedPicture.hash == PictureRow.hash).exists()
    statement = (
        select(PictureRow.job_id, PictureRow.hash)
        .where(
            PictureRow.job_id.in_(job_ids),
            PictureRow.audience == Audience.GALLERY.label,
            ~removed,
        )
        .order_by(PictureRow.job_id, PictureRow.rank.nulls_last(), PictureRow.index)
    )
    found: dict[str, tuple[str, ...]] = {}
    for row in await connection.execute(statement):
        found[row.job_id] = (*found.get(row.job_id, ()), row.hash)
    return found
