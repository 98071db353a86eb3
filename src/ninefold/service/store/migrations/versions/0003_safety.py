"""Decisions of the policies, and what pictures look like."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Apply the change."""
    op.add_column(
        "pictures",
        sa.Column("in_gallery", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column("pictures", sa.Column("fingerprint", sa.String(), nullable=True))
    op.add_column("removed_pictures", sa.Column("fingerprint", sa.String(), nullable=True))
    op.create_table(
        "decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("hash", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("policy_version", sa.String(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("prompt", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_at", "decisions", ["at"])
    op.create_index("ix_decisions_job_id", "decisions", ["job_id"])


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("decisions")
    op.drop_column("removed_pictures", "fingerprint")
    op.drop_column("pictures", "fingerprint")
    op.drop_column("pictures", "in_gallery")
