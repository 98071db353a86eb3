"""OpenAI's Images, Models and Moderations, for its own clients and all that were made for them."""

import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import Response

from ninefold.safety.verdict import Verdict
from ninefold.service.dependencies import TheGateway, TheReporter, TheRequester
from ninefold.service.disconnects import DisconnectWatch
from ninefold.service.documents import JobDocument
from ninefold.service.gateway import Gateway
from ninefold.service.jobs.events import Event
from ninefold.service.problems import Problem
from ninefold.service.routes import openai_problems
from ninefold.service.routes.openai_bodies import ImageBody, ModerationBody
from ninefold.service.routes.pictures import load_picture, load_preview
from ninefold.service.routes.waiting import (
    accept_in_time,
    attend,
    draw,
    events_until_end,
    find,
    require_shown,
    shown,
)
from ninefold.service.surfaces import SurfaceRoutes
from ninefold.service.visitors import new_id

PATIENCE_S = 570.0
"""The clients wait ten minutes."""

MODERATION_CATEGORIES = {
    "harassment": "harassment",
    "harassment/threatening": None,
    "hate": "hate",
    "hate/threatening": None,
    "illicit": "illegal_acts",
    "illicit/violent": None,
    "self-harm": "self_harm",
    "self-harm/instructions": None,
    "self-harm/intent": None,
    "sexual": "sexual",
    "sexual/minors": "sexual_minors",
    "violence": None,
    "violence/graphic": "graphic_violence",
}
"""OpenAI's categories with ours; those of ours without a place here only set `flagged`."""

router = APIRouter(prefix="/v1", tags=["openai"], include_in_schema=False)


@router.post("/images/generations")
async def generate_images(
    body: ImageBody, request: Request, gateway: TheGateway, requester: TheRequester
) -> Response:
    """Draw pictures and answer with all of them, or stream each when it is finished."""
    spec = body.to_spec(gateway.settings.openai_model_aliases)
    if body.stream:
        job_id, allowance = await accept_in_time(gateway, request, requester, spec, PATIENCE_S)
        return StreamingResponse(
            _stream(gateway, request, job_id, body, attend(gateway, request, job_id)),
            media_type="text/event-stream",
            headers={
                **allowance.headers(),
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            },
        )
    job, allowance = await draw(gateway, request, requester, spec, PATIENCE_S)
    data = [await _datum(gateway, job, place, body) for place in range(len(shown(job)))]
    content = {
        **_describe(gateway, body),
        "created": int(job.created_at.timestamp()),
        "data": data,
        "usage": _usage(gateway, job.prompt, len(data)),
        "notices": job.notices,
    }
    return JSONResponse(content, headers=allowance.headers())


@router.get("/models")
async def list_models(gateway: TheGateway) -> dict[str, Any]:
    """Return what draws here."""
    return {"object": "list", "data": [_model(gateway.facts.name)]}


@router.get("/models/{name:path}")
async def read_model(name: str, gateway: TheGateway) -> dict[str, Any]:
    """Return a model by its name or an alias of it."""
    if name not in (gateway.facts.name, *gateway.settings.openai_model_aliases):
        raise Problem(404, "model_not_found", f"There is no model {name[:100]!r} here.")
    return _model(name)


@router.post("/moderations")
async def moderate(
    body: ModerationBody, gateway: TheGateway, requester: TheReporter
) -> dict[str, Any]:
    """Say what the prompt policy thinks of texts."""
    limit, texts = gateway.settings.max_prompt_characters, body.texts
    if any(len(text) > limit for text in texts):
        raise Problem(422, "invalid_request", f"Give texts of at most {limit:,} characters.")
    await gateway.limits.take_checks(requester, len(texts))
    results = []
    for text in texts:  # one by one, so that those of others have their turn in between
        verdict = await gateway.checks.run(
            requester.address, gateway.policy.check, text, kind="text"
        )
        results.append(_judge(verdict))
    return {"id": f"modr-{new_id()}", "model": "ninefold-prompt-policy", "results": results}


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "ninefold"}


def _judge(verdict: Verdict) -> dict[str, Any]:
    categories = {
        name: verdict.is_refused and ours is not None and ours == verdict.category
        for name, ours in MODERATION_CATEGORIES.items()
    }
    return {
        "flagged": verdict.is_refused,
        "categories": categories,
        "category_scores": {name: float(is_found) for name, is_found in categories.items()},
        "category_applied_input_types": {name: ["text"] for name in categories},
    }


