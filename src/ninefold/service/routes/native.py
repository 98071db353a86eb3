"""The native surface: the API of the service's own pages, and what every deployment answers."""

from ninefold.service.routes import health, jobs, pictures
from ninefold.service.surfaces import SurfaceRoutes

SURFACE = SurfaceRoutes(
    name="native",
    routers=(jobs.router, pictures.router, health.router),
    paths=("/api/v1", "/i", "/previews"),
)
