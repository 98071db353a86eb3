"""From a request to an accepted job, for every surface: rate limits, policy, idempotency, commit.

A surface calls `accept` (or `submit`, which answers as /api/v1 does) and shapes the answer.
"""

import hashlib
import json
from dataclasses import replace

from fastapi import Request
from fastapi.responses import JSONResponse

from ninefold.service.dependencies import base_url, set_cookie
from ninefold.service.gateway import Gateway
from ninefold.service.group_commit import Committed, Key
from ninefold.service.idempotency import KeptAnswer, KeyedRequest
from ninefold.service.job_documents import to_document
from ninefold.service.jobs.admission import Accepted, JobSpec, Prepared
from ninefold.service.jobs.refusal import PromptRefused
from ninefold.service.limits import Allowance
from ninefold.service.problems import Problem
from ninefold.service.store import decisions
from ninefold.service.store.database import reading
from ninefold.service.tracing import current_traceparent
from ninefold.service.visitors import Requester


async def accept(gateway: Gateway, requester: Requester, spec: JobSpec) -> tuple[str, Allowance]:
    """Accept a job spec; when this returns the job is committed.

    Returns:
        The job's id, and what is left of the requester's rate.

    Raises:
        Problem: `stopping`.
        Refusal: `storage_full`, `rate_limited`, `invalid_request`, `model_not_found`,
            `prompt_refused`, `too_many_refusals` or `too_busy`.
    """
    _require_open(gateway)
    traced = replace(spec, trace=current_traceparent(spec.trace))
    prepared = await _prepare(gateway, requester, traced)
    committed = await gateway.commits.accept(prepared, requester)
    if not isinstance(committed, Committed):
        raise AssertionError("without a key no answer is given again")
    return committed.accepted.job_id, committed.allowance


async def submit(
    gateway: Gateway,
    request: Request,
    requester: Requester,
    spec: JobSpec,
    idempotency_key: str | None,
) -> JSONResponse:
    """Accept a job spec and answer 202 with the job, or give the answer again that a key had.

    Raises:
        Problem, Refusal: as `accept`, and `idempotency_busy` while the same key is at work, or
            `idempotency_mismatch` where it was used for something else.
    """
    _require_open(gateway)
    prepared = await _prepare(gateway, requester, spec)
    url = base_url(request, gateway)

    def answer(accepted: Accepted) -> KeptAnswer:
        job = to_document(accepted.row, [], accepted.position, accepted.eta_s, url)
        return KeptAnswer(202, job.model_dump(mode="json"), accepted.job_id)

    key = None
    if idempotency_key is not None:
        key = Key(KeyedRequest(requester, idempotency_key, _fingerprint(spec)), answer)
    committed = await gateway.commits.accept(prepared, requester, key)
    if isinstance(committed, KeptAnswer):
        replayed = {"Idempotent-Replayed": "true"}
        return JSONResponse(committed.body, committed.status, headers=replayed)
    content = answer(committed.accepted).body
    headers = {**committed.allowance.headers(), "Location": content["links"]["self"]}
    response = JSONResponse(content, 202, headers=headers)
    if requester.is_new:
        set_cookie(response, request, gateway, requester)
    return response


async def _prepare(gateway: Gateway, requester: Requester, spec: JobSpec) -> Prepared:
    """Check a job spec; keep a record of a refusal, and count it against the visitor."""
    await gateway.limits.require_few_strikes(requester)
    await gateway.limits.take_checks(requester)
    try:
        prepared = await gateway.checks.run(requester.address, gateway.admission.prepare, spec)
    except PromptRefused as refusal:
        await gateway.limits.strike(requester)
        kept = spec.prompt if gateway.settings.keep_refused_prompts else None
        async with reading(gateway.database).connect() as connection:  # one statement, kept at once
            await decisions.record_prompt(connection, refusal.verdict, prompt=kept)
        raise
    return prepared


def _require_open(gateway: Gateway) -> None:
    gateway.room.require()
    if gateway.is_draining:
        raise Problem(
            503, "stopping", "The service is restarting; nothing was accepted.", retry_after_s=5
        )


def _fingerprint(spec: JobSpec) -> str:
    values = [spec.prompt, dict(spec.settings), spec.seed, spec.model, spec.surface]
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
