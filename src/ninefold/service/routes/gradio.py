"""Gradio's queue, for its own clients: join with a prompt, and follow all that the session asked.

A session is a name that the client chose. Its jobs belong to it in their rows, so any gateway can
tell of them, and the id of a queue's event is that of the job. Files are named by their content.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from enum import Enum
from typing import Annotated, Any

from blake3 import blake3
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.responses import Response

from ninefold.service.byte_ranges import IMMUTABLE, respond
from ninefold.service.dependencies import TheGateway, TheRequester, base_url
from ninefold.service.disconnects import DisconnectWatch
from ninefold.service.gateway import Gateway
from ninefold.service.jobs import transitions
from ninefold.service.jobs.safe_steps import MEDIA_TYPES
from ninefold.service.json_answers import AsciiJSONResponse
from ninefold.service.problems import Problem, not_found
from ninefold.service.routes.gradio_description import (
    FUNCTION,
    FUNCTION_INDEX,
    PREFIX,
    Inputs,
    config,
    info,
)
from ninefold.service.routes.gradio_messages import HEARTBEAT, Message, messages_of
from ninefold.service.routes.gradio_sessions import sessions_of
from ninefold.service.routes.jobs import JOB_ID, JobId
from ninefold.service.routes.pictures import load_picture
from ninefold.service.routes.waiting import accept_in_time, cancel_at_last
from ninefold.service.store.database import reading
from ninefold.service.store.retry import is_away, retrying
from ninefold.service.store.tables import Job
from ninefold.service.surfaces import SurfaceRoutes

PATIENCE_S = 1800.0
"""The stream may be held as long as it likes; who waits on it sees where the job stands."""

LOOK_AGAIN_S = 15.0
"""Seconds after which a stream looks for what its session joined although nothing told of it."""

COME_BACK_S = 5.0
"""Seconds that a client has to open another stream in which what it joined goes on."""

_SESSION = "g:"  # what the owner of a session's jobs begins with
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_log = logging.getLogger(__name__)

router = APIRouter(tags=["gradio"], include_in_schema=False)

SessionHash = Annotated[str, Field(min_length=1, max_length=128)]


class _Wake(Enum):
    """Why a stream stops waiting for messages."""

    JOINED = "the session may have joined something"
    ENDED = "all of a job was told"


class JoinBody(BaseModel):
    """What joins the queue."""

    data: list[Any] = []
    fn_index: int = FUNCTION_INDEX
    session_hash: SessionHash


class CallBody(BaseModel):
    """The same from those who follow one event instead of a session."""

    data: list[Any] = []
    session_hash: SessionHash | None = None


class CancelBody(BaseModel):
    """Which event its session does not want any more."""

    session_hash: SessionHash
    event_id: Annotated[str, Field(pattern=JOB_ID)]


@router.get("/config")
async def read_config() -> dict[str, Any]:
    """Return the application's configuration."""
    return config("Ninefold")


@router.get(f"{PREFIX}/info")
async def read_info() -> dict[str, Any]:
    """Return what the function takes and gives."""
    return info()


@router.post(f"{PREFIX}/queue/join")
async def join(
    body: JoinBody, request: Request, gateway: TheGateway, requester: TheRequester
) -> Response:
    """Accept a prompt for a session."""
    if body.fn_index != FUNCTION_INDEX:
        raise not_found("function of that index")
    owner = _owner_of(body.session_hash)
    return await _accept(request, gateway, replace(requester, owner=owner), body.data)


@router.get(f"{PREFIX}/queue/data")
async def follow_session(session_hash: str, request: Request, gateway: TheGateway) -> Response:
    """Stream what happens to all that a session asked for, until nothing is left."""
    owner = _owner_of(session_hash)

    async def leave() -> None:
        await _cancel_unless_back(gateway, owner, lambda: _unfinished_jobs(gateway, owner))

    watch = DisconnectWatch(gateway.watches, request, leave)
    stream = _follow(gateway, owner, base_url(request, gateway), watch)
    return StreamingResponse(stream, media_type="text/event-stream", headers=_HEADERS)


