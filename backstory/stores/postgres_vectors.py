"""Vectors that PostgreSQL itself can search: pgvector's column, beside the rows of `vectors` as an index stands beside its table.

Rule: everything here can be made anew from `vectors`, and goes with its row there. Where the extension is missing, must not be made, or
was taken away (the column goes with it), nothing is here, and vectors are searched in memory as with SQLite.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from backstory.errors import StoreError
from backstory.stores.dialect import Pieces
from backstory.stores.postgres_link import SCHEMA, PostgresConnection
from backstory.stores.rows import VECTORS, Connection, marks, vectors_of

log = logging.getLogger(__name__)

# The numbers that a column of pgvector takes at most.
_MOST_NUMBERS = 16_000
_ROWS_AT_ONCE = 500
_THERE = (
    "SELECT 1 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = ? AND c.relname = 'vector_pieces' AND a.attname = 'embedding'"
)


class Holder(Protocol):
    """Who holds the connections."""

    def connection(self) -> PostgresConnection:
        """This thread's."""
        ...

    def transaction(self) -> AbstractContextManager[Connection]:
        """One that writes."""
        ...


class PieceTable:
    """The table of vectors by piece, once it is known whether it can be had."""

    def __init__(self) -> None:
        self._type = ""
        self._settled = False

    def known(self, connection: Connection) -> bool:
        """Whether it is there."""
        if not self._type:
            home = _home(connection)
            if home and connection.all(_THERE, (SCHEMA,)):
                self._type = home
        return bool(self._type)

    def ready(self, holder: Holder) -> bool:
        """Whether it is there, made now where that is possible: then it is filled from the vectors that there are."""
        if self._settled or self.known(holder.connection()):
            return bool(self._type)
        try:
            self._make(holder)
        except StoreError as error:
            if not holder.connection().open:
                raise
            log.info("vectors are searched in memory: %s", error)
        self._settled = True
        return bool(self._type)

    def _make(self, holder: Holder) -> None:
        connection = holder.connection()
        if not connection.all("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"):
            raise StoreError("the server has no pgvector")
        with holder.transaction() as db:
            if self.known(db):
                return
            if not _home(db):
                db.run("CREATE EXTENSION IF NOT EXISTS vector")
            home = _home(db)
            db.run("DROP TABLE IF EXISTS vector_pieces")
            db.run(
                "CREATE TABLE vector_pieces"
                " (conversation bigint NOT NULL, model text NOT NULL, turn bigint NOT NULL, place integer NOT NULL,"
                f" embedding {home}.vector NOT NULL, PRIMARY KEY (conversation, model, turn, place),"
                " FOREIGN KEY (conversation, turn, model) REFERENCES vectors (conversation, turn, model) ON DELETE CASCADE)"
            )
            self._fill(db, home)
        self._type = home

    def _fill(self, db: Connection, home: str) -> None:
        """From the rows that were there before."""
        columns = ",".join(VECTORS)
        after = (0, 0, "")
        while True:
            sql = (
                f"SELECT {columns} FROM vectors WHERE (conversation, turn, model) > (?, ?, ?)"
                f" ORDER BY conversation, turn, model LIMIT {_ROWS_AT_ONCE}"
            )
            rows = db.all(sql, after)
            if not rows:
                return
            _add(db, home, [(row[0], row[1], row[2], [vector for _, vector in vectors_of(row, "").pieces]) for row in rows])
            after = rows[-1][:3]

    def add(self, connection: Connection, rows: Sequence[Pieces]) -> None:
        """See Dialect."""
        with self._unsettled():
            _add(connection, self._type, rows)

    def find(self, connection: Connection, keys: Sequence[int], model: str, vector: bytes, limit: int) -> list[tuple[int, float]]:
        """(turn, cosine) of the nearest turns of these conversations, by their nearest piece."""
        if not keys or not any(vector) or len(vector) > _MOST_NUMBERS:
            return []
        home = self._type
        sql = (
            f"SELECT turn, max(1 - (embedding OPERATOR({home}.<=>) CAST(CAST(? AS text) AS {home}.vector))) AS cosine FROM vector_pieces"
            f" WHERE conversation IN ({marks(len(keys))}) AND model = ? AND {home}.vector_dims(embedding) = ?"
            " GROUP BY turn ORDER BY cosine DESC, turn DESC LIMIT ?"
        )
        with self._unsettled():
            return [(row[0], row[1]) for row in connection.all(sql, (_spelled(vector), *keys, model, len(vector), limit))]

    @contextmanager
    def _unsettled(self) -> Iterator[None]:
        """After what failed here it is looked anew whether the table is there."""
        try:
            yield
        except StoreError:
            self._type = ""
            raise


def _add(connection: Connection, home: str, rows: Sequence[Pieces]) -> None:
    connection.many("DELETE FROM vector_pieces WHERE conversation = ? AND turn = ? AND model = ?", [row[:3] for row in rows])
    connection.many(
        "INSERT INTO vector_pieces (conversation, turn, model, place, embedding)"
        f" VALUES (?, ?, ?, ?, CAST(CAST(? AS text) AS {home}.vector))",
        [
            (key, turn, model, place, _spelled(vector))
            for key, turn, model, vectors in rows
            for place, vector in enumerate(vectors)
            # One of nothing has no direction.
            if any(vector) and len(vector) <= _MOST_NUMBERS
        ],
    )


def _home(connection: Connection) -> str:
    """The schema that the extension was made in, quoted; "" where it was not."""
    sql = (
        "SELECT CAST(quote_ident(n.nspname) AS text) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'vector'"
    )
    rows = connection.all(sql)
    return str(rows[0][0]) if rows else ""


def _spelled(vector: bytes) -> str:
    """Signed bytes as pgvector reads them."""
    return "[" + ",".join(map(str, memoryview(vector).cast("b"))) + "]"
