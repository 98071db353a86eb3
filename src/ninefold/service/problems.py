"""What goes wrong, said once: a problem with a code, shown in the shape of the surface it is on.

/api/v1 shows RFC 9457's problem+json. Other surfaces register a renderer of their own for
their paths, so that their clients' own retry logic does the right thing.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ninefold.service.json_answers import AsciiJSONResponse
from ninefold.service.refusals import Refusal

MEDIA_TYPE = "application/problem+json"


@dataclass(eq=False)
class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An answer that is not what was asked for. `detail` is a sentence for people."""

    status: int
    code: str
    """Names the kind of problem for programs; docs/http-api.md lists them."""
    detail: str
    retry_after_s: float | None = None
    """Seconds after which the same request may succeed."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further members of the document."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """A short name of the status."""
        return HTTPStatus(self.status).phrase

    def all_headers(self) -> dict[str, str]:
        """Return the headers of the answer, Retry-After included."""
        headers = dict(self.headers)
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        return headers


STATUS_OF = {
    "invalid_request": 422,
    "model_not_found": 404,
    "prompt_refused": 422,
    "too_busy": 429,
    "rate_limited": 429,
    "proof_of_work": 429,
    "too_many_refusals": 429,
    "enough_reports": 429,
    "idempotency_busy": 409,
    "idempotency_mismatch": 422,
    "storage_full": 507,
}
"""By code of a refusal, the status that it is answered with."""


def to_problem(refusal: Refusal) -> Problem:
    """Return a refusal as it is answered over HTTP."""
    return Problem(
        STATUS_OF[refusal.code],
        refusal.code,
        refusal.detail,
        refusal.retry_after_s,
        refusal.extra,
        refusal.headers,
    )


Renderer = Callable[[Problem, Request], Response]
"""Shows a problem in the shape of one surface; must set `problem.all_headers()`."""


def render_problem(problem: Problem, request: Request) -> Response:
    """Show a problem as RFC 9457 says."""
    content = to_content(problem, request.scope.get("ninefold.request_id"))
    return AsciiJSONResponse(
        content, problem.status, headers=problem.all_headers(), media_type=MEDIA_TYPE
    )


def to_content(problem: Problem, request_id: str | None) -> dict[str, Any]:
    """Return a problem as the document of RFC 9457."""
    content: dict[str, Any] = {
        "type": f"https://ninefold.invalid/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
        **problem.extra,
    }
    if problem.retry_after_s is not None:
        content["retry_after_s"] = round(problem.retry_after_s, 1)
    return content


def not_found(what: str) -> Problem:
    """Return the problem that there is no such thing."""
    return Problem(404, "not_found", f"There is no {what} here.")


def invalid(detail: str, **extra: Any) -> Problem:
    """Return the problem that a request cannot be done as it was asked."""
    return Problem(422, "invalid_request", detail, extra=extra)
