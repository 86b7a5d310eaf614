"""Writing batches: which rows are taken in, and the statements that do it.

Rules: writing the same batch twice, or late, changes nothing. A row lands only in a conversation of its own principal. What was
forgotten stays forgotten: a row made before the forgetting is refused, whoever brings it late (a queue, a journal).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from backstory.core.records import Batch, Conversation, Injection, Turn, Wording
from backstory.core.tombs import human
from backstory.stores import begun, burial, replies, wordings
from backstory.stores.rows import (
    ALIASES,
    BOOKS,
    CONVERSATIONS,
    DIGESTS,
    FORGOTTEN,
    HOMES,
    INJECTIONS,
    LOOKUPS,
    STUBS,
    TRACES,
    TURNS,
    USAGE,
    Connection,
    Row,
    Value,
    conversation_row,
    digest_row,
    injection_row,
    insert,
    lookup_row,
    marks,
    slices,
    spend_row,
    stub_row,
    trace_row,
    turn_row,
    update,
)

_NEWER = "CASE WHEN excluded.updated >= conversations.updated THEN excluded.{0} ELSE conversations.{0} END"
_LARGER = "CASE WHEN excluded.{0} > conversations.{0} THEN excluded.{0} ELSE conversations.{0} END"
_UPSERT = insert(
    "conversations",
    (*CONVERSATIONS, "last_turn"),
    "(id) DO UPDATE SET "
    + ",".join(f"{column}={_NEWER.format(column)}" for column in ("wire", "model"))
    + "".join(f",{column}={_LARGER.format(column)}" for column in ("updated", "last_turn"))
    + ",system_hash=CASE WHEN length(conversations.system_hash) > 0 THEN conversations.system_hash ELSE excluded.system_hash END"
    + " WHERE conversations.principal = excluded.principal",
)
_LAST_TURN = "UPDATE conversations SET last_turn = ? WHERE key = ? AND last_turn < ?"
_TURN = insert("turns", TURNS, "DO NOTHING")
# The interpreter's lock changes hands for every statement: with one for each turn, the event loop loses twice the time.
_TURNS_AT_ONCE = 16
_TURNS = insert("turns", TURNS, "DO NOTHING", _TURNS_AT_ONCE)
_ALIAS = insert(
    "aliases",
    ALIASES,
    "(principal, name) DO UPDATE SET conversation = excluded.conversation WHERE aliases.conversation <> excluded.conversation",
)
_INJECTION = insert("injections", INJECTIONS, "(conversation, chain) DO UPDATE SET left_at = excluded.left_at")
_DIGEST = insert("digests", DIGESTS, "DO NOTHING")
_TRACE = insert("traces", TRACES, "DO NOTHING")
_HOME = insert("homes", HOMES, f"(conversation) DO UPDATE SET {update(HOMES[1:])}")
_STUB = insert(
    "stubs",
    STUBS,
    "(conversation, turn, kind, place) DO UPDATE SET created = excluded.created WHERE excluded.created > stubs.created",
)
_SPEND = insert("usage", USAGE, "DO NOTHING")
_BOOKS = insert("books", BOOKS, f"(conversation) DO UPDATE SET {update(BOOKS[1:])} WHERE excluded.spend >= books.spend")
_LOOKUP = insert("lookups", LOOKUPS, f"(conversation, name) DO UPDATE SET {update(LOOKUPS[2:])} WHERE excluded.created >= lookups.created")
_MOST_LOOKUPS = 128
"""Of one conversation; the oldest go."""
_OLD_LOOKUPS = (
    "DELETE FROM lookups WHERE conversation = ? AND created <"
    f" (SELECT created FROM lookups WHERE conversation = ? ORDER BY created DESC LIMIT 1 OFFSET {_MOST_LOOKUPS - 1})"
)

Named: TypeAlias = tuple[str, str | None]
"""A conversation's id, and the principal it must belong to (None: whoever has it)."""


