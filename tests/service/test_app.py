"""Laws of the application as a whole: what it answers is documented, and nothing else is."""

import re
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy.exc import InternalError, OperationalError

from ninefold.service.app import SURFACES, to_problem
from ninefold.service.settings import Settings, Surface
from tests.service.running import RunningService

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text(encoding="utf-8")


async def test_every_route_of_api_v1_is_documented(service: RunningService) -> None:
    paths = (await service.http.get("/openapi.json")).json()["paths"]
    documented = set(re.findall(r"`(?:GET|POST|DELETE) (/[^`]*)`", PAGE))
    assert set(paths) <= documented


async def test_an_unknown_path_is_a_problem(service: RunningService) -> None:
    answer = await service.http.get("/nothing/here", headers={"X-Request-ID": "mine-1"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine-1"


async def test_a_wrong_method_is_a_problem(service: RunningService) -> None:
    answer = await service.http.put("/api/v1/jobs", json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


async def test_a_body_that_is_too_large_is_refused(service: RunningService) -> None:
    answer = await service.http.post("/api/v1/jobs", json={"prompt": "x" * 100_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_body_that_is_no_json_is_refused(service: RunningService) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await service.http.post("/api/v1/jobs", content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_every_surface_that_settings_may_name_is_answered() -> None:
    assert {surface.name for surface in SURFACES} == set(get_args(Surface))
    assert set(Settings.model_fields["surfaces"].default) <= set(get_args(Surface))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("SELECT", {}, Exception()), 503),
        # The server ended a transaction that hung, which psycopg does not call operational.
        (InternalError("SELECT", {}, Exception(), connection_invalidated=True), 503),
        (InternalError("SELECT", {}, Exception()), 500),
        (RuntimeError("a bug"), 500),
    ],
)
def test_a_database_that_went_away_is_asked_again(error: Exception, status: int) -> None:
    problem = to_problem(error)
    assert (problem.status, problem.retry_after_s is not None) == (status, status == 503)