@router.post(f"{PREFIX}/call/{FUNCTION}")
async def call(
    body: CallBody, request: Request, gateway: TheGateway, requester: TheRequester
) -> Response:
    """Accept a prompt for those who follow its event by itself, such as curl."""
    session = body.session_hash
    asking = requester if session is None else replace(requester, owner=_owner_of(session))
    return await _accept(request, gateway, asking, body.data)


@router.get(f"{PREFIX}/call/{FUNCTION}/{{event_id}}")
async def follow_call(
    event_id: JobId,
    request: Request,
    gateway: TheGateway,
) -> Response:
    """Stream one event: heartbeats, and then what it came to."""
    url = base_url(request, gateway)
    if await gateway.reader.find(event_id, url) is None:
        raise not_found("event")

    async def only_it() -> list[str]:
        return [event_id]

    watch = DisconnectWatch(
        gateway.watches, request, lambda: _cancel_unless_back(gateway, event_id, only_it)
    )
    stream = _follow_one(gateway, event_id, url, watch)
    return StreamingResponse(stream, media_type="text/event-stream", headers=_HEADERS)


@router.post(f"{PREFIX}/cancel")
async def cancel_event(body: CancelBody, gateway: TheGateway) -> dict[str, bool]:
    """Cancel what a session asked for."""
    statement = select(Job.id).where(
        Job.id == body.event_id, Job.owner == _owner_of(body.session_hash)
    )
    async with gateway.database.begin() as connection:
        if (await connection.execute(statement)).scalar_one_or_none() is None:
            raise not_found("event of that session")
        await transitions.cancel(connection, body.event_id)
    return {"success": True}


@router.post(f"{PREFIX}/reset")
async def reset() -> dict[str, bool]:
    """Do nothing: a client that cancels says so to `cancel` as well, with its session."""
    return {"success": True}


@router.get(f"{PREFIX}/file={{digest}}.{{extension}}")
async def read_file(
    digest: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
    extension: Annotated[str, Path(pattern=r"^(png|webp|jpg)$")],
    request: Request,
    gateway: TheGateway,
) -> Response:
    """Return a picture by its content's name; no path of a file system is looked at."""
    data = await load_picture(gateway, digest, extension)
    return respond(
        request, data, MEDIA_TYPES[extension], etag=f"{digest}.{extension}", cache_control=IMMUTABLE
    )


async def _accept(
    request: Request, gateway: TheGateway, requester: TheRequester, data: list[Any]
) -> Response:
    spec = Inputs.read(data).to_spec()
    job_id, allowance = await accept_in_time(gateway, request, requester, spec, PATIENCE_S)
    if requester.owner.startswith(_SESSION):
        try:
            await sessions_of(gateway).tell_joined(requester.owner)
        except Exception as error:
            if not is_away(error):
                raise
            _log.warning("a stream was not told of a job; it looks for itself")
    return JSONResponse({"event_id": job_id}, headers=allowance.headers())


def _owner_of(session_hash: str) -> str:
    """Return the owner of a session's jobs; who knows the session's name may cancel them."""
    return f"{_SESSION}{blake3(session_hash.encode()).hexdigest()[:32]}"


async def _cancel_unless_back(
    gateway: Gateway, name: str, find_jobs: Callable[[], Awaitable[Sequence[str]]]
) -> None:
    """Cancel what a stream told of that its client left, as Gradio's queue does.

    Clients close a stream and open another when they join in between, so there is a little time.
    """
    await asyncio.sleep(COME_BACK_S)
    if not sessions_of(gateway).has_stream(name):
        for job_id in await retrying(find_jobs):
            await cancel_at_last(gateway, job_id)


async def _unfinished_jobs(gateway: Gateway, owner: str) -> Sequence[str]:
    statement = select(Job.id).where(Job.owner == owner, Job.ended_at.is_(None))
    async with reading(gateway.database).connect() as connection:
        return (await connection.execute(statement)).scalars().all()


async def _follow(
    gateway: Gateway, owner: str, url: str, watch: DisconnectWatch
) -> AsyncIterator[bytes]:
    """Yield the messages of a session's jobs as they come, and close when none is left."""
    async with watch:
        with sessions_of(gateway).open_stream(owner):
            async with aclosing(_SessionStream(gateway, owner, url).messages()) as messages:
                async for message in messages:
                    yield _frame(message)