def _describe(gateway: Gateway, body: ImageBody) -> dict[str, Any]:
    side = gateway.facts.picture_size
    return {
        "size": f"{side}x{side}",
        "quality": "auto",
        "background": "opaque",
        "output_format": body.format,
    }


def _usage(gateway: Gateway, prompt: str, count: int) -> dict[str, Any]:
    """Count words of the prompt, since the gateway has no tokenizer, and codes of the pictures."""
    words, codes = len(prompt.split()), count * gateway.facts.image_length
    return {
        "input_tokens": words,
        "output_tokens": codes,
        "total_tokens": words + codes,
        "input_tokens_details": {"text_tokens": words, "image_tokens": 0},
    }


async def _datum(gateway: Gateway, job: JobDocument, place: int, body: ImageBody) -> dict[str, Any]:
    picture = shown(job)[place]
    if body.has_urls and picture.url is not None:
        return {"url": f"{picture.url.removesuffix('.png')}.{body.extension}"}
    data = await load_picture(gateway, picture.hash, body.extension)
    return {"b64_json": base64.b64encode(data).decode()}


async def _stream(
    gateway: Gateway, request: Request, job_id: str, body: ImageBody, watch: DisconnectWatch
) -> AsyncIterator[bytes]:
    partials: dict[int, int] = {}
    try:
        async with watch:
            notices = (await find(gateway, request, job_id)).notices
            async for event in events_until_end(gateway, job_id):
                if event is None:
                    yield KEEPALIVE_COMMENT
                    continue
                content = await _to_content(gateway, job_id, body, event, partials)
                if content is not None:
                    content["notices"] = notices
                    yield format_sse_event(data_str=json.dumps(content), event=content["type"])
            require_shown(await find(gateway, request, job_id))
        yield format_sse_event(data_str="[DONE]")
    except Problem as problem:
        error = json.dumps({"error": openai_problems.to_error(problem)})
        yield format_sse_event(data_str=error, event="error")


async def _to_content(
    gateway: Gateway, job_id: str, body: ImageBody, event: Event, partials: dict[int, int]
) -> dict[str, Any] | None:
    """Return what is sent for an event; `partials` counts the unfinished ones of each picture."""
    members = {**_describe(gateway, body), "created_at": int(time.time())}
    if event.type == "preview":
        index = int(event.data["index"])
        place = partials.get(index, 0)
        if place >= (body.partial_images or 0):
            return None
        preview = await load_preview(gateway, job_id, str(event.data["url"]), body.extension)
        if preview is None:
            return None
        partials[index] = place + 1
        return {
            **members,
            "type": "image_generation.partial_image",
            "b64_json": base64.b64encode(preview).decode(),
            "partial_image_index": place,
            "index": index,
        }
    if event.type != "picture" or event.data.get("hidden"):
        return None
    file = await load_picture(gateway, str(event.data["hash"]), body.extension)
    return {
        **members,
        "type": "image_generation.completed",
        "b64_json": base64.b64encode(file).decode(),
        "index": int(event.data["index"]),
        "usage": _usage(gateway, body.prompt, 1),
    }


_DRAWS = "this service draws pictures from a prompt, at /v1/images/generations."
UNSUPPORTED = {
    "/v1/images/edits": f"Pictures cannot be edited here yet; {_DRAWS}",
    "/v1/images/variations": f"Variations of a picture cannot be drawn here yet; {_DRAWS}",
    "/v1/chat/completions": f"There is no chat here; {_DRAWS}",
    "/v1/completions": f"No text is written here; {_DRAWS}",
    "/v1/responses": f"There are no responses with tools here; {_DRAWS}",
    "/v1/embeddings": f"There are no embeddings here; {_DRAWS}",
    "/v1/audio/speech": f"Nothing is spoken here; {_DRAWS}",
    "/v1/audio/transcriptions": f"Nothing is transcribed here; {_DRAWS}",
    "/v1/videos": f"No videos are made here; {_DRAWS}",
}

SURFACE = SurfaceRoutes("openai", (router,), ("/v1",), openai_problems.render, UNSUPPORTED)
