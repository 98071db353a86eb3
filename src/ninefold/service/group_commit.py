"""Group commit: what is asked for while a transaction runs is accepted together in the next.

Each request is answered after the commit of its own job, as if it were alone, and a failure of one
request fails no other. So a burst waits for few commits.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.service import metrics
from ninefold.service.batching import CallBatcher
from ninefold.service.idempotency import (
    KeptAnswer,
    KeyedRequest,
    find_answers,
    find_kept,
    keep_answers,
)
from ninefold.service.jobs.admission import Accepted, Admission, Prepared
from ninefold.service.limits import Allowance, RateLimits
from ninefold.service.refusals import Refusal
from ninefold.service.second_try import PAUSE_S, note_effect
from ninefold.service.store.database import reading
from ninefold.service.store.retry import is_away
from ninefold.service.store.tables import Job
from ninefold.service.visitors import Requester

MAX_TOGETHER = 32
"""Most jobs of one transaction."""


@dataclass(frozen=True)
class Key:
    """What comes with an Idempotency-Key."""

    request: KeyedRequest
    answer: Callable[[Accepted], KeptAnswer]
    """Makes what is kept for the key."""


@dataclass(frozen=True)
class Committed:
    """A job that is committed, and what is left of the requester's rate."""

    accepted: Accepted
    allowance: Allowance


@dataclass(eq=False)
class _Ask:
    prepared: Prepared
    requester: Requester
    key: Key | None
    allowance: Allowance | None = None
    """Once it counts against the requester's rate."""


_Placed = Accepted | KeptAnswer | Refusal
_Round = dict[_Ask, _Placed]
_Answer = Committed | KeptAnswer | Exception


class GroupCommit:
    """Accepts jobs."""

    def __init__(self, database: AsyncEngine, admission: Admission, limits: RateLimits) -> None:
        """Accept into a database, as far as the rates allow."""
        self._database, self._admission, self._limits = database, admission, limits
        self._rounds: CallBatcher[_Ask, Committed | KeptAnswer] = CallBatcher(
            self._commit, max_size=MAX_TOGETHER, is_for_all=is_away
        )

    async def accept(
        self, prepared: Prepared, requester: Requester, key: Key | None = None
    ) -> Committed | KeptAnswer:
        """Return a job once it is committed, or the answer that its key had.

        Raises:
            Refusal: as `RateLimits.take`, `Admission.accept` and `find_answers`.
        """
        note_effect()
        ask = _Ask(prepared, requester, key)
        if key is None:  # with a key it counts only where it is not answered already
            ask.allowance = await self._take(ask)
        return await self._rounds.ask(ask)

    async def _commit(self, asks: Sequence[_Ask]) -> list[_Answer]:
        """Commit asks together; once more if the database was away, or ended the transaction."""
        placed = _Round()
        try:
            await self._commit_once(asks, placed)
        except Exception as error:
            if not is_away(error):
                raise
            await asyncio.sleep(PAUSE_S)
            if not await self._is_committed(placed):  # its answer alone may have been lost
                placed = _Round()
                await self._commit_once(asks, placed)
        return [_answer(ask, placed[ask]) for ask in asks]

    async def _take(self, ask: _Ask) -> Allowance:
        prepared = ask.prepared
        return await self._limits.take(ask.requester, prepared.prompt, prepared.params.num_drawn)

    async def _is_committed(self, placed: _Round) -> bool:
        ids = [each.job_id for each in placed.values() if isinstance(each, Accepted)]
        if not ids:
            return False
        async with reading(self._database).connect() as connection:
            found = await connection.execute(select(Job.id).where(Job.id.in_(ids)).limit(1))
            return found.scalar_one_or_none() is not None

    async def _commit_once(self, asks: Sequence[_Ask], placed: _Round) -> None:
        # Counting may wait for another machine, so it comes before the transaction, which would
        # keep what it has locked from others meanwhile.
        placed |= await self._refuse_too_many(asks)
        async with self._database.begin() as connection:
            left = [ask for ask in asks if ask not in placed]
            placed |= await self._replay(connection, left)
            placed |= await self._place(connection, [ask for ask in left if ask not in placed])

    async def _refuse_too_many(self, asks: Sequence[_Ask]) -> dict[_Ask, _Placed]:
        """Count those with a key that has no answer yet; return refusals of those over a rate."""
        keyed = {ask: ask.key.request for ask in asks if ask.key and ask.allowance is None}
        if not keyed:
            return {}
        async with reading(self._database).connect() as connection:
            kept = await find_kept(connection, list(keyed.values()))
        refused: dict[_Ask, _Placed] = {}
        for ask, request in keyed.items():
            if request in kept:
                refused[ask] = kept[request]
                continue
            try:
                ask.allowance = await self._take(ask)
            except Refusal as refusal:
                refused[ask] = refusal
        return refused

    async def _replay(
        self, connection: AsyncConnection, asks: Sequence[_Ask]
    ) -> dict[_Ask, _Placed]:
        keyed = [(ask, ask.key.request) for ask in asks if ask.key is not None]
        found = await find_answers(connection, [request for _, request in keyed])
        return {ask: kept for (ask, _), kept in zip(keyed, found, strict=True) if kept is not None}

    async def _place(
        self, connection: AsyncConnection, asks: Sequence[_Ask]
    ) -> dict[_Ask, _Placed]:
        if not asks:
            return {}
        asked = [(ask.prepared, ask.requester) for ask in asks]
        placed = dict(zip(asks, await self._admission.accept(connection, asked), strict=True))
        answers = [
            (ask.key.request, ask.key.answer(accepted))
            for ask, accepted in placed.items()
            if ask.key is not None and isinstance(accepted, Accepted)
        ]
        await keep_answers(connection, answers)
        return {**placed}


def _answer(ask: _Ask, placed: _Placed) -> _Answer:
    if not isinstance(placed, Accepted):
        return placed
    if ask.allowance is None:
        raise AssertionError("what is accepted was counted")
    metrics.ACCEPTED.labels(ask.prepared.spec.surface, ask.requester.tier.name).inc()
    return Committed(placed, ask.allowance)
