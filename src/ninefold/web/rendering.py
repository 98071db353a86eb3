"""Turns templates into pages. Everything that comes in is text and is escaped.

Knows nothing of requests; what differs from page to page is in the arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ninefold.web.assets import modules_of, static_url
from ninefold.web.catalogues import Catalogue, catalogues

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""What a page may load and do: nothing from elsewhere, and no script or style inside the page."""


@dataclass(frozen=True)
class Reader:
    """Who a page is made for, and where it is."""

    catalogue: Catalogue
    path: str
    """Of this page, without the query."""
    base_url: str
    """Scheme and host that people reach the site by, without a slash at the end."""


@dataclass(frozen=True)
class Parts:
    """The stylesheets and modules that a kind of page has besides those of every page."""

    sheets: Sequence[str] = ()
    entry: str | None = None

    @property
    def entries(self) -> list[str]:
        """Modules that are started."""
        return ["page.js", *([self.entry] if self.entry else [])]

    @property
    def modules(self) -> list[str]:
        """Modules that the started ones import."""
        return list(modules_of(self.entry)[1:]) if self.entry else []


DRAW = Parts(
    (
        "draw-page.css",
        "prompt-form.css",
        "board.css",
        "job-status.css",
        "share-bar.css",
        "recipe.css",
        "lightbox.css",
        "report-dialog.css",
    ),
    "draw-page.js",
)
HISTORY = Parts(("drawing-list.css", "share-bar.css"), "history-page.js")
GALLERY = Parts(("drawing-list.css",))
MESSAGE = Parts(("drawing-list.css",))
PROSE = Parts(("prose.css",))
REPORT = Parts(("report-dialog.css",))


class Templates:
    """The templates, ready to be filled in."""

    def __init__(self, *, has_worker: bool = True) -> None:
        """Read the templates.

        Args:
            has_worker: whether browsers are asked to keep the site for when they are offline.
        """
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["static"] = static_url
        self._environment.globals["has_worker"] = has_worker
        # The default leaves characters beyond ASCII as escapes, three times as long.
        self._environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}

    def render(self, template: str, parts: Parts, reader: Reader, /, **values: object) -> str:
        """Return a page.

        Args:
            template: its file's name.
            parts: what the page is made of.
            reader: who it is for.
            values: what the template shows.
        """
        needs_messages = parts.entry is not None
        return self._environment.get_template(template).render(
            say=reader.catalogue.say,
            language=reader.catalogue.language,
            languages={code: item.say("language") for code, item in catalogues().items()},
            messages=reader.catalogue.live_messages() if needs_messages else None,
            path=reader.path,
            base_url=reader.base_url,
            sheets=list(parts.sheets),
            entries=parts.entries,
            modules=parts.modules,
            **values,
        )
