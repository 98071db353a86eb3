"""A service's answers as documents, events, files, or the error that says what to do.

Whatever answers at an address may be no service of ours: nothing is taken for granted of it.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2

from ninefold.errors import NinefoldError, UserError

LARGEST_FILE = 64 * 2**20
"""Bytes of a picture above which it is not read to its end."""

_SOON_S = 3.0
_LONGEST_WAIT_S = 24 * 3600.0
_BUSY = frozenset({"rate_limited", "too_busy", "idempotency_busy", "stopping"})
_BUSY_STATUS = frozenset({502, 503, 504})


class BusyError(NinefoldError):
    """The service cannot take the request now, and may a little later."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def require_address(server: str) -> str:
    """Return an address without a slash at its end.

    Raises:
        UserError: it is no http or https address.
    """
    server = server.strip()
    try:
        parts = urlsplit(server)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # which may be none that there is
    except ValueError:
        is_address = False
    if not is_address:
        raise UserError(
            f"{_shown(server)!r} is no address of a service; give one such as "
            "http://127.0.0.1:8000."
        )
    return server.rstrip("/")


def _shown(server: str) -> str:
    """Return what was given as an address without what may be a password."""
    return re.sub(r"//[^/@]*@", "//", server)


def read_answer(answer: httpx2.Response, server: str) -> dict[str, Any]:
    """Return the document of an answer.

    Raises:
        BusyError: the same request may succeed later.
        UserError: it cannot be done as asked; the sentence is the service's.
        NinefoldError: the service failed, or it is none of Ninefold's.
    """
    try:
        content = answer.json()
    except ValueError:
        content = None
    if isinstance(content, dict) and answer.is_success:
        return content
    if isinstance(content, dict) and "code" in content:
        raise _to_error(answer, content)
    if answer.status_code in _BUSY_STATUS:
        raise BusyError(f"{server} answers {answer.status_code}.", _wait_of(answer))
    raise NinefoldError(
        f"What answers at {server} is no Ninefold service (status {answer.status_code}); check the "
        "address."
    )


def _to_error(answer: httpx2.Response, problem: dict[str, Any]) -> NinefoldError:
    detail = str(problem.get("detail") or f"The service answers {answer.status_code}.")
    if problem["code"] in _BUSY or answer.status_code in _BUSY_STATUS:
        return BusyError(detail, _wait_of(answer))
    refusal = problem.get("refusal")
    if isinstance(refusal, dict) and refusal.get("appeal"):
        detail = f"{detail} {refusal['appeal']}"
    return UserError(detail) if answer.status_code < 500 else NinefoldError(detail)


def _wait_of(answer: httpx2.Response) -> float:
    try:
        seconds = float(answer.headers.get("retry-after", _SOON_S))
    except ValueError:
        return _SOON_S
    return min(max(seconds, _SOON_S / 3), _LONGEST_WAIT_S) if math.isfinite(seconds) else _SOON_S


def read_file(answer: httpx2.Response, server: str) -> bytes:
    """Return the bytes of an answer that is being streamed.

    Raises:
        NinefoldError: the service says why there is none, or it is too large.
    """
    if not answer.is_success:
        answer.read()
        read_answer(answer, server)
    data = bytearray()
    for chunk in answer.iter_bytes():
        data += chunk
        if len(data) > LARGEST_FILE:
            raise NinefoldError(f"A picture of {server} is larger than {LARGEST_FILE:,} bytes.")
    return bytes(data)


def parse_events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the data of server-sent events, as far as a stream of a job's has them.

    Raises:
        NinefoldError: what comes is not such a stream.
    """
    for line in lines:
        if not line.startswith("data:"):
            continue  # ids and types are in the data as well; comments keep the connection alive
        try:
            event = json.loads(line.removeprefix("data:"))
            if not isinstance(event["seq"], int) or not isinstance(event["type"], str):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise NinefoldError("The service's stream of events cannot be understood.") from None
        yield event
