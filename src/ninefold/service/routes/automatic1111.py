"""AUTOMATIC1111's API: txt2img, its progress and interruption, and the lists its clients read.

That server draws for one person, so progress and interruption are of everything. Here they are of
whoever asks: the holder of an API key (as the password, which is all that these clients know), or
else the address. What is being drawn is read from the jobs' rows, so any gateway can answer.
"""

import base64
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from sqlalchemy import select
from starlette.responses import Response

from ninefold.service.dependencies import TheGateway, identify
from ninefold.service.documents import JobDocument
from ninefold.service.gateway import Gateway
from ninefold.service.jobs.load import read_engine_info
from ninefold.service.jobs.states import Status
from ninefold.service.json_answers import AsciiJSONResponse, echo_of
from ninefold.service.problems import Problem, invalid
from ninefold.service.routes.automatic1111_bodies import (
    SAMPLER,
    DrawBody,
    describe,
    timestamp_of,
    title_of,
)
from ninefold.service.routes.pictures import load_preview
from ninefold.service.routes.waiting import (
    accept_in_time,
    attend,
    cancel,
    find,
    load_shown,
    require_shown,
    shown,
    wait,
)
from ninefold.service.store.database import reading
from ninefold.service.store.tables import Job, JobEvent
from ninefold.service.surfaces import SurfaceRoutes
from ninefold.service.visitors import Requester, address_share

PATIENCE_S = 570.0
"""The clients wait for ever, but what is between often ends a connection after ten minutes."""

EMPTY_LISTS = (
    "/embeddings",
    "/extensions",
    "/face-restorers",
    "/hypernetworks",
    "/latent-upscale-modes",
    "/loras",
    "/prompt-styles",
    "/realesrgan-models",
    "/sd-vae",
    "/upscalers",
)
"""Lists of what there is none of here."""

router = APIRouter(prefix="/sdapi/v1", tags=["automatic1111"], include_in_schema=False)


async def _get_user(request: Request, gateway: TheGateway) -> Requester:
    """Return the requester: by API key, else by address, since these clients keep no cookies."""
    requester = await identify(request, gateway)
    if requester.tier.name != "anonymous":
        return requester
    share = address_share(requester.address)
    return replace(requester, owner=share, share=share, is_new=False)


TheUser = Annotated[Requester, Depends(_get_user)]


@router.post("/txt2img")
async def draw_pictures(
    body: DrawBody, request: Request, gateway: TheGateway, user: TheUser
) -> Response:
    """Draw pictures; where it is interrupted, return none."""
    body.require_no_scripts()
    parameters = await _read_parameters(request)  # before anything is drawn that could be lost
    sha256 = await _read_sha256(gateway)
    asked = (body.override_settings or {}).get("sd_model_checkpoint")
    spec = body.to_spec(None if asked is None else _find_model(gateway, str(asked), sha256))
    job_id, allowance = await accept_in_time(gateway, request, user, spec, PATIENCE_S)
    async with attend(gateway, request, job_id):
        job = await wait(gateway, request, job_id, PATIENCE_S)
    if job.status != "cancelled":
        require_shown(job)
    files = [] if body.send_images is False else await load_shown(gateway, job, "png")
    content = {
        "images": [base64.b64encode(data).decode() for data in files],
        "parameters": parameters,
        "info": describe(job, list(shown(job)), sha256),
    }
    return AsciiJSONResponse(content, headers=allowance.headers())


async def _read_parameters(request: Request) -> Any:
    """Return the members of a body to be given back, those that are not known among them.

    Raises:
        Problem: they are nested too deeply (`invalid_request`).
    """
    try:
        return echo_of(await request.json())
    except ValueError as error:
        raise invalid(f"The body cannot be given back: {error}.") from None


@router.get("/progress")
async def read_progress(
    request: Request, gateway: TheGateway, user: TheUser, skip_current_image: bool = False
) -> dict[str, Any]:
    """Return how far the oldest drawing of the user's is, with what it looks like so far."""
    jobs = await _active_jobs(gateway, request, user)
    job = jobs[0] if jobs else None
    progress = job.progress.codes / job.progress.total_codes if job else 0.0
    steps = gateway.facts.image_length if job else 0
    image = None if job is None or skip_current_image else await _preview(gateway, job)
    return {
        "progress": progress,
        "eta_relative": (job.eta_s or 0.0) if job else 0.0,
        "state": {
            "skipped": False,
            "interrupted": False,
            "stopping_generation": False,
            "job": "txt2img" if job else "",
            "job_count": len(jobs),
            "job_timestamp": timestamp_of(job) if job else "0",
            "job_no": 0,
            "sampling_step": int(progress * steps),
            "sampling_steps": steps,
        },
        "current_image": image,
        "textinfo": _say(job) if job else None,
    }


@router.post("/interrupt")
async def interrupt(request: Request, gateway: TheGateway, user: TheUser) -> dict[str, Any]:
    """Cancel all that the user has asked for here and that is not finished."""
    for job in await _active_jobs(gateway, request, user):
        await cancel(gateway, job.id)
    return {}


@router.post("/skip")
async def skip(request: Request, gateway: TheGateway, user: TheUser) -> None:
    """Cancel the oldest drawing of the user's."""
    for job in (await _active_jobs(gateway, request, user))[:1]:
        await cancel(gateway, job.id)


