"""The pages: drawing, a drawing's own page, the history, and what readers should know.

Everything works without scripts: prompts come as a form, and a page that waits refreshes itself.
"""

import struct
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ninefold.service.dependencies import (
    TheGateway,
    TheRequester,
    base_url,
    identify,
    set_cookie,
)
from ninefold.service.documents import JobDocument
from ninefold.service.gateway import Gateway
from ninefold.service.jobs import transitions
from ninefold.service.jobs.admission import JobSpec
from ninefold.service.page_answers import answer_page, reader_of
from ninefold.service.problems import Problem, invalid, to_problem
from ninefold.service.refusals import Refusal
from ninefold.service.retention import ANSWERS_S, DAY_S, HOUR_S, SHARES_S, duration
from ninefold.service.routes.jobs import JobId, find_job, require_owner
from ninefold.service.routes.pictures import load_grid
from ninefold.service.settings import Settings
from ninefold.service.store import publications
from ninefold.service.store.database import reading
from ninefold.service.store.objects import StorageError
from ninefold.service.store.publications import count_visit, is_published
from ninefold.service.submission import accept
from ninefold.web.job_page import GridImage, job_values
from ninefold.web.model_card import model_card_html
from ninefold.web.rendering import DRAW, HISTORY, MESSAGE, PROSE

router = APIRouter(include_in_schema=False)

_NUMBERS = {"condition_scale": float, "temperature": float, "top_k": int, "top_p": float}


@router.get("/")
async def read_start(request: Request, gateway: TheGateway) -> Response:
    """Return the empty page, ready for a prompt; `?prompt=` fills it in."""
    return _draw_page(request, gateway, prompt=request.query_params.get("prompt", ""))


async def read_form(request: Request, max_fields: int) -> dict[str, str]:
    """Return the texts of a form; half characters, which UTF-8 cannot hold, are question marks.

    Raises:
        Problem: it cannot be read (`invalid_request`).
    """
    try:
        form = await request.form(max_files=0, max_fields=max_fields)
    except ValueError:  # a browser says that the form is in UTF-8; others name what they like
        raise Problem(
            400, "invalid_request", "The form cannot be read; send it in UTF-8."
        ) from None
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    return {name: text.encode("utf-8", "replace").decode() for name, text in texts.items()}


@router.post("/draw")
async def draw(request: Request, gateway: TheGateway, requester: TheRequester) -> Response:
    """Take the form of a reader without scripts and lead to the drawing's page."""
    fields = await read_form(request, max_fields=30)
    try:
        job_id, _ = await accept(gateway, requester, spec_of(fields))
    except (Problem, Refusal) as error:
        problem = to_problem(error) if isinstance(error, Refusal) else error
        prompt = fields.get("example") or fields.get("prompt", "")
        page = _draw_page(request, gateway, prompt=prompt, complaint=problem)
        page.headers.update(problem.all_headers())
        return page
    response = RedirectResponse(f"/g/{job_id}", 303)
    if requester.is_new:
        set_cookie(response, request, gateway, requester)
    return response


def spec_of(fields: Mapping[str, str]) -> JobSpec:
    """Return what a form asks for; an empty field leaves the choice to the model.

    Raises:
        Problem: a number is none.
    """
    given = {name: text.strip() for name, text in fields.items() if text.strip()}
    settings: dict[str, object] = {}
    for name, kind in _NUMBERS.items():
        if name in given:
            settings[name] = _number(kind, name, given[name])
    if "negative_prompt" in given:
        settings["negative_prompt"] = given["negative_prompt"]
    if "seamless" in given:
        settings["seamless"] = True
    return JobSpec(
        prompt=given.get("example") or given.get("prompt", ""),
        settings=settings,
        seed=int(_number(int, "seed", given["seed"])) if "seed" in given else None,
        model=given.get("model"),
    )


def _number(kind: type[int] | type[float], name: str, text: str) -> float:
    try:
        return kind(text)
    except ValueError:
        raise invalid(f"{name} must be a number, not {text[:40]!r}.") from None


@router.get("/g/{job_id}")
async def read_drawing(job_id: JobId, request: Request, gateway: TheGateway) -> Response:
    """Return the page of a drawing: live while it is drawn, complete and shareable after."""
    requester = await identify(request, gateway)
    job = await find_job(gateway, request, job_id, requester.owner)
    owner = await gateway.reader.owner_of(job_id)
    async with reading(gateway.database).connect() as connection:
        is_public = await is_published(connection, job_id)
        if is_public:
            await count_visit(connection, job_id, requester.address)
    return _draw_page(
        request,
        gateway,
        prompt=job.prompt,
        job=job,
        grid=await find_grid(gateway, request, job),
        is_public=is_public,
        is_own=requester.owner == owner,
    )


