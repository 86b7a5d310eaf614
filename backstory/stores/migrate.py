"""Brings a database to the newest schema: `python -m backstory.stores.migrate URL`.

Rule: only this file imports Alembic, and a process that serves runs it as a child: the migration tools cost 35 MiB and a third of
a second, once per new schema.
"""

from __future__ import annotations

import sys
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool
from sqlalchemy.exc import SQLAlchemyError

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


def main(arguments: list[str]) -> int:
    """Exit status 0, or 1 with the reason as the last line on stderr."""
    try:
        migrate(arguments[0])
    except SQLAlchemyError as cause:
        sys.stderr.write(f"{getattr(cause, 'orig', None) or cause}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
