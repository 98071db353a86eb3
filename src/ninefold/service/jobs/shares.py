"""The tags of fair share as they stand in the database, advanced with every job.

How tags are worked out is said in `fair_share`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ScalarSelect,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.jobs.fair_share import Tags
from ninefold.service.store.tables import Lane, Share


def next_start_tag(share: ColumnElement[str], lane: ColumnElement[str]) -> ScalarSelect[int]:
    """Return where a visitor's next job would stand, as `next_tags` has it, for use in a query."""
    finish = (
        select(Share.finish_tag)
        .where(Share.share == share, Share.lane == lane)
        .correlate_except(Share)
        .scalar_subquery()
    )
    greatest = func.greatest(Lane.virtual_time, func.coalesce(finish, 0))
    return select(greatest).where(Lane.lane == lane).correlate_except(Lane).scalar_subquery()


async def take_tags(
    connection: AsyncConnection, costs: Mapping[tuple[str, str], Sequence[int]]
) -> dict[tuple[str, str], list[Tags]]:
    """Advance the shares of visitors; requests of one visitor follow each other here.

    Args:
        connection: in a transaction.
        costs: by share and lane, the cost of each job, in order.

    Returns:
        The tags of each job, in the same order.
    """
    # In one order everywhere, so that two transactions do not wait for each other.
    asked = [
        {"share": share, "lane": lane, "cost": sum(costs[share, lane])}
        for share, lane in sorted(costs)
    ]
    rows = await connection.execute(_TAKE_TAGS, {"asked": asked})
    return {
        (row.share, row.lane): _follow_each_other(int(row.finish_tag), costs[row.share, row.lane])
        for row in rows
    }


def _follow_each_other(last_finish: int, costs: Sequence[int]) -> list[Tags]:
    finishes = [last_finish - sum(costs[place + 1 :]) for place in range(len(costs))]
    return [Tags(finish - cost, finish) for finish, cost in zip(finishes, costs, strict=True)]


def _take_tags() -> Any:
    asked = (
        func.jsonb_to_recordset(bindparam("asked", type_=JSONB))
        .table_valued(column("share", Text), column("lane", Text), column("cost", BigInteger))
        .render_derived(name="asked", with_types=True)
    )
    begun = select(asked.c.share, asked.c.lane, Lane.virtual_time + asked.c.cost).join(
        Lane, Lane.lane == asked.c.lane
    )
    statement = upsert(Share).from_select(["share", "lane", "finish_tag"], begun)
    lane: ColumnElement[str] = literal_column("excluded.lane")  # the name alone: no table beside
    virtual_time = select(Lane.virtual_time).where(Lane.lane == lane).scalar_subquery()
    cost = statement.excluded.finish_tag - virtual_time
    return statement.on_conflict_do_update(
        index_elements=[Share.share, Share.lane],
        # As `next_tags` has it.
        set_={
            "finish_tag": func.greatest(Share.finish_tag, virtual_time) + cost,
            "updated_at": func.now(),
        },
    ).returning(Share.share, Share.lane, Share.finish_tag)


_TAKE_TAGS = _take_tags()
