"""The tags of fair share as they stand in the database: read, and advanced with every job.

How tags are worked out is said in `fair_share`.
"""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.jobs.fair_share import Tags
from ninefold.service.store.tables import Lane, Share
from ninefold.service.visitors import Requester


async def read_tags(connection: AsyncConnection, requester: Requester) -> tuple[int, int]:
    """Return the virtual time of the visitor's lane, and the finish tag of their last job."""
    lane = requester.tier.lane
    finish = (
        select(Share.finish_tag)
        .where(Share.share == requester.share, Share.lane == lane)
        .scalar_subquery()
    )
    statement = select(Lane.virtual_time, func.coalesce(finish, 0)).where(Lane.lane == lane)
    virtual_time, last_finish = (await connection.execute(statement)).one()
    return int(virtual_time), int(last_finish)


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
