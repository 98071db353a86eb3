"""Pages as answers: who reads, in which language, and the headers that keep hostile text inert."""

import gzip
from collections.abc import Mapping
from functools import cache

from fastapi import Request, Response

from ninefold.service.dependencies import base_url
from ninefold.service.gateway import Gateway
from ninefold.service.problems import Problem, render_problem
from ninefold.web.catalogues import catalogues, choose_catalogue
from ninefold.web.rendering import CONTENT_SECURITY_POLICY, MESSAGE, Parts, Reader, Templates

LANGUAGE_COOKIE = "ninefold-language"

_COOKIE_SECONDS = 400 * 24 * 3600
_PACK_FROM = 1024  # bytes; below it gzip gains nothing
_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Accept-Encoding, Accept-Language, Cookie",
}


@cache
def templates() -> Templates:
    """Return the templates, read once."""
    return Templates()


def reader_of(request: Request, gateway: Gateway) -> Reader:
    """Return who a page is for."""
    chosen = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
    catalogue = choose_catalogue(chosen, request.headers.get("accept-language"))
    return Reader(catalogue, request.url.path, base_url(request, gateway))


def answer_page(
    request: Request,
    gateway: Gateway,
    name: str,
    parts: Parts,
    values: Mapping[str, object],
    *,
    status: int = 200,
) -> Response:
    """Answer with a page.

    Args:
        request: what is answered.
        gateway: the service.
        name: of the template.
        parts: stylesheets and modules of the page.
        values: what the template shows.
        status: of HTTP.
    """
    reader = reader_of(request, gateway)
    page = templates().render(name, parts, reader, **values).encode("utf-8", "replace")
    headers = {**_HEADERS, "Content-Language": reader.catalogue.language}
    if len(page) >= _PACK_FROM and accepts_gzip(request):
        page = gzip.compress(page, compresslevel=5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    response = Response(page, status, headers, media_type="text/html; charset=utf-8")
    chosen = request.query_params.get("lang")
    if chosen is not None and chosen in catalogues():
        response.set_cookie(LANGUAGE_COOKIE, chosen, max_age=_COOKIE_SECONDS, samesite="lax")
    return response


def accepts_gzip(request: Request) -> bool:
    """Tell whether the answer may be packed."""
    encodings = request.headers.get("accept-encoding", "")
    return any(part.strip().partition(";")[0] == "gzip" for part in encodings.split(","))


def render_page_problem(problem: Problem, request: Request) -> Response:
    """Show a problem as a page to those who read pages, else as RFC 9457 says."""
    gateway = getattr(request.app.state, "gateway", None)
    wants_page = "text/html" in request.headers.get("accept", "")
    if not wants_page or not isinstance(gateway, Gateway):
        return render_problem(problem, request)
    say = reader_of(request, gateway).catalogue.say
    if problem.status in (404, 410):
        heading, detail = say(f"problem.{problem.status}"), say(f"problem.{problem.status}.detail")
    else:
        heading, detail = say("problem.other"), problem.detail
    values = {"heading": heading, "detail": detail}
    response = answer_page(request, gateway, "message.html", MESSAGE, values, status=problem.status)
    response.headers.update(problem.all_headers())
    return response
