"""The SQL of traces, pins, what is set for a conversation, and of what one conversation may know of another.

Rule: a conversation is told of another only where both are of one principal and one audience; that is checked in the statement itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backstory.core.records import Conversation, Home, SessionSummary, Trace, Watermark
from backstory.core.store import About
from backstory.errors import NotFound
from backstory.stores import rows
from backstory.stores.dialect import Dialect
from backstory.stores.rows import Connection, Value, marks, slices

_KEY = "(SELECT key FROM conversations WHERE id = ?)"
_STATE = rows.insert("states", rows.STATES, f"(conversation, name) DO UPDATE SET {rows.update(rows.STATES[2:])}")
_SUMMARY = rows.insert(
    "session_summaries",
    rows.SESSION_SUMMARIES,
    f"(id) DO UPDATE SET {rows.update(rows.SESSION_SUMMARIES[2:])} WHERE session_summaries.conversation = excluded.conversation",
)


def traces(db: Connection, conversation_id: str) -> list[Trace]:
    """See Store."""
    sql = f"SELECT {','.join(rows.TRACES)} FROM traces WHERE conversation = {_KEY} ORDER BY request"
    return [rows.trace_of(row, conversation_id) for row in db.all(sql, (conversation_id,))]


def trace(db: Connection, request: int) -> Trace | None:
    """See Store."""
    columns = ",".join(f"a.{name}" for name in rows.TRACES)
    found = db.all(f"SELECT c.id, {columns} FROM traces a JOIN conversations c ON c.key = a.conversation WHERE a.request = ?", (request,))
    return rows.trace_of(found[0][1:], found[0][0]) if found else None


def pin(db: Connection, conversation_id: str, turn: int, pinned: bool, now: float) -> None:
    """See Store. Raises NotFound."""
    found = db.all(f"SELECT conversation FROM turns WHERE id = ? AND conversation = {_KEY}", (turn, conversation_id))
    if not found:
        raise NotFound(f"conversation {conversation_id} has no turn {turn} of its own")
    db.run("DELETE FROM pins WHERE turn = ?", (turn,))
    db.run(rows.insert("pins", rows.PINS), (found[0][0], turn, pinned, now))


def pins(db: Connection, conversation_id: str) -> list[int]:
    """See Store."""
    return [row[0] for row in db.all(f"SELECT turn FROM pins WHERE conversation = {_KEY} AND pinned ORDER BY turn", (conversation_id,))]


def pin_changes(db: Connection, after: int) -> list[tuple[int, str, int, bool]]:
    """See Store."""
    sql = (
        "SELECT p.change, c.id, p.turn, p.pinned FROM pins p JOIN conversations c ON c.key = p.conversation"
        " WHERE p.change > ? ORDER BY p.change"
    )
    return [(row[0], row[1], row[2], bool(row[3])) for row in db.all(sql, (after,))]


def put_state(db: Connection, principal: str, conversation_id: str, name: str, value: str | Callable[[str], str]) -> str:
    """See Store. Raises NotFound."""
    found = db.all("SELECT key, forked_from FROM conversations WHERE id = ? AND principal = ?", (conversation_id, principal))
    if not found:
        raise NotFound(f"no conversation {conversation_id}")
    key, forked_from = found[0]
    if not isinstance(value, str):
        before = db.all("SELECT value FROM states WHERE conversation = ? AND name = ?", (key, name))
        value = value(before[0][0] if before else "")
    if value or forked_from:
        db.run(_STATE, (key, name, value))
    else:
        db.run("DELETE FROM states WHERE conversation = ? AND name = ?", (key, name))
    return value


def recent_aliases(db: Connection, prefix: str, since: float) -> list[tuple[str, str, str]]:
    """See Store."""
    sql = (
        "SELECT a.principal, a.name, c.id FROM conversations c JOIN aliases a ON a.conversation = c.key AND a.principal = c.principal"
        " WHERE c.updated > ? AND a.name >= ? AND a.name < ? ORDER BY c.updated, a.name"
    )
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return [(row[0], row[1], row[2]) for row in db.all(sql, (since, prefix, after))]


def home(db: Connection, conversation_id: str) -> Home | None:
    """See Store."""
    found = db.all(f"SELECT project, audience FROM homes WHERE conversation = {_KEY}", (conversation_id,))
    return Home(conversation_id, found[0][0], found[0][1]) if found else None


def kin(db: Connection, principal: str, own: Home, everywhere: bool, limit: int) -> list[Conversation]:
    """See Store. A conversation whose home was never told is its owner's alone where nothing in it came through a channel."""
    columns = ",".join(f"c.{name}" for name in rows.CONVERSATIONS)
    channelled = "EXISTS (SELECT 1 FROM turns t WHERE t.conversation = c.key AND t.channel <> '')"
    values: list[Value] = [principal, own.conversation, own.audience]
    told = "h.audience = ?"
    if not own.audience:
        told = f"({told} OR (h.audience IS NULL AND NOT {channelled}))"
    where = f"c.principal = ? AND c.id <> ? AND c.memory AND {told}"
    if not everywhere:
        where += " AND h.project = ?"
        values.append(own.project)
    sql = f"SELECT {columns} FROM conversations c LEFT JOIN homes h ON h.conversation = c.key WHERE {where}"
    return [rows.conversation_of(row) for row in db.all(f"{sql} ORDER BY c.updated DESC, c.key DESC LIMIT ?", (*values, limit))]


