"""What every request gets: an id, a line in the log, and a problem where its body is too large.

Plain ASGI, so that streams pass through untouched. Knows nothing of routes.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Sequence

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ninefold.service import metrics
from ninefold.service.ending import end_tasks
from ninefold.service.problems import Problem
from ninefold.service.surfaces import SurfaceRoutes, render_for
from ninefold.service.visitors import new_id

REQUEST_ID = "ninefold.request_id"
"""Key of the request's id in the ASGI scope."""

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_DROPPED_BYTES = 64 * 1024**2
"""Most that is read of a body for nothing: pictures to be changed have up to 50 MB at OpenAI."""
_SAFE_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))

_log = logging.getLogger("ninefold.requests")


class RequestIds:
    """Gives each request an id, in the scope and in the answer's X-Request-ID."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given.decode() if _GIVEN_ID.fullmatch(given) else new_id()
        scope[REQUEST_ID] = request_id
        started_at, status, first_s = time.monotonic(), 0, 0.0

        async def send_with_id(message: Message) -> None:
            nonlocal status, first_s
            if message["type"] == "http.response.start":
                status, first_s = message["status"], time.monotonic() - started_at
                message.setdefault("headers", [])
                message["headers"] += [(b"x-request-id", request_id.encode()), *_SAFE_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            metrics.REQUEST_SECONDS.labels(scope["method"], route, str(status)).observe(first_s)
            # What everybody reads, and reads well, would be all that the log has.
            is_quiet = scope["method"] in ("GET", "HEAD") and 200 <= status < 400
            _log.log(
                logging.DEBUG if is_quiet else logging.INFO,
                "request",
                extra={
                    "request_id": request_id,
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "seconds": round(time.monotonic() - started_at, 4),
                },
            )


class HeadAsGet:
    """Answers HEAD wherever GET is answered, by the same headers, as RFC 9110 asks.

    The work ends where the headers are known, so that no stream is followed for nobody.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        as_get, started = {**scope, "method": "GET"}, asyncio.Event()

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start" and not started.is_set():
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                started.set()

        working = asyncio.create_task(_run(self._app(as_get, receive, send_head)))
        answered = asyncio.create_task(started.wait())
        try:
            await asyncio.wait({working, answered}, return_when=asyncio.FIRST_COMPLETED)
            if "route" in as_get:
                scope["route"] = as_get["route"]
            if working.done():
                await working  # which raises what the application raised
        finally:
            await end_tasks([working, answered])


async def _run(work: Awaitable[None]) -> None:
    await work


class Unsupported:
    """Answers what a surface's API has and this service has not, whatever the body is.

    The body is taken in and dropped, as clients read no answer before they have sent it.
    """

    def __init__(self, app: ASGIApp, surfaces: Sequence[SurfaceRoutes]) -> None:
        self._app = app
        self._answers = {
            path: (surface, detail)
            for surface in surfaces
            for path, detail in surface.unsupported.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = self._answers.get(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        num_bytes, has_more = 0, True
        while has_more and num_bytes <= _DROPPED_BYTES:
            message = await receive()
            num_bytes += len(message.get("body", b""))
            has_more = message.get("more_body", False)
        surface, detail = found
        problem = Problem(501, "not_supported", detail)
        await surface.render(problem, Request(scope))(scope, receive, send)


class BodyLimitShape:
    """Shows a body that is too large in the surface's shape; Starlette's limit says it as text."""

    def __init__(self, app: ASGIApp, surfaces: Sequence[SurfaceRoutes], max_bytes: int) -> None:
        self._app, self._surfaces, self._max_bytes = app, surfaces, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_replaced = False

        async def send_shaped(message: Message) -> None:
            nonlocal is_replaced
            if message["type"] == "http.response.start":
                is_replaced = message["status"] == 413
            if not is_replaced:
                await send(message)

        await self._app(scope, receive, send_shaped)
        if is_replaced:
            problem = Problem(
                413, "too_large", f"The body is larger than {self._max_bytes:,} bytes."
            )
            await render_for(self._surfaces, problem, Request(scope))(scope, receive, send)
