"""The SQL of facts: rows by turn and place, and which reader has read up to where.

Rule: what rules found and what a side model found never touch one another's rows; a fact of a turn that is gone is not stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backstory.core.records import Fact, Watermark
from backstory.stores import rows
from backstory.stores.dialect import Dialect
from backstory.stores.rows import Connection, marks, slices

_KEY = "(SELECT key FROM conversations WHERE id = ?)"
_PUT = rows.insert("facts", rows.FACTS, f"(conversation, turn, place) DO UPDATE SET {rows.update(rows.FACTS[3:])}")
_MARK = rows.insert("watermarks", rows.WATERMARKS, "(conversation, job) DO NOTHING")


class FactRows:
    """The methods of a store for these. `move` sets a watermark in a transaction, and gives its conversation's number; FencedError.
    `first_fence`: where the fences of a new watermark begin."""

    def __init__(
        self, dialect: Dialect, move: Callable[[Connection, Watermark], tuple[int, str]], first_fence: Callable[[Connection], int]
    ) -> None:
        self._dialect = dialect
        self._move = move
        self._first_fence = first_fence

    def of(self, conversation_id: str) -> list[Fact]:
        """See Store.facts."""
        sql = f"SELECT {','.join(rows.FACTS)} FROM facts WHERE conversation = {_KEY} ORDER BY turn, place"
        found = self._dialect.connection().all(sql, (conversation_id,))
        return [rows.fact_of(row, conversation_id) for row in found]

    def put(self, rows_: Sequence[Fact], mark: Watermark, by_model: bool = False, reader: str = "") -> None:
        """See Store.put_facts."""
        with self._dialect.transaction() as db:
            before = db.all(f"SELECT turn FROM watermarks WHERE conversation = {_KEY} AND job = ?", (mark.conversation, mark.job))
            since = before[0][0] if before else 0
            key, _ = self._move(db, mark)
            origin = "<>" if by_model else "="
            sql = f"DELETE FROM facts WHERE conversation = ? AND turn > ? AND turn <= ? AND method {origin} ''"
            db.run(sql, (key, since, mark.turn))
            there: set[int] = set()
            named = sorted({one.turn for one in rows_})
            for some in slices(named):
                sql = f"SELECT id FROM turns WHERE id IN ({marks(len(some))}) AND conversation = ?"
                there.update(row[0] for row in db.all(sql, (*some, key)))
            fresh = [one for one in rows_ if one.turn in there and one.conversation == mark.conversation]
            db.many(_PUT, [rows.fact_row(one, key) for one in fresh])
            if reader:
                self._read_on(db, key, reader, since, mark.turn)

    def behind(self, job: str, ahead: str) -> int:
        """See Store.behind."""
        sql = (
            "SELECT count(*) FROM watermarks a LEFT JOIN watermarks b ON b.conversation = a.conversation AND b.job = ?"
            " WHERE a.job = ? AND a.turn > coalesce(b.turn, 0)"
        )
        return int(self._dialect.connection().all(sql, (job, ahead))[0][0])

    def _read_on(self, db: Connection, key: int, reader: str, since: int, turn: int) -> None:
        """This reader has read on from `since` to `turn`: its mark goes along if it had come so far."""
        if not since:
            db.run(_MARK, (key, reader, 0, "", 0.0, self._first_fence(db)))
        sql = "UPDATE watermarks SET turn = ? WHERE conversation = ? AND job = ? AND turn >= ? AND turn < ?"
        db.run(sql, (turn, key, reader, since, turn))
