"""The JSON of /api/v1: what a job, an event, a model and the service's state look like."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ninefold.generation.params import (
    MAX_CANDIDATES,
    MAX_CONDITION_SCALE,
    MAX_COUNT,
    MAX_SEED,
    MAX_TEMPERATURE,
    MAX_TOP_K,
)

PresetName = Literal["dalle-mini", "min-dalle", "pocket"]
StatusName = Literal["queued", "drawing", "done", "refused", "failed", "cancelled"]


class JobSettings(BaseModel):
    """How to draw; what is left out is as the preset says."""

    model_config = ConfigDict(extra="forbid")

    count: Annotated[int, Field(ge=1, le=MAX_COUNT, strict=True)] | None = None
    condition_scale: Annotated[float, Field(ge=0, le=MAX_CONDITION_SCALE)] | None = None
    temperature: Annotated[float, Field(gt=0, le=MAX_TEMPERATURE)] | None = None
    top_k: Annotated[int, Field(ge=0, le=MAX_TOP_K, strict=True)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    negative_prompt: str | None = None
    seamless: bool | None = None
    candidates: Annotated[int, Field(ge=1, le=MAX_CANDIDATES, strict=True)] | None = None
    preset: PresetName | None = None


class JobRequest(BaseModel):
    """A prompt to draw."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"prompt": "a hamster in a sombrero", "seed": 7}},
    )

    prompt: str
    seed: Annotated[int, Field(ge=0, le=MAX_SEED, strict=True)] | None = Field(
        None, description="Left out, the service chooses one below 2**32."
    )
    model: str | None = None
    settings: JobSettings = JobSettings()


class PictureDocument(BaseModel):
    """A finished picture."""

    index: int = Field(description="Which picture of the seed it is.")
    rank: int | None = Field(description="Its place by CLIP, 0 the best; null before the ranking.")
    hash: str
    url: str | None = Field(description="PNG; .webp and .jpg lie beside it. Null if it is hidden.")
    width: int
    height: int
    hidden: bool = Field(description="Whether it is hidden from who reads this.")
    hidden_reason: str | None
    audience: str = Field(
        description="Whom the picture policy lets see it: nobody, owner, share_page or gallery."
    )
    alt: str


class RefusalDocument(BaseModel):
    """Why the policy speaks against a prompt, and how to object."""

    rule: str | None
    category: str | None
    message: str
    appeal: str


class ErrorDocument(BaseModel):
    """Why a job could not be drawn."""

    code: str
    message: str


class ProgressDocument(BaseModel):
    """How far a drawing is."""

    codes: int
    total_codes: int


class Links(BaseModel):
    """Where more is told."""

    self: str
    events: str
    page: str


class JobDocument(BaseModel):
    """A job."""

    id: str
    status: StatusName
    prompt: str
    seed: int
    model: str
    settings: dict[str, Any]
    position: int | None = Field(description="1 is next; null when it does not wait.")
    eta_s: float | None = Field(description="Seconds until the last picture is expected.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    progress: ProgressDocument
    pictures: list[PictureDocument]
    grid_url: str | None
    notices: list[str]
    refusal: RefusalDocument | None
    error: ErrorDocument | None
    links: Links


class EventDocument(BaseModel):
    """Something that happened to a job; each type has further members of its own."""

    model_config = ConfigDict(extra="allow")

    type: str
    seq: int
    at: datetime


class EventsDocument(BaseModel):
    """Events, for those who poll."""

    events: list[EventDocument]


class ModelDocument(BaseModel):
    """A model that draws here."""

    name: str
    licence: str
    preset: str
    picture_size: int
    has_ranking: bool
    sha256: str | None
    dtype: str | None
    backend: str | None
    deterministic: bool | None = Field(
        description="Whether the worker's self-check found the same bytes in any company."
    )


class ModelsDocument(BaseModel):
    """All models that draw here."""

    models: list[ModelDocument]


class StatusDocument(BaseModel):
    """How busy the service is."""

    queue_depth: int
    queue_depths: dict[str, int]
    eta_s: float | None = Field(description="Seconds a new job of nine would take from now.")
    images_per_second: float
    workers: int
    slots: int
    busy_slots: int
    degradation: list[str] = Field(description="What is left out because the wait is long.")
    version: str


class ProblemDocument(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None
    retry_after_s: float | None = None
