"""Answers that clients build on by their ids."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "replies",
        sa.Column("whose", sa.Text, nullable=False, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, primary_key=True),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("said", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("used", sa.Float(53), nullable=False),
    )
    op.create_index("replies_by_root", "replies", ["root"])
    op.create_index("replies_by_name", "replies", ["name"])
    op.create_index("replies_by_use", "replies", ["used", "size"])


def downgrade() -> None:
    op.drop_table("replies")