def session_summaries(db: Connection, conversation_ids: Sequence[str]) -> list[SessionSummary]:
    """See Store."""
    columns = ",".join(f"s.{name}" for name in rows.SESSION_SUMMARIES)
    sql = (
        f"SELECT c.id, {columns} FROM session_summaries s JOIN conversations c ON c.key = s.conversation"
        f" WHERE c.id IN ({marks(len(conversation_ids))}) ORDER BY s.ended DESC, s.id DESC"
    )
    return [rows.session_summary_of(row[1:], row[0]) for row in db.all(sql, conversation_ids)] if conversation_ids else []


def put_session_summaries(db: Connection, key: int, made: Sequence[SessionSummary], anew: bool) -> None:
    """Of the conversation of this number; `anew`: in place of all there were. One that quotes a turn that is gone is left out."""
    if anew:
        db.run("DELETE FROM session_summaries WHERE conversation = ?", (key,))
    wanted = sorted({turn for one in made for turn in one.turns})
    there: set[int] = set()
    for some in slices(wanted):
        there.update(row[0] for row in db.all(f"SELECT id FROM turns WHERE conversation = ? AND id IN ({marks(len(some))})", (key, *some)))
    made = [one for one in made if there.issuperset(one.turns)]
    db.many(_SUMMARY, [rows.session_summary_row(one, key) for one in made])


def abouts(db: Connection, conversation_ids: Sequence[str]) -> dict[str, About]:
    """See Store."""
    found: dict[str, About] = {}
    for some in slices(conversation_ids):
        where = f"c.id IN ({marks(len(some))})"
        for row in db.all(f"SELECT c.id, c.label, c.memory, c.last_turn FROM conversations c WHERE {where}", some):
            found[row[0]] = (row[1], bool(row[2]), {}, row[3])
        for row in db.all(f"SELECT c.id, s.name, s.value FROM states s JOIN conversations c ON c.key = s.conversation WHERE {where}", some):
            if row[0] in found:
                found[row[0]][2][row[1]] = row[2]
    return found


def numbers(db: Connection, conversation_id: str, after: int) -> list[int]:
    """See Store."""
    of = f"WHERE conversation = {_KEY} AND id > ?"
    sql = f"SELECT id FROM turns {of} UNION ALL SELECT id FROM digests {of}"
    return [row[0] for row in db.all(sql, (conversation_id, after) * 2)]


class Across:
    """The methods of a store for these. `move` sets a watermark in a transaction, and gives its conversation's number; FencedError."""

    def __init__(self, dialect: Dialect, move: Callable[[Connection, Watermark], tuple[int, str]]) -> None:
        self._dialect = dialect
        self._move = move

    def traces(self, conversation_id: str) -> list[Trace]:
        """See Store."""
        return traces(self._dialect.connection(), conversation_id)

    def trace(self, request: int) -> Trace | None:
        """See Store."""
        return trace(self._dialect.connection(), request)

    def pin(self, conversation_id: str, turn: int, pinned: bool, now: float) -> None:
        """See Store."""
        with self._dialect.transaction() as db:
            pin(db, conversation_id, turn, pinned, now)

    def pins(self, conversation_id: str) -> list[int]:
        """See Store."""
        return pins(self._dialect.connection(), conversation_id)

    def pin_changes(self, after: int) -> list[tuple[int, str, int, bool]]:
        """See Store."""
        return pin_changes(self._dialect.connection(), after)

    def put_state(self, principal: str, conversation_id: str, name: str, value: str | Callable[[str], str]) -> str:
        """See Store."""
        with self._dialect.transaction() as db:
            return put_state(db, principal, conversation_id, name, value)

    def home(self, conversation_id: str) -> Home | None:
        """See Store."""
        return home(self._dialect.connection(), conversation_id)

    def kin(self, principal: str, home: Home, everywhere: bool, limit: int) -> list[Conversation]:
        """See Store."""
        return kin(self._dialect.connection(), principal, home, everywhere, limit)

    def abouts(self, conversation_ids: Sequence[str]) -> dict[str, About]:
        """See Store."""
        return abouts(self._dialect.connection(), conversation_ids)

    def numbers(self, conversation_id: str, after: int) -> list[int]:
        """See Store."""
        return numbers(self._dialect.connection(), conversation_id, after)

    def session_summaries(self, conversation_ids: Sequence[str]) -> list[SessionSummary]:
        """See Store."""
        return session_summaries(self._dialect.connection(), conversation_ids)

    def put_session_summaries(self, rows_: Sequence[SessionSummary], mark: Watermark, anew: bool = False) -> None:
        """See Store. A summary stored before under the same id is replaced."""
        with self._dialect.transaction() as db:
            key, _ = self._move(db, mark)
            put_session_summaries(db, key, [one for one in rows_ if one.conversation == mark.conversation], anew)

    def recent_aliases(self, prefix: str, since: float) -> list[tuple[str, str, str]]:
        """See Store. Cost grows with the number of conversations."""
        return recent_aliases(self._dialect.connection(), prefix, since)
