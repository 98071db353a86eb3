"""JSON that holds what clients sent: written whatever is in it, or refused before work is done.

JSON knows no NaN and no infinity, and a text in it may name half of a character that UTF-8 cannot
hold. Clients send all of these. Knows nothing of what the members mean.
"""

import json
import math
from typing import Any

from starlette.responses import JSONResponse

MAX_DEPTH = 32
"""Most levels of lists and objects that are given back."""


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII, so that every text can be written; others are escaped."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def echo_of(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return a value that came as JSON as it can be written again: null for NaN and infinities.

    That is what JavaScript writes for them.

    Raises:
        ValueError: lists and objects lie in each other more than `depth` levels deep.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        return {name: echo_of(each, depth - 1) for name, each in value.items()}
    return [echo_of(each, depth - 1) for each in value]
