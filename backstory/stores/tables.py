"""The schema: every table that the store reads and writes, for all databases.

Rule: this is the one place where a column is declared. Migrations build it, `rows.py` names its columns, and tests hold all three
against each other. Importing this file imports SQLAlchemy, so only migrations and tests do.

A conversation has a short number (`key`) beside its id: the other tables carry the number, which keeps their rows and indexes
small. Turns have three indexes and no more, because each costs the writer about 3 us a turn.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

# SQLite gives an automatic number only to INTEGER.
_Number = BigInteger().with_variant(Integer(), "sqlite")


def _number(name: str) -> Column[int]:
    return Column(name, _Number, primary_key=True, autoincrement=True)


def _id(name: str) -> Column[int]:
    return Column(name, _Number, primary_key=True, autoincrement=False)


def _text(name: str, primary_key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=False, primary_key=primary_key)


def _bytes(name: str, primary_key: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, primary_key=primary_key)


def _int(name: str, primary_key: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=False, primary_key=primary_key, autoincrement=False)


def _time(name: str) -> Column[float]:
    return Column(name, Float(53), nullable=False)


conversations = Table(
    "conversations",
    metadata,
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
    Column("memory", Boolean, nullable=False),
    _int("last_turn"),
    UniqueConstraint("id"),
    Index("conversations_by_principal", "principal"),
    # A number is never given twice: what was prepared for a forgotten conversation must not land in a new one.
    sqlite_autoincrement=True,
)

turns = Table(
    "turns",
    metadata,
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
    Column("complete", Boolean, nullable=False),
    _bytes("text"),
    _bytes("calls"),
    # Last, so that a read without it does not touch the pages it spills over to.
    _bytes("raw"),
    Index("turns_by_conversation", "conversation"),
    Index("turns_by_chain", "chain"),
    # Nobody looks for tool output by what it says.
    Index("turns_by_content", "content", sqlite_where=text("kind = 'spoken'"), postgresql_where=text("kind = 'spoken'")),
)

aliases = Table(
    "aliases",
    metadata,
    _text("principal", primary_key=True),
    _text("name", primary_key=True),
    _int("conversation"),
    sqlite_with_rowid=False,
)

injections = Table(
    "injections",
    metadata,
    _int("conversation", primary_key=True),
    _bytes("chain", primary_key=True),
    _bytes("text"),
    _text("turns"),
    _int("tokens"),
    _time("created"),
    Column("left_at", Float(53), nullable=False, server_default="0"),
)

lookups = Table(
    "lookups",
    metadata,
    _int("conversation", primary_key=True),
    _text("name", primary_key=True),
    _bytes("chain"),
    _bytes("text"),
    _text("turns"),
    _time("created"),
    sqlite_with_rowid=False,
)

replies = Table(
    "replies",
    metadata,
    _text("whose", primary_key=True),
    _text("name", primary_key=True),
    _text("principal"),
    _text("root"),
    _text("previous"),
    _bytes("said"),
    _int("size"),
    _time("used"),
    Index("replies_by_root", "root"),
    Index("replies_by_name", "name"),
    Index("replies_by_use", "used", "size"),
)

digests = Table(
    "digests",
    metadata,
    _id("id"),
    _int("conversation"),
    _int("upto_turn"),
    _bytes("upto_chain"),
    _bytes("text"),
    _int("tokens"),
    _time("created"),
    Index("digests_by_conversation", "conversation"),
)

stubs = Table(
    "stubs",
    metadata,
    _int("conversation", primary_key=True),
    _int("turn", primary_key=True),
    _text("kind", primary_key=True),
    _int("place", primary_key=True),
    _bytes("content"),
    _text("ref"),
    _bytes("text"),
    _int("tokens"),
    _int("saved"),
    _time("created"),
    Index("stubs_by_turn", "turn"),
    sqlite_with_rowid=False,
)

wordings = Table(
    "wordings",
    metadata,
    _int("conversation", primary_key=True),
    _int("turn", primary_key=True),
    _bytes("content", primary_key=True),
    _text("role"),
    _text("kind"),
    _text("sender"),
    _bytes("text"),
    _bytes("raw"),
    _text("wire"),
    _time("arrived"),
    Index("wordings_by_turn", "turn"),
)

segments = Table(
    "segments",
    metadata,
    _id("id"),
    _int("conversation"),
    _int("first_turn"),
    _int("last_turn"),
    _text("tags"),
    _bytes("digest"),
    _int("tokens"),
    _time("started"),
    _time("ended"),
    Index("segments_by_conversation", "conversation", "first_turn"),
)

summaries = Table(
    "summaries",
    metadata,
    _id("id"),
    _int("conversation"),
    _int("first_turn"),
    _int("last_turn"),
    _text("method"),
    _bytes("text"),
    _int("tokens"),
    _time("created"),
    Index("summaries_by_conversation", "conversation", "first_turn"),
)

spend = Table(
    "allowance",
    metadata,
    _text("day", primary_key=True),
    _int("tokens"),
    _int("micros"),
    _int("calls"),
    sqlite_with_rowid=False,
)

traces = Table(
    "traces",
    metadata,
    _id("request"),
    _int("conversation"),
    _int("turn"),
    _text("turns"),
    _int("tokens_in"),
    _int("tokens_sent"),
    _bytes("told"),
    _time("created"),
    Index("traces_by_conversation", "conversation", "turn"),
)

homes = Table(
    "homes",
    metadata,
    _int("conversation", primary_key=True),
    _text("project"),
    _text("audience"),
)

session_summaries = Table(
    "session_summaries",
    metadata,
    _id("id"),
    _int("conversation"),
    _text("turns"),
    _bytes("text"),
    _int("tokens"),
    _time("started"),
    _time("ended"),
    _time("created"),
    Index("session_summaries_by_conversation", "conversation"),
)

pins = Table(
    "pins",
    metadata,
    # Rises with every change, so that a process can ask for what has changed.
    _number("change"),
    _int("conversation"),
    _int("turn"),
    # False: it was pinned once.
    Column("pinned", Boolean, nullable=False),
    _time("at"),
    UniqueConstraint("turn"),
    Index("pins_by_conversation", "conversation"),
    sqlite_autoincrement=True,
)

tags = Table(
    "tags",
    metadata,
    # The number of the entry in the full-text index: small and dense, unlike a turn's id.
    _number("doc"),
    _int("conversation"),
    _int("turn"),
    _text("tags"),
    _text("terms"),
    UniqueConstraint("conversation", "turn"),
    sqlite_autoincrement=True,
)

vectors = Table(
    "vectors",
    metadata,
    _int("conversation", primary_key=True),
    _int("turn", primary_key=True),
    _text("model", primary_key=True),
    _int("width"),
    _bytes("pieces"),
)

facts = Table(
    "facts",
    metadata,
    _int("conversation", primary_key=True),
    _int("turn", primary_key=True),
    _int("place", primary_key=True),
    _text("kind"),
    _text("subject"),
    _text("verb"),
    _text("object"),
    _text("stance"),
    _text("replaces"),
    Column("corrects", Boolean, nullable=False),
    _text("author"),
    _text("role"),
    _time("said"),
    _time("begins"),
    _time("ends"),
    _int("span_start"),
    _int("span_end"),
    _bytes("text"),
    Column("method", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

usage = Table(
    "usage",
    metadata,
    _id("id"),
    # 0 for a request that belongs to none.
    _int("conversation"),
    _time("at"),
    _text("kind"),
    _text("model"),
    _text("wire"),
    _int("tokens_in"),
    _int("tokens_sent"),
    _int("input_tokens"),
    _int("output_tokens"),
    _int("cache_read"),
    _int("cache_write"),
    _time("billed"),
    _time("direct"),
    Column("priced", Boolean, nullable=False),
    Column("measured", Boolean, nullable=False),
    Column("rewritten", Boolean, nullable=False),
    Column("stopped", Boolean, nullable=False),
    Index("usage_by_conversation", "conversation"),
)

books = Table(
    "books",
    metadata,
    _int("conversation", primary_key=True),
    # The row of `usage` that they are of, the newest.
    _int("spend"),
    _bytes("books"),
    sqlite_with_rowid=False,
)

charges = Table(
    "charges",
    metadata,
    _id("id"),
    _int("place", primary_key=True),
    _time("at"),
    _text("principal"),
    # By its id: charges are there before the conversation is, and of conversations that memory never stores.
    _text("conversation"),
    *map(_text, ("wire", "backend", "model")),
    _int("status"),
    _text("ended"),
    _int("calls"),
    _text("source"),
    *map(_int, ("input_tokens", "output_tokens", "cache_read", "cache_write", "measured_in", "measured_out")),
    _time("cost"),
    Column("priced", Boolean, nullable=False),
    _text("prices"),
    *map(_time, ("first_ms", "total_ms")),
    Index("charges_by_conversation", "conversation"),
    sqlite_with_rowid=False,
)

watermarks = Table(
    "watermarks",
    metadata,
    _int("conversation", primary_key=True),
    _text("job", primary_key=True),
    _int("turn"),
    _text("owner"),
    _time("lease_until"),
    _int("fence"),
    sqlite_with_rowid=False,
)

states = Table(
    "states",
    metadata,
    _int("conversation", primary_key=True),
    _text("name", primary_key=True),
    _text("value"),
    Index("states_by_name", "name"),
    sqlite_with_rowid=False,
)

receipts = Table(
    "receipts",
    metadata,
    _number("id"),
    _time("at"),
    _text("principal"),
    _text("what"),
    _text("counts"),
    # False until the bytes of the removed rows are gone from the files, too.
    Column("scrubbed", Boolean, nullable=False),
    sqlite_autoincrement=True,
)

forgotten = Table(
    "forgotten",
    metadata,
    _int("receipt", primary_key=True),
    _text("principal", primary_key=True),
    _text("conversation", primary_key=True),
    _int("turn", primary_key=True),
    _time("at"),
    sqlite_with_rowid=False,
)

tombs = Table(
    "tombs",
    metadata,
    _int("turn", primary_key=True),
    _text("conversation", primary_key=True),
    _text("principal"),
    # -1: its conversation went with it.
    _int("parent"),
    # True: what answers it is forgotten, too.
    Column("question", Boolean, nullable=False),
    _int("chain"),
    _int("content"),
    _time("at"),
    Index("tombs_by_conversation", "conversation", "chain"),
    sqlite_with_rowid=False,
)

keys = Table(
    "keys",
    metadata,
    _text("name", primary_key=True),
    _bytes("value"),
    sqlite_with_rowid=False,
)

# The full-text index over `tags.terms` is no table of SQLAlchemy's: each dialect's own is made by the migrations.
