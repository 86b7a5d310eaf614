"""How records become rows and rows become records: column names, value packing, and the statements built from them.

Rule: texts here are plain SQL that SQLite and PostgreSQL both read, with `?` for a value; a driver that spells values otherwise
replaces the mark. Column names are held against `tables.py` by a test, so that serving needs no SQLAlchemy.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from backstory.core.records import (
    Claim,
    Conversation,
    Digest,
    Fact,
    Injection,
    Lookup,
    Receipt,
    Segment,
    SessionSummary,
    Spend,
    Stub,
    Summary,
    Trace,
    Turn,
    TurnTags,
    TurnVectors,
    Watermark,
    Wording,
)
from backstory.errors import StoreError

_Sliced = TypeVar("_Sliced")
Value: TypeAlias = str | bytes | int | float
Row: TypeAlias = tuple[Any, ...]

# So many values are asked for in one statement.
_IN_ONE_STATEMENT = 500
# Under this, deflate saves less than its state costs to set up.
_PACK_FROM_BYTES = 512
_SMALL_WINDOW_BYTES = 8192
# Of the hash that names a piece of a turn beside its vector.
_NAME_BYTES = 8
# Neither UTF-8 nor JSON can begin with this byte.
_PACKED = b"\xff"

_to_json = msgspec.json.Encoder().encode
_tags = msgspec.json.Decoder(tuple[str, ...])
_ids = msgspec.json.Decoder(tuple[int, ...])
_counts = msgspec.json.Decoder(dict[str, int])
_claims = msgspec.json.Decoder(tuple[Claim, ...])


class Connection(Protocol):
    """An open connection, as much of it as the SQL of this room needs. Raises StoreError, and RowError for values it cannot take."""

    def all(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Every row of the answer."""
        ...

    def run(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Do it; the number of rows that changed."""
        ...

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Do it once for each of these rows."""
        ...


def pack(data: bytes) -> bytes:
    """As it is kept in a column: deflated where that pays. About 8 us for 600 bytes, 25 us for 4,000."""
    if len(data) <= _PACK_FROM_BYTES and data[:1] != _PACKED:
        return data
    small = _PACKED + _deflate(data)
    return small if len(small) < len(data) or data[:1] == _PACKED else data


def unpack(data: bytes) -> bytes:
    """What `pack` was given. Raises StoreError for a damaged value."""
    if data[:1] != _PACKED:
        return data
    try:
        return zlib.decompress(memoryview(data)[1:], -zlib.MAX_WBITS)
    except zlib.error as cause:
        raise StoreError(f"a stored value is damaged: {cause}") from cause


def _deflate(data: bytes) -> bytes:
    # The state of the full window takes 50 us to set up, whatever the length; the small one sees all of a usual message.
    window, memory = (13, 6) if len(data) <= _SMALL_WINDOW_BYTES else (zlib.MAX_WBITS, 8)
    packer = zlib.compressobj(1, zlib.DEFLATED, -window, memory)
    return packer.compress(data) + packer.flush()


def pack_text(text: str) -> bytes:
    """A text as it is kept."""
    return pack(text.encode())


def unpack_text(data: bytes) -> str:
    """The text that `pack_text` was given. Raises StoreError for a damaged value."""
    try:
        return unpack(data).decode()
    except UnicodeDecodeError as cause:
        raise StoreError(f"a stored text is damaged: {cause}") from cause


def slices(values: Sequence[_Sliced]) -> Iterator[Sequence[_Sliced]]:
    """These values in order, as many at a time as one statement takes."""
    return (values[start : start + _IN_ONE_STATEMENT] for start in range(0, len(values), _IN_ONE_STATEMENT))


def marks(count: int) -> str:
    """`?,?,?` for so many values."""
    return ",".join("?" * count)


def insert(table: str, columns: Sequence[str], conflict: str = "", times: int = 1) -> str:
    """An INSERT of so many rows of these columns, their values one after another."""
    values = ",".join([f"({marks(len(columns))})"] * times)
    return f"INSERT INTO {table} ({','.join(columns)}) VALUES {values}{' ON CONFLICT ' + conflict if conflict else ''}"


def update(columns: Iterable[str]) -> str:
    """The assignments of an upsert: each of these columns takes the new row's value."""
    return ",".join(f"{column}=excluded.{column}" for column in columns)


# The orders of columns: those of a record's fields, its conversation's number in place of the id where a table carries it.
CONVERSATIONS = (
    "id",
    "principal",
    "created",
    "updated",
    "wire",
    "model",
    "label",
    "system_hash",
    "forked_from",
    "fork_turn",
    "memory",
)
TURNS = (
    "id",
    "conversation",
    "parent",
    "position",
    "chain",
    "content",
    "role",
    "kind",
    "text",
    "wire",
    "sender",
    "channel",
    "at",
    "arrived",
    "tokens",
    "complete",
    "calls",
    "raw",
)
ALIASES = ("principal", "name", "conversation")
INJECTIONS = ("conversation", "chain", "text", "turns", "tokens", "created", "left_at")
DIGESTS = ("id", "conversation", "upto_turn", "upto_chain", "text", "tokens", "created")
SEGMENTS = ("id", "conversation", "first_turn", "last_turn", "tags", "digest", "tokens", "started", "ended")
STUBS = ("conversation", "turn", "kind", "place", "content", "ref", "text", "tokens", "saved", "created")
SUMMARIES = ("id", "conversation", "first_turn", "last_turn", "method", "text", "tokens", "created")
ALLOWANCE = ("day", "tokens", "micros", "calls")
TAGS = ("conversation", "turn", "tags", "terms")
VECTORS = ("conversation", "turn", "model", "width", "pieces")
FACTS = (
    "conversation",
    "turn",
    "place",
    "kind",
    "subject",
    "verb",
    "object",
    "stance",
    "replaces",
    "corrects",
    "author",
    "role",
    "said",
    "begins",
    "ends",
    "span_start",
    "span_end",
    "text",
    "method",
)
USAGE = (
    "id",
    "conversation",
    "at",
    "kind",
    "model",
    "wire",
    "tokens_in",
    "tokens_sent",
    "input_tokens",
    "output_tokens",
    "cache_read",
    "cache_write",
    "billed",
    "direct",
    "priced",
    "measured",
    "rewritten",
    "stopped",
)
BOOKS = ("conversation", "spend", "books")
WATERMARKS = ("conversation", "job", "turn", "owner", "lease_until", "fence")
RECEIPTS = ("at", "principal", "what", "counts", "scrubbed")
TRACES = ("request", "conversation", "turn", "turns", "tokens_in", "tokens_sent", "told", "created")
HOMES = ("conversation", "project", "audience")
SESSION_SUMMARIES = ("id", "conversation", "turns", "text", "tokens", "started", "ended", "created")
PINS = ("conversation", "turn", "pinned", "at")
REPLIES = ("whose", "name", "principal", "root", "previous", "said", "size", "used")
CHARGES = (
    *("id", "place", "at", "principal", "conversation", "wire", "backend", "model", "status", "ended", "calls", "source"),
    *("input_tokens", "output_tokens", "cache_read", "cache_write", "measured_in", "measured_out"),
    *("cost", "priced", "prices", "first_ms", "total_ms"),
)
WORDINGS = ("conversation", "turn", "content", "role", "kind", "sender", "text", "raw", "wire", "arrived")
LOOKUPS = ("conversation", "name", "chain", "text", "turns", "created")
STATES = ("conversation", "name", "value")
FORGOTTEN = ("receipt", "principal", "conversation", "turn", "at")
TOMBS = ("turn", "conversation", "principal", "parent", "question", "chain", "content", "at")
KEYS = ("name", "value")


def conversation_row(record: Conversation, last_turn: int) -> tuple[Value, ...]:
    """For CONVERSATIONS and `last_turn`."""
    return (*msgspec.structs.astuple(record), last_turn)


def conversation_of(row: Row) -> Conversation:
    """From CONVERSATIONS."""
    return Conversation(*(*row[:10], bool(row[10])))


def turn_row(turn: Turn, key: int) -> tuple[Value, ...]:
    """For TURNS."""
    return (
        turn.id,
        key,
        turn.parent,
        turn.position,
        turn.chain,
        turn.content,
        turn.role,
        turn.kind,
        pack(turn.text.encode()),
        turn.wire,
        turn.sender,
        turn.channel,
        turn.at,
        turn.arrived,
        turn.tokens,
        turn.complete,
        pack(turn.calls.encode()) if turn.calls else b"",
        pack(turn.raw) if turn.raw else b"",
    )


def turn_of(row: Row, conversation: str) -> Turn:
    """From TURNS, with or without the last."""
    text, calls = unpack_text(row[8]), unpack_text(row[16])
    raw = unpack(row[17]) if len(row) > 17 else b""
    return Turn(*(row[0], conversation, *row[2:8], text, raw, *row[9:15], bool(row[15]), calls))


def injection_row(one: Injection, key: int) -> tuple[Value, ...]:
    """For INJECTIONS."""
    return (key, one.chain, pack_text(one.text), _to_json(one.turns).decode(), one.tokens, one.created, one.left)


def injection_of(row: Row, conversation: str) -> Injection:
    """From INJECTIONS."""
    return Injection(conversation, row[1], unpack_text(row[2]), _ids.decode(row[3]), row[4], row[5], row[6])


def wording_row(one: Wording, key: int) -> tuple[Value, ...]:
    """For WORDINGS."""
    raw = pack(one.raw) if one.raw else b""
    return (key, one.turn, one.content, one.role, one.kind, one.sender, pack_text(one.text), raw, one.wire, one.arrived)


def wording_of(row: Row, conversation: str) -> Wording:
    """From WORDINGS."""
    return Wording(*(conversation, row[1], bytes(row[2]), *row[3:6], unpack_text(row[6]), unpack(row[7]), *row[8:10]))


def lookup_row(one: Lookup, key: int) -> tuple[Value, ...]:
    """For LOOKUPS."""
    return (key, one.name, one.chain, pack_text(one.text), _to_json(one.turns).decode(), one.created)


def lookup_of(row: Row, conversation: str) -> Lookup:
    """From LOOKUPS."""
    return Lookup(conversation, row[1], row[2], unpack_text(row[3]), _ids.decode(row[4]), row[5])


def digest_row(one: Digest, key: int) -> tuple[Value, ...]:
    """For DIGESTS."""
    return (one.id, key, one.upto_turn, one.upto_chain, pack_text(one.text), one.tokens, one.created)


def digest_of(row: Row, conversation: str) -> Digest:
    """From DIGESTS."""
    return Digest(row[0], conversation, row[2], row[3], unpack_text(row[4]), row[5], row[6])


def stub_row(one: Stub, key: int) -> tuple[Value, ...]:
    """For STUBS."""
    return (key, one.turn, one.kind, one.place, one.content, one.ref, pack_text(one.text), one.tokens, one.saved, one.created)


def stub_of(row: Row, conversation: str) -> Stub:
    """From STUBS."""
    return Stub(conversation, row[1], row[2], row[3], row[4], row[5], unpack_text(row[6]), row[7], row[8], row[9])


def trace_row(one: Trace, key: int) -> tuple[Value, ...]:
    """For TRACES."""
    turns = _to_json(one.turns).decode()
    return (one.request, key, one.turn, turns, one.tokens_in, one.tokens_sent, pack(one.told), one.created)


def trace_of(row: Row, conversation: str) -> Trace:
    """From TRACES."""
    return Trace(row[0], conversation, row[2], _ids.decode(row[3]), row[4], row[5], unpack(row[6]), row[7])


def session_summary_row(one: SessionSummary, key: int) -> tuple[Value, ...]:
    """For SESSION_SUMMARIES."""
    return (one.id, key, _to_json(one.turns).decode(), pack_text(one.text), one.tokens, one.started, one.ended, one.created)


def session_summary_of(row: Row, conversation: str) -> SessionSummary:
    """From SESSION_SUMMARIES."""
    return SessionSummary(row[0], conversation, _ids.decode(row[2]), unpack_text(row[3]), *row[4:8])


def segment_row(one: Segment, key: int) -> tuple[Value, ...]:
    """For SEGMENTS."""
    tags = _to_json(one.tags).decode()
    return (one.id, key, one.first_turn, one.last_turn, tags, pack_text(one.digest), one.tokens, one.started, one.ended)


def segment_of(row: Row, conversation: str) -> Segment:
    """From SEGMENTS."""
    return Segment(row[0], conversation, row[2], row[3], _tags.decode(row[4]), unpack_text(row[5]), *row[6:9])


def summary_row(one: Summary, key: int) -> tuple[Value, ...]:
    """For SUMMARIES."""
    claims = pack(_to_json(one.claims))
    return (one.id, key, one.first_turn, one.last_turn, one.method, claims, one.tokens, one.created)


def summary_of(row: Row, conversation: str) -> Summary:
    """From SUMMARIES."""
    return Summary(row[0], conversation, row[2], row[3], row[4], _claims.decode(unpack(row[5])), row[6], row[7])


def tags_row(one: TurnTags, key: int) -> tuple[Value, ...]:
    """For TAGS."""
    return (key, one.turn, _to_json(one.tags).decode(), terms_of(one))


def renamed(one: TurnTags, names: Mapping[str, str]) -> TurnTags:
    """Its tags with these names of their topics."""
    tags = tuple(names.get(tag.partition("/")[0], tag) for tag in one.tags)
    return TurnTags(one.turn, one.conversation, tags, one.terms)


def terms_of(one: TurnTags) -> str:
    """Its index terms with one plain space between each."""
    return " ".join(one.terms.split())


def tags_of(row: Row, conversation: str) -> TurnTags:
    """From TAGS."""
    return TurnTags(row[1], conversation, _tags.decode(row[2]), row[3])


def vectors_row(one: TurnVectors, key: int) -> tuple[Value, ...]:
    """For VECTORS. Of one width, as its first piece has it."""
    width = len(one.pieces[0][1])
    return (key, one.turn, one.model, width, b"".join(name + vector for name, vector in one.pieces if len(vector) == width))


def same_width(one: TurnVectors) -> list[bytes]:
    """The vectors that `vectors_row` keeps."""
    width = len(one.pieces[0][1])
    return [vector for _, vector in one.pieces if len(vector) == width]


def vectors_of(row: Row, conversation: str) -> TurnVectors:
    """From VECTORS."""
    step = _NAME_BYTES + row[3]
    starts = range(0, len(row[4]) - step + 1, step)
    pieces = tuple((row[4][start : start + _NAME_BYTES], row[4][start + _NAME_BYTES : start + step]) for start in starts)
    return TurnVectors(row[1], conversation, row[2], pieces)


def fact_row(one: Fact, key: int) -> tuple[Value, ...]:
    """For FACTS."""
    return (
        key,
        one.turn,
        one.place,
        one.kind,
        one.subject,
        one.verb,
        one.object,
        one.stance,
        one.replaces,
        one.corrects,
        one.author,
        one.role,
        one.said,
        one.begins,
        one.ends,
        one.span_start,
        one.span_end,
        pack_text(one.text),
        one.method,
    )


def fact_of(row: Row, conversation: str) -> Fact:
    """From FACTS."""
    return Fact(*(row[1], conversation, *row[2:9], bool(row[9]), *row[10:17], unpack_text(row[17]), row[18]))


def spend_row(one: Spend, key: int) -> tuple[Value, ...]:
    """For USAGE."""
    _, _, *rest, _ = msgspec.structs.astuple(one)
    return (one.id, key, *rest)


def spend_of(row: Row, conversation: str) -> Spend:
    """From USAGE and the books beside it, None where there are none."""
    return Spend(*(row[0], conversation, *row[2:14], *map(bool, row[14:18]), bytes(row[18] or b"")))


def watermark_of(row: Row, conversation: str) -> Watermark:
    """From WATERMARKS."""
    return Watermark(conversation, *row[1:])


def receipt_of(row: Row) -> Receipt:
    """From `id` and RECEIPTS."""
    return Receipt(row[0], row[1], row[2], row[3], _counts.decode(row[4]))


def counts_text(counts: dict[str, int]) -> str:
    """Counts as a receipt keeps them."""
    return _to_json(counts).decode()
