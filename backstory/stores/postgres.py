"""PostgreSQL: connections, transactions, and what its SQL does in its own way.

Rules: transactions that write take turns, in all processes, as they do in SQLite: so the store's SQL means the same in both. A server
that cannot be reached costs one attempt in a second, not one for each call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from backstory.errors import StoreError
from backstory.stores.dialect import Pieces, Schema
from backstory.stores.postgres_link import SCHEMA, Link, PostgresConnection, shown
from backstory.stores.postgres_vectors import PieceTable
from backstory.stores.postgres_words import add_words, count_words, drop_words, find_words
from backstory.stores.rows import Connection, Value

# "backstor" in ASCII: the lock that writers of one database take turns by.
_WRITERS = 0x6261636B73746F72
_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({_WRITERS})"
_REST_S = 1.0
# How long compacting waits for transactions that may still see what was removed.
_BUSY_S = 5.0
_AGAIN_S = 0.05


class Postgres:
    """The dialect and driver of one database."""

    def __init__(self, url: str) -> None:
        self._link = Link(url)
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._open: list[PostgresConnection] = []
        self._closed = False
        self._rests_until = 0.0
        self._trouble = ""
        self._pieces = PieceTable()

    def connection(self) -> PostgresConnection:
        """This thread's connection, a new one where the last has died. Raises StoreError: also, without a try, for a second after a
        try that failed."""
        if self._closed:
            raise StoreError(f"{self._link.name}: the store is closed")
        found: PostgresConnection | None = getattr(self._mine, "connection", None)
        if found is not None and found.open:
            return found
        if time.monotonic() < self._rests_until:
            raise StoreError(self._trouble)
        try:
            made = self._link.connect()
        except StoreError as error:
            self._trouble, self._rests_until = str(error), time.monotonic() + _REST_S
            raise
        with self._lock:
            self._open = [one for one in self._open if one.open]
            self._open.append(made)
        self._mine.connection = made
        return made

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that writes: all of the block, or nothing of it when the block raises."""
        connection = self.connection()
        try:
            connection.script(_BEGIN)
            yield connection
            connection.script("COMMIT")
        except BaseException:
            if connection.in_transaction:
                # A connection that cannot even do that is cut by it.
                with suppress(StoreError):
                    connection.script("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connections of all threads. A second call does nothing."""
        with self._lock:
            self._closed = True
            while self._open:
                self._open.pop().close()
        self._link.close()

    # --- full text

    def add_words(self, connection: Connection, rows: Sequence[tuple[int, str, str]]) -> None:
        """See Dialect."""
        add_words(connection, rows)

    def drop_words(self, connection: Connection, rows: Sequence[tuple[int, str, str]]) -> None:
        """See Dialect."""
        drop_words(connection, rows)

    def count_words(self, connection: Connection, words: Sequence[str]) -> dict[str, int]:
        """See Dialect. Cost grows with the counts: about 0.2 us each."""
        return count_words(connection, words)

    def find_words(
        self,
        connection: Connection,
        terms: Sequence[str],
        owners: Sequence[str],
        after: int,
        where: str,
        values: Sequence[Value],
        limit: int,
    ) -> list[tuple[int, float]]:
        """See Dialect."""
        return find_words(connection, terms, owners, after, where, values, limit)

    # --- vectors

    def seeks(self) -> bool:
        """See Dialect: whether pgvector is there."""
        return self._pieces.ready(self)

    def add_vectors(self, connection: Connection, rows: Sequence[Pieces]) -> None:
        """See Dialect."""
        if self._pieces.known(connection):
            self._pieces.add(connection, rows)

    def find_vectors(self, connection: Connection, keys: Sequence[int], model: str, vector: bytes, limit: int) -> list[tuple[int, float]]:
        """See Dialect. An exact scan of these conversations' vectors: about 4 us each."""
        return self._pieces.find(connection, keys, model, vector, limit) if self._pieces.ready(self) else []

    # --- forgetting

    def shred(self, connection: Connection) -> None:
        """See Dialect: compacting makes the index anew."""

    def compact(self) -> bool:
        """Write every table anew without the bytes of removed rows; nobody else reads or writes it meanwhile. False: a transaction of
        somebody else may still see what was removed; call again. Cost: about a second for each 200 MB."""
        connection = self.connection()
        if not self._unseen(connection):
            return False
        for (table,) in connection.all("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = ? ORDER BY 1", (SCHEMA,)):
            try:
                connection.script(f"VACUUM (FULL) {SCHEMA}.{table}", None)
            except StoreError:
                if connection.open:
                    return False
                raise
        with suppress(StoreError):
            # Takes what was logged of them out of use; a right that not every user has.
            connection.script("CHECKPOINT", None)
        return True

    @staticmethod
    def _unseen(connection: PostgresConnection) -> bool:
        """Wait until no transaction in this database is older than now."""
        now = connection.all("SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint) % 4294967296")[0][0]
        until = time.monotonic() + _BUSY_S
        older = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_xmin IS NOT NULL AND age(backend_xmin) > age(CAST(CAST(? AS text) AS xid))"
        )
        while connection.all(older, (str(now),))[0][0]:
            if time.monotonic() > until:
                return False
            time.sleep(_AGAIN_S)
        return True


