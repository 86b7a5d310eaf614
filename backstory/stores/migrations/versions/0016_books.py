"""What is known of a conversation's requests, beside the row of the newest one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "books",
        sa.Column("conversation", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        sa.Column("spend", sa.BigInteger, nullable=False),
        sa.Column("books", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("books")
