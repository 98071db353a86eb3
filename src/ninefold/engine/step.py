"""What the scheduler, the runner and the core tell each other about one step. Pure Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Image:
    """A picture of a request."""

    request_id: str
    image_index: int


@dataclass(frozen=True)
class Join:
    """A picture that is given a slot."""

    slot: int
    image: Image


@dataclass(frozen=True)
class StepPlan:
    """What happens in the next step."""

    joins: tuple[Join, ...] = ()
    """Pictures that begin, each in a slot of its own."""
    expired: tuple[str, ...] = ()
    """Requests that are ended because their deadline passed before they started."""


@dataclass(frozen=True)
class StepResult:
    """What came of a step."""

    codes: Mapping[int, int] = field(default_factory=dict)
    """By slot, the code that was drawn."""
    failures: Mapping[int, str] = field(default_factory=dict)
    """By slot, why no code could be drawn; one sentence."""


@dataclass(frozen=True)
class Progressed:
    """A picture that has one more code."""

    slot: int
    image: Image
    num_codes: int
    is_complete: bool
    """Whether that was its last; its slot is free again."""
