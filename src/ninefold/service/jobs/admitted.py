"""Jobs that are let in, as rows: each with its queue entry, its first event and a decision.

All in the caller's transaction, and a few statements for any number of jobs. Knows nothing of who
is let in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.generation.params import SamplingParams
from ninefold.safety.verdict import Verdict
from ninefold.service.jobs.fair_share import part_of_network
from ninefold.service.jobs.queue import NewEntry, Queue
from ninefold.service.jobs.shares import Charge, take_tags
from ninefold.service.store import decisions
from ninefold.service.store.statements import INSERT_JOBS
from ninefold.service.store.tables import Json
from ninefold.service.visitors import Requester, new_id


@dataclass(frozen=True)
class Admitted:
    """A job that is let in and not written yet."""

    requester: Requester
    prompt: str
    params: SamplingParams
    surface: str
    trace: str | None
    verdict: Verdict
    cost: int
    others: int
    """Visitors of the same network who have jobs that wait."""
    start_tag: int
    """Where it stands by what was read; its own is taken when it is written."""
    codes: int
    position: int
    eta_s: float | None
    notices: list[str]
    preview_every: int
    job_id: str = field(default_factory=new_id)

    @property
    def standing(self) -> tuple[str, str]:
        """The share and the lane that its tags are of."""
        return self.requester.share, self.requester.tier.lane

    def columns(self, model: str) -> Json:
        """Return the columns of its row, of its first event and of the decision on its prompt."""
        eta_s = None if self.eta_s is None else round(self.eta_s, 1)
        settings = self.params.to_dict()
        decision = decisions.of_prompt(self.verdict)
        return {
            "id": self.job_id,
            "owner": self.requester.owner,
            "share": self.requester.share,
            "tier": self.requester.tier.name,
            "lane": self.requester.tier.lane,
            "surface": self.surface,
            "prompt": self.prompt,
            "seed": settings.pop("seed"),
            "model": model,
            "settings": settings,
            "preview_every": self.preview_every,
            "total_codes": self.codes,
            "told_position": self.position,
            "notices": self.notices,
            "trace": self.trace,
            "first_event": {"position": self.position, "eta_s": eta_s},
            **{f"decided_{name}": value for name, value in decision.items()},
        }


async def write_jobs(
    connection: AsyncConnection, queue: Queue, model: str, admitted: Sequence[Admitted]
) -> dict[str, RowMapping]:
    """Write jobs with all that belongs to them.

    Args:
        connection: in a transaction.
        queue: gets the entries, in the same transaction.
        model: what draws.
        admitted: the jobs, in the order of their acceptance.

    Returns:
        Their rows by id.
    """
    if not admitted:
        return {}
    charges: dict[tuple[str, str], Charge] = {}
    for each in admitted:
        part = part_of_network(each.cost, each.others)
        first = charges.get(each.standing) or Charge(each.requester.network, part.delay, ())
        charges[each.standing] = replace(first, costs=(*first.costs, part.cost))
    tags = {name: iter(taken) for name, taken in (await take_tags(connection, charges)).items()}
    start_tags = [next(tags[each.standing]).start for each in admitted]
    entries = [
        NewEntry(each.job_id, 1, each.requester.tier.lane, start_tag)
        for each, start_tag in zip(admitted, start_tags, strict=True)
    ]
    entry_ids = await queue.defer(connection, entries)
    new = [
        each.columns(model) | {"start_tag": start_tag, "entry_id": entry_id}
        for each, start_tag, entry_id in zip(admitted, start_tags, entry_ids, strict=True)
    ]
    rows = (await connection.execute(INSERT_JOBS, {"new": new})).mappings()
    return {row["id"]: row for row in rows}
