"""The schema, its migrations and the SQL of the store name the same columns."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, create_mock_engine, pool
from sqlalchemy.schema import ExecutableDDLElement

from backstory.errors import StoreError
from backstory.stores import rows, sqlite
from backstory.stores.database import HEAD
from backstory.stores.migrate import main, migrate, scripts
from backstory.stores.tables import metadata
from tests.stores.world import Shelf

_WRITTEN = {
    "conversations": {"key", *rows.CONVERSATIONS, "last_turn"},
    "turns": set(rows.TURNS),
    "aliases": set(rows.ALIASES),
    "injections": set(rows.INJECTIONS),
    "digests": set(rows.DIGESTS),
    "stubs": set(rows.STUBS),
    "segments": set(rows.SEGMENTS),
    "summaries": set(rows.SUMMARIES),
    "allowance": set(rows.ALLOWANCE),
    "tags": {"doc", *rows.TAGS},
    "vectors": set(rows.VECTORS),
    "facts": set(rows.FACTS),
    "usage": set(rows.USAGE),
    "books": set(rows.BOOKS),
    "watermarks": set(rows.WATERMARKS),
    "states": set(rows.STATES),
    "receipts": {"id", *rows.RECEIPTS},
    "forgotten": set(rows.FORGOTTEN),
    "traces": set(rows.TRACES),
    "homes": set(rows.HOMES),
    "session_summaries": set(rows.SESSION_SUMMARIES),
    "lookups": set(rows.LOOKUPS),
    "wordings": set(rows.WORDINGS),
    "replies": set(rows.REPLIES),
    "charges": set(rows.CHARGES),
    "pins": {"change", *rows.PINS},
    "tombs": set(rows.TOMBS),
    "keys": set(rows.KEYS),
}


def test_the_store_names_every_column_of_every_table() -> None:
    assert {table.name: {column.name for column in table.columns} for table in metadata.sorted_tables} == _WRITTEN


def test_the_migrations_make_the_tables(sqlite_shelf: Shelf) -> None:
    engine = create_engine(sqlite_shelf.url(), poolclass=pool.NullPool)
    with engine.connect() as connection:
        options = {"include_name": lambda name, kind, _: kind != "table" or name == "wordings" or not str(name).startswith("word")}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_the_newest_migration_is_the_one_that_is_served() -> None:
    assert scripts().get_heads() == [HEAD]


def test_the_tables_can_be_spelled_for_postgresql() -> None:
    made: list[ExecutableDDLElement] = []
    engine = create_mock_engine("postgresql://", lambda element, *_, **__: made.append(element))
    metadata.create_all(engine, checkfirst=False)
    spelled = [str(element.compile(dialect=engine.dialect)) for element in made]
    assert sum("CREATE TABLE" in statement for statement in spelled) == len(_WRITTEN)
    assert any("turns_by_content ON turns (content) WHERE kind = 'spoken'" in statement for statement in spelled)


def test_migrating_again_finds_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.db"
    migrate(f"sqlite:///{path}")
    before = path.read_bytes()
    assert main([f"sqlite:///{path}"]) == 0
    assert path.read_bytes() == before
    assert sqlite.version(path) == HEAD
    assert main([f"sqlite:///{tmp_path}/no/folder/x.db"]) == 1
    assert "unable to open" in capsys.readouterr().err


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 513, bytes(range(256)) * 9, b"\xff", b"\xff" * 30, b"text " * 5000])
def test_what_is_packed_comes_back(data: bytes) -> None:
    packed = rows.pack(data)
    assert rows.unpack(packed) == data
    assert len(packed) <= max(len(data), 16)


@pytest.mark.parametrize("data", [b"\xff", b"\xff\x00garbage", b"\xff" + zlib.compress(b"x")])
def test_a_damaged_value_is_a_store_error(data: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        rows.unpack(data)
    with pytest.raises(StoreError, match="damaged"):
        rows.unpack_text(b"\xc3")
