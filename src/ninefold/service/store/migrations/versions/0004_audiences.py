"""Whom a picture is shown to, in the place of two columns that knew no owner."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column(
        "pictures",
        sa.Column("audience", sa.String(), server_default=sa.text("'gallery'"), nullable=False),
    )
    op.execute("UPDATE pictures SET audience = 'share_page' WHERE NOT in_gallery")
    op.execute("UPDATE pictures SET audience = 'nobody' WHERE hidden")
    op.drop_column("pictures", "in_gallery")
    op.drop_column("pictures", "hidden")


def downgrade() -> None:
    """Undo the change; what was for its owner alone is hidden then."""
    op.add_column(
        "pictures",
        sa.Column("hidden", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column(
        "pictures",
        sa.Column("in_gallery", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.execute("UPDATE pictures SET hidden = true WHERE audience IN ('nobody', 'owner')")
    op.execute("UPDATE pictures SET in_gallery = false WHERE audience <> 'gallery'")
    op.drop_column("pictures", "audience")
