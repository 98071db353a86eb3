"""DALL·E Mini's back end, and Craiyon's v1 and v3: nine pictures in one answer.

The app of DALL·E Mini, craiyon.py and node-craiyon speak it. Unknown members of a body are ignored,
as those back ends ignored them.
"""

import base64
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.responses import Response

from ninefold import __version__
from ninefold.service.dependencies import TheGateway, TheRequester
from ninefold.service.jobs.admission import JobSpec
from ninefold.service.json_answers import AsciiJSONResponse
from ninefold.service.problems import Problem
from ninefold.service.routes.waiting import draw, load_shown, shown
from ninefold.service.surfaces import SurfaceRoutes

PATIENCE_S = 170.0
"""Most of the clients give up after 180 seconds."""

STYLES = ("art", "drawing", "photo", "none")
"""Values of v3's `model`; they are one model here."""

router = APIRouter(tags=["craiyon"], include_in_schema=False)


class CraiyonBody(BaseModel):
    """What v1 takes."""

    prompt: str


class StyledBody(CraiyonBody):
    """What v3 takes."""

    negative_prompt: str | None = None
    model: str | None = None


@router.post("/generate")
async def generate(
    body: CraiyonBody, request: Request, gateway: TheGateway, requester: TheRequester
) -> Response:
    """Draw nine pictures and return them as base64 of JPEG."""
    job, allowance = await draw(
        gateway, request, requester, JobSpec(body.prompt, surface="craiyon"), PATIENCE_S
    )
    files = await load_shown(gateway, job, "jpg")
    # Images before the version, and no spaces: one client cuts the text by its bytes.
    content = {
        "images": [base64.b64encode(data).decode() for data in files],
        "version": __version__,
    }
    return JSONResponse(content, headers=allowance.headers())


@router.get("/version")
async def read_version() -> dict[str, str]:
    """Say which version draws."""
    return {"version": __version__}


@router.post("/v3")
async def generate_v3(
    body: StyledBody, request: Request, gateway: TheGateway, requester: TheRequester
) -> Response:
    """Draw nine pictures and return their paths, which clients put behind the picture host's."""
    settings = {"negative_prompt": body.negative_prompt} if body.negative_prompt else {}
    model = None if body.model is None or body.model in STYLES else body.model
    spec = JobSpec(body.prompt, settings, model=model, surface="craiyon")
    job, allowance = await draw(gateway, request, requester, spec, PATIENCE_S)
    content = {
        "images": [f"i/{picture.hash}.webp" for picture in shown(job)],
        "next_prompt": "",
        "notices": job.notices,
    }
    return JSONResponse(content, headers=allowance.headers())


def render(problem: Problem, _request: Request) -> Response:
    """Show a problem as JSON with a `detail`, never as HTML; clients look at the status."""
    content: dict[str, Any] = {"detail": problem.detail, "code": problem.code}
    return AsciiJSONResponse(content, problem.status, headers=problem.all_headers())


SURFACE = SurfaceRoutes(
    "craiyon",
    (router,),
    ("/generate", "/version", "/v3"),
    render,
    client_origins=("https://www.craiyon.com",),  # craiyon.py sends it from its v1
)
