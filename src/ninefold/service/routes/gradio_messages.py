"""A job's events as the messages of Gradio's queue, to the last of them."""

from collections.abc import AsyncGenerator
from typing import Any

from ninefold.service.documents import JobDocument, PictureDocument
from ninefold.service.gateway import Gateway
from ninefold.service.jobs.events import Event
from ninefold.service.problems import Problem, not_found
from ninefold.service.routes.gradio_description import PREFIX
from ninefold.service.routes.gradio_sessions import sessions_of
from ninefold.service.routes.waiting import events_until_end, require_shown, shown

Message = dict[str, Any]

HEARTBEAT: Message = {"msg": "heartbeat"}


async def messages_of(gateway: Gateway, job_id: str, url: str) -> AsyncGenerator[Message]:
    """Yield what happens to a job; the last message is its pictures or why there are none.

    Args:
        gateway: the service's.
        job_id: a job that was accepted; its id names the event.
        url: what absolute addresses begin with.
    """
    try:
        async for event in events_until_end(gateway, job_id):
            message = HEARTBEAT if event is None else await _to_message(gateway, event)
            if message is not None:
                yield message if message is HEARTBEAT else {**message, "event_id": job_id}
        job = await gateway.reader.find(job_id, url)
        if job is None:
            raise not_found("job of that event any more")
        completed = _completed(require_shown(job), url)
        for notice in job.notices:
            yield {**_log(notice), "event_id": job_id}
        yield {**completed, "event_id": job_id}
    except Problem as problem:
        error = {"error": problem.detail, "title": "Error", "visible": True, "duration": 10}
        yield {
            "msg": "process_completed",
            "event_id": job_id,
            "success": False,
            "output": error,
            "title": "Error",
        }


async def _to_message(gateway: Gateway, event: Event) -> Message | None:
    data = event.data
    if event.type == "position":
        waiting = await sessions_of(gateway).num_waiting()
        rank = max(0, int(data["position"]) - 1)
        return {
            "msg": "estimation",
            "rank": rank,
            "queue_size": max(waiting, rank + 1),
            "rank_eta": data["eta_s"],
        }
    if event.type == "started":
        return {"msg": "process_starts", "eta": None}
    if event.type == "progress":
        progress = {
            "index": data["codes"],
            "length": data["total_codes"],
            "unit": "codes",
            "progress": None,
            "desc": None,
        }
        return {"msg": "progress", "progress_data": [progress]}
    return None


def _log(notice: str) -> Message:
    """Return what `gr.Info` sends: a sentence that a client shows beside the output."""
    return {
        "msg": "log",
        "log": notice,
        "level": "info",
        "title": "Note",
        "duration": 10,
        "visible": True,
    }


def _completed(job: JobDocument, url: str) -> Message:
    pictures = [{"image": _file(picture, url), "caption": job.prompt} for picture in shown(job)]
    began, ended = job.started_at or job.created_at, job.ended_at or job.created_at
    return {
        "msg": "process_completed",
        "success": True,
        "output": {
            "data": [pictures, job.seed],
            "is_generating": False,
            "duration": (ended - began).total_seconds(),
            "average_duration": (ended - began).total_seconds(),
        },
    }


def _file(picture: PictureDocument, url: str) -> dict[str, Any]:
    name = f"{picture.hash}.png"
    return {
        "path": name,
        "url": f"{url}{PREFIX}/file={name}",
        "orig_name": f"{picture.index + 1}.png",
        "mime_type": "image/png",
        "size": None,
        "is_stream": False,
        "meta": {"_type": "gradio.FileData"},
    }
