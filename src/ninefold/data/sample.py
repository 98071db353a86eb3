"""A picture with its captions, before anything is decoded."""

from collections.abc import Callable
from dataclasses import dataclass

MAX_BYTES = 100 << 20
"""Of one picture; a larger file is no picture, or none that a model could learn from."""

OnLeftOut = Callable[[str, str], None]
"""Called with the name of what is left out and the reason."""


@dataclass(frozen=True)
class Sample:
    """One picture and what it is called."""

    name: str
    """Where it came from, for messages and records."""
    data: bytes
    captions: tuple[str, ...]
    """One or more."""
