"""Which names the service answers for, and which sites may ask it to change something.

A page of another site can make a browser send requests here: under a name of its own that it
points at this machine (DNS rebinding), or across sites as a form. The first is told by the Host
header, the second by Sec-Fetch-Site and Origin, which pages cannot set. Programs send neither
of the latter and are not asked. Plain ASGI; knows nothing of routes.
"""

import ipaddress
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ninefold.service.networks import is_loopback
from ninefold.service.problems import Problem
from ninefold.service.settings import Settings
from ninefold.service.surfaces import SurfaceRoutes, owner_of, render_for

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

_OWN_SITE = ("same-origin", "none")  # of Sec-Fetch-Site: this page, or typed by a person


class AllowedHosts:
    """The names that a service answers for.

    Always those of this machine's loopback, of the public URL and of the settings. A service that
    listens on a network also answers for any address in digits, for no name is needed to reach it
    and rebinding needs one.
    """

    def __init__(self, settings: Settings) -> None:
        named = {name.lower() for name in settings.allowed_hosts}
        self._is_any = "*" in named
        self._suffixes = tuple(name[1:] for name in named if name.startswith("*."))
        self._names = {name.strip("[]") for name in named}
        if settings.public_url:
            self._names.add((urlsplit(settings.public_url).hostname or "").lower())
        if not settings.is_local:
            self._names.add(settings.host.lower())
        self._has_addresses = not settings.is_local

    def holds(self, host: str) -> bool:
        """Tell whether a Host header, with or without a port, is one of the names."""
        if self._is_any:
            return True
        name = _name_of(host)
        if name is None:
            return False
        if name in self._names or name.endswith(self._suffixes) or is_loopback(name):
            return True
        return self._has_addresses and _is_address(name)


class RefuseForeign:
    """Refuses what was sent under another's name, or by another site's page.

    Args:
        app: answers the rest.
        surfaces: show the problem in their shapes.
        settings: the service's.
    """

    def __init__(self, app: ASGIApp, surfaces: Sequence[SurfaceRoutes], settings: Settings) -> None:
        self._app, self._surfaces = app, surfaces
        self._hosts = AllowedHosts(settings)
        self._may_call = _callers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        problem = self._problem(scope) if scope["type"] in ("http", "websocket") else None
        if problem is None:
            await self._app(scope, receive, send)
            return
        request = Request({**scope, "type": "http", "method": scope.get("method", "GET")})
        await render_for(self._surfaces, problem, request)(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        hosts = _values(scope, b"host")
        if len(hosts) > 1 or not all(map(self._hosts.holds, hosts)):
            return Problem(
                421,
                "wrong_host",
                f"This service does not answer for {', '.join(hosts)[:100]!r}; its operator can "
                "add the name to NINEFOLD_ALLOWED_HOSTS.",
            )
        if scope.get("method") in READING or not self._is_foreign(scope, hosts):
            return None
        return Problem(
            403,
            "cross_site",
            "This was sent by another site's page; do it on the service's own page, or ask the "
            "operator to add that site to NINEFOLD_CORS_ORIGINS.",
        )

    def _is_foreign(self, scope: Scope, hosts: Sequence[str]) -> bool:
        sites, origins = _values(scope, b"sec-fetch-site"), _values(scope, b"origin")
        if any(site in _OWN_SITE for site in sites):
            return False
        if not origins:
            return bool(sites)
        if not sites and self._is_program(scope, origins):
            return False
        return not all(
            self._may_call(origin) or urlsplit(origin).netloc.lower() in map(str.lower, hosts)
            for origin in origins
        )

    def _is_program(self, scope: Scope, origins: Sequence[str]) -> bool:
        """Tell whether a request is of a surface's client that names another site as its origin.

        A page cannot send JSON to another site without asking first, which is answered by the
        origins of the settings alone.
        """
        owner = owner_of(self._surfaces, scope.get("path", ""))
        kinds = [value.partition(";")[0].strip() for value in _values(scope, b"content-type")]
        is_json = [kind.lower() for kind in kinds] == ["application/json"]
        return owner is not None and is_json and set(origins) <= set(owner.client_origins)


def _callers(settings: Settings) -> Callable[[str], bool]:
    """Return what tells whether an origin's pages may call: its own, and those of the settings."""
    origins = {origin.lower().rstrip("/") for origin in settings.cors_origins}
    if settings.public_url:
        parts = urlsplit(settings.public_url.lower())
        origins.add(f"{parts.scheme}://{parts.netloc}")
    return lambda origin: "*" in origins or origin.lower() in origins


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _name_of(host: str) -> str | None:
    """Return the name of a Host header in lower case without its port; None for nonsense."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    if parts.netloc != host or "@" in host or not parts.hostname:
        return None
    return parts.hostname.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
