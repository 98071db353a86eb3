"""The API keeps to its OpenAPI document, whatever schemathesis sends."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import URL
from starlette.testclient import TestClient

from ninefold.service.app import build_app
from ninefold.service.gateway import Gateway, open_gateway
from ninefold.service.routes import api_v1
from tests.service.conftest import MakeSettings
from tests.service.running import SECRET

ADDRESS = "http://127.0.0.1"

CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


@pytest.fixture
def client(database_url: URL, make_settings: MakeSettings) -> Iterator[TestClient]:
    """The application of /api/v1 alone, running."""
    settings = make_settings(stalled_s=2.0, heartbeat_s=1.0)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Gateway]:
        async with open_gateway(settings, database_url, SECRET) as gateway:
            yield gateway

    app = build_app(settings, opened(), (api_v1.SURFACE,))
    with TestClient(app, base_url=ADDRESS) as running:
        yield running


OPERATIONS = (
    ("POST", "/api/v1/jobs"),
    ("GET", "/api/v1/jobs/{job_id}"),
    ("DELETE", "/api/v1/jobs/{job_id}"),
    ("GET", "/api/v1/jobs/{job_id}/events"),
    ("GET", "/api/v1/jobs/{job_id}/grid.{extension}"),
    ("GET", "/i/{digest}.{extension}"),
    ("GET", "/previews/{job_id}/{digest}.webp"),
    ("GET", "/api/v1/models"),
    ("GET", "/api/v1/status"),
    ("GET", "/livez"),
)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_any_request_is_answered_as_the_document_says(
    client: TestClient, method: str, path: str
) -> None:
    schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    operation = schema[path][method]

    @hypothesis.given(case=operation.as_strategy())
    @hypothesis.settings(
        max_examples=15, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    def check(case: "schemathesis.Case[Any]") -> None:
        arguments = case.as_transport_kwargs(base_url=ADDRESS)
        arguments.pop("cookies", None)  # nothing in the document is one
        answer = client.request(
            arguments.pop("method"), arguments.pop("url"), **_without_none(arguments)
        )
        case.validate_response(schemathesis.Response.from_any(answer), checks=list(CHECKS))

    check()


def _without_none(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}
