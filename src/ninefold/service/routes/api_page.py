"""The page that shows the API for trying out, with all that it loads: it asks nobody else.

FastAPI's own loads Swagger UI from a content network. Ours has it beside (web/api_page).
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

import ninefold.web
from ninefold.service.byte_ranges import IMMUTABLE
from ninefold.service.page_answers import accepts_gzip
from ninefold.service.problems import not_found

PACKED = Path(ninefold.web.__file__).parent / "api_page"

CONTENT_TYPES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Swagger UI styles elements in place, which is what is unsafe of styles; its scripts are files."""

_START = b"""\
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});
"""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ninefold's API</title>
<link rel="icon" href="/favicon.ico">
<link rel="stylesheet" href="{place}/swagger-ui.css">
<script src="{place}/swagger-ui-bundle.js" defer></script>
<script src="{place}/start.js" defer></script>
</head>
<body>
<main id="api"></main>
<noscript>This page needs scripts; <a href="/openapi.json">/openapi.json</a> does not.</noscript>
</body>
</html>
"""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class _File:
    data: bytes
    packed: bytes


@cache
def files() -> Mapping[str, _File]:
    """Return the page's files by name."""
    found = {"start.js": _File(_START, gzip.compress(_START, mtime=0))}
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        packed = (PACKED / f"{name}.gz").read_bytes()
        found[name] = _File(gzip.decompress(packed), packed)
    return found


@cache
def version() -> str:
    """Return a short name for the content of all files together."""
    digest = hashlib.sha256()
    for name, file in sorted(files().items()):
        digest.update(name.encode() + file.data)
    return digest.hexdigest()[:12]


@router.get("/docs")
async def read_api_page() -> Response:
    """Return the interactive documentation as HTML."""
    page = _PAGE.replace("{place}", f"/docs/{version()}")
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
    return HTMLResponse(page, headers=headers)


@router.get("/docs/{content}/{name}")
async def read_api_page_file(content: str, name: str, request: Request) -> Response:
    """Return one of its files; at the address of its version it may be kept for ever."""
    file = files().get(name)
    if file is None:
        raise not_found("file")
    cache_control = IMMUTABLE if content == version() else "no-cache"
    headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if accepts_gzip(request):
        headers["Content-Encoding"] = "gzip"
        return Response(file.packed, 200, headers, CONTENT_TYPES[name])
    return Response(file.data, 200, headers, CONTENT_TYPES[name])
