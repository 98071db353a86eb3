"""The tags of fair share as they stand in the database, advanced with every job.

How tags are worked out is said in `fair_share`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.jobs.fair_share import Tags
from ninefold.service.store.statements import TAKE_TAGS


@dataclass(frozen=True)
class Charge:
    """What jobs of a visitor cost."""

    network: str | None
    """Keyed hash of the visitor's network; None with an API key, which has shares of its own."""
    delay: int
    """See `NetworkPart`."""
    costs: Sequence[int]
    """Of each job, in order."""


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
    asked = [
        {
            "share": share,
            "lane": lane,
            "network": charges[share, lane].network,
            "delay": charges[share, lane].delay,
            "cost": sum(charges[share, lane].costs),
        }
        for share, lane in charges
    ]
    rows = await connection.execute(TAKE_TAGS, {"asked": asked})
    return {
        (row.share, row.lane): _follow_each_other(
            int(row.finish_tag), charges[row.share, row.lane].costs
        )
        for row in rows
    }


def _follow_each_other(last_finish: int, costs: Sequence[int]) -> list[Tags]:
    finishes = [last_finish - sum(costs[place + 1 :]) for place in range(len(costs))]
    return [Tags(finish - cost, finish) for finish, cost in zip(finishes, costs, strict=True)]
