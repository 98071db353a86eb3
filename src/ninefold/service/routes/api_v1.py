"""The API under /api/v1: what the service's own pages use, and what every deployment answers."""

from ninefold.service.routes import health, jobs, pictures
from ninefold.service.surfaces import SurfaceRoutes

SURFACE = SurfaceRoutes(
    name="api_v1",
    routers=(jobs.router, pictures.router, health.router),
    paths=("/api/v1", "/i", "/previews"),
)