def version(url: str) -> str:
    """The version of the schema in this database, "" where there is none yet. Raises StoreError."""
    with _connected(url) as connection:
        return _version(connection)


def create(url: str) -> None:
    """Make the newest schema, at once. Where another process has just made one, nothing happens. Raises StoreError."""
    apply(url, newest().statements, "")


def apply(url: str, statements: Sequence[str], found: str) -> None:
    """Make these changes, all or none, where the schema still has this version; another process may have been quicker."""
    with _connected(url) as connection:
        try:
            connection.script(_BEGIN)
            if _version(connection) == found:
                if not connection.all("SELECT 1 FROM pg_namespace WHERE nspname = ?", (SCHEMA,)):
                    connection.script(f"CREATE SCHEMA {SCHEMA}")
                for statement in statements:
                    connection.script(statement, None)
            connection.script("COMMIT")
        except StoreError as error:
            raise StoreError(f"{error} (the schema {SCHEMA} could not be made or changed)") from error


def newest() -> Schema:
    """The schema of a new database. Raises StoreError where the installation is broken."""
    path = Path(__file__).parent / "postgres_schema.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Schema)
    except (OSError, msgspec.DecodeError) as cause:
        raise StoreError(f"{path}: {cause}") from cause


def size(url: str) -> int:
    """Bytes of the tables and their indexes. Raises StoreError."""
    with _connected(url) as connection:
        sql = (
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = ? AND c.relkind = 'r'"
        )
        return int(connection.all(sql, (SCHEMA,))[0][0])


def _version(connection: PostgresConnection) -> str:
    # One look: between two of them another process may have made the schema.
    sql = "SELECT CAST(tablename AS text) FROM pg_tables WHERE schemaname = ? ORDER BY tablename <> 'alembic_version' LIMIT 1"
    tables = connection.all(sql, (SCHEMA,))
    if not tables:
        return ""
    if tables[0][0] != "alembic_version":
        raise StoreError(f"the schema {SCHEMA} holds something else (it has a table {tables[0][0]!r})")
    rows = connection.all(f"SELECT CAST(version_num AS text) FROM {SCHEMA}.alembic_version")
    return str(rows[0][0]) if rows else ""


@contextmanager
def _connected(url: str) -> Iterator[PostgresConnection]:
    link = Link(url)
    try:
        connection = link.connect()
        try:
            yield connection
        finally:
            connection.close()
    finally:
        link.close()


__all__ = ["Postgres", "apply", "create", "newest", "shown", "size", "version"]
