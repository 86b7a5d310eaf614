"""The first schema: conversations and their turns, what is derived from them, and the proof of what was forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PUNCTUATION = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum())
_TOKENIZER = "ascii tokenchars '" + _PUNCTUATION.replace("'", "''") + "'"

# Contentless: it holds nothing but the words. A token is what stands between spaces, ASCII letters folded.
_SQLITE_FULL_TEXT = (
    "CREATE VIRTUAL TABLE words USING fts5(terms, owner, content='', tokenize='" + _TOKENIZER.replace("'", "''") + "')",
    "CREATE VIRTUAL TABLE word_counts USING fts5vocab(words, 'row')",
)

# `size` is the number of words in the row; the totals are those of all rows, as the ranking needs them.
_POSTGRES_FULL_TEXT = (
    "CREATE TABLE words (doc BIGINT PRIMARY KEY, size BIGINT NOT NULL, terms TSVECTOR NOT NULL)",
    "CREATE INDEX words_by_term ON words USING gin (terms)",
    "CREATE TABLE word_totals (rows BIGINT NOT NULL, size BIGINT NOT NULL)",
    "INSERT INTO word_totals (rows, size) VALUES (0, 0)",
)


def upgrade() -> None:
    _truth()
    _derived()
    _work()
    if op.get_context().dialect.name == "sqlite":
        for statement in _SQLITE_FULL_TEXT:
            op.get_bind().exec_driver_sql(statement)
    else:
        for statement in _POSTGRES_FULL_TEXT:
            op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.drop_table("word_counts")
        op.drop_table("words")
    else:
        op.drop_table("word_totals")
        op.drop_table("words")
    for name in (
        "forgotten",
        "receipts",
        "watermarks",
        "tags",
        "segments",
        "digests",
        "injections",
        "aliases",
        "turns",
        "conversations",
    ):
        op.drop_table(name)


def _truth() -> None:
    op.create_table(
        "conversations",
        _number("key"),
        _text("id"),
        _text("principal"),
        _time("created"),
        _time("updated"),
        _text("wire"),
        _text("model"),
        _text("label"),
        _bytes("system_hash"),
        _text("forked_from"),
        _int("fork_turn"),
        sa.Column("memory", sa.Boolean, nullable=False),
        _int("last_turn"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("conversations_by_principal", "conversations", ["principal"])
    op.create_table(
        "turns",
        _id("id"),
        _int("conversation"),
        _int("parent"),
        _int("position"),
        _bytes("chain"),
        _bytes("content"),
        _text("role"),
        _text("kind"),
        _text("wire"),
        _text("sender"),
        _text("channel"),
        _time("at"),
        _time("arrived"),
        _int("tokens"),
        sa.Column("complete", sa.Boolean, nullable=False),
        _bytes("text"),
        _bytes("calls"),
        _bytes("raw"),
    )
    op.create_index("turns_by_conversation", "turns", ["conversation"])
    op.create_index("turns_by_chain", "turns", ["chain"])
    spoken = sa.text("kind = 'spoken'")
    op.create_index("turns_by_content", "turns", ["content"], sqlite_where=spoken, postgresql_where=spoken)
    op.create_table(
        "aliases",
        _text("principal", primary_key=True),
        _text("name", primary_key=True),
        _int("conversation"),
        sqlite_with_rowid=False,
    )


def _derived() -> None:
    op.create_table(
        "injections",
        _int("conversation", primary_key=True),
        _bytes("chain", primary_key=True),
        _bytes("text"),
        _text("turns"),
        _int("tokens"),
        _time("created"),
    )
    op.create_table(
        "digests",
        _id("id"),
        _int("conversation"),
        _int("upto_turn"),
        _bytes("upto_chain"),
        _bytes("text"),
        _int("tokens"),
        _time("created"),
    )
    op.create_index("digests_by_conversation", "digests", ["conversation"])
    op.create_table(
        "segments",
        _id("id"),
        _int("conversation"),
        _int("first_turn"),
        _int("last_turn"),
        _text("tags"),
        _bytes("digest"),
        _int("tokens"),
        _time("started"),
        _time("ended"),
    )
    op.create_index("segments_by_conversation", "segments", ["conversation", "first_turn"])
    op.create_table(
        "tags",
        _number("doc"),
        _int("conversation"),
        _int("turn"),
        _text("tags"),
        _text("terms"),
        sa.UniqueConstraint("conversation", "turn"),
        sqlite_autoincrement=True,
    )


def _work() -> None:
    op.create_table(
        "watermarks",
        _int("conversation", primary_key=True),
        _text("job", primary_key=True),
        _int("turn"),
        _text("owner"),
        _time("lease_until"),
        _int("fence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "receipts",
        _number("id"),
        _time("at"),
        _text("principal"),
        _text("what"),
        _text("counts"),
        sa.Column("scrubbed", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "forgotten",
        _int("receipt", primary_key=True),
        _text("principal", primary_key=True),
        _text("conversation", primary_key=True),
        _int("turn", primary_key=True),
        _time("at"),
        sqlite_with_rowid=False,
    )


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, _NUMBER, primary_key=True, autoincrement=True)


def _id(name: str) -> sa.Column[int]:
    return sa.Column(name, _NUMBER, primary_key=True, autoincrement=False)


def _text(name: str, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=primary_key)


def _bytes(name: str, primary_key: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False, primary_key=primary_key)


def _int(name: str, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, primary_key=primary_key, autoincrement=False)


def _time(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float(53), nullable=False)
