"""The SQL of wordings: what a client's history says at a turn otherwise than the turn does.

Rules: one that is there stays as it is, but for the oldest of too many. It goes with its turn, wherever it stands; then its words are known
for forgotten ones, too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from backstory.core.records import MOST_WORDINGS, Wording
from backstory.core.tombs import Tomb, mark
from backstory.stores import rows
from backstory.stores.dialect import Dialect
from backstory.stores.rows import Connection, marks, slices

_KEY = "(SELECT key FROM conversations WHERE id = ?)"
_PUT = rows.insert("wordings", rows.WORDINGS, "DO NOTHING")
_OLD = (
    "DELETE FROM wordings WHERE conversation = ? AND turn = ? AND content NOT IN (SELECT content FROM wordings"
    f" WHERE conversation = ? AND turn = ? ORDER BY arrived DESC, content LIMIT {MOST_WORDINGS})"
)


class Wordings:
    """The method of a store for these."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def of(self, conversation_id: str) -> list[Wording]:
        """See Store.wordings."""
        sql = f"SELECT {','.join(rows.WORDINGS)} FROM wordings WHERE conversation = {_KEY} ORDER BY arrived, turn, content"
        return [rows.wording_of(row, conversation_id) for row in self._dialect.connection().all(sql, (conversation_id,))]


def put(db: Connection, some: Sequence[tuple[Wording, int]]) -> None:
    """Store these, each with its conversation's number; those of turns that are not there are left out."""
    wanted = sorted({one.turn for one, _ in some})
    there: set[int] = set()
    for ids in slices(wanted):
        there.update(row[0] for row in db.all(f"SELECT id FROM turns WHERE id IN ({marks(len(ids))})", ids))
    db.many(_PUT, [rows.wording_row(one, key) for one, key in some if one.turn in there])
    for ids in slices(sorted(there)):
        sql = f"SELECT conversation, turn FROM wordings WHERE turn IN ({marks(len(ids))}) GROUP BY conversation, turn HAVING COUNT(*) > ?"
        db.many(_OLD, [(key, turn, key, turn) for key, turn in db.all(sql, (*ids, MOST_WORDINGS))])


def tombs(db: Connection, key: bytes, turns: Collection[int], also: Collection[str], whole: bool, now: float) -> list[Tomb]:
    """Tombs for what was kept at these turns, before it is removed. `also`: conversations that share the turns; `whole`: only these have
    some. They tell its words: a history ends in no hash of it."""
    found: list[Tomb] = []
    wanted = sorted(turns)
    for ids in slices(wanted):
        sql = (
            "SELECT w.turn, w.content, w.role, w.kind, c.id, c.principal FROM wordings w JOIN conversations c ON c.key = w.conversation"
            f" WHERE w.turn IN ({marks(len(ids))})"
        )
        for turn, content, role, kind, name, principal in db.all(sql, ids):
            said = mark(key, bytes(content))
            # A number that no turn has, one for each of them.
            number = -mark(key, b"%d " % turn + bytes(content))
            asked = role == "user" and kind == "spoken"
            found += [
                Tomb(number, one, principal, 0, asked, number, said, now) for one in dict.fromkeys((*(() if whole else (name,)), *also))
            ]
    return found
