"""Columns that count codes are named so."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

RENAMED = (
    ("jobs", "total_steps", "total_codes"),
    ("jobs", "done_steps", "done_codes"),
    ("workers", "steps_per_second", "codes_per_second"),
)


def upgrade() -> None:
    """Apply the change."""
    for table, old, new in RENAMED:
        op.alter_column(table, old, new_column_name=new)


def downgrade() -> None:
    """Undo the change."""
    for table, old, new in RENAMED:
        op.alter_column(table, new, new_column_name=old)
