"""What people reported: kept for the operators, once for each person and picture.

Knows nothing of how long reports are to be kept.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.store.clock import ago
from ninefold.service.store.gallery_tables import ReportRow
from ninefold.service.store.tables import PictureRow

Reason = Literal["sexual", "violence", "hate", "real_person", "deception", "other", "appeal"]
"""What is wrong with a picture."""

APPEAL: Reason = "appeal"
"""The one that says that a picture is hidden and should not be."""


@dataclass(frozen=True)
class Report:
    """What a person found wrong with a picture."""

    hash: str
    job_id: str | None
    reason: str
    note: str
    """In the person's words: hostile text."""
    created_at: datetime


@dataclass(frozen=True)
class NewReport:
    """What a person reports of a picture."""

    hash: str
    job_id: str | None
    reason: Reason
    note: str


async def has_picture(connection: AsyncConnection, digest: str) -> bool:
    """Tell whether a picture of this hash was drawn here."""
    statement = select(PictureRow.hash).where(PictureRow.hash == digest).limit(1)
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def add_report(
    connection: AsyncConnection, report: NewReport, reporter: str, *, max_reports: int
) -> bool:
    """Keep a report; a second one of the same person takes the place of the first.

    Args:
        connection: in a transaction.
        report: what is reported.
        reporter: who reports.
        max_reports: most that are kept of one picture.

    Returns:
        False if so many others reported the picture already; then this one is not kept.
    """
    # So that those who report the same picture at once count each other.
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"reports {report.hash}", 0))
    await connection.execute(select(lock))
    of_others = (ReportRow.hash == report.hash) & (ReportRow.reporter != reporter)
    count = select(func.count()).select_from(ReportRow).where(of_others)
    if int((await connection.execute(count)).scalar_one()) >= max_reports:
        return False
    values = {"job_id": report.job_id, "reason": report.reason, "note": report.note}
    statement = insert(ReportRow).values(hash=report.hash, reporter=reporter, **values)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[ReportRow.hash, ReportRow.reporter], set_=values
        )
    )
    return True


async def list_reports(connection: AsyncConnection, limit: int) -> list[Report]:
    """Return what people reported, the newest first."""
    columns = (
        ReportRow.hash,
        ReportRow.job_id,
        ReportRow.reason,
        ReportRow.note,
        ReportRow.created_at,
    )
    statement = select(*columns).order_by(ReportRow.created_at.desc()).limit(limit)
    return [Report(*row) for row in await connection.execute(statement)]


async def prune(connection: AsyncConnection, days: float) -> int:
    """Remove reports that are older; return how many."""
    result = await connection.execute(
        delete(ReportRow).where(ReportRow.created_at < ago(days * 86400))
    )
    return int(result.rowcount)


async def forget(connection: AsyncConnection, job_id: str, gone: AbstractSet[str]) -> None:
    """Remove the reports of a job that is deleted on request.

    Args:
        connection: in a transaction.
        job_id: the job's; a report of a picture that another job shows stays, without this id.
        gone: hashes of the pictures that no job shows any more.
    """
    await connection.execute(delete(ReportRow).where(ReportRow.hash.in_(gone)))
    await connection.execute(
        update(ReportRow).where(ReportRow.job_id == job_id).values(job_id=None)
    )
