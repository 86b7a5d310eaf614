"""Who found a fact, and what look-ups in an answer have left for later requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("facts", sa.Column("method", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "lookups",
        sa.Column("conversation", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False, primary_key=True),
        sa.Column("chain", sa.LargeBinary, nullable=False),
        sa.Column("text", sa.LargeBinary, nullable=False),
        sa.Column("turns", sa.Text, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("lookups")
    op.drop_column("facts", "method")
