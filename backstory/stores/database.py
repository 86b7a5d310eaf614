"""Opening a store from its URL: which databases there are, and the check of the schema's version.

Rule: a process that serves imports neither SQLAlchemy nor Alembic. A new database gets the newest schema at once, as the migrations
come to it (`make schema` writes it down); an older one is brought there by a child process.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from backstory.errors import ConfigError, StoreError
from backstory.stores import sqlite
from backstory.stores.dialect import Dialect
from backstory.stores.sql import SqlStore

HEAD = "0010"
"""The version of the schema that this code reads and writes: the newest file in migrations/versions."""

_MIGRATION_S = 600


class Backend(Struct, frozen=True):
    """A kind of database. `version` gives a database's schema version ("": new), `create` makes the newest schema in a new one; all take
    the URL and raise StoreError."""

    scheme: str
    form: str
    version: Callable[[str], str]
    create: Callable[[str], None]
    dialect: Callable[[str], Dialect]


def open_store(url: str, clock: Callable[[], float] = time.time) -> SqlStore:
    """The store at this URL, its schema brought up to date. Blocks: 1 ms, 10 ms for a new database, half a second for an older schema.

    Raises ConfigError for a URL of no known form, StoreError for what cannot be opened. `clock` gives Unix seconds."""
    backend = backend_of(url)
    found = backend.version(url)
    if not found:
        backend.create(url)
        found = backend.version(url)
    if found != HEAD:
        if found > HEAD:
            raise StoreError(f"{url}: made by a newer Backstory (schema {found}, this one knows {HEAD}); update Backstory to use it")
        _migrate(url)
        found = backend.version(url)
        if found != HEAD:
            raise StoreError(f"{url}: schema {found or 'none'} after an update to {HEAD}")
    store = SqlStore(backend.dialect(url), clock)
    # What cannot be cleaned now (another process is reading) stays marked for the next opening, and is no reason to serve without memory.
    with suppress(StoreError):
        store.compact()
    return store


def backend_of(url: str) -> Backend:
    """The kind of database that this URL names. Raises ConfigError."""
    scheme = url.partition(":")[0]
    for backend in BACKENDS:
        if backend.scheme == scheme:
            return backend
    raise ConfigError(f"storage {url!r}: no such database; there is " + ", ".join(backend.form for backend in BACKENDS))


def sqlite_path(url: str) -> Path:
    """The file of a SQLite URL: `sqlite:///relative.db`, `sqlite:////absolute.db`. Raises ConfigError."""
    path = url.removeprefix("sqlite:///")
    if path == url or not path or path.startswith(":memory:"):
        raise ConfigError(f"storage {url!r}: a SQLite database is a file, sqlite:///PATH (sqlite:////PATH from the root)")
    return Path(path)


def _migrate(url: str) -> None:
    command = [sys.executable, "-m", "backstory.stores.migrate", url]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MIGRATION_S, check=False)
    except (OSError, subprocess.SubprocessError) as cause:
        raise StoreError(f"{url}: the schema could not be made: {cause}") from cause
    if done.returncode:
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise StoreError(f"{url}: the schema could not be made: {reason}")


def _sqlite_version(url: str) -> str:
    path = sqlite_path(url)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            # Conversations are nobody else's; SQLite gives the files beside it the same rights.
            path.touch(mode=0o600)
    except OSError as cause:
        raise StoreError(f"{path}: {cause.strerror or cause}") from cause
    return sqlite.version(path)


def _create_sqlite(url: str) -> None:
    sqlite.create(sqlite_path(url))


def _sqlite(url: str) -> Dialect:
    return sqlite.Sqlite(sqlite_path(url))


BACKENDS = (Backend("sqlite", "sqlite:///PATH", _sqlite_version, _create_sqlite, _sqlite),)
"""Every kind of database. A further one is one line here and one file with its dialect."""