class Forgotten:
    """What was forgotten, and when. `receipt` is the number of the last one known."""

    __slots__ = ("_conversations", "_principals", "_turns", "receipt")

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.receipt = 0
        self._principals: dict[str, float] = {}
        self._conversations: dict[str, float] = {}
        self._turns: set[int] = set()
        for receipt, principal, conversation, turn, at in rows:
            self.receipt = max(self.receipt, receipt)
            if turn:
                self._turns.add(turn)
            elif conversation:
                self._conversations[conversation] = max(at, self._conversations.get(conversation, at))
            else:
                self._principals[principal] = max(at, self._principals.get(principal, at))

    def __bool__(self) -> bool:
        return bool(self._turns or self._conversations or self._principals)

    def late(self, principal: str, conversation: str, made: float) -> bool:
        """Whether something made at this time in this conversation was there to be forgotten."""
        whole = self._principals.get(principal)
        own = self._conversations.get(conversation)
        return (whole is not None and made <= whole) or (own is not None and made <= own)

    def turn(self, turn_id: int) -> bool:
        """Whether this very turn was forgotten."""
        return turn_id in self._turns


def forgotten(db: Connection, known: Forgotten) -> Forgotten:
    """`known`, or a new one where there are receipts that it does not know."""
    last = db.all("SELECT coalesce(max(id), 0) FROM receipts")[0][0]
    if last == known.receipt:
        return known
    fresh = Forgotten(db.all(f"SELECT {','.join(FORGOTTEN)} FROM forgotten"))
    fresh.receipt = last
    return fresh


def write(db: Connection, batches: Sequence[Batch], gone: Forgotten, moved: Mapping[str, str]) -> Mapping[str, str]:
    """All rows of these batches that may be taken in. In a transaction of the caller's. `moved`: as in Store; gives it back with those
    that have to be there once the transaction is over."""
    done = begun.placed(db, batches, moved, gone.late)
    batches = done.batches
    records: dict[tuple[str, str], Conversation] = {}
    last: dict[Named, int] = {}
    turns: list[tuple[Turn, Named]] = []
    for batch in batches:
        owners = {record.id: record.principal for record in batch.conversations}
        for record in batch.conversations:
            if not gone or not gone.late(record.principal, record.id, record.updated):
                _merge(records, record)
        for turn in batch.turns:
            name = (turn.conversation, owners.get(turn.conversation))
            turns.append((turn, name))
            if not gone:
                last[name] = max(turn.id, last.get(name, 0))
    records = {name: record for name, record in records.items() if not (gone and _ended(db, record, turns, gone))}
    db.many(_UPSERT, [conversation_row(record, last.get(name, 0)) for name, record in records.items()])
    places = _Places(db, batches, gone)
    taken = _taken(db, turns, places, last) if gone else ((turn, places.key(name, turn.arrived)) for turn, name in turns)
    rows = [turn_row(turn, key) for turn, key in taken if key]
    even = len(rows) - len(rows) % _TURNS_AT_ONCE
    for start in range(0, even, _TURNS_AT_ONCE):
        db.run(_TURNS, [value for row in rows[start : start + _TURNS_AT_ONCE] for value in row])
    db.many(_TURN, rows[even:])
    loose = [(turn_id, places.key(name), turn_id) for name, turn_id in last.items() if gone or name not in records]
    if loose:
        db.many(_LAST_TURN, loose)
    _write_rest(db, batches, places)
    begun.settle(db, done)
    return done.moved


def _taken(db: Connection, turns: Sequence[tuple[Turn, Named]], places: _Places, last: dict[Named, int]) -> Iterator[tuple[Turn, int]]:
    """Those of these turns that may be stored after a forgetting, with the numbers of their conversations; `last` is told of them."""
    names = {turn.id: name for turn, name in turns}
    told = []
    for turn, name in turns:
        principal = places.owner(name)
        late = places.gone.late(principal, turn.conversation, turn.arrived) or places.gone.turn(turn.id)
        told.append((turn, places.key(name), principal, late))
    for turn, key in burial.sift(db, told):
        name = names[turn.id]
        last[name] = max(turn.id, last.get(name, 0))
        yield turn, key


