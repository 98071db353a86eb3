"""The files that pages are made of: their addresses, which change when any of them does.

The version stands in the path, so modules import each other by relative names without a build, and
every file may be kept for ever. Knows nothing of HTTP beyond types and headers' values.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"

WORKER = "sw.js"
"""The service worker, which has to be served from the root."""

CONTENT_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}

_IMPORT = re.compile(r'^(?:import|export)\b[^;]*?from\s+"\./([\w.-]+)";', re.MULTILINE)


@dataclass(frozen=True)
class Asset:
    """A file as it is sent."""

    content_type: str
    data: bytes
    packed: bytes | None
    """The same in gzip; None where that is not smaller."""


@cache
def assets() -> Mapping[str, Asset]:
    """Return all files by name."""
    found = {}
    for path in sorted(STATIC.iterdir()):
        data = path.read_bytes()
        packed = gzip.compress(data, mtime=0)
        smaller = packed if len(packed) < len(data) else None
        found[path.name] = Asset(CONTENT_TYPES[path.suffix], data, smaller)
    return found


@cache
def version() -> str:
    """Return a short name for the content of all files together."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(f"{name}\0{len(asset.data)}\0".encode() + asset.data)
    return digest.hexdigest()[:12]


def static_url(name: str) -> str:
    """Return the path of a file.

    Raises:
        KeyError: there is no such file.
    """
    if name not in assets():
        raise KeyError(f"There is no {name} in {STATIC.name}/.")
    return f"/static/{version()}/{name}"


@cache
def modules_of(entry: str) -> tuple[str, ...]:
    """Return a module and all that it imports, itself first, so that they load at one time."""
    found = [entry]
    for name in found:  # grows while it is walked
        imported = _IMPORT.findall(assets()[name].data.decode())
        found.extend(other for other in imported if other not in found)
    return tuple(found)


def shell_files() -> list[str]:
    """Return the paths that a browser keeps so that the site opens without a network."""
    files = [
        static_url(name) for name in assets() if name != WORKER and not name.startswith("card")
    ]
    return ["/offline", "/history", *files]
