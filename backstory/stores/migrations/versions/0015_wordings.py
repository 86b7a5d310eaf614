"""What a client's history says otherwise than the turns at the same place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wordings",
        sa.Column("conversation", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("turn", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("text", sa.LargeBinary, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("wire", sa.Text, nullable=False),
        sa.Column("arrived", sa.Float(53), nullable=False),
    )
    op.create_index("wordings_by_turn", "wordings", ["turn"])


def downgrade() -> None:
    op.drop_table("wordings")
