"""What people show to others: publishing, the gallery, suggestions from it, and reports."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ninefold.pictures.caption_layout import clean
from ninefold.safety.verdict import Action
from ninefold.service.dependencies import TheGateway, TheReporter, TheRequester
from ninefold.service.page_answers import answer_page
from ninefold.service.problems import Problem, not_found
from ninefold.service.reporting import keep_report
from ninefold.service.routes.jobs import JOB_ID, JobId, find_job, problems, require_owner
from ninefold.service.routes.pictures import Digest
from ninefold.service.store import publications
from ninefold.service.store.database import reading
from ninefold.service.store.publications import Order, PublishedDrawing
from ninefold.service.store.reports import NewReport, Reason, has_picture
from ninefold.web.rendering import GALLERY

PAGE_SIZE = 24
MAX_SUGGESTIONS = 6
MAX_NOTE = 1000
"""Characters of what people add to a report."""

router = APIRouter(tags=["gallery"])


class PublicationDocument(BaseModel):
    """Whether the gallery shows a drawing."""

    job_id: str
    published: bool


class SuggestionsDocument(BaseModel):
    """Prompts that others published."""

    suggestions: list[str]


class ReportRequest(BaseModel):
    """What is wrong with a picture."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    note: str = Field("", max_length=MAX_NOTE)
    job_id: str | None = Field(None, pattern=JOB_ID)


class ReportDocument(BaseModel):
    """That a report was kept."""

    status: Literal["received"] = "received"


@router.post("/api/v1/jobs/{job_id}/publish", responses=problems(401, 403, 404, 409, 422, 503))
async def publish_job(
    job_id: JobId, request: Request, gateway: TheGateway, requester: TheRequester
) -> PublicationDocument:
    """Put a finished drawing of one's own into the gallery."""
    await require_owner(gateway, requester.owner, job_id)
    job = await find_job(gateway, request, job_id)
    if job.status != "done":
        raise Problem(409, "not_done", "Only a finished drawing can be published; wait for it.")
    negative = job.settings.get("negative_prompt")
    await gateway.limits.take_checks(requester)
    verdict = await gateway.checks.run(
        requester.address, gateway.policy.check, job.prompt, negative
    )
    may_be_shown = verdict.action < Action.HIDE
    if not may_be_shown or all(picture.hidden for picture in job.pictures):
        raise Problem(403, "not_for_gallery", "The policy keeps this drawing out of the gallery.")
    async with gateway.database.begin() as connection:
        if not await publications.publish(connection, job_id, job.prompt):
            raise Problem(403, "removed", "The operators took this drawing out of the gallery.")
    return PublicationDocument(job_id=job_id, published=True)


@router.post("/api/v1/jobs/{job_id}/unpublish", responses=problems(401, 403, 404, 422, 503))
async def unpublish_job(
    job_id: JobId, gateway: TheGateway, requester: TheRequester
) -> PublicationDocument:
    """Take a drawing of one's own out of the gallery; one that is not there stays so."""
    await require_owner(gateway, requester.owner, job_id)
    async with gateway.database.begin() as connection:
        await publications.withdraw(connection, job_id)
    return PublicationDocument(job_id=job_id, published=False)


@router.get("/api/v1/suggestions", responses=problems(422, 503))
async def read_suggestions(
    q: Annotated[str, Query(max_length=200)], gateway: TheGateway, response: Response
) -> SuggestionsDocument:
    """Return published prompts with words that begin like those of `q`."""
    async with reading(gateway.database).connect() as connection:
        found = await publications.suggest(connection, storable(q), MAX_SUGGESTIONS)
    response.headers["Cache-Control"] = "public, max-age=60"
    return SuggestionsDocument(suggestions=found)


@router.post(
    "/api/v1/pictures/{digest}/report",
    status_code=202,
    responses=problems(401, 404, 422, 429, 503),
)
async def report_picture(
    digest: Digest, body: ReportRequest, gateway: TheGateway, requester: TheReporter
) -> ReportDocument:
    """Tell the operators what is wrong with a picture; once for each person counts."""
    async with reading(gateway.database).connect() as connection:
        if not await has_picture(connection, digest):
            raise not_found("picture")
    report = NewReport(digest, body.job_id, body.reason, storable(body.note))
    await keep_report(gateway, requester, report)
    return ReportDocument()


@router.get("/gallery", include_in_schema=False)
async def read_gallery(
    request: Request,
    gateway: TheGateway,
    q: Annotated[str, Query(max_length=200)] = "",
    order: Order = "trending",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """Return a page of what people published, searched and ordered."""
    query = storable(q)
    async with reading(gateway.database).connect() as connection:
        found = await publications.find_published(
            connection, query, order, offset=(page - 1) * PAGE_SIZE, limit=PAGE_SIZE + 1
        )
    values = {
        "query": query,
        "order": order,
        "page": page,
        "drawings": [_to_card(drawing) for drawing in found[:PAGE_SIZE]],
        "has_more": len(found) > PAGE_SIZE,
    }
    return answer_page(request, gateway, "gallery.html", GALLERY, values)


def storable(text: str) -> str:
    """Return a text that PostgreSQL takes: no NUL, no half characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()


def _to_card(drawing: PublishedDrawing) -> dict[str, Any]:
    return {
        "job_id": drawing.job_id,
        "prompt": clean(drawing.prompt),
        "published_at": drawing.published_at.isoformat(timespec="seconds"),
        "pictures": [f"/i/{digest}.webp" for digest in drawing.hashes],
    }
