"""The site: pages for people and the files around them, with problems shown as pages."""

from ninefold.service.page_answers import render_page_problem
from ninefold.service.routes import gallery, pages, report_form, site_files
from ninefold.service.surfaces import SurfaceRoutes

SURFACE = SurfaceRoutes(
    name="api_v1",
    routers=(gallery.router, site_files.router, pages.router, report_form.router),
    paths=("/",),
    render=render_page_problem,
)
"""Its path owns every address that no other surface does."""
