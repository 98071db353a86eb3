"""Answers to keyed requests go with their job, and when a round of housekeeping was last done."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Apply the change; an answer that tells of a job that is gone goes, too."""
    op.add_column("idempotency_keys", sa.Column("job_id", sa.String(), nullable=True))
    op.execute("UPDATE idempotency_keys SET job_id = body->>'id'")
    op.execute("DELETE FROM idempotency_keys WHERE job_id IS NULL")
    op.execute("DELETE FROM idempotency_keys WHERE job_id NOT IN (SELECT id FROM jobs)")
    op.alter_column("idempotency_keys", "job_id", nullable=False)
    op.create_foreign_key(
        op.f("fk_idempotency_keys_job_id_jobs"),
        "idempotency_keys",
        "jobs",
        ["job_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_index("ix_idempotency_keys_job_id", "idempotency_keys", ["job_id"])
    op.create_table(
        "rounds",
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("task", name=op.f("pk_rounds")),
    )


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("rounds")
    op.drop_index("ix_idempotency_keys_job_id", "idempotency_keys")
    op.drop_column("idempotency_keys", "job_id")
