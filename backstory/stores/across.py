"""The SQL of accounts, pins, and of what one conversation may know of another.

Rule: a conversation is told of another only where both are of one principal and one audience; that is checked in the statement itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.records import Account, Conversation, Home, Summary
from backstory.errors import NotFound
from backstory.stores import rows
from backstory.stores.rows import Connection, Value, marks

_IN_ONE_STATEMENT = 500
_KEY = "(SELECT key FROM conversations WHERE id = ?)"
_SUMMARY = rows.insert(
    "summaries",
    rows.SUMMARIES,
    f"(id) DO UPDATE SET {rows.update(rows.SUMMARIES[2:])} WHERE summaries.conversation = excluded.conversation",
)


def accounts(db: Connection, conversation_id: str) -> list[Account]:
    """See Store."""
    sql = f"SELECT {','.join(rows.ACCOUNTS)} FROM accounts WHERE conversation = {_KEY} ORDER BY request"
    return [rows.account_of(row, conversation_id) for row in db.all(sql, (conversation_id,))]


def account(db: Connection, request: int) -> Account | None:
    """See Store."""
    columns = ",".join(f"a.{name}" for name in rows.ACCOUNTS)
    found = db.all(f"SELECT c.id, {columns} FROM accounts a JOIN conversations c ON c.key = a.conversation WHERE a.request = ?", (request,))
    return rows.account_of(found[0][1:], found[0][0]) if found else None


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


def summaries(db: Connection, conversation_ids: Sequence[str]) -> list[Summary]:
    """See Store."""
    columns = ",".join(f"s.{name}" for name in rows.SUMMARIES)
    sql = (
        f"SELECT c.id, {columns} FROM summaries s JOIN conversations c ON c.key = s.conversation"
        f" WHERE c.id IN ({marks(len(conversation_ids))}) ORDER BY s.ended DESC, s.id DESC"
    )
    return [rows.summary_of(row[1:], row[0]) for row in db.all(sql, conversation_ids)] if conversation_ids else []


def put_summaries(db: Connection, key: int, made: Sequence[Summary], anew: bool) -> None:
    """Of the conversation of this number; `anew`: in place of all there were. One that quotes a turn that is gone is left out."""
    if anew:
        db.run("DELETE FROM summaries WHERE conversation = ?", (key,))
    wanted = sorted({turn for one in made for turn in one.turns})
    there: set[int] = set()
    for start in range(0, len(wanted), _IN_ONE_STATEMENT):
        some = wanted[start : start + _IN_ONE_STATEMENT]
        there.update(row[0] for row in db.all(f"SELECT id FROM turns WHERE conversation = ? AND id IN ({marks(len(some))})", (key, *some)))
    made = [one for one in made if there.issuperset(one.turns)]
    db.many(_SUMMARY, [rows.summary_row(one, key) for one in made])
