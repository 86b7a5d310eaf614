"""Opening a store from its URL: which databases there are, and the check of the schema's version.

Rule: a process that serves imports neither SQLAlchemy nor Alembic. A new database gets the newest schema at once, as the migrations
come to it (`make schema` writes it down); an older one is brought there by a child process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from backstory.config.sections import mask
from backstory.errors import ConfigError, StoreError, with_extra
from backstory.stores import sqlite
from backstory.stores.dialect import Dialect, Schema
from backstory.stores.sql import SqlStore

HEAD = "0016"
"""The version of the schema that this code reads and writes: the newest file in migrations/versions."""

_MIGRATION_S = 600


class Backend(Struct, frozen=True):
    """A kind of database. `there`: whether there is one, without making it. `version` gives its schema's version ("": new), `create`
    makes the newest schema in a new one, `migrate` brings it there from a version; `size` is what it takes on disk, in bytes. All take
    the URL and raise StoreError."""

    scheme: str
    form: str
    there: Callable[[str], bool]
    version: Callable[[str], str]
    create: Callable[[str], None]
    migrate: Callable[[str, str], None]
    dialect: Callable[[str], Dialect]
    size: Callable[[str], int]


def open_store(url: str, clock: Callable[[], float] = time.time) -> SqlStore:
    """The store at this URL, its schema brought up to date. Blocks: 1 ms, 10 ms for a new database, half a second for an older schema; with
    PostgreSQL as long as its server takes, at most some seconds.

    Raises ConfigError for a URL of no known form, StoreError for what cannot be opened. `clock` gives Unix seconds."""
    backend = backend_of(url)
    found = backend.version(url)
    if not found:
        backend.create(url)
        found = backend.version(url)
    if found != HEAD:
        if found > HEAD:
            raise StoreError(f"{mask(url)}: made by a newer Backstory (schema {found}, this one knows {HEAD}); update Backstory to use it")
        backend.migrate(url, found)
        found = backend.version(url)
        if found != HEAD:
            raise StoreError(f"{mask(url)}: schema {found or 'none'} after an update to {HEAD}")
    store = SqlStore(backend.dialect(url), clock)
    # What cannot be cleaned now (another process is reading) stays marked for the next opening, and is no reason to serve without memory.
    with suppress(StoreError):
        store.compact()
    return store


def open_to_write(url: str) -> SqlStore:
    """The same for who will write to it. Raises StoreError also for a file that may only be read: SQLite opens one all the same, refuses
    every row, and goes on refusing when the file may be written again."""
    backend = backend_of(url)
    if backend.scheme == "sqlite" and backend.there(url) and not os.access(sqlite_path(url), os.W_OK):
        raise StoreError(f"{sqlite_path(url)}: the file may only be read")
    return open_store(url)


def there(url: str) -> bool:
    """Whether something is stored at this URL. Makes nothing."""
    return backend_of(url).there(url)


def shown_place(url: str) -> str:
    """The database's place as a user knows it: a path, or a URL without its password."""
    return str(sqlite_path(url)) if backend_of(url).scheme == "sqlite" else f"{mask(url)} with tables of Backstory"


def stored_bytes(url: str) -> int:
    """What the database takes on disk, in bytes."""
    return backend_of(url).size(url)


def journal_place(url: str, folder: str) -> tuple[Path, str]:
    """Folder and base name of this machine's journals: beside a SQLite file; for another database in this folder, named after it."""
    if backend_of(url).scheme == "sqlite":
        path = sqlite_path(url)
        return path.parent, path.name
    parts = urlsplit(url)
    place = f"{parts.netloc.rpartition('@')[2]}{parts.path}?{parts.query}"
    return Path(folder), f"postgres-{blake2b(place.encode(), digest_size=6).hexdigest()}"


def backend_of(url: str) -> Backend:
    """The kind of database that this URL names. Raises ConfigError."""
    scheme = url.partition(":")[0]
    for backend in BACKENDS:
        if backend.scheme == (_ALSO.get(scheme) or scheme):
            return backend
    raise ConfigError(f"storage {mask(url)!r}: no such database; there is " + ", ".join(backend.form for backend in BACKENDS))


def sqlite_path(url: str) -> Path:
    """The file of a SQLite URL: `sqlite:///relative.db`, `sqlite:////absolute.db`. Raises ConfigError."""
    path = url.removeprefix("sqlite:///")
    if path == url or not path or path.startswith(":memory:"):
        raise ConfigError(f"storage {url!r}: a SQLite database is a file, sqlite:///PATH (sqlite:////PATH from the root)")
    return Path(path)


def _child(url: str, *arguments: str) -> str:
    """What the migration tools print."""
    command = [sys.executable, "-m", "backstory.stores.migrate", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MIGRATION_S, check=False)
    except (OSError, subprocess.SubprocessError) as cause:
        raise StoreError(f"{mask(url)}: the schema could not be made: {cause}") from cause
    if done.returncode:
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise StoreError(f"{mask(url)}: the schema could not be made: {reason}")
    return done.stdout


def _sqlite_there(url: str) -> bool:
    return sqlite_path(url).exists()


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


def _migrate_sqlite(url: str, _: str) -> None:
    _child(url, url)


def _sqlite(url: str) -> Dialect:
    return sqlite.Sqlite(sqlite_path(url))


def _sqlite_size(url: str) -> int:
    path = sqlite_path(url)
    return sum(part.stat().st_size for part in path.parent.glob(path.name + "*") if part.is_file())


def _driver(url: str) -> ModuleType:
    """The file with the dialect, and with it the driver, which only an extra brings. Raises ConfigError."""
    try:
        from backstory.stores import postgres  # noqa: PLC0415
    except ImportError as cause:
        raise ConfigError(f"storage {mask(url)!r} needs {with_extra('postgres')}") from cause
    return postgres


def _postgres_there(url: str) -> bool:
    return bool(_postgres_version(url))


def _postgres_version(url: str) -> str:
    return str(_driver(url).version(url))


def _create_postgres(url: str) -> None:
    _driver(url).create(url)


def _migrate_postgres(url: str, found: str) -> None:
    made = msgspec.json.decode(_child(url, "--sql", found), type=Schema)
    _driver(url).apply(url, made.statements, found)


def _postgres(url: str) -> Dialect:
    made: Dialect = _driver(url).Postgres(url)
    return made


def _postgres_size(url: str) -> int:
    return int(_driver(url).size(url))


_ALSO = {"postgres": "postgresql"}
BACKENDS = (
    Backend("sqlite", "sqlite:///PATH", _sqlite_there, _sqlite_version, _create_sqlite, _migrate_sqlite, _sqlite, _sqlite_size),
    Backend(
        "postgresql",
        "postgresql://USER:PASSWORD@HOST/DATABASE",
        _postgres_there,
        _postgres_version,
        _create_postgres,
        _migrate_postgres,
        _postgres,
        _postgres_size,
    ),
)
"""Every kind of database. A further one is one line here and one file with its dialect."""
