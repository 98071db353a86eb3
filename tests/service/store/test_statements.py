"""Laws of the statements that are written as SQL, on the embedded PostgreSQL and the system's."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from sqlalchemy import URL, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.jobs.load import read_backlog
from ninefold.service.jobs.placement import Ask, QueuedAt, Standing
from ninefold.service.store.database import build_async_engine, migrate
from ninefold.service.store.statements import (
    EVENTS_OF_MANY,
    INSERT_JOBS,
    TAKE_TAGS,
    TELL_POSITIONS,
)
from tests.service.test_system_postgres import system_postgres

__all__ = ["system_postgres"]

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["database_url", "system_postgres"], ids=["embedded", "system"])
async def connection(request: pytest.FixtureRequest) -> AsyncIterator[AsyncConnection]:
    """A migrated database of either kind, in a transaction that is undone."""
    url: URL = request.getfixturevalue(request.param)
    migrate(url)
    database = build_async_engine(url)
    async with database.connect() as connection:
        yield connection
        await connection.rollback()
    await database.dispose()


def job(name: str, **given: Any) -> dict[str, Any]:
    """Return a job as `INSERT_JOBS` takes it."""
    values = {
        "id": name,
        "owner": "me",
        "share": "me",
        "tier": "anonymous",
        "lane": "normal",
        "surface": "api_v1",
        "prompt": 'a "red" apple, 50 % — 🍎',
        "seed": 2**64 - 1,
        "model": "tiny",
        "settings": {"count": 9, "top_p": 0.5},
        "preview_every": 4,
        "start_tag": 0,
        "entry_id": None,
        "total_codes": 144,
        "told_position": 1,
        "notices": ["one"],
        "trace": None,
        "first_event": {"position": 1, "eta_s": None},
        "decided_action": "allow",
        "decided_category": None,
        "decided_rule": None,
        "decided_policy_version": "1",
    }
    return {**values, **given}


async def rows_of(
    connection: AsyncConnection, statement: str | TextClause, **given: Any
) -> list[Mapping[str, Any]]:
    found = text(statement) if isinstance(statement, str) else statement
    return [{**row} for row in (await connection.execute(found, given)).mappings()]


async def test_jobs_are_written_with_their_first_event_and_the_decision(
    connection: AsyncConnection,
) -> None:
    new = [job("a"), job("b", lane="priority", trace="t", notices=[])]
    written = {row["id"]: row for row in await rows_of(connection, INSERT_JOBS, new=new)}
    assert set(written) == {"a", "b"}
    for each in new:
        row = written[each["id"]]
        told = {name: row[name] for name in each if name in row}
        assert told == {name: each[name] for name in told}
        assert (row["status"], row["attempt"], row["last_seq"]) == ("queued", 1, 1)
        assert row["told_at"] == row["created_at"]
    events = await rows_of(connection, "SELECT * FROM job_events ORDER BY job_id")
    assert [(each["job_id"], each["seq"], each["type"]) for each in events] == [
        ("a", 1, "position"),
        ("b", 1, "position"),
    ]
    assert events[0]["data"] == {"position": 1, "eta_s": None}
    decided = await rows_of(connection, "SELECT * FROM decisions ORDER BY job_id")
    assert [(each["stage"], each["job_id"], each["action"]) for each in decided] == [
        ("prompt", "a", "allow"),
        ("prompt", "b", "allow"),
    ]


async def test_a_share_that_is_used_goes_on_and_another_begins_now(
    connection: AsyncConnection,
) -> None:
    await rows_of_nothing(connection, "UPDATE lanes SET virtual_time = 100 WHERE lane = 'normal'")
    charge = {"lane": "normal", "network": "n", "delay": 7, "cost": 12}

    async def take(*shares: str) -> dict[str, int]:
        asked = [{**charge, "share": share} for share in shares]
        return {
            row["share"]: row["finish_tag"]
            for row in await rows_of(connection, TAKE_TAGS, asked=asked)
        }

    assert await take("b", "a") == {"a": 119, "b": 119}
    assert await take("a") == {"a": 131}
    await rows_of_nothing(connection, "UPDATE lanes SET virtual_time = 131 WHERE lane = 'normal'")
    assert await take("a", "b") == {"a": 150, "b": 150}


async def test_a_backlog_is_what_waits_is_drawn_and_stands(connection: AsyncConnection) -> None:
    new = [
        job("a", start_tag=12, total_codes=100),
        job("b", start_tag=12, total_codes=44),
        job("c", start_tag=24),
        job("d", lane="priority", total_codes=9),
        job("drawn"),
        job("ended"),
    ]
    await rows_of(connection, INSERT_JOBS, new=new)
    await rows_of_nothing(
        connection,
        "UPDATE jobs SET status = 'drawing', done_codes = 4 WHERE id = 'drawn'",
        "UPDATE jobs SET status = 'done' WHERE id = 'ended'",
        "UPDATE lanes SET virtual_time = 10 WHERE lane = 'normal'",
        "INSERT INTO shares (share, lane, network, finish_tag) VALUES"
        " ('me', 'normal', 'n', 30), ('mate', 'normal', 'n', 11), ('idle', 'normal', 'n', 10),"
        " ('far', 'normal', 'm', 99), ('mate', 'priority', 'n', 99)",
        "INSERT INTO workers (id, info, num_slots, codes_per_second, draining, heartbeat_at) VALUES"
        " ('w', '{}', 18, 30, false, now()), ('x', '{}', 18, 6.5, false, now()),"
        " ('stopping', '{}', 18, 50, true, now()),"
        " ('silent', '{}', 18, 50, false, now() - interval '1 hour')",
    )
    asks = [
        Ask("me", "normal", "n", 1),
        Ask("new", "normal", "n", 1),
        Ask("key", "priority", None, 1),
    ]
    backlog = await read_backlog(connection, asks, 60.0)
    assert (backlog.capacity.num_workers, backlog.capacity.codes_per_second) == (2, 36.5)
    assert backlog.drawing_codes == 140
    assert backlog.virtual_times == {"normal": 10, "priority": 0}
    assert sorted(backlog.queued, key=lambda each: (each.lane, each.start_tag)) == [
        QueuedAt("normal", 12, 2, 144),
        QueuedAt("normal", 24, 1, 144),
        QueuedAt("priority", 0, 1, 9),
    ]
    assert backlog.standings == {
        ("me", "normal"): Standing(30, 1),
        ("new", "normal"): Standing(0, 2),
        ("key", "priority"): Standing(0, 0),
    }


async def test_an_empty_service_has_no_backlog(connection: AsyncConnection) -> None:
    backlog = await read_backlog(connection, [Ask("me", "normal", None, 1)], 60.0)
    assert not backlog.capacity.is_known
    assert (backlog.drawing_codes, list(backlog.queued)) == (0, [])
    assert backlog.standings == {("me", "normal"): Standing(0, 0)}


async def test_positions_are_told_to_those_who_wait_and_numbered(
    connection: AsyncConnection,
) -> None:
    await rows_of(connection, INSERT_JOBS, new=[job("a"), job("b"), job("begun")])
    await rows_of_nothing(connection, "UPDATE jobs SET status = 'drawing' WHERE id = 'begun'")
    news = [
        {"id": name, "position": place, "data": {"position": place}}
        for place, name in enumerate(["a", "b", "begun", "gone"], start=3)
    ]
    told = await rows_of(connection, TELL_POSITIONS, news=news, channel="events_of_tests")
    assert len(told) == 2
    rows = await rows_of(connection, "SELECT id, told_position, last_seq FROM jobs ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [("a", 3, 2), ("b", 4, 2), ("begun", 1, 1)]
    known = {"job_ids": ["a", "b", "gone"], "known": [1, 0, 0]}
    events = await rows_of(connection, EVENTS_OF_MANY, **known, most=10)
    assert [(each["job_id"], each["seq"], each["data"]["position"]) for each in events] == [
        ("a", 2, 3),
        ("b", 1, 1),
        ("b", 2, 4),
    ]
    assert len(await rows_of(connection, EVENTS_OF_MANY, **known, most=2)) == 2


async def rows_of_nothing(connection: AsyncConnection, *statements: str) -> None:
    """Run statements that return nothing."""
    for statement in statements:
        await connection.execute(text(statement.replace(":", r"\:")))
