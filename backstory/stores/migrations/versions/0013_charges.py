"""What providers counted and took for each request that goes through, and how long it took."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "charges",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        _column("at", sa.Float(53)),
        *(_column(name, sa.Text()) for name in ("principal", "conversation", "wire", "backend", "model")),
        _column("status", sa.BigInteger()),
        _column("ended", sa.Text()),
        _column("calls", sa.BigInteger()),
        _column("source", sa.Text()),
        *(
            _column(name, sa.BigInteger())
            for name in ("input_tokens", "output_tokens", "cache_read", "cache_write", "measured_in", "measured_out")
        ),
        _column("cost", sa.Float(53)),
        _column("priced", sa.Boolean()),
        _column("prices", sa.Text()),
        *(_column(name, sa.Float(53)) for name in ("first_ms", "total_ms")),
        sqlite_with_rowid=False,
    )
    op.create_index("charges_by_conversation", "charges", ["conversation"])


def downgrade() -> None:
    op.drop_table("charges")


def _column(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
