"""Shares know their network, so that many visitors of one do not part the service among them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column(
        "shares",
        sa.Column("last_cost", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("shares", sa.Column("network", sa.String(), nullable=True))
    op.create_index("ix_shares_network_lane", "shares", ["network", "lane", "finish_tag"])


def downgrade() -> None:
    """Undo the change."""
    op.drop_index("ix_shares_network_lane", "shares")
    op.drop_column("shares", "network")
    op.drop_column("shares", "last_cost")