@router.post("/g/{job_id}/cancel")
async def cancel(job_id: JobId, gateway: TheGateway, requester: TheRequester) -> Response:
    """Cancel a drawing of the reader's, who has no scripts."""
    await require_owner(gateway, requester.owner, job_id)
    async with gateway.database.begin() as connection:
        await transitions.cancel(connection, job_id)
    return RedirectResponse(f"/g/{job_id}", 303)


@router.get("/history")
async def read_history(request: Request, gateway: TheGateway) -> Response:
    """Return the page whose script lists what the device remembers."""
    return answer_page(request, gateway, "history.html", HISTORY, {})


@router.get("/offline")
async def read_offline(request: Request, gateway: TheGateway) -> Response:
    """Return the page that a browser keeps for when it reaches nobody."""
    say = reader_of(request, gateway).catalogue.say
    values = {"heading": say("offline.title"), "detail": say("offline.detail")}
    return answer_page(request, gateway, "message.html", MESSAGE, values)


@router.get("/model-card")
async def read_model_card(request: Request, gateway: TheGateway) -> Response:
    """Return what the model can do and what it cannot."""
    name = gateway.facts.name
    values = {"name": name, "licence": gateway.facts.licence, "card": model_card_html(name)}
    return answer_page(request, gateway, "prose/model-card.html", PROSE, values)


@router.get("/about")
@router.get("/terms")
@router.get("/privacy")
@router.get("/licence")
async def read_prose(request: Request, gateway: TheGateway) -> Response:
    """Return a page for readers."""
    name = request.url.path.removeprefix("/")
    values = _kept(gateway.settings) if name == "privacy" else {}
    return answer_page(request, gateway, f"prose/{name}.html", PROSE, values)


def _kept(settings: Settings) -> dict[str, object]:
    """Return what the page on privacy says of how long things are kept."""
    return {
        "keep_jobs": duration(settings.keep_jobs_days * DAY_S),
        "keep_reports": duration(settings.keep_reports_days * DAY_S),
        "keep_decisions": duration(settings.keep_decisions_days * DAY_S),
        "keep_answers": duration(ANSWERS_S),
        "keep_visits": duration(publications.VISITS_COUNT_S),
        "keep_shares": duration(SHARES_S),
        "vacuum_every": duration(settings.vacuum_every_hours * HOUR_S),
        "keeps_refused_prompts": settings.keep_refused_prompts,
        "logs_prompts": settings.log_prompts,
    }


def _draw_page(
    request: Request,
    gateway: Gateway,
    *,
    prompt: str = "",
    job: JobDocument | None = None,
    grid: GridImage | None = None,
    is_public: bool = False,
    is_own: bool = False,
    complaint: Problem | None = None,
) -> Response:
    document = None if job is None else job.model_dump(mode="json")
    reader = reader_of(request, gateway)
    values = {
        "models": [gateway.facts.name],
        "prompt_value": prompt,
        "complaint": _words_of(complaint) if complaint else None,
        "bias": gateway.facts.bias,
        "is_told": "told" in request.query_params,
        **job_values(document, reader, grid, is_public=is_public, is_own=is_own),
    }
    status = complaint.status if complaint else 200
    return answer_page(request, gateway, "draw.html", DRAW, values, status=status)


def _words_of(complaint: Problem) -> str:
    """Return what went wrong; of a refusal also how to object."""
    refusal = complaint.extra.get("refusal") or {}
    return f"{complaint.detail} {refusal.get('appeal', '')}".rstrip()


async def find_grid(gateway: Gateway, request: Request, job: JobDocument) -> GridImage | None:
    """Return the picture of all pictures with its size; None where there is none to show."""
    if job.grid_url is None:
        return None
    try:
        data = await load_grid(gateway, job, "png")
    except (Problem, StorageError):
        return None  # everything is hidden or was removed, or the store is away: the page goes on
    width, height = struct.unpack(">II", data[16:24])  # of the first chunk of a PNG, IHDR
    url = f"{base_url(request, gateway)}/api/v1/jobs/{job.id}/grid.png"
    return GridImage(url, width, height)
