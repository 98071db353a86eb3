"""Reports and appeals as a form of its own, for readers without scripts.

Keeps what `POST /api/v1/pictures/{digest}/report` keeps. Knows nothing of who reads it.
"""

from typing import get_args

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ninefold.pictures.caption_layout import clean
from ninefold.safety.image_policy import Audience
from ninefold.service.dependencies import TheGateway, TheReporter
from ninefold.service.documents import JobDocument, PictureDocument
from ninefold.service.jobs.audiences import is_shown
from ninefold.service.page_answers import answer_page
from ninefold.service.problems import invalid, not_found
from ninefold.service.reporting import keep_report
from ninefold.service.routes.gallery import MAX_NOTE, storable
from ninefold.service.routes.jobs import JobId, find_job, read_viewer
from ninefold.service.routes.pages import read_form
from ninefold.service.routes.pictures import Digest
from ninefold.service.store.reports import APPEAL, NewReport, Reason
from ninefold.web.job_page import path_of
from ninefold.web.rendering import REPORT

router = APIRouter(include_in_schema=False)

_PATH = "/g/{job_id}/pictures/{digest}/report"


@router.get(_PATH)
async def read_report_form(
    job_id: JobId, digest: Digest, request: Request, gateway: TheGateway
) -> Response:
    """Return the page that asks what is wrong with a picture, or with its being hidden."""
    job = await find_job(gateway, request, job_id, await read_viewer(request, gateway))
    picture = _picture_of(job, digest)
    values = {
        "job_id": job_id,
        "prompt": clean(job.prompt),
        "picture": picture,
        "is_appeal": _is_restricted(picture),
        "small_url": path_of(picture.url).removesuffix(".png") + ".webp",
        "note_length": MAX_NOTE,
    }
    return answer_page(request, gateway, "report.html", REPORT, values)


@router.post(_PATH)
async def report(
    job_id: JobId, digest: Digest, request: Request, gateway: TheGateway, requester: TheReporter
) -> Response:
    """Keep what the form says and lead back to the drawing, which says thanks."""
    picture = _picture_of(await find_job(gateway, request, job_id), digest)
    form = await read_form(request, max_fields=10)
    reason = APPEAL if _is_restricted(picture) else _reason_of(form.get("reason"))
    note = storable(form.get("note", ""))[:MAX_NOTE]
    await keep_report(gateway, requester, NewReport(digest, job_id, reason, note))
    return RedirectResponse(f"/g/{job_id}?told=1", 303)


def _picture_of(job: JobDocument, digest: str) -> PictureDocument:
    for picture in job.pictures:
        if picture.hash == digest:
            return picture
    raise not_found("picture of this job")


def _is_restricted(picture: PictureDocument) -> bool:
    """Tell whether a picture is not shown to all who have the page's address."""
    return not is_shown(Audience.named(picture.audience), is_own=False)


def _reason_of(given: object) -> Reason:
    for reason in get_args(Reason):
        if given == reason and reason != APPEAL:
            found: Reason = reason
            return found
    raise invalid("Choose what is wrong with the picture; go back to do so.")
