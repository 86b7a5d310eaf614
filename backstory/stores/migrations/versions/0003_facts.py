"""Facts: what the sentences of turns state, derived above a watermark."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "facts",
        *(_int(name, primary_key=True) for name in ("conversation", "turn", "place")),
        *(_text(name) for name in ("kind", "subject", "verb", "object", "stance", "replaces")),
        sa.Column("corrects", sa.Boolean, nullable=False),
        *(_text(name) for name in ("author", "role")),
        *(_time(name) for name in ("said", "begins", "ends")),
        *(_int(name) for name in ("span_start", "span_end")),
        sa.Column("text", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("facts")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _int(name: str, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, primary_key=primary_key, autoincrement=False)


def _time(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float(53), nullable=False)
