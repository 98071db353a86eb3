"""What happened to a job: rows numbered without a gap, written with the change that they tell of.

Every change of a job goes through `append`: one statement that checks what must hold, takes the
next numbers and changes the row, and then the events, all in the caller's transaction; only
`positions` has a statement of its own, for many jobs at once. Knows nothing of what the events
mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.jobs.states import Status
from ninefold.service.store.notifications import JOB_EVENTS
from ninefold.service.store.statements import EVENTS_OF_MANY
from ninefold.service.store.tables import Job, JobEvent, Json

MAX_SEQ = 2**62
"""Above every number of an event, and within what the database counts with."""

MAX_EVENTS = 500
"""Most events that are read at once."""


@dataclass(frozen=True)
class NewEvent:
    """An event that is not numbered yet."""

    type: str
    data: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """An event of a job."""

    seq: int
    type: str
    data: Json
    at: datetime

    @property
    def is_last(self) -> bool:
        """Whether no event can follow."""
        return self.type in ENDINGS


ENDINGS = frozenset(str(status) for status in Status if status.is_ended)
"""Types of the events that end a job; they are named after its state."""


async def append(
    connection: AsyncConnection,
    job_id: str,
    events: Sequence[NewEvent],
    *,
    only_if: Sequence[ColumnElement[bool]],
    **values: Any,
) -> bool:
    """Change a job and say so, if it is still as expected.

    Args:
        connection: in a transaction.
        job_id: whose row.
        events: at least one.
        only_if: what must hold of the row; this is where states and fencing tokens are checked.
        values: columns to set.

    Returns:
        False if the row was not as expected: nothing was changed.
    """
    statement = (
        update(Job)
        .where(Job.id == job_id, *only_if)
        .values(last_seq=Job.last_seq + len(events), **values)
        .returning(Job.last_seq)
    )
    last = (await connection.execute(statement)).scalar_one_or_none()
    if last is None:
        return False
    first = int(last) - len(events) + 1
    rows = [
        {"job_id": job_id, "seq": first + place, "type": event.type, "data": event.data}
        for place, event in enumerate(events)
    ]
    await connection.execute(insert(JobEvent), rows)
    await notify(connection, JOB_EVENTS, job_id)
    return True


async def notify(connection: AsyncConnection, channel: str, payload: str) -> None:
    """Tell whoever listens, once the transaction commits."""
    await connection.execute(select(func.pg_notify(channel, payload)))


async def read_events(
    connection: AsyncConnection, job_id: str, after: int, limit: int = MAX_EVENTS
) -> list[Event]:
    """Return a job's events with numbers above `after`, in order."""
    statement = (
        select(JobEvent.seq, JobEvent.type, JobEvent.data, JobEvent.at)
        .where(JobEvent.job_id == job_id, JobEvent.seq > after)
        .order_by(JobEvent.seq)
        .limit(limit)
    )
    return [Event(*row) for row in await connection.execute(statement)]


async def read_events_of_many(
    connection: AsyncConnection, after: Mapping[str, int]
) -> dict[str, list[Event]]:
    """Return the events of several jobs, in order.

    Args:
        connection: to the database.
        after: by job, the number of the last event that is known.

    Returns:
        The events by job, of those that have any.
    """
    known, found = dict(after), dict[str, list[Event]]()
    while True:
        given = {"job_ids": list(known), "known": list(known.values()), "most": MAX_EVENTS}
        rows = (await connection.execute(EVENTS_OF_MANY, given)).all()
        for job_id, seq, kind, data, at in rows:
            event = Event(seq, kind, data, at)
            found.setdefault(job_id, []).append(event)
            known[job_id] = event.seq
        if len(rows) < MAX_EVENTS:
            return found
