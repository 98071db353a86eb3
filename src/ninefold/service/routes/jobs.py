"""The jobs of /api/v1: ask for pictures, look, follow, cancel.

Wiring only: what happens to a job is in `jobs/`.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from ninefold.safety.image_policy import Audience
from ninefold.service.dependencies import TheGateway, TheRequester, base_url, identify
from ninefold.service.documents import (
    EventDocument,
    EventsDocument,
    JobDocument,
    JobRequest,
    ProblemDocument,
)
from ninefold.service.gateway import Gateway
from ninefold.service.job_documents import picture_path
from ninefold.service.jobs import transitions
from ninefold.service.jobs.admission import JobSpec
from ninefold.service.jobs.audiences import is_shown
from ninefold.service.jobs.events import MAX_SEQ, Event, read_events
from ninefold.service.problems import MEDIA_TYPE, Problem, invalid, not_found
from ninefold.service.store.database import reading
from ninefold.service.submission import submit
from ninefold.service.tracing import current_traceparent

RETRY_MS = 2000
"""What a browser is told to wait before it connects again."""

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

JOB_ID = r"^[A-Za-z0-9_-]{1,64}$"
"""How every id of a job looks; nothing else is looked for in the database."""

JobId = Annotated[str, Path(pattern=JOB_ID)]


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route's problems stand in the OpenAPI document."""
    schema = {"schema": ProblemDocument.model_json_schema()}
    return {code: {"description": "Problem", "content": {MEDIA_TYPE: schema}} for code in codes}


@router.post(
    "",
    status_code=202,
    response_model=JobDocument,
    responses=problems(400, 401, 404, 409, 413, 415, 422, 429, 503),
)
async def create_job(
    body: JobRequest,
    request: Request,
    gateway: TheGateway,
    requester: TheRequester,
    idempotency_key: Annotated[str | None, Header(max_length=255, min_length=1)] = None,
) -> Response:
    """Ask for pictures of a prompt. The job is safe once this answers."""
    spec = JobSpec(
        prompt=body.prompt,
        settings=body.settings.model_dump(exclude_none=True),
        seed=body.seed,
        model=body.model,
        trace=current_traceparent(request.headers.get("traceparent")),
    )
    return await submit(gateway, request, requester, spec, idempotency_key)


@router.get("/{job_id}", responses=problems(401, 404, 422, 503))
async def read_job(
    job_id: JobId, request: Request, response: Response, gateway: TheGateway
) -> JobDocument:
    """Return a job as it is now, as the requester may see it."""
    response.headers["Cache-Control"] = "private, no-cache"
    return await find_job(gateway, request, job_id, await read_viewer(request, gateway))


@router.delete("/{job_id}", responses=problems(401, 403, 404, 422, 503))
async def cancel_job(
    job_id: JobId, request: Request, gateway: TheGateway, requester: TheRequester
) -> JobDocument:
    """Cancel a job of one's own; one that has ended stays as it is."""
    await require_owner(gateway, requester.owner, job_id)
    async with gateway.database.begin() as connection:
        await transitions.cancel(connection, job_id)
    return await find_job(gateway, request, job_id, requester.owner)


@router.get(
    "/{job_id}/events",
    response_model=EventsDocument,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **problems(401, 404, 422, 503),
    },
)
async def follow_job(
    job_id: JobId,
    request: Request,
    gateway: TheGateway,
    after: Annotated[
        int, Query(ge=0, le=MAX_SEQ, description="Number of the last event seen.")
    ] = 0,
    wait: Annotated[int, Query(ge=0, le=1, description="0 answers at once, as JSON.")] = 1,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """Follow a job: its events so far and then each as it happens, as server-sent events."""
    if await gateway.reader.owner_of(job_id) is None:
        raise not_found("job of this id")
    viewer = await read_viewer(request, gateway)
    after = max(after, _seq_of(last_event_id))
    if not wait:
        async with reading(gateway.database).connect() as connection:
            events = await read_events(connection, job_id, after)
        documents = [await to_document(gateway, request, job_id, event, viewer) for event in events]
        content = EventsDocument(events=documents).model_dump(mode="json")
        return JSONResponse(content, headers={"Cache-Control": "no-store"})
    return StreamingResponse(
        _stream(gateway, request, job_id, after, viewer),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _seq_of(last_event_id: str | None) -> int:
    """Return the number of the last event that a browser saw; 0 where the id is not of ours.

    Raises:
        Problem: it is a number that no event can have.
    """
    if last_event_id is None or not last_event_id.isdecimal():
        return 0
    seq = int(last_event_id)
    if seq > MAX_SEQ:
        raise invalid(f"Last-Event-ID must be at most {MAX_SEQ}; leave it out to see all events.")
    return seq


async def _stream(
    gateway: Gateway, request: Request, job_id: str, after: int, viewer: str
) -> AsyncIterator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    async for events in gateway.event_streams.follow(job_id, after):
        frames = b""
        for event in events:
            document = await to_document(gateway, request, job_id, event, viewer)
            data = document.model_dump_json()
            frames += format_sse_event(data_str=data, event=event.type, id=str(event.seq))
        yield frames or KEEPALIVE_COMMENT


async def to_document(
    gateway: Gateway, request: Request, job_id: str, event: Event, viewer: str
) -> EventDocument:
    """Return an event as JSON, as `viewer` may see it; the last one carries the job as `job`."""
    members: dict[str, Any] = dict(event.data)
    if "audience" in members:
        audience = Audience.named(members["audience"])
        is_own = audience is Audience.OWNER and await gateway.reader.owner_of(job_id) == viewer
        is_visible = is_shown(audience, is_own=is_own)
        path = picture_path(audience, job_id, members["hash"]) if is_visible else None
        members |= {"url": path, "hidden": not is_visible}
    url = members.get("url")
    if isinstance(url, str) and url.startswith("/"):
        members["url"] = base_url(request, gateway) + url
    if event.is_last:
        job = await find_job(gateway, request, job_id, viewer)
        members["job"] = job.model_dump(mode="json")
    return EventDocument(**{**members, "type": event.type, "seq": event.seq, "at": event.at})


async def read_viewer(request: Request, gateway: Gateway) -> str:
    """Return who looks, as an owner of jobs.

    Raises:
        Problem: the API key is not one of ours (`invalid_api_key`).
    """
    return (await identify(request, gateway)).owner


async def find_job(
    gateway: Gateway, request: Request, job_id: str, viewer: str | None = None
) -> JobDocument:
    """Return a job as `viewer` may see it, by default as everybody; raise the problem if none."""
    job = await gateway.reader.find(job_id, base_url(request, gateway), viewer)
    if job is None:
        raise not_found("job of this id")
    return job


async def require_owner(gateway: Gateway, owner: str, job_id: str) -> None:
    """Raise a problem unless the job is there and `owner`'s."""
    found = await gateway.reader.owner_of(job_id)
    if found is None:
        raise not_found("job of this id")
    if found != owner:
        raise Problem(403, "not_yours", "Only who asked for this job may change it.")
