"""What requests cost: the provider's own counts, what was billed, and what the request as it came would have cost."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "usage",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=False),
        _column("conversation", sa.BigInteger()),
        _column("at", sa.Float(53)),
        *(_column(name, sa.Text()) for name in ("kind", "model", "wire")),
        *(
            _column(name, sa.BigInteger())
            for name in ("tokens_in", "tokens_sent", "input_tokens", "output_tokens", "cache_read", "cache_write")
        ),
        *(_column(name, sa.Float(53)) for name in ("billed", "direct")),
        *(_column(name, sa.Boolean()) for name in ("priced", "measured", "rewritten", "stopped")),
    )
    op.create_index("usage_by_conversation", "usage", ["conversation"])


def downgrade() -> None:
    op.drop_table("usage")


def _column(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
