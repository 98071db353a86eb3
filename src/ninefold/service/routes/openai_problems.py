"""Problems as OpenAI's clients read them: types, codes, and whether they should ask again.

openai-python and openai-node ask again after 408, 409, 429 and every 5xx unless x-should-retry says
otherwise, and take no heed of a Retry-After above a minute or two: they come back at once instead.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ninefold.service.json_answers import AsciiJSONResponse
from ninefold.service.problems import Problem

LONGEST_RETRY_AFTER_S = 60.0
"""Longest Retry-After that the clients all keep to."""

_CODES = {
    "rate_limited": "rate_limit_exceeded",
    "proof_of_work": "rate_limit_exceeded",
    "too_busy": "rate_limit_exceeded",
    "prompt_refused": "moderation_blocked",
    "pictures_hidden": "moderation_blocked",
    "stopping": "overloaded",
    "timed_out": "overloaded",
    "internal": "server_error",
}
_FINAL = frozenset({"drawing_failed", "cancelled", "not_supported"})


def render(problem: Problem, _request: Request) -> Response:
    """Show a problem; the client's own retries do the right thing with it."""
    headers = {"x-should-retry": _should_retry(problem), **problem.all_headers()}
    return AsciiJSONResponse({"error": to_error(problem)}, _status(problem), headers=headers)


def to_error(problem: Problem) -> dict[str, Any]:
    """Return the members of `error`."""
    status = _status(problem)
    if _CODES.get(problem.code) == "moderation_blocked":
        kind = "image_generation_user_error"
    elif status == 429:
        kind = "rate_limit_error"
    else:
        is_ours = status >= 500 and problem.code != "not_supported"
        kind = "server_error" if is_ours else "invalid_request_error"
    return {
        "message": problem.detail,
        "type": kind,
        "param": _param(problem),
        "code": _CODES.get(problem.code, problem.code),
    }


def _status(problem: Problem) -> int:
    return 400 if problem.status == 422 else problem.status


def _should_retry(problem: Problem) -> str:
    is_final = problem.status < 500 and problem.status not in {408, 409, 429}
    if is_final or problem.code in _FINAL:
        return "false"
    return str((problem.retry_after_s or 0) <= LONGEST_RETRY_AFTER_S).lower()


def _param(problem: Problem) -> str | None:
    if problem.code == "model_not_found":
        return "model"
    errors = problem.extra.get("errors") or []
    parts = str(errors[0]["at"]).split("/") if errors else []
    return parts[1] if len(parts) > 1 else None
