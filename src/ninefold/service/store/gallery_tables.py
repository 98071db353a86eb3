"""The tables of what people show to others: publications, visits to them, and reports.

Knows nothing of how rows are written; who writes what is said at each table.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Computed,
    ForeignKey,
    Identity,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from ninefold.service.store.tables import Base


class Publication(Base):
    """A drawing that its owner put into the gallery. Written by `store/publications.py`."""

    __tablename__ = "publications"
    __table_args__ = (
        Index("ix_publications_search", "search", postgresql_using="gin"),
        Index("ix_publications_published_at", "published_at"),
    )

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    prompt: Mapped[str]
    search: Mapped[str] = mapped_column(
        TSVECTOR, Computed("to_tsvector('simple', prompt)", persisted=True)
    )
    published_at: Mapped[datetime] = mapped_column(server_default=func.now())
    withdrawn_at: Mapped[datetime | None]
    """When its owner took it out; it may come back."""
    removed_at: Mapped[datetime | None]
    """When an operator took it out; it stays out."""


class Visit(Base):
    """One network that looked at a published drawing, counted once. Kept for two weeks."""

    __tablename__ = "visits"
    __table_args__ = (
        PrimaryKeyConstraint("job_id", "visitor"),
        Index("ix_visits_at", "at"),
    )

    job_id: Mapped[str] = mapped_column(ForeignKey("publications.job_id", ondelete="CASCADE"))
    visitor: Mapped[str]
    """Keyed hash of the network; it names nobody."""
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class ReportRow(Base):
    """What a person found wrong with a picture. Written by `store/reports.py`."""

    __tablename__ = "reports"
    __table_args__ = (
        UniqueConstraint("hash", "reporter"),
        Index("ix_reports_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    hash: Mapped[str]
    job_id: Mapped[str | None]
    reason: Mapped[str]
    note: Mapped[str]
    reporter: Mapped[str]
    """Who told it, so that one person counts once for a picture."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
