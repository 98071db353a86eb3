"""What Alembic runs for every command: connects, and applies migrations in one transaction."""

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine

from ninefold.service.store import (  # noqa: F401 - their tables join the metadata
    decisions,
    gallery_tables,
)
from ninefold.service.store.tables import Base

FOREIGN = ("procrastinate",)
"""Beginnings of names that are not ours to compare."""


def is_ours(
    _object: Any,
    name: str | None,
    _type: str,
    _reflected: bool,
    _other: Any,
) -> bool:
    """Tell whether Alembic may compare a table with our definitions."""
    return not (name or "").startswith(FOREIGN)


def run(connection: Connection) -> None:
    """Apply what was asked for on this connection."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=is_ours,
        # PostgreSQL writes defaults in words of its own ('[]'::jsonb); types are compared.
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Use the caller's connection, or one of our own for Alembic's command line."""
    given = context.config.attributes.get("connection")
    if given is not None:
        run(given)
        return
    engine = create_engine(context.config.attributes["url"])
    with engine.begin() as connection:
        run(connection)
    engine.dispose()


main()
