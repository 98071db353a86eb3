"""The service's settings: from the environment, typed, and refused where they are unsafe.

Every name is an environment variable with `NINEFOLD_` before it. Knows nothing of what the settings
are used for beyond what makes a combination unsafe.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from platformdirs import user_data_path
from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ninefold.errors import UserError
from ninefold.home import expand_user, require_home
from ninefold.service.addresses import require_address, require_network, require_origin
from ninefold.service.networks import are_everybody, is_loopback

SECRET_CHARACTERS = 32
"""Fewest characters of a secret that signs cookies."""

MAX_DAYS = 36_500
"""Longest that anything is kept: a hundred years."""

Surface = Literal["api_v1", "openai", "automatic1111", "huggingface", "gradio", "craiyon"]
"""What clients may speak; `api_v1` is the service's own API and its pages."""

OLD_NAME_OF_API_V1 = "native"
"""Still read, so that the settings of a running service stay valid."""

Names = Annotated[tuple[str, ...], NoDecode]
Surfaces = Annotated[tuple[Surface, ...], NoDecode]


def default_data() -> Path:
    """Return where a service keeps what must last: under NINEFOLD_HOME, else the platform's data.

    Raises:
        UserError: neither is there.
    """
    if home := os.environ.get("NINEFOLD_HOME"):
        return expand_user(home) / "service"
    if sys.platform != "win32" and not os.environ.get("XDG_DATA_HOME"):
        require_home("the service's data are kept")
    return user_data_path("ninefold", appauthor=False) / "service"


