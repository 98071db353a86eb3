"""Hugging Face's text-to-image task: a prompt in, the bytes of one picture out.

`huggingface_hub` posts to exactly the address that it is given as a model, so the model's name is
the path. More pictures than one are an extension: they come as the captioned grid.
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ninefold.generation.params import (
    MAX_CANDIDATES,
    MAX_CONDITION_SCALE,
    MAX_COUNT,
    MAX_SEED,
    MAX_TEMPERATURE,
    MAX_TOP_K,
)
from ninefold.service.dependencies import TheGateway, TheRequester
from ninefold.service.jobs.admission import JobSpec
from ninefold.service.jobs.safe_steps import MEDIA_TYPES
from ninefold.service.json_answers import AsciiJSONResponse
from ninefold.service.problems import Problem
from ninefold.service.routes.pictures import load_grid, load_picture
from ninefold.service.routes.waiting import draw, shown
from ninefold.service.surfaces import SurfaceRoutes

PATIENCE_S = 570.0
"""The clients wait for ever unless told otherwise; what is between often does not."""

router = APIRouter(tags=["huggingface"], include_in_schema=False)


class Parameters(BaseModel):
    """How to draw. Sizes, steps and schedulers are accepted and change nothing."""

    guidance_scale: Annotated[float, Field(ge=0, le=MAX_CONDITION_SCALE)] | None = None
    negative_prompt: str | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None

    num_images: Annotated[int, Field(ge=1, le=MAX_COUNT)] | None = None
    temperature: Annotated[float, Field(gt=0, le=MAX_TEMPERATURE)] | None = None
    top_k: Annotated[int, Field(ge=0, le=MAX_TOP_K)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    candidates: Annotated[int, Field(ge=1, le=MAX_CANDIDATES)] | None = None


class TaskBody(BaseModel):
    """The body of a text-to-image task."""

    inputs: str
    parameters: Parameters = Parameters()

    def to_spec(self, model: str) -> JobSpec:
        """Return what is to be drawn by a model."""
        given = self.parameters
        settings: dict[str, Any] = {
            "count": given.num_images or 1,
            "negative_prompt": given.negative_prompt or None,
            "temperature": given.temperature,
            "top_k": given.top_k,
            "top_p": given.top_p,
            "candidates": given.candidates,
        }
        settings = {name: value for name, value in settings.items() if value is not None}
        return JobSpec(
            self.inputs,
            settings,
            given.seed,
            model,
            surface="huggingface",
            foreign_scale=given.guidance_scale,
        )


@router.post("/hf/{model:path}")
@router.post("/models/{model:path}")
async def draw_picture(
    model: str, body: TaskBody, request: Request, gateway: TheGateway, requester: TheRequester
) -> Response:
    """Draw, and return the picture, or the grid of several, in the format that is accepted."""
    # Models have names of an account and a repository there; the account is not ours to know.
    spec = body.to_spec(model.strip("/").rpartition("/")[2])
    job, allowance = await draw(gateway, request, requester, spec, PATIENCE_S)
    extension = _extension_of(request.headers.get("accept", ""))
    pictures = shown(job)
    if len(pictures) == 1:
        data = await load_picture(gateway, pictures[0].hash, extension)
    else:
        data = await load_grid(gateway, job, extension)
    headers = {**allowance.headers(), "X-Seed": str(job.seed), "Cache-Control": "no-store"}
    if job.notices:
        headers["X-Notices"] = json.dumps(job.notices)
    return Response(data, media_type=MEDIA_TYPES[extension], headers=headers)


def _extension_of(accept: str) -> str:
    """Return the first format of ours that a client names; PNG where it names none."""
    for part in accept.split(","):
        media = part.partition(";")[0].strip().lower()
        for extension, ours in MEDIA_TYPES.items():
            if media == ours:
                return extension
    return "png"


def render(problem: Problem, _request: Request) -> Response:
    """Show a problem as `error`; a service that is not ready tells an `estimated_time` with it."""
    content: dict[str, Any] = {"error": problem.detail, "error_type": problem.code}
    if problem.retry_after_s is not None:
        content["estimated_time"] = round(problem.retry_after_s, 1)
    status = 400 if problem.code == "invalid_request" else problem.status
    return AsciiJSONResponse(content, status, headers=problem.all_headers())


SURFACE = SurfaceRoutes("huggingface", (router,), ("/hf", "/models"), render)