def _ended(db: Connection, record: Conversation, turns: Sequence[tuple[Turn, Named]], gone: Forgotten) -> bool:
    """Whether this conversation was forgotten as a whole, and nothing was said in it since: only what answers what is gone."""
    if not gone.late(record.principal, record.id, record.created):
        return False
    own = [turn for turn, _ in turns if turn.conversation == record.id]
    new = any(human(turn) and not gone.late(record.principal, record.id, turn.arrived) for turn in own)
    return bool(own) and not new and not db.all("SELECT 1 FROM conversations WHERE id = ?", (record.id,))


def _write_rest(db: Connection, batches: Sequence[Batch], places: _Places) -> None:
    aliases, injections, digests = [], [], []
    for batch in batches:
        owners = {record.id: record.principal for record in batch.conversations}
        for principal, alias, conversation in batch.aliases:
            if key := places.key((conversation, principal)):
                aliases.append((principal, alias, key))
        for injection in batch.injections:
            name = (injection.conversation, owners.get(injection.conversation))
            if (key := places.key(name, injection.created)) and not (places.gone and _quotes(db, injection)):
                injections.append(injection_row(injection, key))
        for digest in batch.digests:
            key = places.key((digest.conversation, owners.get(digest.conversation)), digest.created)
            if key and not (places.gone and burial.stale(db, digest)):
                digests.append(digest_row(digest, key))
    for sql, rows in (
        (_ALIAS, aliases),
        (_INJECTION, injections),
        (_DIGEST, digests),
        (_STUB, _stub_rows(batches, places)),
    ):
        if rows:
            db.many(sql, rows)
    _write_spends(db, batches, places)
    _write_told(db, batches, places)


def _write_told(db: Connection, batches: Sequence[Batch], places: _Places) -> None:
    homes: list[tuple[Value, ...]] = []
    traces: list[tuple[Value, ...]] = []
    for batch in batches:
        owners = {record.id: record.principal for record in batch.conversations}
        for home in batch.homes:
            if key := places.key((home.conversation, owners.get(home.conversation))):
                homes.append((key, home.project, home.audience))
        for trace in batch.traces:
            key = places.key((trace.conversation, owners.get(trace.conversation)), trace.created)
            if key and not (places.gone and burial.buried(db, trace.turns)):
                traces.append(trace_row(trace, key))
    for sql, rows in ((_HOME, homes), (_TRACE, traces)):
        if rows:
            db.many(sql, rows)
    _write_lookups(db, batches, places)
    _write_wordings(db, batches, places)
    kept = [one for batch in batches for one in batch.replies]
    if kept:
        replies.put(db, kept)


def _write_lookups(db: Connection, batches: Sequence[Batch], places: _Places) -> None:
    """Those that quote no turn that was forgotten."""
    found: list[tuple[Value, ...]] = []
    for batch in batches:
        owners = {record.id: record.principal for record in batch.conversations} if batch.lookups else {}
        for one in batch.lookups:
            key = places.key((one.conversation, owners.get(one.conversation)), one.created)
            if key and not any(places.gone.turn(turn) for turn in one.turns):
                found.append(lookup_row(one, key))
    if found:
        db.many(_LOOKUP, found)
        db.many(_OLD_LOOKUPS, [(key, key) for key in {row[0] for row in found}])


def _write_wordings(db: Connection, batches: Sequence[Batch], places: _Places) -> None:
    """Those of turns that were not forgotten."""
    found: list[tuple[Wording, int]] = []
    for batch in batches:
        owners = {record.id: record.principal for record in batch.conversations} if batch.wordings else {}
        for one in batch.wordings:
            key = places.key((one.conversation, owners.get(one.conversation)), one.arrived)
            if key and not places.gone.turn(one.turn):
                found.append((one, key))
    if found:
        wordings.put(db, found)


