"""Files around the pages: modules and stylesheets, the service worker, manifest, robots, oEmbed."""

import re
from contextlib import suppress
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse

from ninefold.pictures.caption_layout import clean
from ninefold.service.byte_ranges import IMMUTABLE
from ninefold.service.dependencies import TheGateway, base_url
from ninefold.service.page_answers import accepts_gzip, reader_of
from ninefold.service.problems import Problem, not_found
from ninefold.service.routes.jobs import JOB_ID, find_job
from ninefold.service.routes.pages import find_grid
from ninefold.web.assets import WORKER, assets, shell_files, static_url
from ninefold.web.assets import version as current_version

router = APIRouter(include_in_schema=False)

ROBOTS = """\
User-agent: *
Allow: /api/v1/jobs/*/grid.png
Disallow: /api/
Disallow: /history
"""

_MAX_SIDE = 10_000


@router.get("/static/{version}/{name}")
async def read_static(version: str, name: str, request: Request) -> Response:
    """Return a file of the pages; at the address of its version it may be kept for ever."""
    if name not in assets():
        raise not_found("file")
    cache = IMMUTABLE if version == current_version() else "no-cache"
    return _asset(request, name, cache)


@router.get("/sw.js")
async def read_worker(request: Request) -> Response:
    """Return the service worker, which has to lie at the root to see all pages."""
    return _asset(request, WORKER, "no-cache")


def _asset(request: Request, name: str, cache_control: str) -> Response:
    asset = assets()[name]
    headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if asset.packed is not None and accepts_gzip(request):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, 200, headers, asset.content_type)
    return Response(asset.data, 200, headers, asset.content_type)


@router.get("/shell.json")
async def read_shell() -> Response:
    """Return what the service worker keeps, and its version."""
    content = {"version": current_version(), "files": shell_files()}
    return JSONResponse(content, headers={"Cache-Control": "no-cache"})


@router.get("/favicon.ico")
async def read_favicon() -> Response:
    """Lead to the icon those who ask without reading a page."""
    return RedirectResponse(static_url("icon-192.png"), 307)


@router.get("/robots.txt")
async def read_robots() -> Response:
    """Tell crawlers where there is nothing for them."""
    return PlainTextResponse(ROBOTS)


@router.get("/manifest.webmanifest")
async def read_manifest(request: Request, gateway: TheGateway) -> Response:
    """Return what makes the site installable."""
    reader = reader_of(request, gateway)
    icons = [
        {"src": static_url("icon-192.png"), "sizes": "192x192", "type": "image/png"},
        {"src": static_url("icon-512.png"), "sizes": "512x512", "type": "image/png"},
        {
            "src": static_url("icon-maskable.png"),
            "sizes": "512x512",
            "type": "image/png",
            "purpose": "maskable",
        },
    ]
    manifest = {
        "id": "/",
        "name": "Ninefold",
        "short_name": "Ninefold",
        "description": reader.catalogue.say("site.description"),
        "lang": reader.catalogue.language,
        "dir": reader.catalogue.say("dir"),
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#fdfbfa",
        "theme_color": "#fdfbfa",
        "icons": icons,
    }
    return JSONResponse(manifest, media_type="application/manifest+json")


@router.get("/oembed")
async def read_oembed(
    request: Request,
    gateway: TheGateway,
    url: Annotated[str, Query(max_length=2000)],
    format: str = "json",
    maxwidth: Annotated[int, Query(ge=1)] = _MAX_SIDE,
    maxheight: Annotated[int, Query(ge=1)] = _MAX_SIDE,
) -> Response:
    """Return how a drawing's page may be shown in another page (oembed.com, type photo)."""
    if format != "json":
        raise Problem(501, "not_implemented", "oEmbed is answered as JSON only; use format=json.")
    job = await find_job(gateway, request, _job_at(url, base_url(request, gateway)))
    grid = await find_grid(gateway, request, job)
    if grid is None:
        raise not_found("finished drawing at this address")
    photo: dict[str, object] = {"url": grid.url, "width": grid.width, "height": grid.height}
    if grid.width > maxwidth or grid.height > maxheight:
        best = next(picture for picture in job.pictures if not picture.hidden)
        photo = {"url": best.url, "width": best.width, "height": best.height}
    title = reader_of(request, gateway).catalogue.say("share.title", prompt=clean(job.prompt))
    content = {
        "version": "1.0",
        "type": "photo",
        "title": title,
        "provider_name": "Ninefold",
        "provider_url": base_url(request, gateway),
        **photo,
    }
    return JSONResponse(content, headers={"Access-Control-Allow-Origin": "*"})


def _job_at(url: str, here: str) -> str:
    """Return the id of the job whose page is at an address.

    Raises:
        Problem: it is not the address of such a page of this service.
    """
    with suppress(ValueError):  # what is no address at all
        ours, wanted = urlsplit(here), urlsplit(url)
        start, _, job_id = wanted.path.rpartition("/")
        is_here = wanted.netloc == ours.netloc and start == f"{ours.path}/g"
        if is_here and re.fullmatch(JOB_ID, job_id):
            return job_id
    raise not_found("page of a drawing at this address")
