"""What a user has set for a conversation: its project, its links to others, what is about to be forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "states",
        sa.Column("conversation", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("states_by_name", "states", ["name"])


def downgrade() -> None:
    op.drop_table("states")
