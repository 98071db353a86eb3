"""What people show to others: publications, visits to them, and reports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "publications",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple', prompt)", persisted=True),
            nullable=False,
        ),
        sa.Column("published_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_at", _TIME, nullable=True),
        sa.Column("removed_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_publications_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_publications")),
    )
    op.create_index("ix_publications_search", "publications", ["search"], postgresql_using="gin")
    op.create_index("ix_publications_published_at", "publications", ["published_at"])
    op.create_table(
        "visits",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("visitor", sa.String(), nullable=False),
        sa.Column("at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["publications.job_id"],
            name=op.f("fk_visits_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", "visitor", name=op.f("pk_visits")),
    )
    op.create_index("ix_visits_at", "visits", ["at"])
    op.create_table(
        "reports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("reporter", sa.String(), nullable=False),
        sa.Column("created_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("hash", "reporter", name=op.f("uq_reports_hash_reporter")),
    )
    op.create_index("ix_reports_created_at", "reports", ["created_at"])


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("reports")
    op.drop_table("visits")
    op.drop_table("publications")
