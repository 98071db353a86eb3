"""The changes of a job, each one statement that checks the state it comes from.

A worker's changes check the attempt as well (the fencing token): a worker that was taken for dead
and wakes later changes nothing. All run in the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.generation.params import SamplingParams
from ninefold.safety.verdict import Verdict
from ninefold.service import metrics
from ninefold.service.jobs.events import NewEvent, append, notify
from ninefold.service.jobs.queue import NewEntry, Queue
from ninefold.service.jobs.refusal import describe
from ninefold.service.jobs.states import Status, sources_of
from ninefold.service.store import decisions
from ninefold.service.store.notifications import CANCELLED_JOBS
from ninefold.service.store.tables import Job, Lane


@dataclass(frozen=True)
class Claim:
    """A job that this worker draws, at the attempt that it holds."""

    job_id: str
    attempt: int
    prompt: str
    model: str
    params: SamplingParams
    share: str
    lane: str
    preview_every: int
    num_reported: int
    """Codes that an earlier attempt already told of."""
    notices: tuple[str, ...]
    trace: str | None
    waited_s: float

    def holds(self) -> tuple[ColumnElement[bool], ...]:
        """Return what must be true of the row for this worker to change it."""
        return Job.status == Status.DRAWING, Job.attempt == self.attempt


async def claim(
    connection: AsyncConnection, job_id: str, attempt: int, worker_id: str
) -> Claim | None:
    """Begin a job; None if it is not waiting at this attempt any more."""
    is_begun = await append(
        connection,
        job_id,
        [NewEvent("started")],
        only_if=[Job.status == Status.QUEUED, Job.attempt == attempt],
        status=Status.DRAWING,
        worker_id=worker_id,
        started_at=func.coalesce(Job.started_at, func.now()),
        entry_id=None,
        told_position=None,
    )
    if not is_begun:
        return None
    columns: Any = Job.__table__
    waited = func.extract("epoch", func.now() - Job.created_at).label("waited_s")
    statement = select(columns, waited).where(Job.id == job_id)
    row = (await connection.execute(statement)).mappings().one()
    await connection.execute(
        update(Lane)
        .where(Lane.lane == row["lane"], Lane.virtual_time < row["start_tag"])
        .values(virtual_time=row["start_tag"])
    )
    return _to_claim(row)


def _to_claim(row: RowMapping) -> Claim:
    return Claim(
        job_id=row["id"],
        attempt=row["attempt"],
        prompt=row["prompt"],
        model=row["model"],
        params=params_of(row),
        share=row["share"],
        lane=row["lane"],
        preview_every=row["preview_every"],
        num_reported=row["done_codes"],
        notices=tuple(row["notices"]),
        trace=row["trace"],
        waited_s=float(row["waited_s"]),
    )


def params_of(row: RowMapping) -> SamplingParams:
    """Return the sampling parameters of a job's row."""
    return SamplingParams.from_dict({**row["settings"], "seed": int(row["seed"])})


async def report(
    connection: AsyncConnection, held: Claim, events: Sequence[NewEvent], **values: Any
) -> bool:
    """Tell of a job that is being drawn; False if this worker does not hold it any more."""
    return await append(connection, held.job_id, events, only_if=held.holds(), **values)


async def end(
    connection: AsyncConnection,
    job_id: str,
    status: Status,
    *,
    only_if: Sequence[ColumnElement[bool]] = (),
    **values: Any,
) -> bool:
    """Bring a job to its end, and tell of it; False if it has ended already or is not held."""
    is_ended = await append(
        connection,
        job_id,
        [NewEvent(str(status))],
        only_if=[Job.status.in_(sources_of(status)), *only_if],
        status=status,
        ended_at=func.now(),
        worker_id=None,
        **values,
    )
    if is_ended:
        metrics.ENDED.labels(str(status)).inc()
    return is_ended


async def fail(connection: AsyncConnection, held: Claim, code: str, message: str) -> bool:
    """End a job that could not be drawn, with a sentence for the person who asked."""
    error = {"code": code, "message": message}
    return await end(connection, held.job_id, Status.FAILED, only_if=held.holds(), error=error)


async def fail_unread(connection: AsyncConnection, job_id: str, attempt: int) -> bool:
    """End a job whose row cannot be drawn from, such as one that an older version accepted."""
    error = {
        "code": "cannot_draw",
        "message": "This job cannot be drawn as it was accepted; send it again.",
    }
    held = [Job.status == Status.QUEUED, Job.attempt == attempt]
    return await end(connection, job_id, Status.FAILED, only_if=held, error=error)


async def refuse(connection: AsyncConnection, held: Claim, verdict: Verdict) -> bool:
    """End a job that the policy has come to speak against, and keep that decision."""
    is_ended = await end(
        connection, held.job_id, Status.REFUSED, only_if=held.holds(), refusal=describe(verdict)
    )
    if is_ended:
        await decisions.record_prompt(connection, verdict, job_id=held.job_id)
    return is_ended


async def cancel(connection: AsyncConnection, job_id: str) -> bool:
    """End a job because someone said so, and tell its worker; False if it has ended already."""
    if not await end(connection, job_id, Status.CANCELLED):
        return False
    await notify(connection, CANCELLED_JOBS, job_id)
    return True


async def put_back(
    connection: AsyncConnection,
    queue: Queue,
    job_id: str,
    attempt: int,
    *,
    max_attempts: int,
    delay_s: float = 0.0,
    counts: bool = True,
) -> bool:
    """Let a job that was begun be drawn again, by whoever is free, with a new fencing token.

    Args:
        connection: in a transaction.
        queue: gets the new entry, in the same transaction.
        job_id: which job.
        attempt: at which attempt it was begun; nothing happens if it is at another.
        max_attempts: attempts after which the job fails instead.
        delay_s: seconds before which it is not begun.
        counts: whether the attempt was one that may have brought the worker down.

    Returns:
        False if the job was not being drawn at this attempt.
    """
    held = [Job.status == Status.DRAWING, Job.attempt == attempt]
    if counts and attempt >= max_attempts:
        error = {
            "code": "too_many_attempts",
            "message": f"The drawing was begun {attempt} times and never finished; try another "
            "prompt or other settings.",
        }
        return await end(connection, job_id, Status.FAILED, only_if=held, error=error)
    statement = (
        update(Job)
        .where(Job.id == job_id, *held)
        .values(status=Status.QUEUED, attempt=Job.attempt + 1, worker_id=None, told_position=None)
        .returning(Job.lane, Job.start_tag, Job.attempt)
    )
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        return False
    lane, start_tag, new_attempt = row
    entry = NewEntry(job_id, new_attempt, lane, start_tag, delay_s)
    (entry_id,) = await queue.defer(connection, [entry])
    await connection.execute(update(Job).where(Job.id == job_id).values(entry_id=entry_id))
    metrics.PUT_BACK.inc()
    return True


ALL_CODES: Any = Job.total_codes
"""The value of `done_codes` of a job that is done."""
