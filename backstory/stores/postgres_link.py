"""Connections to PostgreSQL: the driver's calls, made to block, and its errors as the house's.

Rule: only this file knows the driver. Its calls run on one event loop on a thread of its own, so that any thread may wait for them and
a connection that dies is noticed at once. Nothing waits for ever: connecting and every statement have their time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as Late
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from backstory.errors import RowError, StoreError, StoreGone
from backstory.stores.rows import Row, Value

T = TypeVar("T")

SCHEMA = "backstory"
"""The schema that the tables are in: other tables of the database are neither seen nor touched."""

# Nobody who answers a request waits so long: recall has its own, shorter deadline.
_CONNECT_S = 3.0
_STATEMENT_S = 10.0
# A call that is not back by then, with all that the driver does to end it, is given up.
_GRACE_S = 2.0
_SETTINGS = {
    "application_name": "backstory",
    "search_path": f"{SCHEMA},public",
    # Compiling a statement takes longer than any of these takes.
    "jit": "off",
    # For another process's transaction, which takes milliseconds.
    "lock_timeout": "5s",
    # A process that stops in the middle of a transaction must not keep the others from writing.
    "idle_in_transaction_session_timeout": "30s",
    # A statement whose asker is gone ends.
    "client_connection_check_interval": "2s",
}
_MOST_STATEMENTS = 1000
# A text may hold NUL, which PostgreSQL's cannot; this character, which hardly any text holds, begins its spelling.
_ESCAPE = "\x1a"
_TAKEN_AWAY = ("42P01", "3F000", "3D000")
_BAD_ROWS = ("22", "23", "54")


class Link:
    """The loop on which one store's connections live."""

    def __init__(self, url: str) -> None:
        self._url = "postgresql" + url[url.index(":") :]
        self.name = shown(url)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def connect(self) -> PostgresConnection:
        """A new connection. Raises StoreError."""
        try:
            raw = self.call(self._connected(), _CONNECT_S)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, Late, ValueError, CancelledError) as cause:
            raise StoreError(f"{self.name}: {reason(cause)}") from cause
        return PostgresConnection(self, raw)

    def call(self, work: Coroutine[Any, Any, T], seconds: float | None) -> T:
        """What this comes to on the loop."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="backstory-postgres", daemon=True)
                self._thread.start()
            loop = self._loop
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result(None if seconds is None else seconds + _GRACE_S)
        except Late:
            future.cancel()
            raise

    def close(self) -> None:
        """End the loop. A second call does nothing."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        raw = await asyncpg.connect(self._url, timeout=_CONNECT_S, command_timeout=_STATEMENT_S, server_settings=_SETTINGS)
        try:
            await raw.set_type_codec("text", schema="pg_catalog", encoder=_spelled, decoder=_read, format="text")
        except BaseException:
            raw.terminate()
            raise
        return raw


class PostgresConnection:
    """One thread's connection."""

    def __init__(self, link: Link, raw: asyncpg.Connection[asyncpg.Record]) -> None:
        self._link = link
        self._raw = raw
        self._numbered: dict[str, str] = {}

    @property
    def open(self) -> bool:
        """Whether it can still be used."""
        return not self._raw.is_closed()

    @property
    def in_transaction(self) -> bool:
        """Whether one was begun and not ended."""
        return self.open and self._raw.is_in_transaction()

    def all(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """See Connection."""
        return [tuple(row) for row in self._do(self._raw.fetch(self._sql(sql), *values))]

    def run(self, sql: str, values: Sequence[Value] = ()) -> int:
        """See Connection."""
        status = self._do(self._raw.execute(self._sql(sql), *values)).rpartition(" ")[2]
        return int(status) if status.isdigit() else 0

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """See Connection."""
        made = list(rows)
        if made:
            self._do(self._raw.executemany(self._sql(sql), made))

    def script(self, sql: str, seconds: float | None = _STATEMENT_S) -> None:
        """Statements without values, in one round trip. None: however long they take."""
        self._do(self._raw.execute(sql, timeout=seconds if seconds is not None else _FOREVER_S), seconds)

    def close(self) -> None:
        """Take leave of the server, or cut the connection where it does not listen."""
        try:
            self._link.call(self._raw.close(timeout=1.0), 1.0)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, Late, CancelledError):
            self.cut()

    def cut(self) -> None:
        """Close it at once."""
        self._link.call(_terminated(self._raw), 1.0)

    def _do(self, work: Coroutine[Any, Any, T], seconds: float | None = _STATEMENT_S) -> T:
        try:
            return self._link.call(work, seconds)
        except (TimeoutError, Late, OSError, CancelledError, asyncpg.InternalClientError) as cause:
            # What the server still does with it is not known.
            self.cut()
            raise StoreError(f"{self._link.name}: {reason(cause)}") from cause
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as cause:
            raise _error(self._link.name, cause) from cause

    def _sql(self, sql: str) -> str:
        """With `$1`, `$2` in place of `?`."""
        found = self._numbered.get(sql)
        if found is None:
            parts = sql.split("?")
            found = parts[0] + "".join(f"${place}{part}" for place, part in enumerate(parts[1:], 1))
            if len(self._numbered) >= _MOST_STATEMENTS:
                self._numbered.clear()
            self._numbered[sql] = found
        return found


# The driver takes None for its usual time.
_FOREVER_S = 86_400.0


def shown(url: str) -> str:
    """The URL without user, password and parameters."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"postgresql://{place}{parts.path}"


def reason(cause: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(cause, TimeoutError | Late):
        return "the server did not answer in time"
    return " ".join(str(cause).split()) or type(cause).__name__


def _error(name: str, cause: Exception) -> StoreError:
    state = str(getattr(cause, "sqlstate", None) or "")
    text = f"{name}: {reason(cause)}"
    if state in _TAKEN_AWAY:
        return StoreGone(text)
    # The driver's own complaint about a value is both.
    lasting = state[:2] in _BAD_ROWS or (isinstance(cause, asyncpg.InterfaceError) and isinstance(cause, ValueError))
    return (RowError if lasting else StoreError)(text)


def _spelled(text: str) -> str:
    if _ESCAPE in text or "\x00" in text:
        return text.replace(_ESCAPE, _ESCAPE + "1").replace("\x00", _ESCAPE + "0")
    return text


def _read(text: str) -> str:
    if _ESCAPE in text:
        return text.replace(_ESCAPE + "0", "\x00").replace(_ESCAPE + "1", _ESCAPE)
    return text


async def _terminated(raw: asyncpg.Connection[asyncpg.Record]) -> None:
    raw.terminate()
    # The transport ends in the next round of the loop.
    await asyncio.sleep(0)
