"""The tags of fair share as they stand in the database, advanced with every job.

How tags are worked out is said in `fair_share`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ScalarSelect,
    Text,
    bindparam,
    case,
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


@dataclass(frozen=True)
class Charge:
    """What jobs of a visitor cost."""

    network: str | None
    """Keyed hash of the visitor's network; None with an API key, which has shares of its own."""
    delay: int
    """See `NetworkPart`."""
    costs: Sequence[int]
    """Of each job, in order."""


def now_in(lane: ColumnElement[str]) -> ScalarSelect[int]:
    """Return the virtual time of a lane, for use in a query."""
    found = select(Lane.virtual_time).where(Lane.lane == lane)
    return found.correlate_except(Lane).scalar_subquery()


def waiting_of_network(
    network: ColumnElement[str], share: ColumnElement[str], lane: ColumnElement[str]
) -> ScalarSelect[int]:
    """Return how many other visitors of a network have jobs that wait, for use in a query."""
    return (
        select(func.count())
        .where(
            Share.network == network,
            Share.lane == lane,
            Share.share != share,
            Share.finish_tag > now_in(lane),
        )
        .correlate_except(Share)
        .scalar_subquery()
    )


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
    connection: AsyncConnection, charges: Mapping[tuple[str, str], Charge]
) -> dict[tuple[str, str], list[Tags]]:
    """Advance the shares of visitors; requests of one visitor follow each other here.

    Args:
        connection: in a transaction.
        charges: by share and lane.

    Returns:
        The tags of each job, in the same order.
    """
    # In one order everywhere, so that two transactions do not wait for each other.
    asked = [
        {
            "share": share,
            "lane": lane,
            "network": charges[share, lane].network,
            "delay": charges[share, lane].delay,
            "cost": sum(charges[share, lane].costs),
        }
        for share, lane in sorted(charges)
    ]
    rows = await connection.execute(_TAKE_TAGS, {"asked": asked})
    return {
        (row.share, row.lane): _follow_each_other(
            int(row.finish_tag), charges[row.share, row.lane].costs
        )
        for row in rows
    }


def _follow_each_other(last_finish: int, costs: Sequence[int]) -> list[Tags]:
    finishes = [last_finish - sum(costs[place + 1 :]) for place in range(len(costs))]
    return [Tags(finish - cost, finish) for finish, cost in zip(finishes, costs, strict=True)]


def _take_tags() -> Any:
    asked = (
        func.jsonb_to_recordset(bindparam("asked", type_=JSONB))
        .table_valued(
            column("share", Text),
            column("lane", Text),
            column("network", Text),
            column("delay", BigInteger),
            column("cost", BigInteger),
        )
        .render_derived(name="asked", with_types=True)
    )
    finish = Lane.virtual_time + asked.c.delay + asked.c.cost
    columns = (asked.c.share, asked.c.lane, asked.c.network, asked.c.cost, finish)
    begun = select(*columns).join(Lane, Lane.lane == asked.c.lane)
    names = ["share", "lane", "network", "last_cost", "finish_tag"]
    statement = upsert(Share).from_select(names, begun)
    lane: ColumnElement[str] = literal_column("excluded.lane")  # the name alone: no table beside
    virtual_time = select(Lane.virtual_time).where(Lane.lane == lane).scalar_subquery()
    given = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[Share.share, Share.lane],
        # As `next_tags` has it.
        set_={
            "finish_tag": case(
                (Share.finish_tag > virtual_time, Share.finish_tag + given.last_cost),
                else_=given.finish_tag,
            ),
            "last_cost": given.last_cost,
            "network": given.network,
            "updated_at": func.now(),
        },
    ).returning(Share.share, Share.lane, Share.finish_tag)


_TAKE_TAGS = _take_tags()
