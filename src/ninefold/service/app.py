"""The gateway's application: surfaces, errors in their shapes, and what is open while it runs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InternalError
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ninefold import __version__
from ninefold.service import metrics, problems
from ninefold.service.dependencies import keep_newcomer
from ninefold.service.gateway import Gateway
from ninefold.service.hosts import RefuseForeign
from ninefold.service.problems import Problem, invalid
from ninefold.service.refusals import Refusal
from ninefold.service.requests import BodyLimitShape, HeadAsGet, RequestIds, Unsupported
from ninefold.service.room import no_room
from ninefold.service.routes import (
    api_page,
    api_v1,
    automatic1111,
    craiyon,
    gradio,
    huggingface,
    openai,
    site,
)
from ninefold.service.second_try import IS_AWAY, SecondTry
from ninefold.service.settings import Settings
from ninefold.service.shared_answers import SharedAnswers
from ninefold.service.store.objects import StorageError
from ninefold.service.store.retry import (
    DATABASE_AWAY,
    UNSTORABLE,
    is_away,
    is_disk_full,
    is_unstorable,
)
from ninefold.service.surfaces import SurfaceRoutes, render_for

SURFACES: tuple[SurfaceRoutes, ...] = (
    api_v1.SURFACE,
    site.SURFACE,
    openai.SURFACE,
    automatic1111.SURFACE,
    huggingface.SURFACE,
    gradio.SURFACE,
    craiyon.SURFACE,
)
"""All surfaces there are; the settings say which are answered. A new one is added here."""

MAX_BODY_BYTES = 64 * 1024
"""Largest body of a request; a prompt is far smaller."""

SHARED_PATHS = ("/g/", "/i/")
"""What many open at once: a drawing's page and its pictures."""

_RETRY_S = 3.0
_MAX_TOLD = 20  # of what is wrong with one request
_AWAY = frozenset({"database_unavailable", "storage_unavailable"})


def build_app(
    settings: Settings,
    opened: AbstractAsyncContextManager[Gateway],
    surfaces: Sequence[SurfaceRoutes] = SURFACES,
) -> FastAPI:
    """Return the application.

    Args:
        settings: the service's.
        opened: opens the gateway when the application starts, and closes it.
        surfaces: those that there are.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened as gateway:
            app.state.gateway = gateway
            yield

    answered = [surface for surface in surfaces if surface.name in settings.surfaces]
    app = FastAPI(
        title="Ninefold",
        summary="Any prompt, nine pictures.",
        version=__version__,
        lifespan=lifespan,
        telemetry={"auto_configure": False, "logs": False},
        docs_url=None,  # FastAPI's asks a content network; `api_page` has its own
        redoc_url=None,
        openapi_url="/openapi.json" if settings.show_docs else None,
    )
    for surface in answered:
        for router in surface.routers:
            app.include_router(router)
    if settings.show_docs:
        app.include_router(api_page.router)
    _add_error_handlers(app, answered)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["X-Request-ID", "RateLimit", "RateLimit-Policy", "Retry-After"],
        )
    app.add_middleware(SharedAnswers, paths=SHARED_PATHS)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES)
    app.add_middleware(BodyLimitShape, surfaces=answered, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(Unsupported, surfaces=answered)
    app.add_middleware(SecondTry)
    app.add_middleware(RefuseForeign, surfaces=answered, settings=settings)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestIds)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    return app


def _add_error_handlers(app: FastAPI, surfaces: Sequence[SurfaceRoutes]) -> None:
    async def handle(request: Request, error: Exception) -> Response:
        problem = to_problem(error)
        if problem.code == "database_unavailable":
            request.scope[IS_AWAY] = True
        gateway: Gateway | None = getattr(request.app.state, "gateway", None)
        if problem.code in _AWAY and request.method == "POST" and gateway is not None:
            # A database or a store that cannot write is away for the same reason.
            problem = problem if gateway.room.is_left else problems.to_problem(no_room())
        if request.method == "POST":
            metrics.REJECTED.labels(problem.code).inc()
        response = render_for(surfaces, problem, request)
        keep_newcomer(response, request, problem)
        return response

    kinds = (
        Problem,
        Refusal,
        RequestValidationError,
        HTTPException,
        StorageError,
        *DATABASE_AWAY,
        InternalError,  # of the database, which may be away all the same
        *UNSTORABLE,
    )
    for kind in (*kinds, Exception):
        app.add_exception_handler(kind, handle)


def to_problem(error: Exception) -> Problem:
    """Return any error that a route raises as a problem; nothing of an unexpected one is shown."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refusal):
        return problems.to_problem(error)
    if isinstance(error, RequestValidationError):
        return _to_invalid(error)
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(
            error.status_code, "invalid_request" if error.status_code < 500 else "internal"
        )
        return Problem(error.status_code, code, str(error.detail), headers=error.headers or {})
    if is_disk_full(error):
        return problems.to_problem(no_room())
    if isinstance(error, StorageError):
        return Problem(503, "storage_unavailable", str(error), retry_after_s=_RETRY_S)
    if is_unstorable(error):
        return invalid("The request holds a value that cannot be stored.")
    if is_away(error):
        return Problem(
            503,
            "database_unavailable",
            "The database is away for a moment; whatever was accepted is safe.",
            retry_after_s=_RETRY_S,
        )
    return Problem(500, "internal", "Something went wrong inside the service.")


def _to_invalid(error: RequestValidationError) -> Problem:
    problems = [
        {"at": "/".join(str(part)[:100] for part in item["loc"]), "message": str(item["msg"])}
        for item in error.errors()[:_MAX_TOLD]
    ]
    first = problems[0]
    is_json = any(item["type"] == "json_invalid" for item in error.errors())
    detail = "The body is not JSON." if is_json else f"{first['at']}: {first['message']}."
    return Problem(400 if is_json else 422, "invalid_request", detail, extra={"errors": problems})
