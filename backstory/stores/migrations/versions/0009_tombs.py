"""Tombs: by what a forgotten turn is known again when its client sends it; and the key that their marks are made with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tombs",
        sa.Column("turn", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("conversation", sa.Text, nullable=False, primary_key=True),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("parent", sa.BigInteger, nullable=False),
        sa.Column("question", sa.Boolean, nullable=False),
        sa.Column("chain", sa.BigInteger, nullable=False),
        sa.Column("content", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("tombs_by_conversation", "tombs", ["conversation", "chain"])
    op.create_table(
        "keys",
        sa.Column("name", sa.Text, nullable=False, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("keys")
    op.drop_table("tombs")
