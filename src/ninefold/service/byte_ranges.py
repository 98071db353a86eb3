"""Answers with a whole content or a part of it, with ETag and caching, as RFC 9110 says.

Knows nothing of what the content is or where it lies.
"""

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

IMMUTABLE = "public, max-age=31536000, immutable"


def respond(
    request: Request,
    data: bytes,
    media_type: str,
    *,
    etag: str,
    cache_control: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer a GET or HEAD of a content: 200, 206 of one range, 304 or 416."""
    common = {
        "ETag": f'"{etag}"',
        "Cache-Control": cache_control,
        "Accept-Ranges": "bytes",
        **(headers or {}),
    }
    if _is_known(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=common)
    given = request.headers.get("range")
    condition = request.headers.get("if-range")
    if given is None or (condition is not None and condition != f'"{etag}"'):
        return Response(data, headers=common, media_type=media_type)
    part = parse_range(given, len(data))
    if part is None:
        return Response(data, headers=common, media_type=media_type)
    if not part:
        return Response(
            status_code=416, headers={**common, "Content-Range": f"bytes */{len(data)}"}
        )
    content_range = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
    return Response(
        data[part.start : part.stop],
        206,
        headers={**common, "Content-Range": content_range},
        media_type=media_type,
    )


def parse_range(header: str, length: int) -> range | None:
    """Return the bytes that a Range header names; empty if there are none of them.

    None means that the header is to be ignored, which RFC 9110 allows for every range: it is not
    of bytes, not well formed, or of several parts.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, length - int(last)), length) if int(last) else range(0)
    start = int(first)
    if last and int(last) < start:
        return None
    stop = min(int(last) + 1, length) if last else length
    return range(start, stop) if start < length else range(0)


def _is_known(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or f'"{etag}"' in tags
