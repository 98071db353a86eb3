"""Accepts a prompt and waits for its pictures, for surfaces that answer once instead of with a job.

Who asked on such a surface never learns the job's id, so a job that they are not going to see is
cancelled. Knows nothing of the shapes of answers.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence

from fastapi import Request

from ninefold.service.dependencies import base_url
from ninefold.service.disconnects import DisconnectWatch
from ninefold.service.documents import JobDocument, PictureDocument
from ninefold.service.gateway import Gateway
from ninefold.service.jobs import transitions
from ninefold.service.jobs.admission import JobSpec
from ninefold.service.jobs.events import Event
from ninefold.service.limits import Allowance
from ninefold.service.problems import Problem
from ninefold.service.routes.pictures import load_picture
from ninefold.service.store.retry import retrying
from ninefold.service.submission import accept
from ninefold.service.visitors import Requester

STAY_S = 8.0
"""Seconds that a stopping gateway waits for a drawing that somebody is waiting for here."""

_DATABASE_PATIENCE_S = 10.0
_STOPPING_RETRY_S = 5.0


async def draw(
    gateway: Gateway, request: Request, requester: Requester, spec: JobSpec, patience_s: float
) -> tuple[JobDocument, Allowance]:
    """Accept a job spec and return its job once its pictures are there.

    Args:
        gateway: the service's.
        request: gives absolute addresses their host.
        requester: the same, as the limits know them.
        spec: what to draw.
        patience_s: how long the surface's clients hold a connection, in seconds.

    Raises:
        Problem: as `submission.accept`; `too_busy` when the pictures cannot be expected in time,
            `timed_out` when they did not come, and as `require_shown`.
    """
    job_id, allowance = await accept_in_time(gateway, request, requester, spec, patience_s)
    async with attend(gateway, request, job_id):
        return require_shown(await wait(gateway, request, job_id, patience_s)), allowance


def attend(gateway: Gateway, request: Request, job_id: str) -> DisconnectWatch:
    """Watch for a client from now on, whose job is cancelled when it goes before the job's end."""
    return DisconnectWatch(gateway.watches, request, lambda: cancel_at_last(gateway, job_id))


async def wait(gateway: Gateway, request: Request, job_id: str, patience_s: float) -> JobDocument:
    """Return a job once it has ended, however it did.

    Raises:
        Problem: `timed_out` after `patience_s`, and as `events_until_end`; it is cancelled.
    """
    try:
        async with asyncio.timeout(patience_s):
            async for _ in events_until_end(gateway, job_id):
                pass
    except TimeoutError:
        await cancel(gateway, job_id)
        raise Problem(
            503,
            "timed_out",
            f"The pictures were not finished in {patience_s:.0f} seconds, so the drawing was "
            "cancelled.",
            retry_after_s=60,
        ) from None
    return await find(gateway, request, job_id)


async def accept_in_time(
    gateway: Gateway, request: Request, requester: Requester, spec: JobSpec, patience_s: float
) -> tuple[str, Allowance]:
    """Accept a job spec unless its wait would outlast the client.

    Raises:
        Problem: as `submission.accept`; `too_busy` when the wait would be longer.
    """
    job_id, allowance = await accept(gateway, requester, spec)
    try:
        job = await find(gateway, request, job_id)
    except Exception:
        await cancel_at_last(gateway, job_id)
        raise
    if job.eta_s is not None and job.eta_s > patience_s:
        await cancel(gateway, job_id)
        raise Problem(
            429,
            "too_busy",
            f"The pictures would take about {math.ceil(job.eta_s / 60)} minutes, which is longer "
            "than this connection can be held; ask later, or use /api/v1.",
            retry_after_s=job.eta_s - patience_s,
            extra={"expected_wait_s": round(job.eta_s, 1)},
        )
    return job_id, allowance


async def events_until_end(gateway: Gateway, job_id: str) -> AsyncIterator[Event | None]:
    """Yield a job's events to its last; None when nothing happened for a while.

    Raises:
        Problem: the service stops before the job has ended (`stopping`), which a drawing that was
            begun is given a little time for; then it is cancelled, since the client is told to
            ask again and could not come back to this one.
    """
    async for events in gateway.event_streams.follow(job_id, stay_s=STAY_S):
        if not events:
            yield None
        for event in events:
            yield event
            if event.is_last:
                return
    await cancel(gateway, job_id)
    raise Problem(
        503,
        "stopping",
        "The service is restarting; the drawing was not finished.",
        retry_after_s=_STOPPING_RETRY_S,
    )


def require_shown(job: JobDocument) -> JobDocument:
    """Return an ended job that has pictures to show.

    Raises:
        Problem: `prompt_refused`, `cancelled`, `drawing_failed`, or `pictures_hidden` where the
            picture policy hides all of them.
    """
    if job.status == "done":
        if shown(job):
            return job
        raise Problem(422, "pictures_hidden", "All pictures were hidden by the picture policy.")
    if job.refusal is not None:
        extra = {"refusal": job.refusal.model_dump()}
        raise Problem(422, "prompt_refused", job.refusal.message, extra=extra)
    if job.status == "cancelled":
        raise Problem(409, "cancelled", "The job was cancelled.")
    detail = job.error.message if job.error else "The pictures could not be drawn."
    raise Problem(500, "drawing_failed", detail)


def shown(job: JobDocument) -> Sequence[PictureDocument]:
    """Return the pictures that are not hidden, the best first where they are ranked."""
    return [picture for picture in job.pictures if not picture.hidden]


async def load_shown(gateway: Gateway, job: JobDocument, extension: str) -> list[bytes]:
    """Return the files of the pictures that are not hidden."""
    return [await load_picture(gateway, picture.hash, extension) for picture in shown(job)]


async def find(gateway: Gateway, request: Request, job_id: str) -> JobDocument:
    """Return a job that was accepted."""
    url = base_url(request, gateway)
    # Who waits on a connection could not find the job again, so the database is waited for.
    job = await retrying(lambda: gateway.reader.find(job_id, url), _DATABASE_PATIENCE_S)
    if job is None:
        raise Problem(410, "removed", "The job was removed.")
    return job


async def cancel(gateway: Gateway, job_id: str) -> None:
    """Cancel a job that nobody is going to see."""
    async with gateway.database.begin() as connection:
        await transitions.cancel(connection, job_id)


async def cancel_at_last(gateway: Gateway, job_id: str) -> None:
    """The same, even where the database is away for a while."""
    await retrying(lambda: cancel(gateway, job_id))
