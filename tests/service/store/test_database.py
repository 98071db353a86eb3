"""Laws of the database: its migrations in both directions, and the addresses it is found by."""

import pytest
from alembic import command
from sqlalchemy import URL, create_engine, inspect

from ninefold.errors import NinefoldError, UserError
from ninefold.service.store.database import alembic_config, migrate, parse_database_url


def tables(url: URL) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_migrations_lead_up_down_and_up_again(empty_database: URL) -> None:
    migrate(empty_database)
    first = tables(empty_database)
    assert {"jobs", "job_events", "pictures", "idempotency_keys"} <= first
    migrate(empty_database, "base")
    assert tables(empty_database) <= {"alembic_version"}
    migrate(empty_database)
    assert tables(empty_database) == first


def test_the_tables_are_what_the_migrations_make(database_url: URL) -> None:
    engine = create_engine(
        database_url, connect_args={"options": "-c search_path=public,procrastinate"}
    )
    config = alembic_config(database_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.check(config)
    engine.dispose()


@pytest.mark.parametrize("url", ["sqlite:///x.db", "mysql://a/b", "what"])
def test_other_databases_are_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(UserError, match="postgresql://"):
        parse_database_url(url)


def test_a_server_that_is_not_there_is_named_in_a_sentence() -> None:
    with pytest.raises(NinefoldError, match="database cannot be used"):
        migrate(parse_database_url("postgresql://nobody@127.0.0.1:1/nothing"))
