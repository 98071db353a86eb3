"""PostgreSQL: where it is, how to connect, and how to bring its schema up to date.

Procrastinate's tables lie in a schema of their own, which every connection has in its search path.
Knows nothing of what is in the tables.
"""

import selectors
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ninefold.errors import NinefoldError, UserError

QUEUE_SCHEMA = "procrastinate"
"""The schema that the queue's tables lie in."""

MIN_SERVER_VERSION = 15

MIGRATIONS = Path(__file__).parent / "migrations"

# A process that is stopped or cut off in a transaction must not keep the locks others wait for; one
# that has to wait for a busy processor shall not lose its transaction.
_OPTIONS = f"-c search_path=public,{QUEUE_SCHEMA} -c idle_in_transaction_session_timeout=15s"
DRIVER = "postgresql+psycopg"
"""How SQLAlchemy names the server and the library that speaks to it."""


def parse_database_url(url: str) -> URL:
    """Return a PostgreSQL address for SQLAlchemy with psycopg.

    Raises:
        UserError: it is no address of a PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UserError(
            "DATABASE_URL is no address; write postgresql://user:password@host/database."
        ) from None
    if parsed.drivername.partition("+")[0] not in ("postgresql", "postgres"):
        raise UserError(
            f"DATABASE_URL names {parsed.drivername}, but the service keeps its state in "
            "PostgreSQL; write postgresql://user:password@host/database."
        )
    return parsed.set(drivername=DRIVER)


def connection_string(url: URL) -> str:
    """Return the address as libpq reads it, search path included."""
    # By its parts: SQLAlchemy writes a space of a password as it is, and libpq wants it escaped.
    parts: dict[str, Any] = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
        **url.query,
        "options": _OPTIONS,
    }
    return make_conninfo("", **{name: value for name, value in parts.items() if value})


def build_async_engine(url: URL, *, pool_size: int = 10) -> AsyncEngine:
    """Return SQLAlchemy's engine; its connections survive a restart of the server."""
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=20,
        hide_parameters=True,  # prompts are among them, and errors are logged
        connect_args=_connect_args(),
    )
    event.listen(engine.sync_engine, "checkout", _require_open)
    return engine


def reading(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine for reading: the same connections, without a transaction around each use.

    A BEGIN and a ROLLBACK would be two more answers of the server to wait for.
    """
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _require_open(connection: Any, _record: object, _proxy: object) -> None:
    """Let the pool replace a connection that the server closed while nobody used it.

    The server says nothing to an idle connection but its end, so there is something to read only
    then; asking it (SQLAlchemy's own way) takes three answers of the server each time.

    Raises:
        DisconnectionError: the connection is closed.
    """
    driver: psycopg.AsyncConnection[Any] = connection.driver_connection
    if driver.closed:
        raise DisconnectionError
    with selectors.DefaultSelector() as selector:
        selector.register(driver.fileno(), selectors.EVENT_READ)
        if selector.select(0):
            raise DisconnectionError


async def connect_listener(url: URL) -> psycopg.AsyncConnection[Any]:
    """Open a connection of its own, outside the pool, to wait for notifications on."""
    return await psycopg.AsyncConnection.connect(
        connection_string(url), autocommit=True, connect_timeout=10
    )


def migrate(url: URL, revision: str = "head") -> None:
    """Bring the schema up (or down) to a revision; one process does it, the others wait.

    Raises:
        NinefoldError: the server cannot be reached, or is older than PostgreSQL 15, or a step does
            not succeed; then none is taken.
    """
    engine = create_engine(url, hide_parameters=True, connect_args=_connect_args())
    try:
        with engine.begin() as connection:
            _require_version(connection.dialect.server_version_info or (0,))
            # Whatever a step takes on a busy machine, it is not cut off in the middle.
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(9009)")
            config = alembic_config(url)
            config.attributes["connection"] = connection
            going_down = revision == "base" or revision.startswith("-")
            (command.downgrade if going_down else command.upgrade)(config, revision)
    except OperationalError as error:
        raise NinefoldError(f"The database cannot be used: {explain(error)}.") from error
    except DBAPIError as error:
        raise NinefoldError(
            f"The database's tables could not be brought up to date ({explain(error)}); nothing of "
            "it was changed."
        ) from error
    finally:
        engine.dispose()


def require_server(url: URL) -> None:
    """Connect once.

    Raises:
        NinefoldError: the server cannot be reached, or is older than PostgreSQL 15.
    """
    engine = create_engine(url, hide_parameters=True, connect_args=_connect_args())
    try:
        with engine.connect() as connection:
            _require_version(connection.dialect.server_version_info or (0,))
    except OperationalError as error:
        raise NinefoldError(f"The database cannot be used: {explain(error)}.") from error
    finally:
        engine.dispose()


def alembic_config(url: URL) -> Config:
    """Return Alembic's configuration for this database; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def head_revision() -> str | None:
    """Return the newest revision that this program knows."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


async def current_revision(engine: AsyncEngine) -> str | None:
    """Return the number of the last migration that was applied; None before the first."""
    async with engine.connect() as connection:
        return await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )


def explain(error: BaseException) -> str:
    """Return the first line of what a database driver says, for a message of one sentence."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0].rstrip(".") or type(cause).__name__


def _connect_args() -> dict[str, Any]:
    return {"options": _OPTIONS, "connect_timeout": 10}


def _require_version(version: tuple[Any, ...]) -> None:
    if version[0] < MIN_SERVER_VERSION:
        raise NinefoldError(
            f"The database is PostgreSQL {version[0]}; use {MIN_SERVER_VERSION} or later."
        )
