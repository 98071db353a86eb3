"""What the policies decided: a row each, without a word of the prompt unless settings keep it.

A row names no person. Knows nothing of how decisions are made.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, Identity, Index, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import func

from ninefold.safety.verdict import Verdict
from ninefold.service.store.clock import ago
from ninefold.service.store.tables import Base

Stage = Literal["prompt", "picture", "removal", "appeal"]


class Decision(Base):
    """What a policy, or an operator, decided about a prompt or a picture."""

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_at", "at"), Index("ix_decisions_job_id", "job_id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    stage: Mapped[str]
    job_id: Mapped[str | None]
    hash: Mapped[str | None]
    """Of the picture, where it is about one."""
    action: Mapped[str]
    category: Mapped[str | None]
    rule: Mapped[str | None]
    policy_version: Mapped[str]
    score: Mapped[float | None]
    prompt: Mapped[str | None]


async def record(connection: AsyncConnection, stage: Stage, **values: Any) -> None:
    """Keep a decision; `values` are columns of `Decision`."""
    await connection.execute(insert(Decision).values(stage=stage, **values))


async def record_prompt(
    connection: AsyncConnection,
    verdict: Verdict,
    *,
    job_id: str | None = None,
    prompt: str | None = None,
) -> None:
    """Keep what the prompt policy decided; the prompt only where it is given."""
    await record(connection, "prompt", job_id=job_id, prompt=prompt, **of_prompt(verdict))


def of_prompt(verdict: Verdict) -> dict[str, Any]:
    """Return what the prompt policy decided, as columns of `Decision`."""
    return {
        "action": verdict.action.label,
        "category": verdict.category,
        "rule": verdict.rule,
        "policy_version": verdict.policy_version,
    }


async def export(connection: AsyncConnection, days: float) -> AsyncIterator[dict[str, Any]]:
    """Yield the decisions of the last days as plain values, the oldest first, for an audit."""
    columns: Any = Decision.__table__
    statement = select(columns).where(Decision.at > ago(days * 86400)).order_by(Decision.id)
    async with connection.stream(statement) as rows:
        async for row in rows.mappings():
            yield {**row, "at": row["at"].isoformat()}


async def prune(connection: AsyncConnection, days: float) -> int:
    """Remove decisions that are older; return how many."""
    result = await connection.execute(delete(Decision).where(Decision.at < ago(days * 86400)))
    return int(result.rowcount)


async def forget_prompt(connection: AsyncConnection, job_id: str) -> None:
    """Take the prompt from the decisions on a job; what was decided stays."""
    await connection.execute(update(Decision).where(Decision.job_id == job_id).values(prompt=None))
