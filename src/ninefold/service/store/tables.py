"""The tables of the service. Their history is in `migrations/`; the queue's are procrastinate's.

Knows nothing of how rows are written; who writes what is said at each table.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Json = dict[str, Any]


class Base(DeclarativeBase):
    """What all tables share: how columns' types and constraints' names are made."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        Json: JSONB,
        list[str]: JSONB,
        list[int]: JSONB,
        datetime: TIMESTAMP(timezone=True),
        int: BigInteger,
    }


class Job(Base):
    """One prompt that was accepted. Changed only by a statement that checks state and attempt."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "ix_jobs_queued",
            "lane",
            "start_tag",
            "number",
            postgresql_where=text("status = 'queued'"),
        ),
        Index("ix_jobs_drawing", "worker_id", postgresql_where=text("status = 'drawing'")),
        Index("ix_jobs_owner", "owner", "created_at"),
        Index("ix_jobs_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(
        BigInteger, server_default=text("nextval('job_numbers')"), unique=True
    )
    """In order of acceptance; breaks ties of the start tag."""
    owner: Mapped[str]
    """Visitor or key that may cancel and publish it."""
    share: Mapped[str]
    """Who it counts against in the fair order."""
    tier: Mapped[str]
    lane: Mapped[str]
    surface: Mapped[str]
    prompt: Mapped[str]
    seed: Mapped[Decimal] = mapped_column(Numeric(20, 0))
    model: Mapped[str]
    settings: Mapped[Json]
    """Sampling parameters without the seed."""
    preview_every: Mapped[int] = mapped_column(server_default=text("0"))
    status: Mapped[str] = mapped_column(server_default=text("'queued'"))
    attempt: Mapped[int] = mapped_column(server_default=text("1"))
    """The fencing token: what a worker writes counts only while it holds this number."""
    worker_id: Mapped[str | None]
    start_tag: Mapped[int]
    entry_id: Mapped[int | None]
    """The queue entry that it waits by."""
    total_codes: Mapped[int]
    done_codes: Mapped[int] = mapped_column(server_default=text("0"))
    last_seq: Mapped[int] = mapped_column(server_default=text("0"))
    told_position: Mapped[int | None]
    told_at: Mapped[datetime | None]
    notices: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    refusal: Mapped[Json | None]
    error: Mapped[Json | None]
    trace: Mapped[str | None]
    """W3C traceparent of the request that it came by."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class JobEvent(Base):
    """What happened to a job, numbered from 1 without a gap; written with the change it tells."""

    __tablename__ = "job_events"
    __table_args__ = (PrimaryKeyConstraint("job_id", "seq"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    seq: Mapped[int]
    type: Mapped[str]
    data: Mapped[Json]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class PictureRow(Base):
    """A picture of a job, written once: a job that is drawn again adds only what was missing."""

    __tablename__ = "pictures"
    __table_args__ = (
        PrimaryKeyConstraint("job_id", "index"),
        Index("ix_pictures_hash", "hash"),
    )

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    index: Mapped[int]
    rank: Mapped[int | None]
    hash: Mapped[str]
    """blake3 of the PNG file before it was signed, in hexadecimal."""
    width: Mapped[int]
    height: Mapped[int]
    audience: Mapped[str] = mapped_column(server_default=text("'gallery'"))
    """Label of whom the picture policy lets see it, an `Audience`."""
    hidden_reason: Mapped[str | None]
    """Why those beyond do not."""
    fingerprint: Mapped[str | None]
    """256 bits in hexadecimal that say what it looks like."""
    score: Mapped[float | None]
    codes: Mapped[list[int]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RemovedPicture(Base):
    """A picture that an operator took away; it is never stored or shown again."""

    __tablename__ = "removed_pictures"

    hash: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    fingerprint: Mapped[str | None]
    """Keeps out what looks the same."""
    recipe: Mapped[str | None]
    """Hash of what it was drawn from; keeps out what will be it, while that is drawn."""
    removed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class IdempotencyKey(Base):
    """The answer to a request that carried a key, to be given again for the same key."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        PrimaryKeyConstraint("principal", "key"),
        Index("ix_idempotency_keys_created_at", "created_at"),
        Index("ix_idempotency_keys_job_id", "job_id"),
    )

    principal: Mapped[str]
    key: Mapped[str]
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    """The job that the answer tells of, and that takes it along when it is deleted."""
    request_hash: Mapped[str]
    status_code: Mapped[int]
    body: Mapped[Json]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Share(Base):
    """How far a visitor's share of a lane is used; see `jobs/fair_share.py`."""

    __tablename__ = "shares"
    __table_args__ = (
        PrimaryKeyConstraint("share", "lane"),
        Index("ix_shares_network_lane", "network", "lane", "finish_tag"),
    )

    share: Mapped[str]
    lane: Mapped[str]
    finish_tag: Mapped[int]
    last_cost: Mapped[int] = mapped_column(server_default=text("0"))
    """Of what was asked for last, all jobs of a transaction together."""
    network: Mapped[str | None]
    """Keyed hash of the network it was asked from; null with an API key."""
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Lane(Base):
    """The greatest start tag that was begun in a lane."""

    __tablename__ = "lanes"

    lane: Mapped[str] = mapped_column(primary_key=True)
    virtual_time: Mapped[int] = mapped_column(server_default=text("0"))


class Round(Base):
    """When a round of housekeeping was last begun, by whichever process."""

    __tablename__ = "rounds"

    task: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class WorkerRow(Base):
    """A worker process, as it says of itself with every heartbeat."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    queue_worker_id: Mapped[int | None]
    """Its number in procrastinate's table of workers."""
    info: Mapped[Json]
    """`EngineInfo` as JSON."""
    num_slots: Mapped[int]
    busy_slots: Mapped[int] = mapped_column(server_default=text("0"))
    codes_per_second: Mapped[float]
    draining: Mapped[bool] = mapped_column(server_default=text("false"))
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    heartbeat_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ApiKey(Base):
    """A key that a program signs in with; of the key itself only a hash is kept."""

    __tablename__ = "api_keys"

    hash: Mapped[str] = mapped_column(primary_key=True)
    prefix: Mapped[str]
    """The first characters, to tell keys apart."""
    name: Mapped[str]
    tier: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]
