"""Vectors of turns: derived, one row for each turn and model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vectors",
        sa.Column("conversation", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("turn", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("model", sa.Text, nullable=False, primary_key=True),
        sa.Column("width", sa.BigInteger, nullable=False),
        sa.Column("pieces", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("vectors")
