"""Why the service does not do what it was asked: a code for programs, a sentence for people.

What checks and places jobs raises these. It does not know HTTP: which status a code has on the wire
is said in `problems`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - not an error: the service works as it should
    """What was asked for is not done. `detail` is a sentence for people."""

    code: str
    """Names the reason for programs; docs/http-api.md lists them."""
    detail: str
    retry_after_s: float | None = None
    """Seconds after which the same request may succeed."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What programs may want to know beside."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Advice for clients, such as what is left of a rate."""

    def __str__(self) -> str:
        return self.detail