class _SessionStream:
    """What a session's stream tells.

    Clients do not open another stream while they believe in this one, so what the session joined
    is looked for right before it is closed.
    """

    def __init__(self, gateway: Gateway, owner: str, url: str) -> None:
        self._gateway, self._owner, self._url = gateway, owner, url
        self._queue: asyncio.Queue[Message | _Wake] = asyncio.Queue()
        self._telling: dict[str, asyncio.Task[None]] = {}

    async def messages(self) -> AsyncGenerator[Message]:
        """Yield the messages, to the last of them."""
        with self._gateway.event_streams.wakeup(self._owner) as wakeup:
            waiting = asyncio.create_task(self._wait_for(wakeup))
            try:
                must_look = True
                while True:
                    if must_look or self._is_all_told():
                        await self._look()
                        if self._is_all_told():
                            break
                    messages, must_look = await self._take()
                    for message in messages:
                        yield message
                yield {"msg": "close_stream", "event_id": None}
            finally:
                for task in (waiting, *self._telling.values()):
                    task.cancel()

    async def _look(self) -> None:
        """Begin to tell of what the session joined."""
        for job_id in await sessions_of(self._gateway).jobs_of(self._owner):
            if job_id not in self._telling:
                self._telling[job_id] = asyncio.create_task(self._tell(job_id))

    async def _tell(self, job_id: str) -> None:
        try:
            async for message in messages_of(self._gateway, job_id, self._url):
                await self._queue.put(message)
        finally:
            self._queue.put_nowait(_Wake.ENDED)

    async def _wait_for(self, wakeup: asyncio.Event) -> None:
        while True:
            await wakeup.wait()
            wakeup.clear()
            self._queue.put_nowait(_Wake.JOINED)

    def _is_all_told(self) -> bool:
        return self._queue.empty() and all(task.done() for task in self._telling.values())

    async def _take(self) -> tuple[list[Message], bool]:
        """Return the messages there are, after a wait for the first, and whether to look again."""
        found: list[Message | _Wake] = []
        try:
            found.append(await asyncio.wait_for(self._queue.get(), LOOK_AGAIN_S))
        except TimeoutError:
            found.append(_Wake.JOINED)
        while not self._queue.empty():
            found.append(self._queue.get_nowait())
        return [each for each in found if not isinstance(each, _Wake)], _Wake.JOINED in found


async def _follow_one(
    gateway: Gateway, job_id: str, url: str, watch: DisconnectWatch
) -> AsyncIterator[bytes]:
    async with watch, aclosing(messages_of(gateway, job_id, url)) as messages:
        with sessions_of(gateway).open_stream(job_id):
            async for frame in _frames_of(messages):
                yield frame


async def _frames_of(messages: AsyncIterator[Message]) -> AsyncIterator[bytes]:
    async for message in messages:
        if message is HEARTBEAT:
            yield format_sse_event(event="heartbeat", data_str="null")
        elif message["msg"] == "process_completed":
            is_done, output = message["success"], message["output"]
            content = json.dumps(output["data"] if is_done else output)
            yield format_sse_event(event="complete" if is_done else "error", data_str=content)


def _frame(message: Message) -> bytes:
    return format_sse_event(data_str=json.dumps(message))


def render(problem: Problem, _request: Request) -> Response:
    """Show a problem as Gradio does: bad input by its parameter, and a queue that is full as 503.

    Its clients look at the status, and read a sentence only from the first of them.
    """
    content: dict[str, Any] = {"detail": problem.detail, "code": problem.code}
    if problem.status == 422:
        errors = problem.extra.get("errors") or []
        at = str(errors[0]["at"]).rpartition("/")[2] if errors else "prompt"
        content["detail"] = [
            {
                "__type__": "validate",
                "is_valid": False,
                "parameter_name": at,
                "message": problem.detail,
            }
        ]
    status = 503 if problem.code == "too_busy" else problem.status
    return AsciiJSONResponse(content, status, headers=problem.all_headers())


SURFACE = SurfaceRoutes("gradio", (router,), ("/config", PREFIX), render)
