"""What a side model writes, and what it may use up in a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "summaries",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=False),
        _int("conversation"),
        _int("first_turn"),
        _int("last_turn"),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("text", sa.LargeBinary, nullable=False),
        _int("tokens"),
        sa.Column("created", sa.Float(53), nullable=False),
    )
    op.create_index("summaries_by_conversation", "summaries", ["conversation", "first_turn"])
    op.create_table(
        "allowance",
        sa.Column("day", sa.Text, primary_key=True, nullable=False),
        _int("tokens"),
        _int("micros"),
        _int("calls"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("allowance")
    op.drop_table("summaries")


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
