"""SQLite: connections, transactions, and what its SQL does in its own way (full text, compacting).

Rule: every sqlite3 error leaves this file as a StoreError that names the database file. Each thread has a connection of its own.

WAL with `synchronous=NORMAL`: a process that is killed loses nothing, and what a power cut could take from the last moments is
still in the journal of the inbox.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from backstory.errors import RowError, StoreError, StoreGone
from backstory.stores.dialect import Pieces, Schema
from backstory.stores.rows import Connection, Row, Value, marks, slices

# How long a writer waits for another process's transaction, and compacting for another process's readers.
_BUSY_S = 5.0
_AGAIN_S = 0.01
# The WAL is copied back into the database when it has so many pages (16 MiB): pages that change often are copied once.
_CHECKPOINT_PAGES = 4000
_CACHE_KIB = 2000
_PRAGMAS = (
    "synchronous=NORMAL",
    f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
    f"journal_size_limit={_CHECKPOINT_PAGES * 4096}",
    f"cache_size=-{_CACHE_KIB}",
    "temp_store=MEMORY",
    "secure_delete=ON",
)

_BAD_ROWS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError, OverflowError, UnicodeError)


_hits = msgspec.json.Decoder(list[tuple[int, float]])


class SqliteConnection:
    """One thread's connection."""

    __slots__ = ("_name", "raw")

    def __init__(self, path: Path) -> None:
        self._name = str(path)
        try:
            # `check_same_thread` is off for `close` alone.
            self.raw = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as cause:
            raise self._error(cause) from cause
        try:
            self._wal()
            for pragma in _PRAGMAS:
                self.run(f"PRAGMA {pragma}")
        except StoreError:
            self.raw.close()
            raise

    def _wal(self) -> None:
        """Nobody is waited for here by SQLite itself: another process may be at the same point with a new file."""
        until = time.monotonic() + _BUSY_S
        while True:
            try:
                self.raw.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as cause:
                if cause.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > until:
                    raise self._error(cause) from cause
                time.sleep(_AGAIN_S)
            except sqlite3.Error as cause:
                raise self._error(cause) from cause
            else:
                return

    def all(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """See Connection."""
        try:
            return self.raw.execute(sql, values).fetchall()
        except (sqlite3.Error, OverflowError, UnicodeError) as cause:
            raise self._error(cause) from cause

    def run(self, sql: str, values: Sequence[Value] = ()) -> int:
        """See Connection."""
        try:
            return self.raw.execute(sql, values).rowcount
        except (sqlite3.Error, OverflowError, UnicodeError) as cause:
            raise self._error(cause) from cause

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """See Connection."""
        try:
            self.raw.executemany(sql, rows)
        except (sqlite3.Error, OverflowError, UnicodeError) as cause:
            raise self._error(cause) from cause

    def _error(self, cause: Exception) -> StoreError:
        lasting = isinstance(cause, _BAD_ROWS) and "closed" not in str(cause)
        return (RowError if lasting else StoreError)(f"{self._name}: {cause}")


class Sqlite:
    """The dialect and driver of one database file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = _identity(path)
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._open: list[SqliteConnection] = []
        self._closed = False

    def connection(self) -> SqliteConnection:
        """This thread's connection. Raises StoreGone where the file that was opened is no longer there: what is written to it is lost."""
        found: SqliteConnection | None = getattr(self._mine, "connection", None)
        if self._closed:
            raise StoreError(f"{self._path}: the store is closed")
        if _identity(self._path) != self._identity:
            raise StoreGone(f"{self._path}: the file was removed or replaced while it was in use")
        if found is None:
            found = SqliteConnection(self._path)
            with self._lock:
                self._open.append(found)
            self._mine.connection = found
        return found

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that writes: all of the block, or nothing of it when the block raises."""
        connection = self.connection()
        connection.run("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.run("COMMIT")
        except BaseException:
            if connection.raw.in_transaction:
                connection.run("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connections of all threads. A second call does nothing."""
        with self._lock:
            self._closed = True
            while self._open:
                self._open.pop().raw.close()

    # --- full text: `words` holds the terms and the owner marks of each row of `tags`, by its number

    def add_words(self, connection: Connection, rows: Sequence[tuple[int, str, str]]) -> None:
        """Index (number, terms, owner marks)."""
        connection.many("INSERT INTO words (rowid, terms, owner) VALUES (?,?,?)", rows)

    def drop_words(self, connection: Connection, rows: Sequence[tuple[int, str, str]]) -> None:
        """Take these out; terms and owner marks must be those that were added."""
        connection.many("INSERT INTO words (words, rowid, terms, owner) VALUES ('delete',?,?,?)", rows)

    def count_words(self, connection: Connection, words: Sequence[str]) -> dict[str, int]:
        """In how many rows each word occurs, without those that occur in none. Cost grows with the counts: 30 ns each."""
        found: dict[str, int] = {}
        for given in slices(words):
            some = [fold(word) for word in given]
            counts: dict[str, int] = dict(connection.all(f"SELECT term, doc FROM word_counts WHERE term IN ({marks(len(some))})", some))
            for word, folded in zip(given, some, strict=True):
                if folded in counts:
                    found[word] = counts[folded]
        return found

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
        """(turn, score) of rows with any of the terms, the best first by BM25, numbered above `after`; `where` limits `tags` t and
        its conversation c. `owners` narrows the index to rows with one of these marks; empty: not narrowed."""
        match = "{terms}: (" + " OR ".join(_quoted(term) for term in terms) + ")"
        if owners:
            match = "({owner}: (" + " OR ".join(_quoted(owner) for owner in owners) + ")) AND (" + match + ")"
        # One row for all: between two rows the interpreter is given away, and has to be waited for where other threads work.
        rows = connection.all(
            "SELECT json_group_array(json_array(turn, score)) FROM ("
            "SELECT t.turn AS turn, -bm25(words, 1.0, 0.0) AS score FROM words CROSS JOIN tags t ON t.doc = words.rowid"
            f" CROSS JOIN conversations c ON c.key = t.conversation WHERE words MATCH ? AND words.rowid > ? AND {where}"
            " ORDER BY score DESC, t.turn DESC LIMIT ?)",
            (match, after, *values, limit),
        )
        return _hits.decode(rows[0][0])

    # --- vectors: searched in memory (stages/meaning.py)

    def seeks(self) -> bool:
        """See Dialect."""
        return False

    def add_vectors(self, connection: Connection, rows: Sequence[Pieces]) -> None:
        """See Dialect."""

    def find_vectors(self, connection: Connection, keys: Sequence[int], model: str, vector: bytes, limit: int) -> list[tuple[int, float]]:
        """See Dialect."""
        return []

    # --- forgetting

    def shred(self, connection: Connection) -> None:
        """In a transaction that removed words: take their remains out of the index, which keeps removed words until it merges."""
        connection.run("INSERT INTO words (words) VALUES ('optimize')")

    def compact(self) -> bool:
        """Write the file anew without the bytes of removed rows, and empty the WAL. False: another process was reading; call again.
        Cost: about a second for each 200 MB."""
        connection = self.connection()
        connection.run("VACUUM")
        return not connection.all("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]


def fold(word: str) -> str:
    """As the index spells a word: ASCII letters are lower-cased, everything else stays."""
    return word.lower() if word.isascii() else "".join(char.lower() if char.isascii() else char for char in word)


def version(path: Path) -> str:
    """The version of the schema in this file, "" where there is none yet. Raises StoreError for what is no SQLite file."""
    connection = SqliteConnection(path)
    try:
        tables = [row[0] for row in connection.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if tables and "alembic_version" not in tables:
            raise StoreError(f"{path}: a SQLite database of something else (it has a table {tables[0]!r})")
        if not tables:
            return ""
        rows = connection.all("SELECT version_num FROM alembic_version")
        return str(rows[0][0]) if rows else ""
    finally:
        connection.raw.close()


def create(path: Path) -> None:
    """Make the newest schema in a new file, at once. Where another process has just made one, nothing happens. Raises StoreError."""
    made = newest()
    connection = SqliteConnection(path)
    try:
        connection.run("BEGIN IMMEDIATE")
        if not connection.all("SELECT 1 FROM sqlite_master LIMIT 1"):
            for statement in made.statements:
                connection.run(statement)
            connection.run("INSERT INTO alembic_version (version_num) VALUES (?)", (made.version,))
        connection.run("COMMIT")
    finally:
        connection.raw.close()


def newest() -> Schema:
    """The schema of a new database. Raises StoreError where the installation is broken."""
    path = Path(__file__).parent / "sqlite_schema.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Schema)
    except (OSError, msgspec.DecodeError) as cause:
        raise StoreError(f"{path}: {cause}") from cause


def _identity(path: Path) -> tuple[int, int]:
    """Which file this is; (0, 0) where there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'
