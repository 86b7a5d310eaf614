"""Forgetting: what goes when a conversation, some turns or all of a principal are forgotten. In a transaction of the caller's.

Rules: what tells of a forgotten turn goes with it, in whatever conversation it stands (a digest over it, a recalled block that quotes
it). Work that is under way on what it was loses its lease. A fork keeps its own turns. The receipt holds no content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Struct

from backstory.core.lines import without
from backstory.core.records import Receipt
from backstory.errors import NotFound
from backstory.stores import burial, charges, replies
from backstory.stores.rows import DIGESTS, FORGOTTEN, RECEIPTS, Connection, Row, counts_text, digest_of, insert, marks, pack_text, slices

_WHOLE = (
    *("turns", "aliases", "injections", "digests", "stubs", "segments", "summaries", "facts", "usage", "vectors", "watermarks", "states"),
    *("traces", "homes", "session_summaries", "pins", "lookups", "wordings", "books"),
)
SESSIONS = "sessions"
"""The job that makes session summaries (jobs/sessions.py)."""
_NAMED = ("tags", "side_tags", "segments")
"""Jobs whose names of things come from earlier turns of a conversation."""
# Tables whose rows name the turns that they tell of, and the columns by which a row is known.
_QUOTING = (
    ("injections", ("conversation", "chain")),
    ("traces", ("request",)),
    ("session_summaries", ("id",)),
    ("lookups", ("conversation", "name")),
)

_ids = msgspec.json.Decoder(tuple[int, ...])

DropWords: TypeAlias = Callable[[Connection, Sequence[tuple[int, str]], str, int], None]
"""Takes (number, terms) of tags out of the index, given principal and conversation number."""


class _Place(Struct, frozen=True):
    """A conversation that is touched."""

    key: int
    id: str
    principal: str


def forget(db: Connection, drop: DropWords, principal: str | None, conversation_id: str, turn_ids: Sequence[int], now: float) -> Receipt:
    """See Store. Raises NotFound where nothing is there, or nothing was named."""
    work = _Work(db, drop, now)
    if turn_ids:
        gone = work.owned_turns(principal, conversation_id, turn_ids)
        places = sorted({place.key: place for place, _ in gone.values()}.values(), key=lambda place: place.key)
        what = f"turns: {len(gone)} of " + ", ".join(place.id for place in places)
        tombs = [(place.principal, place.id, turn) for turn, (place, _) in sorted(gone.items())]
        work.remove_turns(gone)
    else:
        places = work.owned_conversations(principal, conversation_id)
        what = f"conversation: {conversation_id}" if conversation_id else f"principal: {len(places)} conversations"
        tombs = [(place.principal, place.id, 0) for place in places]
        if not conversation_id:
            tombs.append((principal or "", "", 0))
            work.remove_unplaced(principal or "")
        work.remove_conversations(places)
    if not places:
        raise NotFound(f"nothing to forget: {conversation_id or list(turn_ids)[:5] or 'no conversation of this principal'}")
    owners = {place.principal for place in places}
    owner = principal if principal is not None else owners.pop() if len(owners) == 1 else ""
    return _receipt(db, Receipt(0, now, owner, what, work.counts), tombs)


def _receipt(db: Connection, receipt: Receipt, tombs: Sequence[tuple[str, str, int]]) -> Receipt:
    db.run(insert("receipts", RECEIPTS), (receipt.at, receipt.principal, receipt.what, counts_text(receipt.counts), False))
    number: int = db.all("SELECT max(id) FROM receipts")[0][0]
    db.many(insert("forgotten", FORGOTTEN), [(number, *tomb, receipt.at) for tomb in tombs])
    return msgspec.structs.replace(receipt, id=number)


class _Work:
    """One forgetting; `counts` is how many rows of each table went."""

    def __init__(self, db: Connection, drop: DropWords, now: float) -> None:
        self._db = db
        self._drop = drop
        self._now = now
        self._numbers: dict[int, int] = {}
        """Under which number each turn that goes is shown, by id."""
        self.counts: dict[str, int] = {}

    # --- what is meant

    def owned_conversations(self, principal: str | None, conversation_id: str) -> list[_Place]:
        """One conversation, or all of a principal."""
        where = {"id": conversation_id or None, "principal": principal}
        named = {column: value for column, value in where.items() if value is not None}
        if not named:
            return []
        sql = f"SELECT key, id, principal FROM conversations WHERE {' AND '.join(f'{column} = ?' for column in named)} ORDER BY key"
        return [_Place(*row) for row in self._db.all(sql, tuple(named.values()))]

    def owned_turns(self, principal: str | None, conversation_id: str, turn_ids: Sequence[int]) -> dict[int, tuple[_Place, int]]:
        """Place and parent of those of these turns that are there and may be forgotten by this principal, and of those that say the same
        after the same history in the same conversation: what was asked twice may have been answered so."""
        found: dict[int, tuple[_Place, int]] = {}
        twin = "o.conversation = t.conversation AND o.chain = t.chain"
        for some in slices(sorted(set(turn_ids))):
            sql = (
                f"SELECT o.id, o.parent, c.key, c.id, c.principal FROM turns t JOIN turns o ON {twin}"
                f" JOIN conversations c ON c.key = t.conversation WHERE t.id IN ({marks(len(some))})"
            )
            for turn, parent, *place in self._db.all(sql, some):
                at = _Place(*place)
                if principal in {None, at.principal} and conversation_id in {"", at.id}:
                    found[turn] = (at, parent)
        return found

    # --- removing

    def remove_conversations(self, places: Sequence[_Place]) -> None:
        """These conversations, from every table."""
        heirs = self._heirs(places)
        gone: dict[int, int] = {}
        for place in places:
            own = self._numbered(self._db.all("SELECT id, position FROM turns WHERE conversation = ?", (place.key,)))
            shared = [heir.id for heir in heirs]
            burial.entomb(self._db, place.id, shared)
            burial.bury(self._db, own, shared, True, self._now)
            gone.update(dict.fromkeys(own, 0))
            self._remove_tags(place, "1 = 1", ())
            self._remove_replies(place)
            for table in _WHOLE:
                self._delete(table, "conversation = ?", (place.key,))
            self._note("charges", charges.forget_conversation(self._db, place.id))
            self._delete("conversations", "key = ?", (place.key,))
            # What leads to it from another conversation is named so.
            self._delete("states", "name LIKE ?", (f"%:{place.id}",))
        for heir in heirs:
            self._remove_replies(heir)
        for place in places:
            self._db.run("UPDATE conversations SET forked_from = '', fork_turn = 0 WHERE forked_from = ?", (place.id,))
        self._clean(heirs, gone, {place.principal for place in places})

    def remove_turns(self, gone: Mapping[int, tuple[_Place, int]]) -> None:
        """These turns; those that came after them go on from what was before."""
        places = list({place.key: place for place, _ in gone.values()}.values())
        heirs = self._heirs(places)
        parents = {turn: parent for turn, (_, parent) in gone.items()}
        burial.bury(self._db, gone, [heir.id for heir in heirs], False, self._now)
        for place in (*places, *heirs):
            self._remove_replies(place)
        for place in places:
            own = [turn for turn, (at, _) in gone.items() if at.key == place.key]
            for some in slices(own):
                inside = f"IN ({marks(len(some))})"
                self._numbered(self._db.all(f"SELECT id, position FROM turns WHERE id {inside}", some))
                chains = [row[0] for row in self._db.all(f"SELECT chain FROM turns WHERE id {inside}", some)]
                self._delete("injections", f"conversation = ? AND chain {inside}", (place.key, *chains))
                self._remove_tags(place, f"turn {inside}", some)
                self._delete("pins", f"turn {inside}", some)
                self._delete("vectors", f"conversation = ? AND turn {inside}", (place.key, *some))
                self._delete("facts", f"conversation = ? AND turn {inside}", (place.key, *some))
                self._delete("turns", f"id {inside}", some)
            self._unname(place, min(own))
            left = self._db.all("SELECT coalesce(max(id), 0) FROM turns WHERE conversation = ?", (place.key,))[0][0]
            self._db.run("UPDATE conversations SET last_turn = ? WHERE key = ?", (left, place.key))
        self._clean([*places, *heirs], parents, {place.principal for place in places})

    def _unname(self, place: _Place, first: int) -> None:
        """Later turns may have topics by names that only this one gave: they are named anew."""
        self._db.run("UPDATE tags SET tags = '[]' WHERE conversation = ? AND turn > ?", (place.key, first))
        self._db.run("UPDATE segments SET tags = '[]' WHERE conversation = ? AND last_turn > ?", (place.key, first))
        sql = f"UPDATE watermarks SET turn = ? WHERE conversation = ? AND turn >= ? AND job IN ({marks(len(_NAMED))})"
        self._db.run(sql, (first - 1, place.key, first, *_NAMED))

    def _clean(self, places: Sequence[_Place], gone: Mapping[int, int], principals: Iterable[str]) -> None:
        """Take out what tells of the turns that are gone (with their parents), and hang those after them on what is left."""
        if gone:
            self._move_forks(gone)
            self._remove_quotes(gone, principals)
            for some in slices(list(gone)):
                self._delete("stubs", f"turn IN ({marks(len(some))})", some)
                self._delete("wordings", f"turn IN ({marks(len(some))})", some)
        for place in sorted(places, key=lambda place: place.key):
            if gone:
                self._remove_derived(place, gone)
            self._relink(place, gone)

    def _remove_derived(self, place: _Place, gone: Mapping[int, int]) -> None:
        """What tells of it in digests that reach over a turn that is gone, segments that hold one; the jobs begin again below."""
        first = min(gone)
        self._thin(place, gone, first)
        torn = [
            (number, begin)
            for number, begin, end in self._db.all(
                "SELECT id, first_turn, last_turn FROM segments WHERE conversation = ? AND last_turn >= ?", (place.key, first)
            )
            if any(begin <= turn <= end for turn in gone)
        ]
        for some in slices([number for number, _ in torn]):
            self._delete("segments", f"id IN ({marks(len(some))})", some)
        for number, begin, end in self._db.all("SELECT id, first_turn, last_turn FROM summaries WHERE conversation = ?", (place.key,)):
            if any(begin <= turn <= end for turn in gone):
                self._delete("summaries", "id = ?", (number,))
        floor = min((begin for _, begin in torn), default=(1 << 62)) - 1
        self._db.run(
            "UPDATE watermarks SET owner = '', lease_until = 0, fence = fence + 1, turn = CASE WHEN turn > ? THEN ? ELSE turn END"
            " WHERE conversation = ?",
            (floor, floor, place.key),
        )

    def _thin(self, place: _Place, gone: Mapping[int, int], first: int) -> None:
        """Digests from this turn on tell of what is left, and stand for as much as before: what was folded does not go up again. One that
        was written by a side model, or otherwise, goes where that cannot be done."""
        sql = f"SELECT {','.join(DIGESTS)} FROM digests WHERE conversation = ? AND upto_turn >= ?"
        for row in self._db.all(sql, (place.key, first)):
            one = digest_of(row, place.id)
            upto = _kept(one.upto_turn, gone)
            numbers = {self._numbers[turn] for turn in gone if turn <= one.upto_turn and turn in self._numbers}
            left = without(one, numbers, False) if upto else None
            chains = self._db.all("SELECT chain FROM turns WHERE id = ?", (upto,)) if left is not None else []
            if left is None or not chains:
                self._delete("digests", "id = ?", (one.id,))
                continue
            told = (upto, bytes(chains[0][0]), pack_text(left.text), left.tokens)
            self._db.run("UPDATE digests SET upto_turn = ?, upto_chain = ?, text = ?, tokens = ? WHERE id = ?", (*told, one.id))

    def _numbered(self, found: Sequence[Row]) -> list[int]:
        """The ids of these turns that go, of (id, position); their numbers are kept."""
        rows = [(int(turn), int(position)) for turn, position in found]
        self._numbers.update((turn, position + 1) for turn, position in rows)
        return [turn for turn, _ in rows]

    def _remove_quotes(self, gone: Mapping[int, int], principals: Iterable[str]) -> None:
        """Recalled blocks and traces of them that tell of a turn that is gone, in any conversation of these principals."""
        for principal in principals:
            for table, names in _QUOTING:
                columns = ",".join(f"q.{name}" for name in names)
                sql = f"SELECT q.turns, {columns} FROM {table} q JOIN conversations c ON c.key = q.conversation WHERE c.principal = ?"
                for turns, *values in self._db.all(sql, (principal,)):
                    if any(turn in gone for turn in _ids.decode(turns)):
                        self._delete(table, " AND ".join(f"{name} = ?" for name in names), values)
            if self.counts.get("session_summaries"):
                # What is left of those sessions is summed up anew.
                self._db.run(
                    "UPDATE watermarks SET turn = 0 WHERE job = ? AND conversation IN (SELECT key FROM conversations WHERE principal = ?)",
                    (SESSIONS, principal),
                )

    def _remove_tags(self, place: _Place, where: str, values: Sequence[int]) -> None:
        docs = self._db.all(f"SELECT doc, terms FROM tags WHERE conversation = ? AND {where}", (place.key, *values))
        self._drop(self._db, [(row[0], row[1]) for row in docs], place.principal, place.key)
        self._delete("tags", f"conversation = ? AND {where}", (place.key, *values))

    def _remove_replies(self, place: _Place) -> None:
        """Answers that the client of this conversation may build on: each tells of all before it."""
        self._note("replies", replies.forget_conversation(self._db, place.key))

    def remove_unplaced(self, principal: str) -> None:
        """What a principal has beside its conversations."""
        self._note("replies", replies.forget_principal(self._db, principal))
        self._note("charges", charges.forget_principal(self._db, principal))

    def _delete(self, table: str, where: str, values: Sequence[int | bytes | str]) -> None:
        self._note(table, self._db.run(f"DELETE FROM {table} WHERE {where}", values))

    def _note(self, table: str, removed: int) -> None:
        self.counts[table] = self.counts.get(table, 0) + removed

    # --- hanging the rest on what is left

    def _heirs(self, places: Sequence[_Place]) -> list[_Place]:
        """Conversations that share turns of these by a fork, or by a fork of a fork."""
        known = {place.key for place in places}
        found: list[_Place] = []
        level = [place.id for place in places]
        while level:
            forks: list[_Place] = []
            for some in slices(level):
                sql = f"SELECT key, id, principal FROM conversations WHERE forked_from IN ({marks(len(some))}) ORDER BY key"
                forks.extend(_Place(*row) for row in self._db.all(sql, some) if row[0] not in known)
            known.update(fork.key for fork in forks)
            found.extend(forks)
            level = [fork.id for fork in forks]
        return found

    def _move_forks(self, gone: Mapping[int, int]) -> None:
        """A fork off a turn that is gone is a fork off the turn before it, or no fork."""
        for key, turn in self._db.all("SELECT key, fork_turn FROM conversations WHERE forked_from <> ''"):
            if turn in gone:
                before = _kept(turn, gone)
                if before:
                    self._db.run("UPDATE conversations SET fork_turn = ? WHERE key = ?", (before, key))
                else:
                    self._db.run("UPDATE conversations SET forked_from = '', fork_turn = 0 WHERE key = ?", (key,))

    def _relink(self, place: _Place, gone: Mapping[int, int]) -> None:
        """Each turn's parent is there. Positions stay: recalled lines that went to a model and stay in its prompt name turns by them."""
        alone = not self._db.all("SELECT forked_from FROM conversations WHERE key = ?", (place.key,))[0][0]
        own: set[int] = set()
        changed: list[tuple[int, int]] = []
        for turn, parent in self._db.all("SELECT id, parent FROM turns WHERE conversation = ? ORDER BY id", (place.key,)):
            before = _kept(parent, gone)
            if alone and before not in own:
                before = 0
            own.add(turn)
            if before != parent:
                changed.append((before, turn))
        self._db.many("UPDATE turns SET parent = ? WHERE id = ?", changed)


def _kept(turn: int, gone: Mapping[int, int]) -> int:
    """This turn, or the nearest before it that is still there."""
    while turn in gone:
        turn = gone[turn]
    return turn
