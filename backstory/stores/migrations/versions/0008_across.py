"""Traces of requests, pins, and what memory across conversations rests on: homes and session summaries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "traces",
        _id("request"),
        _int("conversation"),
        _int("turn"),
        _text("turns"),
        _int("tokens_in"),
        _int("tokens_sent"),
        _bytes("told"),
        _time("created"),
    )
    op.create_index("traces_by_conversation", "traces", ["conversation", "turn"])
    op.create_table(
        "homes",
        sa.Column("conversation", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
        _text("project"),
        _text("audience"),
    )
    op.create_table(
        "session_summaries",
        _id("id"),
        _int("conversation"),
        _text("turns"),
        _bytes("text"),
        _int("tokens"),
        _time("started"),
        _time("ended"),
        _time("created"),
    )
    op.create_index("session_summaries_by_conversation", "session_summaries", ["conversation"])
    op.create_table(
        "pins",
        sa.Column("change", _NUMBER, primary_key=True, autoincrement=True),
        _int("conversation"),
        _int("turn"),
        sa.Column("pinned", sa.Boolean, nullable=False),
        _time("at"),
        sa.UniqueConstraint("turn"),
        sqlite_autoincrement=True,
    )
    op.create_index("pins_by_conversation", "pins", ["conversation"])


def downgrade() -> None:
    for name in ("pins", "session_summaries", "homes", "traces"):
        op.drop_table(name)


def _id(name: str) -> sa.Column[int]:
    return sa.Column(name, _NUMBER, primary_key=True, autoincrement=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _time(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float(53), nullable=False)
