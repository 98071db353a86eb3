"""Hears PostgreSQL's notifications for as long as the process runs, whatever happens to the server.

A notification may be lost while the connection is down, so whoever listens must also look by itself
now and then; after each reconnection a `None` says that something may have been missed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import URL

from ninefold.service.store.database import connect_listener

JOB_EVENTS = "ninefold_events"
"""Says the id of a job that has new events."""

CANCELLED_JOBS = "ninefold_cancelled"
"""Says the id of a job that was cancelled."""

_PAUSE_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Notification:
    """What was said, and where."""

    channel: str
    payload: str


async def listen(url: URL, channels: Sequence[str]) -> AsyncIterator[Notification | None]:
    """Yield notifications without an end; None once after each (re)connection."""
    while True:
        try:
            async with await connect_listener(url) as connection:
                for channel in channels:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                yield None
                async for notify in connection.notifies():
                    yield Notification(notify.channel, notify.payload)
        except (psycopg.Error, OSError) as error:
            _log.warning("database notifications interrupted: %s", type(error).__name__)
        await asyncio.sleep(_PAUSE_S)
