"""From a request to an accepted job, for every surface: rate limit, policy, idempotency, commit.

A surface calls `accept` (or `submit`, which answers as the native API does) and shapes the answer.
"""

import hashlib
import json
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.dependencies import base_url, set_cookie
from ninefold.service.documents import JobDocument
from ninefold.service.gateway import Gateway
from ninefold.service.jobs.acceptance import Prepared, Wish
from ninefold.service.jobs.reading import to_document
from ninefold.service.jobs.refusal import PromptRefusedProblem
from ninefold.service.limits import Allowance
from ninefold.service.problems import Problem
from ninefold.service.store import decisions
from ninefold.service.store.tables import IdempotencyKey
from ninefold.service.tracing import current_traceparent
from ninefold.service.visitors import Requester, address_share

_KEY_BUSY_S = 1.0


async def accept(gateway: Gateway, requester: Requester, wish: Wish) -> tuple[str, Allowance]:
    """Accept a wish; when this returns the job is committed.

    Returns:
        The job's id, and what is left of the requester's rate.

    Raises:
        Problem: `stopping`, `rate_limited`, `invalid_request`, `model_not_found`,
            `prompt_refused`, `too_many_refusals` or `too_busy`.
    """
    _require_running(gateway)
    traced = replace(wish, trace=current_traceparent(wish.trace))
    prepared = await _prepare(gateway, requester, traced)
    allowance = await gateway.limits.take(requester)
    async with gateway.database.begin() as connection:
        accepted = await gateway.reception.accept(connection, prepared, requester)
    return accepted.job_id, allowance


async def submit(
    gateway: Gateway,
    request: Request,
    requester: Requester,
    wish: Wish,
    idempotency_key: str | None,
) -> JSONResponse:
    """Accept a wish and answer 202 with the job, or give the answer again that a key had.

    Raises:
        Problem: as `accept`, and `idempotency_busy` (409) while the same key is at work, or
            `idempotency_mismatch` (422) where it was used for something else.
    """
    _require_running(gateway)
    prepared = await _prepare(gateway, requester, wish)
    principal = requester.share
    fingerprint = _fingerprint(wish)
    async with gateway.database.begin() as connection:
        if idempotency_key is not None:
            again = await _replay(connection, requester, idempotency_key, fingerprint)
            if again is not None:
                return again
        allowance = await gateway.limits.take(requester)
        accepted = await gateway.reception.accept(connection, prepared, requester)
        url = base_url(request, gateway)
        job = to_document(accepted.row, [], accepted.position, accepted.eta_s, url)
        content = _to_json(job)
        if idempotency_key is not None:
            await _remember(connection, principal, idempotency_key, fingerprint, content)
    headers = {**allowance.headers(), "Location": job.links.self}
    response = JSONResponse(content, 202, headers=headers)
    if requester.is_new:
        set_cookie(response, request, gateway, requester)
    return response


async def _prepare(gateway: Gateway, requester: Requester, wish: Wish) -> Prepared:
    """Check a wish; keep a record of a refusal, and count it against the visitor."""
    await gateway.limits.require_few_strikes(requester)
    try:
        prepared = gateway.reception.prepare(wish)
    except PromptRefusedProblem as problem:
        await gateway.limits.strike(requester)
        kept = wish.prompt if gateway.settings.keep_refused_prompts else None
        async with gateway.database.begin() as connection:
            await decisions.record_prompt(connection, problem.verdict, prompt=kept)
        raise
    await gateway.limits.take_prompt(prepared.prompt)
    return prepared


def _to_json(job: JobDocument) -> dict[str, Any]:
    return job.model_dump(mode="json")


def _require_running(gateway: Gateway) -> None:
    if gateway.is_draining:
        raise Problem(
            503, "stopping", "The service is restarting; ask again in a moment.", retry_after_s=5
        )


def _fingerprint(wish: Wish) -> str:
    values = [wish.prompt, dict(wish.settings), wish.seed, wish.model, wish.surface]
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def _replay(
    connection: AsyncConnection, requester: Requester, key: str, fingerprint: str
) -> JSONResponse | None:
    """Return the answer that this key had; None if it is new, and then it is ours to answer.

    A visitor's first request has no cookie, and its answer may be lost, so what was kept for the
    address holds for whoever asks from it with the same key.
    """
    is_anonymous = requester.tier.name == "anonymous"
    scope = address_share(requester.address) if is_anonymous else requester.share
    name = hashlib.sha256(f"{scope}\0{key}".encode()).digest()
    number = int.from_bytes(name[:8], signed=True)
    locked = select(func.pg_try_advisory_xact_lock(number))
    if not (await connection.execute(locked)).scalar():
        raise Problem(
            409,
            "idempotency_busy",
            "A request with this Idempotency-Key is being answered; ask again in a moment.",
            retry_after_s=_KEY_BUSY_S,
            headers={"x-should-retry": "true"},
        )
    statement = select(
        IdempotencyKey.request_hash, IdempotencyKey.status_code, IdempotencyKey.body
    ).where(IdempotencyKey.principal.in_({scope, requester.share}), IdempotencyKey.key == key)
    row = (await connection.execute(statement)).first()
    if row is None:
        return None
    if row.request_hash != fingerprint:
        raise Problem(
            422,
            "idempotency_mismatch",
            "This Idempotency-Key was used with another request; use a new key for a new request.",
            headers={"x-should-retry": "false"},
        )
    return JSONResponse(row.body, row.status_code, headers={"Idempotent-Replayed": "true"})


async def _remember(
    connection: AsyncConnection,
    principal: str,
    key: str,
    fingerprint: str,
    content: dict[str, Any],
) -> None:
    await connection.execute(
        insert(IdempotencyKey).values(
            principal=principal,
            key=key,
            request_hash=fingerprint,
            status_code=202,
            body=content,
        )
    )
