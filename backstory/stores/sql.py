"""The store, written once in SQL that SQLite and PostgreSQL both read; what they do differently stands behind `Dialect`
(dialect.py).

Rule: every look-up that is given a principal checks it in its own statement.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b

from backstory.core.ids import ids_since
from backstory.core.records import (
    Batch,
    Conversation,
    Digest,
    Hit,
    Injection,
    Lookup,
    Receipt,
    Segment,
    Spend,
    Stub,
    Summary,
    Total,
    Turn,
    TurnTags,
    Used,
    Watermark,
)
from backstory.core.store import Spent
from backstory.core.tombs import Tomb, Tombs
from backstory.errors import FencedError, StoreError
from backstory.stores import allowance, beginnings, burial, forgetting, replies, rows, spending, writing
from backstory.stores.across import Across
from backstory.stores.charges import SqlCharges
from backstory.stores.dialect import Dialect
from backstory.stores.fact_rows import FactRows
from backstory.stores.finding import Counts, choose
from backstory.stores.rows import Connection, Value, marks
from backstory.stores.vector_rows import VectorRows
from backstory.stores.wordings import Wordings

_KEY = "(SELECT key FROM conversations WHERE id = ?)"
_TABLES = (
    *("conversations", "turns", "aliases", "tags", "vectors", "segments", "summaries", "facts", "digests", "injections", "stubs", "usage"),
    *("watermarks", "states", "receipts", "traces", "homes", "session_summaries", "pins", "lookups", "replies", "charges", "wordings"),
    "books",
)
_TURNS = ",".join(f"t.{column}" for column in rows.TURNS[:-1])
_SEGMENT = rows.insert(
    "segments",
    rows.SEGMENTS,
    f"(id) DO UPDATE SET {rows.update(rows.SEGMENTS[2:])} WHERE segments.conversation = excluded.conversation",
)
_SUMMARY = rows.insert(
    "summaries",
    rows.SUMMARIES,
    f"(id) DO UPDATE SET {rows.update(rows.SUMMARIES[2:])} WHERE summaries.conversation = excluded.conversation",
)
_WATERMARK = rows.insert("watermarks", rows.WATERMARKS, f"(conversation, job) DO UPDATE SET {rows.update(rows.WATERMARKS[2:])}")
# Fences of a conversation that was forgotten and came back begin above all that its old self can have had.
_FENCES_PER_RECEIPT = 1_000_000
# The index is narrowed to a conversation's own turns where they are a smaller share of it than this.
_NARROW_SHARE = 0.25
_LEAST_CREDIBLE_S = 60.0  # a session's lease may be moved to end in a moment


class SqlStore:
    """A `core.store.Store`. Any thread may call it; each has a connection of its own."""

    def __init__(self, dialect: Dialect, clock: Callable[[], float] = time.time) -> None:
        self._dialect = dialect
        self._clock = clock
        self._counts = Counts(dialect.count_words)
        self._gone = writing.Forgotten()
        self.moved: Mapping[str, str] = {}
        self.charges = SqlCharges(dialect)
        across = Across(dialect, self._move)
        self.traces, self.trace = across.traces, across.trace
        self.pin, self.pins, self.pin_changes = across.pin, across.pins, across.pin_changes
        self.home, self.kin, self.recent_aliases = across.home, across.kin, across.recent_aliases
        self.abouts, self.numbers = across.abouts, across.numbers
        self.session_summaries, self.put_session_summaries = across.session_summaries, across.put_session_summaries
        self.put_state = across.put_state
        self.wordings = Wordings(dialect).of
        vectors = VectorRows(dialect, self._move)
        self.vectors, self.put_vectors, self.drop_vectors = vectors.of, vectors.put, vectors.drop
        self.near, self.seeks = vectors.near, vectors.seeks
        facts = FactRows(dialect, self._move, self._first_fence)
        self.facts, self.put_facts, self.behind = facts.of, facts.put, facts.behind

    # --- ground truth

    def write(self, batches: Sequence[Batch]) -> None:
        """See Store. Rows of a conversation that is neither stored nor in its batch are left out."""
        with self._dialect.transaction() as db:
            self._gone = writing.forgotten(db, self._gone)
            moved = writing.write(db, batches, self._gone, self.moved)
        self.moved = moved

    def conversation(self, principal: str, conversation_id: str) -> Conversation | None:
        """See Store."""
        sql = f"SELECT {','.join(rows.CONVERSATIONS)} FROM conversations WHERE id = ? AND principal = ?"
        found = self._all(sql, (conversation_id, principal))
        return rows.conversation_of(found[0]) if found else None

    def whose(self, conversation_id: str) -> Conversation | None:
        """See Store."""
        found = self._all(f"SELECT {','.join(rows.CONVERSATIONS)} FROM conversations WHERE id = ?", (conversation_id,))
        return rows.conversation_of(found[0]) if found else None

    def conversations(self, principal: str | None, limit: int = 50, offset: int = 0) -> list[tuple[Conversation, int]]:
        """See Store."""
        where, values = ("WHERE principal = ?", [principal]) if principal is not None else ("", [])
        own = "FROM turns t WHERE t.conversation = conversations.key)"
        shared = f"CASE WHEN forked_from = '' THEN 0 ELSE coalesce((SELECT min(t.position) {own}, 0) END"
        counted = f"(SELECT count(*) {own} + {shared}"
        sql = (
            f"SELECT {','.join(rows.CONVERSATIONS)}, {counted} FROM conversations {where} ORDER BY updated DESC, key DESC LIMIT ? OFFSET ?"
        )
        return [(rows.conversation_of(row), row[11]) for row in self._all(sql, (*values, limit, offset))]

    def alias(self, principal: str, key: str) -> str | None:
        """See Store."""
        sql = (
            "SELECT c.id FROM aliases a JOIN conversations c ON c.key = a.conversation"
            " WHERE a.principal = ? AND a.name = ? AND c.principal = a.principal"
        )
        found = self._all(sql, (principal, key))
        return str(found[0][0]) if found else None

    def chains(self, principal: str, chains: Sequence[bytes]) -> list[tuple[bytes, str, int]]:
        """See Store. By turn id; cost grows with the number of chains asked for."""
        return beginnings.chains(self._dialect.connection(), principal, chains)

    def deepest(self, principal: str, chains: Sequence[bytes], limit: int) -> list[str]:
        """See Store. What everybody begins with costs no more than what one has."""
        return beginnings.deepest(self._dialect.connection(), principal, chains, limit)

    def ended(self, principal: str, chain: bytes, limit: int) -> list[str]:
        """See Store."""
        return beginnings.ended(self._dialect.connection(), principal, chain, limit)

    def contents(self, principal: str, content: bytes, limit: int = 8) -> list[tuple[str, int]]:
        """See Store."""
        return beginnings.contents(self._dialect.connection(), principal, content, limit)

    def turns(self, conversation_id: str, after: int = 0, limit: int = 1_000_000_000, raw: bool = False) -> list[Turn]:
        """See Store."""
        columns = _TURNS + (",t.raw" if raw else "")
        sql = f"SELECT {columns} FROM turns t WHERE t.conversation = {_KEY} AND t.id > ? ORDER BY t.id LIMIT ?"
        return [rows.turn_of(row, conversation_id) for row in self._all(sql, (conversation_id, after, limit))]

    def turns_by_id(self, ids: Iterable[int], raw: bool = False) -> list[Turn]:
        """See Store. Unknown ids are left out."""
        wanted = sorted(set(ids))
        columns = _TURNS + (",t.raw" if raw else "")
        found: list[Turn] = []
        for some in rows.slices(wanted):
            sql = (
                f"SELECT c.id, {columns} FROM turns t JOIN conversations c ON c.key = t.conversation"
                f" WHERE t.id IN ({marks(len(some))}) ORDER BY t.id"
            )
            found.extend(rows.turn_of(row[1:], row[0]) for row in self._all(sql, some))
        return found

    def injections(self, conversation_id: str) -> list[Injection]:
        """See Store."""
        sql = f"SELECT {','.join(rows.INJECTIONS)} FROM injections WHERE conversation = {_KEY} ORDER BY created, chain"
        return [rows.injection_of(row, conversation_id) for row in self._all(sql, (conversation_id,))]

    def lookups(self, conversation_id: str) -> list[Lookup]:
        """See Store."""
        sql = f"SELECT {','.join(rows.LOOKUPS)} FROM lookups WHERE conversation = {_KEY} ORDER BY created, name"
        return [rows.lookup_of(row, conversation_id) for row in self._all(sql, (conversation_id,))]

    def has_lookups(self) -> bool:
        """See Store."""
        return bool(self._all("SELECT 1 FROM lookups LIMIT 1"))

    def reply_chain(self, whose: str, name: str) -> list[bytes]:
        """See Store."""
        return replies.chain(self._dialect.connection(), whose, name)

    # --- derived

    def tags(self, conversation_id: str, after: int = 0, limit: int = 1_000_000) -> list[TurnTags]:
        """See Store."""
        sql = f"SELECT {','.join(rows.TAGS)} FROM tags WHERE conversation = {_KEY} AND turn > ? ORDER BY turn LIMIT ?"
        return [rows.tags_of(row, conversation_id) for row in self._all(sql, (conversation_id, after, limit))]

    def tagged(self, conversation_id: str) -> int:
        """See Store."""
        sql = f"SELECT coalesce(max(turn), 0) FROM tags WHERE conversation = {_KEY}"
        return int(self._all(sql, (conversation_id,))[0][0])

    def put_tags(self, rows_: Sequence[TurnTags], mark: Watermark) -> None:
        """See Store. Rows of turns that are not in the conversation (any more) are left out; tags stored before are replaced."""
        with self._dialect.transaction() as db:
            key, owner = self._move(db, mark)
            fresh = {one.turn: one for one in rows_ if one.conversation == mark.conversation}
            for some in rows.slices(list(fresh)):
                where = f"conversation = ? AND turn IN ({marks(len(some))})"
                old = db.all(f"SELECT doc, terms FROM tags WHERE {where}", (key, *some))
                if old:
                    self._dialect.drop_words(db, [(row[0], row[1], owner) for row in old])
                    db.run(f"DELETE FROM tags WHERE {where}", (key, *some))
                there = db.all(f"SELECT id FROM turns WHERE id IN ({marks(len(some))}) AND conversation = ? ORDER BY id", (*some, key))
                db.many(rows.insert("tags", rows.TAGS), [rows.tags_row(fresh[row[0]], key) for row in there])
                made = db.all(f"SELECT doc, terms FROM tags WHERE {where} ORDER BY doc", (key, *some))
                self._dialect.add_words(db, [(row[0], row[1], owner) for row in made])

    def retag(self, names: Mapping[int, Mapping[str, str]], mark: Watermark) -> None:
        """See Store."""
        with self._dialect.transaction() as db:
            key, _ = self._move(db, mark)
            for some in rows.slices(sorted(names)):
                sql = f"SELECT {','.join(rows.TAGS)} FROM tags WHERE conversation = ? AND turn IN ({marks(len(some))})"
                changed = []
                for row in db.all(sql, (key, *some)):
                    one = rows.tags_of(row, mark.conversation)
                    new = rows.renamed(one, names[one.turn])
                    if new.tags != one.tags:
                        changed.append((rows.tags_row(new, key)[2], key, one.turn))
                db.many("UPDATE tags SET tags = ? WHERE conversation = ? AND turn = ?", changed)

    def search(self, principal: str, conversation_ids: Sequence[str], terms: Sequence[str], limit: int) -> list[Hit]:
        """See Store. Very common terms are left out where rarer ones are given; a term is one word of `TurnTags.terms`."""
        db = self._dialect.connection()
        owners = [_principal_mark(principal)]
        where, values = "c.principal = ?", [principal]
        keys: list[int] = []
        if conversation_ids:
            sql = f"SELECT key FROM conversations WHERE principal = ? AND id IN ({marks(len(conversation_ids))})"
            keys = [row[0] for row in db.all(sql, (principal, *conversation_ids))]
            if not keys:
                return []
            owners = [_conversation_mark(key) for key in keys]
            where += f" AND t.conversation IN ({marks(len(keys))})"
        words = list(dict.fromkeys(word for term in terms for word in term.split()))
        counts = self._counts.of(db, (*words, *owners))
        total = self._counts.total(db)
        own = sum(counts.get(mark, 0) for mark in owners)
        narrow = own < total * _NARROW_SHARE
        if narrow:
            counts = {word: min(count, own) for word, count in counts.items()}
        chosen, share = choose(words, counts, own if narrow else total)
        if not chosen:
            return []
        after = int(self._counts.newest(db) * (1 - share)) if not narrow else 0
        found = self._dialect.find_words(db, chosen, owners if narrow else (), after, where, (*values, *keys), limit)
        return [Hit(turn, score) for turn, score in found]

    def frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        """See Store. In a large index counts may lag behind by 5 %."""
        db = self._dialect.connection()
        return {**self._counts.of(db, terms), "": self._counts.total(db)}

    def segments(self, conversation_id: str) -> list[Segment]:
        """See Store."""
        sql = f"SELECT {','.join(rows.SEGMENTS)} FROM segments WHERE conversation = {_KEY} ORDER BY first_turn, id"
        return [rows.segment_of(row, conversation_id) for row in self._all(sql, (conversation_id,))]

    def put_segments(self, rows_: Sequence[Segment], mark: Watermark) -> None:
        """See Store. A segment stored before under the same id is replaced."""
        with self._dialect.transaction() as db:
            key, _ = self._move(db, mark)
            db.many(_SEGMENT, [rows.segment_row(one, key) for one in rows_ if one.conversation == mark.conversation])

    def summaries(self, conversation_id: str) -> list[Summary]:
        """See Store."""
        sql = f"SELECT {','.join(rows.SUMMARIES)} FROM summaries WHERE conversation = {_KEY} ORDER BY first_turn, id"
        return [rows.summary_of(row, conversation_id) for row in self._all(sql, (conversation_id,))]

    def put_summaries(self, rows_: Sequence[Summary], mark: Watermark) -> None:
        """See Store. A summary stored before under the same id is replaced."""
        with self._dialect.transaction() as db:
            key, _ = self._move(db, mark)
            there = {row[0] for row in db.all("SELECT id FROM segments WHERE conversation = ?", (key,))}
            mine = [one for one in rows_ if one.conversation == mark.conversation and one.id in there]
            db.many(_SUMMARY, [rows.summary_row(one, key) for one in mine])

    def digests(self, conversation_id: str) -> list[Digest]:
        """See Store."""
        sql = f"SELECT {','.join(rows.DIGESTS)} FROM digests WHERE conversation = {_KEY} ORDER BY created, id"
        return [rows.digest_of(row, conversation_id) for row in self._all(sql, (conversation_id,))]

    def stubs(self, conversation_id: str) -> list[Stub]:
        """See Store."""
        sql = f"SELECT {','.join(rows.STUBS)} FROM stubs WHERE conversation = {_KEY} ORDER BY created, turn, kind, place"
        return [rows.stub_of(row, conversation_id) for row in self._all(sql, (conversation_id,))]

    # --- what a user has set

    def states(self, conversation_id: str) -> dict[str, str]:
        """See Store."""
        sql = f"SELECT name, value FROM states WHERE conversation = {_KEY} ORDER BY name"
        return dict(self._all(sql, (conversation_id,)))

    def stated(self, name: str, principal: str | None = None) -> list[tuple[str, str, str]]:
        """See Store."""
        where, values = (" AND c.principal = ?", [principal]) if principal is not None else ("", [])
        sql = (
            "SELECT c.principal, c.id, s.value FROM states s JOIN conversations c ON c.key = s.conversation"
            f" WHERE s.name = ? AND s.value <> ''{where} ORDER BY c.updated DESC, c.key DESC"
        )
        return [(row[0], row[1], row[2]) for row in self._all(sql, (name, *values))]

    def put_about(self, principal: str, conversation_id: str, label: str | None = None, memory: bool | None = None) -> None:
        """See Store."""
        given = {name: value for name, value in (("label", label), ("memory", memory)) if value is not None}
        if given:
            sql = f"UPDATE conversations SET {','.join(f'{name} = ?' for name in given)} WHERE id = ? AND principal = ?"
            with self._dialect.transaction() as db:
                db.run(sql, (*given.values(), conversation_id, principal))

    # --- work

    def spends(self, conversation_id: str, limit: int = 64) -> list[Spend]:
        """See Store."""
        return [rows.spend_of(row, conversation_id) for row in reversed(self._all(spending.NEWEST.format(_KEY), (conversation_id, limit)))]

    def balance(self, conversation_id: str, priced: bool) -> tuple[float, float]:
        """See Store."""
        row = self._all(spending.BALANCE.format(_KEY), (conversation_id, priced))[0]
        return row[0], row[1]

    def spent(self, by: Spent, conversation_id: str = "", after: float = 0.0) -> list[Total]:
        """See Store. Days are those of UTC. Cost grows with the rows that are added up."""
        return [Total(*row) for row in self._all(*spending.totals(by, conversation_id, after))]

    def stops(self, after: float) -> tuple[list[tuple[str, float]], float]:
        """See Store. Looks at every row since then, which a row's id tells."""
        since = (ids_since(after), after)
        found = [(row[0], row[1]) for row in self._all(spending.STOPPED, since)]
        return found, float(self._all(spending.NET, since)[0][0])

    def watermark(self, conversation_id: str, job: str) -> Watermark:
        """See Store."""
        sql = f"SELECT {','.join(rows.WATERMARKS)} FROM watermarks WHERE conversation = {_KEY} AND job = ?"
        found = self._all(sql, (conversation_id, job))
        return rows.watermark_of(found[0], conversation_id) if found else Watermark(conversation_id, job, 0)

    def lease(self, conversation_id: str, job: str, owner: str, seconds: float, now: float) -> Watermark | None:
        """See Store. None also where there is no such conversation."""
        with self._dialect.transaction() as db:
            found = db.all("SELECT key FROM conversations WHERE id = ?", (conversation_id,))
            if not found:
                return None
            key = found[0][0]
            sql = f"SELECT {','.join(rows.WATERMARKS)} FROM watermarks WHERE conversation = ? AND job = ?"
            known = [rows.watermark_of(row, conversation_id) for row in db.all(sql, (key, job))]
            if known and known[0].owner != owner and now < known[0].lease_until <= _credible(now, seconds):
                return None
            turn, fence = (known[0].turn, known[0].fence) if known else (0, self._first_fence(db))
            if not known or known[0].owner != owner:
                fence += 1
            db.run(_WATERMARK, (key, job, turn, owner, now + seconds, fence))
            return Watermark(conversation_id, job, turn, owner, now + seconds, fence)

    def pending(self, job: str, limit: int = 100, lease_s: float = 30.0) -> list[str]:
        """See Store. Cost grows with the number of conversations, not of turns: about 1 us each."""
        sql = (
            "SELECT c.id FROM conversations c LEFT JOIN watermarks w ON w.conversation = c.key AND w.job = ?"
            " WHERE c.last_turn > coalesce(w.turn, 0) AND (coalesce(w.lease_until, 0) <= ? OR w.lease_until > ?)"
            " ORDER BY c.updated DESC, c.key DESC LIMIT ?"
        )
        now = self._clock()
        return [row[0] for row in self._all(sql, (job, now, _credible(now, lease_s), limit))]

    def _move(self, db: Connection, mark: Watermark) -> tuple[int, str]:
        """Set the watermark under its fence; the conversation's number and its owner marks in the index. Raises FencedError."""
        found = db.all("SELECT key, principal FROM conversations WHERE id = ?", (mark.conversation,))
        if not found:
            raise FencedError(f"conversation {mark.conversation} is gone")
        key, principal = found[0]
        known = db.all("SELECT owner, fence FROM watermarks WHERE conversation = ? AND job = ?", (key, mark.job))
        if known and known[0] != (mark.owner, mark.fence):
            raise FencedError(f"{mark.job} of {mark.conversation}: fence {mark.fence} of {mark.owner!r} has passed on, now {known[0][1]}")
        if known:
            now = self._clock()
            # The lease ends with the step: turns that come right after it need not wait for it to run out. When that was is still told.
            db.run(
                "UPDATE watermarks SET turn = ?, lease_until = CASE WHEN lease_until > ? THEN ? ELSE lease_until END"
                " WHERE conversation = ? AND job = ?",
                (mark.turn, now, now, key, mark.job),
            )
        elif mark.fence:
            raise FencedError(f"{mark.job} of {mark.conversation}: no lease with fence {mark.fence}")
        else:
            db.run(_WATERMARK, (key, mark.job, mark.turn, "", 0.0, 0))
        return key, owner_marks(principal, key)

    def _first_fence(self, db: Connection) -> int:
        return int(db.all("SELECT coalesce(max(id), 0) FROM receipts")[0][0]) * _FENCES_PER_RECEIPT

    # --- the side model's budget

    def reserve(self, day: str, spend: Used, most: Used) -> bool:
        """See Store."""
        with self._dialect.transaction() as db:
            return allowance.reserve(db, day, spend, most)

    def settle(self, day: str, spend: Used) -> None:
        """See Store."""
        with self._dialect.transaction() as db:
            allowance.settle(db, day, spend)

    def used(self, day: str) -> Used:
        """See Store."""
        return allowance.used(self._dialect.connection(), day)

    # --- forgetting

    def forget(self, principal: str | None, conversation_id: str = "", turn_ids: Sequence[int] = (), now: float = 0.0) -> Receipt:
        """See Store. Forks of what goes keep their own turns; digests and recalled blocks that tell of it go too, also in other
        conversations. A second of work for each 200 MB of database: its file is written anew. StoreError after the rows are gone:
        the file could not be written anew now; the next `forget` or opening does it."""
        with self._dialect.transaction() as db:
            receipt = forgetting.forget(db, self._drop_index, principal, conversation_id, turn_ids, now)
            self._dialect.shred(db)
        self.compact()
        return receipt

    def thinned(self, principal: str, conversation_id: str) -> bool:
        """See Store."""
        sql = "SELECT 1 FROM forgotten WHERE principal = ? AND (conversation = ? OR turn = 0) LIMIT 1"
        return bool(self._all(sql, (principal, conversation_id))) or burial.any_of(self._dialect.connection(), conversation_id)

    def answers(self, since: Mapping[int, float]) -> set[int]:
        """See Store."""
        return burial.answers(self._dialect.connection(), since)

    def tombs(self) -> Tombs:
        """See Store. About 2 us for each."""
        return burial.tombs(self._dialect.connection())

    def lay(self, tombs: Sequence[tuple[int, str, bytes, float]]) -> None:
        """See Store."""
        with self._dialect.transaction() as db:
            burial.lay(db, tombs)

    def laid(self, after: int) -> tuple[bytes, list[Tomb]]:
        """See Store."""
        return burial.laid(self._dialect.connection(), after)

    def receipts(self, after_id: int = 0) -> list[Receipt]:
        """See Store."""
        found = self._all(f"SELECT id,{','.join(rows.RECEIPTS)} FROM receipts WHERE id > ? ORDER BY id", (after_id,))
        return [rows.receipt_of(row) for row in found]

    def compact(self) -> None:
        """Take what was forgotten out of the files, where that is still to be done. Raises StoreError where it cannot be done now."""
        db = self._dialect.connection()
        left = db.all("SELECT max(id) FROM receipts WHERE NOT scrubbed")[0][0]
        if left is None:
            return
        if not self._dialect.compact():
            raise StoreError("forgotten rows are removed, but another process keeps the file from being cleaned of their bytes")
        db.run("UPDATE receipts SET scrubbed = ? WHERE id <= ?", (True, left))

    def newest_id(self) -> int:
        """See Store."""
        ids = (("id", "turns"), ("id", "digests"), ("request", "traces"))
        return max(int(self._all(f"SELECT coalesce(max({name}), 0) FROM {table}")[0][0]) for name, table in ids)

    def counts(self) -> dict[str, int]:
        """See Store. Counts every row."""
        return {table: self._all(f"SELECT count(*) FROM {table}")[0][0] for table in _TABLES}

    def close(self) -> None:
        """See Store."""
        self._dialect.close()

    def _drop_index(self, db: Connection, docs: Sequence[tuple[int, str]], principal: str, key: int) -> None:
        self._dialect.drop_words(db, [(doc, terms, owner_marks(principal, key)) for doc, terms in docs])

    def _all(self, sql: str, values: Sequence[Value] = ()) -> list[rows.Row]:
        return self._dialect.connection().all(sql, values)


def owner_marks(principal: str, key: int) -> str:
    """The words by which the index knows whose an entry is."""
    return f"{_principal_mark(principal)} {_conversation_mark(key)}"


def _principal_mark(principal: str) -> str:
    return f"=p{blake2b(principal.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"


def _conversation_mark(key: int) -> str:
    return f"=c{key}"


def _credible(now: float, lease_s: float) -> float:
    """A lease that runs for longer was taken before the clock was set back. With 0 `lease_s` one is given back, and no other's ends."""
    return now + max(2 * lease_s, _LEAST_CREDIBLE_S) if lease_s else float("inf")
