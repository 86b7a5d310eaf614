"""Brings a database to the newest schema: `python -m backstory.stores.migrate URL`; `--schema` prints what the migrations come to in
SQLite, `--sql VERSION` the statements that bring a PostgreSQL database from there to the newest schema ("": an empty one).

Rule: only this file imports Alembic, and a process that serves runs it as a child: the migration tools cost 35 MiB and a third of
a second, once per new schema.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Text, create_engine, pool
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.compiler import compiles

from backstory.stores.dialect import Schema

# Another process may be migrating the same file.
_LOCK_WAIT_S = 30


def scripts() -> ScriptDirectory:
    """The versions that are installed with this package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def migrate(url: str) -> None:
    """To the newest version, in one transaction; a second call finds nothing to do. Raises SQLAlchemyError."""
    engine = create_engine(url, poolclass=pool.NullPool, isolation_level="AUTOCOMMIT", connect_args={"timeout": _LOCK_WAIT_S})
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            # The driver would open no transaction for a change of schema; IMMEDIATE makes two starting processes take turns.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        directory = scripts()
        config = Config()
        config.attributes["connection"] = connection
        with EnvironmentContext(config, directory, fn=lambda rev, _: directory._upgrade_revs("head", rev)):
            directory.run_env()
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("COMMIT")


def schema() -> Schema:
    """What a SQLite database looks like after all migrations: the statements that make it at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "schema.db"
        migrate(f"sqlite:///{path}")
        with closing(sqlite3.connect(path)) as raw:
            shadows = {row[0] for row in raw.execute("SELECT name FROM pragma_table_list WHERE type = 'shadow'")}
            rows = raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
            (version,) = raw.execute("SELECT version_num FROM alembic_version").fetchone()
    return Schema(version, tuple(sql for name, sql in rows if name not in shadows and not name.startswith("sqlite_")))


class _Statements:
    """What Alembic writes, one statement at a time."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def write(self, text: str) -> None:
        """Comments and blank lines are left out."""
        statement = "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip().rstrip(";")
        if statement:
            self.made.append(statement)

    def flush(self) -> None:
        """There is nothing to."""


def statements(version: str) -> Schema:
    """What brings a PostgreSQL database from this version to the newest. It is not connected to: no password leaves the process that
    serves. Raises CommandError for a version that is not known."""
    directory, out = scripts(), _Statements()
    config = Config()
    config.attributes.update(dialect="postgresql", out=out)
    with EnvironmentContext(
        config, directory, fn=lambda rev, _: directory._upgrade_revs("head", rev), as_sql=True, starting_rev=version or None
    ):
        directory.run_env()
    return Schema(directory.get_current_head() or "", tuple(out.made))


@compiles(Text, "postgresql")
def _in_order_of_bytes(element: Text, compiler: Any, **options: Any) -> str:
    """Texts are compared as SQLite does, whatever the language of the database: names are looked for by how they begin."""
    return (
        f'{compiler.visit_TEXT(element, **options)} COLLATE "C"' if element.collation is None else compiler.visit_TEXT(element, **options)
    )


def main(arguments: list[str]) -> int:
    """Exit status 0, or 1 with the reason as the last line on stderr."""
    if arguments == ["--schema"]:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(schema())).decode() + "\n")
        return 0
    try:
        if arguments[0] == "--sql":
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(statements(arguments[1]))).decode() + "\n")
        else:
            migrate(arguments[0])
    except (SQLAlchemyError, CommandError) as cause:
        sys.stderr.write(f"{getattr(cause, 'orig', None) or cause}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
