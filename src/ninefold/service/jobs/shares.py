"""The tags of fair share as they stand in the database, advanced with every job.

How tags are worked out is said in `fair_share`.
"""

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.jobs.fair_share import Tags
from ninefold.service.store.tables import Lane, Share
from ninefold.service.visitors import Requester


def next_start_tag(share: str, lane: str) -> ScalarSelect[int]:
    """Return where a visitor's next job would stand, as `next_tags` has it, for use in a query."""
    finish = (
        select(Share.finish_tag).where(Share.share == share, Share.lane == lane).scalar_subquery()
    )
    greatest = func.greatest(Lane.virtual_time, func.coalesce(finish, 0))
    return select(greatest).where(Lane.lane == lane).scalar_subquery()


async def take_tags(connection: AsyncConnection, requester: Requester, cost: int) -> Tags:
    """Advance the visitor's share; requests of one visitor follow each other here."""
    lane = requester.tier.lane
    virtual_time = select(Lane.virtual_time).where(Lane.lane == lane).scalar_subquery()
    statement = (
        upsert(Share)
        .values(share=requester.share, lane=lane, finish_tag=virtual_time + cost)
        .on_conflict_do_update(
            index_elements=[Share.share, Share.lane],
            # As `next_tags` has it.
            set_={
                "finish_tag": func.greatest(Share.finish_tag, virtual_time) + cost,
                "updated_at": func.now(),
            },
        )
        .returning(Share.finish_tag)
    )
    finish = int((await connection.execute(statement)).scalar_one())
    return Tags(finish - cost, finish)
