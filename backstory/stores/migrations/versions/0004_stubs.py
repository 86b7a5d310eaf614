"""Stubs that go upstream in place of old tool results and images."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stubs",
        sa.Column("conversation", sa.BigInteger, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("turn", sa.BigInteger, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text, primary_key=True, nullable=False),
        sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("text", sa.LargeBinary, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("saved", sa.BigInteger, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("stubs_by_turn", "stubs", ["turn"])


def downgrade() -> None:
    op.drop_index("stubs_by_turn", "stubs")
    op.drop_table("stubs")
