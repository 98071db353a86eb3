"""What the engine is asked for and what it tells: the seam between wanting pictures and drawing.

Plain values in pure Python. Knows nothing of tensors, of how slots are shared out, of HTTP or of
databases; whoever queues requests and whoever draws them both know this page.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ninefold.drawing import Drawing, Picture, Preview
from ninefold.generation.params import SamplingParams


@dataclass(frozen=True)
class DrawRequest:
    """One prompt to draw."""

    id: str
    """Names the request in its events and to cancel it; unique among those that are not ended."""
    prompt: str
    params: SamplingParams
    requester: str = ""
    """Whose request it is; requesters share the slots fairly."""
    priority: int = 0
    """Higher is drawn first; above 0 a request may also use the reserved slots."""
    deadline_s: float | None = None
    """Seconds from submission after which it is no longer worth starting."""
    preview_every: int = 0
    """Codes between the previews of a picture; 0 for none."""
    first_codes: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """By picture index, codes that an interrupted drawing had come to."""


@dataclass(frozen=True)
class Queued:
    """The request waits."""

    request_id: str
    codes_ahead: int
    """Codes that are to be drawn before its first."""
    eta_s: float
    """Seconds until its last picture is expected."""


@dataclass(frozen=True)
class Started:
    """The first of its pictures has a slot."""

    request_id: str


@dataclass(frozen=True)
class Advanced:
    """More codes are drawn."""

    request_id: str
    num_codes: int
    """Over all its pictures, 0 to `total_codes`."""
    total_codes: int
    eta_s: float


@dataclass(frozen=True)
class Previewed:
    """A picture as far as it is drawn."""

    request_id: str
    preview: Preview


@dataclass(frozen=True)
class Painted:
    """A picture is finished; its rank is not known before `Finished`."""

    request_id: str
    picture: Picture


@dataclass(frozen=True)
class Finished:
    """All pictures are painted and ranked. Always the last event."""

    request_id: str
    drawing: Drawing


EngineEvent = Queued | Started | Advanced | Previewed | Painted | Finished


@dataclass(frozen=True)
class EngineInfo:
    """What draws; with prompt, seed and settings it says which bytes come out."""

    model_name: str
    model_sha256: str
    backend: str
    dtype: str
    is_deterministic: bool
    """Whether the start-up check found pictures the same alone, in company and joining late."""
    num_slots: int
    """Pictures that are drawn at a time."""
    image_length: int
    """Codes of a picture."""
    picture_size: int
    """Side in pixels of delivered pictures."""


@dataclass(frozen=True)
class EngineLoad:
    """How busy the engine is; from this an ETA is made."""

    busy_slots: int
    waiting_requests: int
    codes_ahead: int
    """Codes still to be drawn for all that is accepted."""
    codes_per_second: float
    """Measured; at the start an estimate of the start-up check."""


class Engine(Protocol):
    """Draws requests, several at a time."""

    @property
    def info(self) -> EngineInfo:
        """What draws."""

    def load(self) -> EngineLoad:
        """Return how busy it is now."""

    def submit(self, request: DrawRequest) -> AsyncIterator[EngineEvent]:
        """Draw a request and yield what happens; closing the iterator cancels it.

        Raises:
            UserError: it cannot be drawn as asked.
            CancelledError: `cancel` was called, or the deadline passed before it started.
            NinefoldError: drawing failed.
        """

    async def cancel(self, request_id: str) -> bool:
        """End a request, freeing its slots within a step; False if there is none of this id."""

    async def close(self) -> None:
        """Cancel everything and let go of the model."""
