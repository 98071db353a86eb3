"""Laws of the database: its migrations in both directions, and the addresses it is found by."""

from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import URL, create_engine, inspect, text

from ninefold.errors import NinefoldError, UserError
from ninefold.service.store.database import (
    alembic_config,
    build_async_engine,
    connection_string,
    migrate,
    parse_database_url,
    reading,
)
from tests.service.conftest import execute


def tables(url: URL) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def fetch(url: URL, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(connection_string(url)) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_migrations_lead_up_down_and_up_again(empty_database: URL) -> None:
    migrate(empty_database)
    first = tables(empty_database)
    assert {"jobs", "job_events", "pictures", "idempotency_keys"} <= first
    migrate(empty_database, "base")
    assert tables(empty_database) <= {"alembic_version"}
    migrate(empty_database)
    assert tables(empty_database) == first


def test_a_migration_that_breaks_off_leaves_nothing_behind_and_can_be_done_again(
    empty_database: URL,
) -> None:
    migrate(empty_database, "0003")
    before = tables(empty_database)
    execute(empty_database, "CREATE TABLE rounds (mine int)")  # in the way of a later step
    with pytest.raises(NinefoldError, match="nothing of it was changed"):
        migrate(empty_database)
    assert fetch(empty_database, "SELECT version_num FROM alembic_version") == [("0003",)]
    assert tables(empty_database) == before | {"rounds"}
    execute(empty_database, "DROP TABLE rounds")
    migrate(empty_database)
    migrate(empty_database, "-5")
    assert tables(empty_database) == before


def test_whom_pictures_are_shown_to_survives_a_way_up_down_and_up(empty_database: URL) -> None:
    migrate(empty_database, "0003")
    job = "INSERT INTO jobs (id, owner, share, tier, lane, surface, prompt, seed, model, settings,"
    job += " start_tag, total_steps) VALUES ('a', '', '', '', '', '', '', 1, '', '{}', 0, 0)"
    old = "INSERT INTO pictures (job_id, index, hash, width, height, codes, hidden, in_gallery)"
    rows = [(0, "false", "true"), (1, "false", "false"), (2, "true", "false"), (3, "true", "true")]
    execute(
        empty_database,
        job,
        *(
            f"{old} VALUES ('a', {i}, 'x', 1, 1, '[]', {hidden}, {open_})"
            for i, hidden, open_ in rows
        ),
    )
    migrate(empty_database, "0004")
    labels = "SELECT audience FROM pictures ORDER BY index"
    assert fetch(empty_database, labels) == [
        ("gallery",),
        ("share_page",),
        ("nobody",),
        ("nobody",),
    ]
    execute(empty_database, "UPDATE pictures SET audience = 'owner' WHERE index = 0")
    migrate(empty_database, "-1")
    flags = "SELECT hidden, in_gallery FROM pictures ORDER BY index"
    assert fetch(empty_database, flags) == [
        (True, False),
        (False, False),
        (True, False),
        (True, False),
    ]
    migrate(empty_database, "0004")
    assert fetch(empty_database, labels) == [("nobody",), ("share_page",), ("nobody",), ("nobody",)]


def test_counts_of_codes_survive_a_way_up_down_and_up(empty_database: URL) -> None:
    migrate(empty_database, "0007")
    execute(
        empty_database,
        "INSERT INTO jobs (id, owner, share, tier, lane, surface, prompt, seed, model, settings,"
        " start_tag, total_steps, done_steps)"
        " VALUES ('a', '', '', '', '', '', '', 1, '', '{}', 0, 2304, 9)",
        "INSERT INTO workers (id, queue_worker_id, info, num_slots, steps_per_second)"
        " VALUES ('w', 1, '{}', 18, 36)",
    )
    old = ("total_steps, done_steps", "steps_per_second")
    new = ("total_codes, done_codes", "codes_per_second")
    for revision, (counts, rate) in (("0008", new), ("-1", old), ("0008", new)):
        migrate(empty_database, revision)
        assert fetch(empty_database, f"SELECT {counts} FROM jobs") == [(2304, 9)]
        assert fetch(empty_database, f"SELECT {rate} FROM workers") == [(36,)]


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


PID = text("SELECT pg_backend_pid()")


@pytest.mark.anyio
async def test_a_connection_that_the_server_closed_is_replaced_before_it_is_used(
    database_url: URL,
) -> None:
    engine = build_async_engine(database_url, pool_size=1)
    try:
        async with engine.begin() as connection:
            first = (await connection.execute(PID)).scalar_one()
        async with engine.begin() as connection:
            assert (await connection.execute(PID)).scalar_one() == first
        execute(database_url, f"SELECT pg_terminate_backend({first}, 5000)")
        async with engine.begin() as connection:
            assert (await connection.execute(PID)).scalar_one() != first
    finally:
        await engine.dispose()


@pytest.mark.anyio
async def test_reading_needs_no_transaction_and_writing_keeps_its_own(database_url: URL) -> None:
    engine = build_async_engine(database_url, pool_size=1)
    state = text("SELECT now() = statement_timestamp()")
    try:
        for _ in range(2):  # the same connection serves both, one after the other
            async with reading(engine).connect() as connection:
                await connection.execute(PID)
                assert (await connection.execute(state)).scalar_one() is True
            async with engine.begin() as connection:
                await connection.execute(PID)
                assert (await connection.execute(state)).scalar_one() is False
    finally:
        await engine.dispose()
