"""What OpenAI's clients send: fields that are honoured, those that are accepted and change nothing.

Values that are wrong are refused; fields that are not known are ignored, as clients add new ones.
Extras such as `seed` come at the top level (`extra_body` of the Python client).
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from ninefold.generation.params import (
    MAX_CANDIDATES,
    MAX_CONDITION_SCALE,
    MAX_SEED,
    MAX_TEMPERATURE,
    MAX_TOP_K,
)
from ninefold.service.documents import PresetName
from ninefold.service.jobs.admission import JobSpec

OutputFormat = Literal["png", "webp", "jpeg"]


class ImageBody(BaseModel):
    """The body of `POST /v1/images/generations`."""

    prompt: str
    model: str | None = None
    n: Annotated[int, Field(ge=1, le=10)] | None = None
    size: Annotated[str, Field(pattern=r"^(auto|\d{2,5}x\d{2,5})$")] | None = None
    """Accepted; pictures have the model's size, and the answer says which."""
    response_format: Literal["url", "b64_json"] | None = None
    output_format: OutputFormat | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    quality: Literal["auto", "standard", "hd", "low", "medium", "high"] | None = None
    background: Literal["auto", "opaque"] | None = None
    style: Literal["vivid", "natural"] | None = None
    moderation: Literal["auto", "low"] | None = None
    partial_images: Annotated[int, Field(ge=0, le=3)] | None = None
    stream: bool | None = None

    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=MAX_CONDITION_SCALE)] | None = None
    condition_scale: Annotated[float, Field(ge=0, le=MAX_CONDITION_SCALE)] | None = None
    temperature: Annotated[float, Field(gt=0, le=MAX_TEMPERATURE)] | None = None
    top_k: Annotated[int, Field(ge=0, le=MAX_TOP_K)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    negative_prompt: str | None = None
    seamless: bool | None = None
    candidates: Annotated[int, Field(ge=1, le=MAX_CANDIDATES)] | None = None
    preset: PresetName | None = None

    @property
    def format(self) -> OutputFormat:
        """The files' format."""
        return self.output_format or "png"

    @property
    def extension(self) -> str:
        """The same as pictures are stored under."""
        return "jpg" if self.format == "jpeg" else self.format

    @property
    def has_urls(self) -> bool:
        """Whether the answer has addresses: as asked for, or as the model asked for has it."""
        if self.response_format is not None:
            return self.response_format == "url"
        return not (self.model or "").startswith("gpt-image")

    def to_spec(self, aliases: Sequence[str]) -> JobSpec:
        """Return what is to be drawn; a model called by an alias is the one that is here."""
        settings: dict[str, Any] = {
            "count": self.n or 1,
            "condition_scale": self.condition_scale,
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "negative_prompt": self.negative_prompt or None,
            "seamless": self.seamless,
            "candidates": self.candidates,
            "preset": self.preset,
        }
        given = {name: value for name, value in settings.items() if value is not None}
        model = None if self.model in aliases else self.model
        return JobSpec(
            self.prompt,
            given,
            self.seed,
            model,
            surface="openai",
            foreign_scale=self.guidance_scale,
        )


class TextPart(BaseModel):
    """Text that is to be judged."""

    type: Literal["text"]
    text: str


class ModerationBody(BaseModel):
    """The body of `POST /v1/moderations`. Pictures are not judged here."""

    input: str | Annotated[list[str], Field(min_length=1, max_length=32)] | list[TextPart]
    model: str | None = None

    @property
    def texts(self) -> list[str]:
        """What is judged, each by itself; parts are one."""
        if isinstance(self.input, str):
            return [self.input]
        if any(isinstance(part, TextPart) for part in self.input):
            return [" ".join(part.text for part in self.input if isinstance(part, TextPart))]
        return [part for part in self.input if isinstance(part, str)]
