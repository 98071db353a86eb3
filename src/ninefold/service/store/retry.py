"""Database work that is done again when the server was away: restarts, failovers, deadlocks.

What is given must be one transaction whose effect is checked by itself (a fencing token, a unique
key), because a commit may have happened although its answer was lost.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import procrastinate.exceptions
import psycopg
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.service.backoff import pauses

_Result = TypeVar("_Result")

PATIENCE_S = 60.0
"""Seconds that the database may be away before the work is given up."""

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0

DATABASE_AWAY = (
    OperationalError,
    PoolTimeoutError,
    psycopg.OperationalError,
    procrastinate.exceptions.ConnectorException,
    ConnectionError,
)
"""What is raised while the server cannot be reached, or gave up the transaction."""


UNSTORABLE = (DataError, psycopg.DataError)
"""What is raised where a value is none that the server holds, such as a text with NUL in it."""

_LIMIT_EXCEEDED = "54"
"""Class of the states that say a statement or a value is larger than the server can take."""


def is_away(error: BaseException) -> bool:
    """Tell whether the same work may succeed a little later."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, psycopg.Error) and (cause.sqlstate or "").startswith(_LIMIT_EXCEEDED):
        return False  # psycopg calls it operational, but it is what was asked for
    if isinstance(cause, psycopg.errors.IdleInTransactionSessionTimeout):
        return True  # psycopg calls it internal, but it is this machine that was slow
    return isinstance(error, DATABASE_AWAY) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def is_unstorable(error: BaseException) -> bool:
    """Tell whether the database cannot hold, or look for, a value that it was given."""
    return isinstance(error, UNSTORABLE)


def is_disk_full(error: BaseException) -> bool:
    """Tell whether the server could not write for want of room."""
    cause = getattr(error, "orig", None) or error
    return isinstance(cause, psycopg.errors.DiskFull)


async def retrying(
    work: Callable[[], Awaitable[_Result]], patience_s: float = PATIENCE_S
) -> _Result:
    """Return what `work` returns, trying again for `patience_s` seconds while the server is away.

    Raises:
        Exception: what `work` raises otherwise, or at last.
    """
    until = time.monotonic() + patience_s
    for pause_s in pauses(_FIRST_PAUSE_S, _LONGEST_PAUSE_S):
        try:
            return await work()
        except Exception as error:
            if not is_away(error) or time.monotonic() + pause_s > until:
                raise
        await asyncio.sleep(pause_s)
    raise AssertionError("pauses do not end")


async def in_transaction(
    database: AsyncEngine,
    work: Callable[[AsyncConnection], Awaitable[_Result]],
    patience_s: float = PATIENCE_S,
) -> _Result:
    """Return what `work` returns in a transaction of its own, tried again as `retrying` does.

    Raises:
        Exception: what `work` raises otherwise, or at last.
    """

    async def attempt() -> _Result:
        async with database.begin() as connection:
            return await work(connection)

    return await retrying(attempt, patience_s)
