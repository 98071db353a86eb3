"""Idempotency-Key as Stripe defines it: the same key with the same request gets the same answer.

What is kept commits with what it answers, and a key is locked until then. Knows nothing of jobs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.refusals import Refusal
from ninefold.service.retention import ANSWERS_S
from ninefold.service.store.clock import ago
from ninefold.service.store.tables import IdempotencyKey, Json
from ninefold.service.visitors import Requester, address_share

_BUSY_S = 1.0
_SECRET_LENGTH = 16  # characters of a key that is not chosen twice, as of a UUID
_NAMED_BY = ("principal", "key")


@dataclass(frozen=True)
class KeyedRequest:
    """A request that carries a key."""

    requester: Requester
    key: str
    fingerprint: str
    """Hash of what is asked for."""

    @property
    def is_secret(self) -> bool:
        """Whether nobody else can be expected to choose this key."""
        return len(self.key) >= _SECRET_LENGTH and len(set(self.key)) >= _SECRET_LENGTH // 2

    @property
    def principal(self) -> str:
        """Return the namespace that the answer is kept in.

        A visitor's first request has no cookie, and its answer may be lost. Where the key is a
        secret it is kept for the network, where the visitor will ask again; a key that others may
        choose as well is the new visitor's own.
        """
        if self.requester.is_new and self.is_secret:
            return address_share(self.requester.address)
        return self.requester.owner

    @property
    def principals(self) -> set[str]:
        """Return the namespaces whose kept answers hold for this request."""
        is_anonymous = self.requester.tier.name == "anonymous"
        network = {address_share(self.requester.address)}
        return {self.requester.owner} | (network if is_anonymous and self.is_secret else set())

    @property
    def lock(self) -> int:
        """Return the number of its advisory lock."""
        name = self.key if self.is_secret else f"{self.requester.owner}\0{self.key}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


@dataclass(frozen=True)
class KeptAnswer:
    """The answer that a key had."""

    status: int
    body: Json
    job_id: str
    """The job that it tells of."""


async def find_answers(
    connection: AsyncConnection, requests: Sequence[KeyedRequest]
) -> list[KeptAnswer | Refusal | None]:
    """Lock the keys of some requests until the transaction ends, and look what they had.

    Returns:
        For each the answer to give again; or the refusal that a request with the same key is at
        work (`idempotency_busy`) or that it was used for something else (`idempotency_mismatch`);
        or None where it is new, and ours to answer.
    """
    if not requests:
        return []
    locked = await _lock(connection, {request.lock for request in requests})
    kept = await find_kept(connection, requests)
    answers: list[KeptAnswer | Refusal | None] = []
    for request in requests:
        # The first of a key has it; another of this round came while that one is at work.
        is_free = request.lock in locked
        locked.discard(request.lock)
        answers.append(kept.get(request) if is_free else _busy())
    return answers


async def _lock(connection: AsyncConnection, numbers: set[int]) -> set[int]:
    given = func.unnest(bindparam("numbers", type_=ARRAY(BigInteger)))
    asked = given.table_valued(column("number", BigInteger)).render_derived(name="asked")
    statement = select(asked.c.number, func.pg_try_advisory_xact_lock(asked.c.number))
    rows = await connection.execute(statement, {"numbers": list(numbers)})
    return {int(number) for number, is_locked in rows if is_locked}


async def find_kept(
    connection: AsyncConnection, requests: Sequence[KeyedRequest]
) -> dict[KeyedRequest, KeptAnswer | Refusal]:
    """Return what the keys of some requests had, without locking them."""
    principals = {name for request in requests for name in request.principals}
    columns: Any = IdempotencyKey.__table__
    statement = select(columns).where(
        IdempotencyKey.principal.in_(principals),
        IdempotencyKey.key.in_({request.key for request in requests}),
        IdempotencyKey.created_at > ago(ANSWERS_S),
    )
    rows = {(row.principal, row.key): row for row in await connection.execute(statement)}
    kept: dict[KeyedRequest, KeptAnswer | Refusal] = {}
    for request in requests:
        for principal in request.principals:
            row = rows.get((principal, request.key))
            if row is not None:
                is_same = row.request_hash == request.fingerprint
                kept[request] = (
                    KeptAnswer(row.status_code, row.body, row.job_id) if is_same else _mismatch()
                )
    return kept


async def keep_answers(
    connection: AsyncConnection, answers: Sequence[tuple[KeyedRequest, KeptAnswer]]
) -> None:
    """Keep the answers of requests, to be given again."""
    if not answers:
        return
    rows = [
        {
            "principal": request.principal,
            "key": request.key,
            "job_id": answer.job_id,
            "request_hash": request.fingerprint,
            "status_code": answer.status,
            "body": answer.body,
        }
        for request, answer in answers
    ]
    statement = insert(IdempotencyKey)
    # What is in the way is older than answers are given again, or it would have been found.
    fresh = {name: statement.excluded[name] for name in rows[0] if name not in _NAMED_BY}
    statement = statement.on_conflict_do_update(
        index_elements=_NAMED_BY, set_={**fresh, "created_at": func.now()}
    )
    await connection.execute(statement, rows)


def _busy() -> Refusal:
    return Refusal(
        "idempotency_busy",
        "A request with this Idempotency-Key is being answered; ask again in a moment.",
        retry_after_s=_BUSY_S,
        headers={"x-should-retry": "true"},
    )


def _mismatch() -> Refusal:
    return Refusal(
        "idempotency_mismatch",
        "This Idempotency-Key was used with another request; use a new key for a new request.",
        headers={"x-should-retry": "false"},
    )