@router.get("/options")
async def read_options(gateway: TheGateway) -> dict[str, Any]:
    """Return the one option that there is: which model draws."""
    sha256 = await _read_sha256(gateway)
    return {
        "sd_model_checkpoint": title_of(gateway.facts.name, sha256),
        "sd_checkpoint_hash": sha256 or "",
    }


@router.post("/options")
async def set_options(gateway: TheGateway, options: Annotated[dict[str, Any], Body()]) -> None:
    """Accept the model that draws; other options belong to diffusion and change nothing."""
    name = options.get("sd_model_checkpoint")
    if name is not None:
        _find_model(gateway, str(name), await _read_sha256(gateway))


@router.get("/sd-models")
async def list_models(gateway: TheGateway) -> list[dict[str, Any]]:
    """Return the model that draws."""
    name, sha256 = gateway.facts.name, await _read_sha256(gateway)
    return [
        {
            "title": title_of(name, sha256),
            "model_name": name,
            "hash": sha256[:10] if sha256 else None,
            "sha256": sha256,
            "filename": name,
            "config": None,
        }
    ]


@router.post("/refresh-checkpoints")
async def refresh_models() -> None:
    """Do nothing: the model is chosen when the service starts."""


@router.get("/samplers")
async def list_samplers() -> list[dict[str, Any]]:
    """Return the one way of drawing."""
    return [{"name": SAMPLER, "aliases": [], "options": {}}]


@router.get("/schedulers")
async def list_schedulers() -> list[dict[str, Any]]:
    """Return the scheduler that clients ask for unless told otherwise; it changes nothing."""
    return [
        {
            "name": "automatic",
            "label": "Automatic",
            "aliases": None,
            "default_rho": -1.0,
            "need_inner_model": False,
        }
    ]


@router.get("/scripts")
async def list_scripts() -> dict[str, list[str]]:
    """Return that there are no scripts."""
    return {"txt2img": [], "img2img": []}


@router.get("/cmd-flags")
@router.get("/memory")
async def read_nothing() -> dict[str, Any]:
    """Return nothing of the machine."""
    return {}


async def list_nothing() -> list[Any]:
    """Return a list of what there is none of here."""
    return []


for _path in EMPTY_LISTS:
    router.add_api_route(_path, list_nothing, methods=["GET"])


async def _active_jobs(gateway: Gateway, request: Request, user: Requester) -> list[JobDocument]:
    """Return the user's unfinished jobs on this surface, the oldest first."""
    statement = (
        select(Job.id)
        .where(
            Job.owner == user.owner,
            Job.surface == "automatic1111",
            Job.status.in_([Status.QUEUED, Status.DRAWING]),
        )
        .order_by(Job.number)
    )
    async with reading(gateway.database).connect() as connection:
        ids = (await connection.execute(statement)).scalars().all()
    return [await find(gateway, request, job_id) for job_id in ids]


async def _preview(gateway: Gateway, job: JobDocument) -> str | None:
    """Return the latest preview of a job as base64 of PNG, if there is one."""
    statement = (
        select(JobEvent.data["url"].as_string())
        .where(JobEvent.job_id == job.id, JobEvent.type == "preview")
        .order_by(JobEvent.seq.desc())
        .limit(1)
    )
    async with reading(gateway.database).connect() as connection:
        url = (await connection.execute(statement)).scalar_one_or_none()
    data = None if url is None else await load_preview(gateway, job.id, url, "png")
    return None if data is None else base64.b64encode(data).decode()


def _say(job: JobDocument) -> str | None:
    return None if job.position is None else f"Waiting; {job.position} in the queue."


async def _read_sha256(gateway: Gateway) -> str | None:
    async with reading(gateway.database).connect() as connection:
        info = await read_engine_info(connection, gateway.settings.stalled_s)
    digest = info.get("model_sha256")
    return None if digest is None else str(digest)


def _find_model(gateway: Gateway, asked: str, sha256: str | None) -> str:
    """Return the name of the model that is asked for by name or title.

    Raises:
        Problem: it is not the one that draws here (`model_not_found`).
    """
    name = gateway.facts.name
    if asked.lower() in {name.lower(), title_of(name, sha256).lower()}:
        return name
    detail = f"model {asked[:100]!r} not found; {name!r} is what draws here."
    raise Problem(404, "model_not_found", detail)


def render(problem: Problem, _request: Request) -> Response:
    """Show a problem as that server shows its exceptions."""
    content = {
        "error": "HTTPException",
        "detail": problem.detail,
        "body": "",
        "errors": "",
        "code": problem.code,
    }
    return AsciiJSONResponse(content, problem.status, headers=problem.all_headers())


_DRAWS = "this service draws pictures from a prompt, at /sdapi/v1/txt2img."
UNSUPPORTED = {
    "/sdapi/v1/img2img": f"Pictures cannot be changed here yet; {_DRAWS}",
    "/sdapi/v1/extra-single-image": f"Pictures cannot be enlarged here yet; {_DRAWS}",
    "/sdapi/v1/extra-batch-images": f"Pictures cannot be enlarged here yet; {_DRAWS}",
    "/sdapi/v1/interrogate": f"Pictures are not described here; {_DRAWS}",
    "/sdapi/v1/png-info": f"Files are not read here; {_DRAWS}",
}

SURFACE = SurfaceRoutes("automatic1111", (router,), ("/sdapi/v1",), render, UNSUPPORTED)
