"""What a removed picture was drawn from, as a hash, so that its previews are kept out as well."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("removed_pictures", sa.Column("recipe", sa.String(), nullable=True))


def downgrade() -> None:
    """Undo the change."""
    op.drop_column("removed_pictures", "recipe")
