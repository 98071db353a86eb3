"""Jobs that are let in, as rows: each with its queue entry, its first event and a decision.

All in the caller's transaction, and a few statements for any number of jobs. Knows nothing of who
is let in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    column,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.generation.params import SamplingParams
from ninefold.safety.verdict import Verdict
from ninefold.service.jobs.fair_share import part_of_network
from ninefold.service.jobs.queue import NewEntry, Queue
from ninefold.service.jobs.shares import Charge, take_tags
from ninefold.service.store import decisions
from ninefold.service.store.tables import Job, JobEvent, Json
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
    rows = (await connection.execute(_INSERTION, {"new": new})).mappings()
    return {row["id"]: row for row in rows}


_JOB_COLUMNS = (
    "id",
    "owner",
    "share",
    "tier",
    "lane",
    "surface",
    "prompt",
    "seed",
    "model",
    "settings",
    "preview_every",
    "start_tag",
    "entry_id",
    "total_codes",
    "told_position",
    "notices",
    "trace",
)
_DECISION_COLUMNS = ("action", "category", "rule", "policy_version")


def _insertion() -> Select[Any]:
    """Return the statement that writes jobs, their first events and the decisions on their prompts.

    The rows come as one JSON document, so that it is the same statement for any number.
    """
    columns: Any = Job.__table__
    of_decisions: Any = decisions.Decision.__table__
    given = [column(name, columns.c[name].type) for name in _JOB_COLUMNS]
    given.append(column("first_event", JSONB()))
    given += [column(f"decided_{name}", of_decisions.c[name].type) for name in _DECISION_COLUMNS]
    new = (
        func.jsonb_to_recordset(bindparam("new", type_=JSONB))
        .table_valued(*given)
        .render_derived(name="new", with_types=True)
    )
    first: ColumnElement[int] = literal_column("1")
    jobs = select(*(new.c[name] for name in _JOB_COLUMNS), first, func.now())
    job = insert(Job).from_select([*_JOB_COLUMNS, "last_seq", "told_at"], jobs)
    told = select(new.c.id, first, literal_column("'position'"), new.c.first_event)
    event = insert(JobEvent).from_select(["job_id", "seq", "type", "data"], told)
    decided = [new.c[f"decided_{name}"] for name in _DECISION_COLUMNS]
    kept = select(literal_column("'prompt'"), new.c.id, *decided)
    decision = insert(decisions.Decision).from_select(["stage", "job_id", *_DECISION_COLUMNS], kept)
    written = job.returning(columns).cte("job")
    return select(written).add_cte(event.cte("event"), decision.cte("decision"))


_INSERTION = _insertion()