class Settings(BaseSettings):
    """How the service runs. Each field's description is its page of documentation."""

    model_config = SettingsConfigDict(env_prefix="NINEFOLD_", extra="ignore", frozen=True)

    model: str = Field("pocket", description="Model that draws: its name, or its folder.")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,3})?|xpu(:\d{1,3})?)$",
        description="Where the worker draws: auto, cpu, cuda, cuda:N, xpu, mps.",
    )
    backend: str = Field(
        "auto", description="How the decoder runs: auto or one of the engine's backends."
    )
    slots: int = Field(18, ge=1, le=4096, description="Pictures that a worker draws at a time.")
    reserved_slots: int = Field(
        0, ge=0, le=4095, description="Of those, slots that only the priority lane may take."
    )
    threads: int = Field(
        0, ge=0, le=1024, description="Processor threads of a worker; 0 leaves it to PyTorch."
    )
    host: str = Field("127.0.0.1", description="Address that the gateway listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that the gateway listens on.")
    data: Path = Field(
        default_factory=default_data,
        description="Folder of the embedded database, the pictures and the secret.",
    )
    public_url: str | None = Field(
        None, description="Address that people reach the service by; unset: as each request says."
    )
    database_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("NINEFOLD_DATABASE_URL", "DATABASE_URL"),
        description="PostgreSQL 15 or later; unset: an embedded one. DATABASE_URL is read as well.",
    )
    database_url_file: Path | None = Field(None, description="File that holds the database's URL.")
    pictures_url: str | None = Field(
        None, description="Object store, such as s3://bucket/prefix; unset: a folder in the data."
    )
    secret: SecretStr | None = Field(
        None,
        description="Signs visitors' cookies, 32 characters or more; unset: made once and kept.",
    )
    secret_file: Path | None = Field(None, description="File that holds the secret.")
    max_connections: int = Field(
        12_000,
        ge=16,
        description="Most connections at a time; fewer where the system gives fewer descriptors.",
    )
    max_connections_per_address: int = Field(
        200, ge=1, description="Most of them of one address (IPv6: its /64) that is no proxy."
    )
    head_timeout_s: float = Field(
        20, gt=0, description="Seconds that a request's headers may take to come."
    )
    body_timeout_s: float = Field(
        60, gt=0, description="Seconds that a request's body may take to come."
    )
    surfaces: Surfaces = Field(
        ("api_v1", "openai", "huggingface", "gradio", "craiyon"),
        description="APIs that are answered, with commas between them.",
    )
    openai_model_aliases: Names = Field(
        ("dall-e-2", "dall-e-3", "dall-e-mini", "dalle-mini", "gpt-image-1", "gpt-image-1-mini"),
        description="Names that OpenAI's clients may call the model by, with commas between them.",
    )
    allowed_hosts: Names = Field(
        (),
        description="Host names that are answered for besides this machine's and the public URL's; "
        "*.example.org for all below one, * for all.",
    )
    cors_origins: Names = Field((), description="Origins whose pages may call the API; * for all.")
    trusted_proxies: Names = Field(
        (), description="Addresses or networks of proxies whose X-Forwarded headers are believed."
    )
    show_docs: bool = Field(True, description="Whether /docs and /openapi.json are answered.")
    policy_file: Path | None = Field(None, description="Prompt policy of your own.")
    picture_policy: bool = Field(True, description="Whether pictures are judged before shown.")
    hide_from_owner_score: float = Field(
        0.9, ge=0, le=1, description="Score of the classifier from which nobody sees a picture."
    )
    hide_from_score: float = Field(
        0.7, ge=0, le=1, description="Score from which only who asked for it sees it."
    )
    keep_from_gallery_score: float = Field(
        0.4, ge=0, le=1, description="Score from which it stays out of the gallery."
    )
    sign_pictures: bool = Field(True, description="Whether pictures get Content Credentials.")
    sign_prompts: bool = Field(
        False, description="Whether those, and the texts of PNG files, tell the prompt."
    )
    signing_key: Path | None = Field(
        None, description="Folder of the key that signs; unset: made once and kept in the data."
    )
    mark_pictures: bool = Field(True, description="Whether pictures get the invisible mark.")
    keep_refused_prompts: bool = Field(
        False, description="Whether records of refusals hold the prompt."
    )
    keep_decisions_days: float = Field(
        90, gt=0, le=MAX_DAYS, description="Days after which decisions are removed."
    )
    keep_reports_days: float = Field(
        90, gt=0, le=MAX_DAYS, description="Days after which what people reported is removed."
    )
    refusals: str = Field(
        "20/day", description="Refused prompts of a visitor, after which no more is drawn."
    )
    address_refusals: str = Field("200/day", description="Of an address; above, jobs take work.")
    reports: str = Field("30/day", description="Reports of a visitor.")
    address_reports: str = Field("120/day", description="Reports of an address without a key.")
    reports_per_picture: int = Field(
        50, ge=1, description="Most reports that are kept of a picture."
    )
    prompt_rate: str = Field("600/minute", description="Jobs of a prompt, half to an address.")

    max_prompt_characters: int = Field(1000, ge=1, le=100_000, description="Longest prompt.")
    max_pictures: int = Field(16, ge=1, le=64, description="Most pictures of a job.")
    max_candidates: int = Field(36, ge=1, le=512, description="Most candidates of a job.")
    max_attempts: int = Field(
        5, ge=1, le=1000, description="Times that a job is begun before it counts as failed."
    )
    anonymous_max_wait_s: float = Field(
        1800, gt=0, description="Longest expected wait that visitors without a key are accepted at."
    )
    key_max_wait_s: float = Field(3600, gt=0, description="The same for holders of an API key.")
    priority_max_wait_s: float = Field(3600, gt=0, description="The same for the priority lane.")
    anonymous_rate: str = Field("60/minute", description="Jobs of a visitor without a key.")
    key_rate: str = Field("600/minute", description="Jobs of an API key.")
    address_rate: str = Field(
        "240/minute", description="Jobs of an address (IPv6: its /64) without a key."
    )
    proof_of_work_above: str | None = Field(
        None,
        description="Jobs of an address without a key, above which each takes some work of the "
        "browser, such as 20/minute; unset: never.",
    )
    proof_of_work_steps: int = Field(
        400_000, ge=1, le=2**32 - 1, description="Hashes that such work takes at most."
    )
    key_share: int = Field(2, ge=1, le=12, description="Shares of a key to one of a visitor.")
    limits_storage: str = Field(
        "memory://", description="Where rates are counted, such as redis://host for many gateways."
    )
    previews: bool = Field(True, description="Whether pictures are shown while they are drawn.")
    previews_until_wait_s: float = Field(
        60, ge=0, description="Expected wait above which new jobs have no previews."
    )
    fewer_pictures: bool = Field(
        False,
        description="Whether visitors without a key get fewer pictures when the wait is long.",
    )
    fewer_pictures_from_wait_s: float = Field(
        300, ge=0, description="Expected wait from which they get 6 of 9, and 4 from twice that."
    )
    heartbeat_s: float = Field(5, gt=0, le=60, description="Seconds between a worker's heartbeats.")
    stalled_s: float = Field(
        15, gt=0, le=600, description="Silence after which a worker's jobs are drawn again."
    )
    drain_s: float = Field(
        25, ge=0, le=3600, description="Seconds a stopping worker may finish what it draws in."
    )
    reserved_disk_mib: int = Field(
        256, ge=0, description="Free MiB of the data's disk below which nothing new is accepted."
    )
    storage_patience_s: float = Field(
        30, ge=0, le=600, description="Seconds that a picture is kept trying to be stored."
    )
    keep_jobs_days: float = Field(
        30,
        gt=0,
        le=MAX_DAYS,
        description="Days after which ended jobs and their pictures are removed.",
    )
    vacuum_every_hours: float = Field(
        1, gt=0, le=24, description="Hours between two rounds that remove what is kept no longer."
    )
    metrics: Literal["local", "all", "none"] = Field(
        "local", description="Who may read /metrics: this machine, all, none."
    )
    log_prompts: bool = Field(False, description="Whether prompts stand in the logs.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto",
        description="Logs as JSON or text lines; auto: JSON, on a terminal text of what is wrong.",
    )
    otlp_endpoint: str | None = Field(
        None, description="OpenTelemetry collector that traces are sent to, over HTTP."
    )

    @field_validator(
        "openai_model_aliases",
        "allowed_hosts",
        "cors_origins",
        "trusted_proxies",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _split_names(value)

    @field_validator("surfaces", mode="before")
    @classmethod
    def _read_surfaces(cls, value: Any) -> Any:
        names = _split_names(value)
        if not isinstance(names, tuple):
            return names
        return tuple("api_v1" if name == OLD_NAME_OF_API_V1 else name for name in names)

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        for name in ("secret", "database_url"):
            path = values.get(f"{name}_file")
            if path is None:
                continue
            try:
                values[name] = Path(path).expanduser().read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ValueError(f"{path} cannot be read ({error.strerror})") from None
            except (RuntimeError, UnicodeDecodeError) as error:
                raise ValueError(f"{path} cannot be read ({error})") from None
            if not values[name]:
                raise ValueError(f"{path} is empty; write the {name.replace('_', ' ')} into it")
        return values

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Self:
        if self.secret and len(self.secret.get_secret_value()) < SECRET_CHARACTERS:
            raise ValueError(
                f"NINEFOLD_SECRET is shorter than {SECRET_CHARACTERS} characters and could be "
                "guessed; make one with `openssl rand -hex 32`"
            )
        if self.database_url and not self.secret and not self.is_local:
            raise ValueError(
                "a service with a database of its own and open to a network may have several "
                "gateways, which must sign cookies alike; set NINEFOLD_SECRET"
            )
        if are_everybody(self.trusted_proxies):
            raise ValueError(
                f"NINEFOLD_TRUSTED_PROXIES={','.join(self.trusted_proxies)} lets anybody pretend "
                "to be another address; name the proxies' addresses"
            )
        if self.keep_from_gallery_score > self.hide_from_score:
            raise ValueError(
                "NINEFOLD_KEEP_FROM_GALLERY_SCORE must not be above NINEFOLD_HIDE_FROM_SCORE"
            )
        if self.hide_from_score > self.hide_from_owner_score:
            raise ValueError(
                "NINEFOLD_HIDE_FROM_SCORE must not be above NINEFOLD_HIDE_FROM_OWNER_SCORE"
            )
        if self.reserved_slots >= self.slots:
            raise ValueError(
                "NINEFOLD_RESERVED_SLOTS must be fewer than NINEFOLD_SLOTS, or nobody else is drawn"
            )
        if self.stalled_s < 2 * self.heartbeat_s:
            raise ValueError(
                "NINEFOLD_STALLED_S must be at least twice NINEFOLD_HEARTBEAT_S, or workers that "
                "are well count as lost"
            )
        return self

    @model_validator(mode="after")
    def _refuse_what_reaches_nobody(self) -> Self:
        if self.public_url:
            require_address("NINEFOLD_PUBLIC_URL", self.public_url, may_have_path=False)
        if self.otlp_endpoint:
            require_address("NINEFOLD_OTLP_ENDPOINT", self.otlp_endpoint, may_have_path=True)
        for origin in self.cors_origins:
            require_origin(origin)
        for proxy in self.trusted_proxies:
            require_network("NINEFOLD_TRUSTED_PROXIES", proxy)
        if not self.surfaces:
            raise ValueError(
                "NINEFOLD_SURFACES names no API, so that nothing would be answered; name one, such "
                "as api_v1"
            )
        return self

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the gateway."""
        return is_loopback(self.host)


def read_settings(**given: Any) -> Settings:
    """Return the settings of the environment, with those in `given` in their place.

    Raises:
        UserError: a value is not allowed or not safe; the message names the variable.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise UserError(" ".join(_explain(problem) for problem in error.errors())) from None


def _split_names(value: Any) -> Any:
    """Return the names between the commas of a text; anything else as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _explain(problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    if not problem["loc"]:
        return f"{message[0].upper()}{message[1:]}."
    name = "NINEFOLD_" + "_".join(str(part) for part in problem["loc"]).upper()
    name = name.replace("NINEFOLD_NINEFOLD_", "NINEFOLD_").replace(
        "NINEFOLD_DATABASE_URL", "DATABASE_URL"
    )
    return f"{name} cannot be used: {message[0].lower()}{message[1:]}."
