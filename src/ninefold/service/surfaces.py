"""A surface: an API that clients speak, as a router, the paths it owns and the shape of its errors.

`routes/` defines one each; `app` includes those that the settings switch on. All of them accept
prompts through `jobs/admission.py`, so policy, limits and order are the same on each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ninefold.service.problems import Problem, Renderer, render_problem


@dataclass(frozen=True)
class SurfaceRoutes:
    """What a surface brings."""

    name: str
    """As in the setting `surfaces`."""
    routers: Sequence[APIRouter]
    paths: tuple[str, ...]
    """Beginnings of the paths whose errors it renders."""
    render: Renderer = render_problem
    unsupported: Mapping[str, str] = field(default_factory=dict)
    """Paths of the API that do nothing here, each with a sentence on what does instead."""
    client_origins: tuple[str, ...] = ()
    """Origins that its clients name although they are programs and not pages."""


def owner_of(surfaces: Sequence[SurfaceRoutes], path: str) -> SurfaceRoutes | None:
    """Return the surface that owns a path, by the longest of its beginnings; None for no one's."""
    owners = [
        (len(start), surface)
        for surface in surfaces
        for start in surface.paths
        if path == start or path.startswith(start.rstrip("/") + "/")
    ]
    return max(owners, key=lambda owner: owner[0])[1] if owners else None


def render_for(surfaces: Sequence[SurfaceRoutes], problem: Problem, request: Request) -> Response:
    """Show a problem as the surface that owns the request's path does."""
    owner = owner_of(surfaces, request.url.path)
    return (render_problem if owner is None else owner.render)(problem, request)
