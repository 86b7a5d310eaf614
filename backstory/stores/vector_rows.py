"""The SQL of vectors: rows by turn and model, and the search among them where the database has one.

Rule: rows are kept as they were made; what a database searches is its own copy of them (`Dialect.add_vectors`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backstory.core.records import Hit, TurnVectors, Watermark
from backstory.stores import rows
from backstory.stores.dialect import Dialect
from backstory.stores.rows import Connection, marks, slices

_KEY = "(SELECT key FROM conversations WHERE id = ?)"
_PUT = rows.insert("vectors", rows.VECTORS, f"(conversation, turn, model) DO UPDATE SET {rows.update(rows.VECTORS[3:])}")


class VectorRows:
    """The methods of a store for these. `move` sets a watermark in a transaction, and gives its conversation's number; FencedError."""

    def __init__(self, dialect: Dialect, move: Callable[[Connection, Watermark], tuple[int, str]]) -> None:
        self._dialect = dialect
        self._move = move

    def of(self, conversation_id: str, model: str, after: int = 0, limit: int = 1000) -> list[TurnVectors]:
        """See Store.vectors."""
        columns = ",".join(rows.VECTORS)
        sql = f"SELECT {columns} FROM vectors WHERE conversation = {_KEY} AND turn > ? AND model = ? ORDER BY turn LIMIT ?"
        found = self._dialect.connection().all(sql, (conversation_id, after, model, limit))
        return [rows.vectors_of(row, conversation_id) for row in found]

    def put(self, rows_: Sequence[TurnVectors], mark: Watermark) -> None:
        """See Store.put_vectors. Rows of turns that are not in the conversation (any more) are left out; those stored before are
        replaced."""
        with self._dialect.transaction() as db:
            key, _ = self._move(db, mark)
            fresh = {one.turn: one for one in rows_ if one.conversation == mark.conversation and one.pieces}
            ids = list(fresh)
            for some in slices(ids):
                sql = f"SELECT id FROM turns WHERE id IN ({marks(len(some))}) AND conversation = ? ORDER BY id"
                there = [fresh[row[0]] for row in db.all(sql, (*some, key))]
                db.many(_PUT, [rows.vectors_row(one, key) for one in there])
                self._dialect.add_vectors(db, [(key, one.turn, one.model, rows.same_width(one)) for one in there])

    def drop(self, job: str, before: float) -> int:
        """See Store.drop_vectors. Looks at every row of the table."""
        used = "SELECT job FROM watermarks WHERE substr(job, 1, 8) = 'vectors:' AND lease_until >= ?"
        with self._dialect.transaction() as db:
            gone = db.run(f"DELETE FROM vectors WHERE 'vectors:' || model <> ? AND 'vectors:' || model NOT IN ({used})", (job, before))
            db.run("DELETE FROM watermarks WHERE substr(job, 1, 8) = 'vectors:' AND job <> ? AND lease_until < ?", (job, before))
        return gone

    def seeks(self) -> bool:
        """See Store."""
        return self._dialect.seeks()

    def near(self, principal: str, conversation_ids: Sequence[str], model: str, vector: bytes, limit: int) -> list[Hit]:
        """See Store."""
        db = self._dialect.connection()
        where = f" AND id IN ({marks(len(conversation_ids))})" if conversation_ids else ""
        keys = [row[0] for row in db.all(f"SELECT key FROM conversations WHERE principal = ?{where}", (principal, *conversation_ids))]
        return [Hit(turn, cosine) for turn, cosine in self._dialect.find_vectors(db, keys, model, vector, limit)] if keys else []