def _quotes(db: Connection, injection: Injection) -> bool:
    """Whether it tells of a turn that was forgotten, or stands at one."""
    return bool(burial.buried(db, injection.turns) or burial.known(db, injection.conversation, injection.chain))


def _stub_rows(batches: Sequence[Batch], places: _Places) -> list[tuple[Value, ...]]:
    """Those of turns that were not forgotten: a stub shows pieces of what it stands for."""
    rows = []
    for batch in batches:
        owners = {record.id: record.principal for record in batch.conversations} if batch.stubs else {}
        for stub in batch.stubs:
            key = places.key((stub.conversation, owners.get(stub.conversation)), stub.created)
            if key and not places.gone.turn(stub.turn):
                rows.append(stub_row(stub, key))
    return rows


def _write_spends(db: Connection, batches: Sequence[Batch], places: _Places) -> None:
    spends: list[tuple[Value, ...]] = []
    books: list[tuple[Value, ...]] = []
    for batch in batches:
        owners = {record.id: record.principal for record in batch.conversations} if batch.spends else {}
        for spend in batch.spends:
            key = places.key((spend.conversation, owners.get(spend.conversation)), spend.at)
            if key or not spend.conversation:
                spends.append(spend_row(spend, key))
            if key and spend.books:
                books.append((key, spend.id, spend.books))
    for sql, rows in ((_SPEND, spends), (_BOOKS, books)):
        if rows:
            db.many(sql, rows)


class _Places:
    """The numbers of the conversations that these batches name."""

    def __init__(self, db: Connection, batches: Sequence[Batch], gone: Forgotten) -> None:
        ids: dict[str, None] = {}
        for batch in batches:
            ids.update((record.id, None) for record in batch.conversations)
            ids.update((turn.conversation, None) for turn in batch.turns)
            ids.update((alias[2], None) for alias in batch.aliases)
            ids.update((injection.conversation, None) for injection in batch.injections)
            ids.update((digest.conversation, None) for digest in batch.digests)
            ids.update((stub.conversation, None) for stub in batch.stubs)
            ids.update((spend.conversation, None) for spend in batch.spends)
            ids.update((trace.conversation, None) for trace in batch.traces)
            ids.update((home.conversation, None) for home in batch.homes)
            ids.update((one.conversation, None) for one in batch.lookups)
            ids.update((one.conversation, None) for one in batch.wordings)
        self.gone = gone
        self._found: dict[str, tuple[int, str]] = {}
        wanted = list(ids)
        for some in slices(wanted):
            for name, key, principal in db.all(f"SELECT id, key, principal FROM conversations WHERE id IN ({marks(len(some))})", some):
                self._found[name] = (key, principal)

    def owner(self, name: Named) -> str:
        """The principal that the conversation has, or would have."""
        return name[1] or self._found.get(name[0], (0, ""))[1]

    def key(self, name: Named, made: float | None = None) -> int:
        """The conversation's number; 0 where there is none, it is another principal's, or what was made then is forgotten."""
        conversation, owner = name
        found = self._found.get(conversation)
        if found is None or (owner is not None and owner != found[1]):
            return 0
        if made is not None and self.gone and self.gone.late(found[1], conversation, made):
            return 0
        return found[0]


def _merge(records: dict[tuple[str, str], Conversation], record: Conversation) -> None:
    """The later of two records of one conversation; the first to be seen creates it."""
    name = (record.id, record.principal)
    known = records.get(name)
    if known is None:
        records[name] = record
        return
    newer = record if record.updated >= known.updated else known
    records[name] = Conversation(
        known.id,
        known.principal,
        known.created,
        newer.updated,
        newer.wire,
        newer.model,
        newer.label,
        known.system_hash or record.system_hash,
        known.forked_from,
        known.fork_turn,
        newer.memory,
    )
