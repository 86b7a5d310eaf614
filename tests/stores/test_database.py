"""Opening a store: URLs, the schema and its versions, files that are none."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from backstory.core.records import Batch
from backstory.errors import ConfigError, StoreError
from backstory.stores import database, sqlite
from backstory.stores.database import HEAD, open_store
from backstory.stores.inbox import Inbox
from backstory.stores.migrate import migrate, schema
from tests.stores.world import Shelf, said, talk

_WRITER = """
import sys
from backstory.core.records import Batch
from backstory.stores.database import open_store
from tests.stores.world import said, talk
store = open_store(sys.argv[1])
first = int(sys.argv[2])
for number in range(first, first + 200):
    store.write([Batch((talk("shared", at=float(number)),), (said(number, "shared"),))])
"""

# As `make setup` leaves SQLAlchemy: without its compiled parts.
_UNCOMPILED = """
import sys
from importlib.util import spec_from_file_location

class Plain:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.startswith("sqlalchemy.") and name.endswith("_cy"):
            return spec_from_file_location(name, path[0] + "/" + name.rpartition(".")[2] + ".py")

sys.meta_path.insert(0, Plain)
from backstory.stores.migrate import main
main(["--schema"])
from sqlalchemy.util import _collections_cy
assert not _collections_cy._is_compiled()
"""


def test_a_missing_folder_is_made_and_rows_are_there_after_opening_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a/b/store.db"
    store = open_store(url)
    store.write([Batch((talk("c"),), (said(1, "c"),))])
    store.close()
    again = open_store(url)
    assert [turn.id for turn in again.turns("c")] == [1]
    again.close()
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["store.db"]


def test_what_is_stored_is_nobody_elses(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = open_store(f"sqlite:///{tmp_path}/apart/store.db")
        store.write([Batch((talk("c"),), (said(1, "c"),))])
        inbox = Inbox(tmp_path / "beside", "store.db")
        inbox.append(b"said")
    finally:
        os.umask(old)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert (modes.pop("apart"), modes.pop("beside")) == (0o700, 0o700)
    assert len(modes) >= 3  # the database, what SQLite keeps beside it, the journal
    assert set(modes.values()) == {0o600}
    inbox.close()
    store.close()


def test_a_relative_url_is_below_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///here.db").close()
    assert (tmp_path / "here.db").is_file()


@pytest.mark.parametrize("url", ["mysql://x", "nonsense", "", "sqlite:///", "sqlite://x", "sqlite:///:memory:"])
def test_a_url_of_no_known_form_says_what_there_is(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///PATH"):
        open_store(url)


def test_a_schema_of_a_newer_version_is_left_alone(sqlite_shelf: Shelf) -> None:
    url = sqlite_shelf.url()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(StoreError, match=r"newer Backstory \(schema 9999, this one knows " + HEAD):
        open_store(url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"not a database, but long enough to be looked at " * 100)
    with pytest.raises(StoreError, match=str(path)):
        open_store(f"sqlite:///{path}")


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE songs (id INTEGER)")
    raw.close()
    with pytest.raises(StoreError, match="songs"):
        open_store(f"sqlite:///{path}")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        open_store(f"sqlite:///{tmp_path}/file/store.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder"):
        open_store(f"sqlite:///{tmp_path}/folder")


def test_a_migration_that_fails_gives_its_reason(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"could not be made: .*unable to open"):
        database._migrate_sqlite(f"sqlite:///{tmp_path}/no/such/folder/store.db", "")


def test_a_damaged_table_is_a_store_error(sqlite_shelf: Shelf) -> None:
    url = sqlite_shelf.url()
    path = Path(url.removeprefix("sqlite:///"))
    store = sqlite_shelf.open(url)
    store.write([Batch((talk("c"),), tuple(said(number, "c", "x" * 300) for number in range(1, 200)))])
    sqlite_shelf.close()
    data = path.read_bytes()
    path.write_bytes(data[:-40_000] + b"\xaa" * 40_000)
    store = sqlite_shelf.open(url)
    with pytest.raises(StoreError, match=str(path)):
        store.turns("c")
    sqlite_shelf.close()


def test_serving_imports_neither_sqlalchemy_nor_alembic(sqlite_shelf: Shelf) -> None:
    check = (
        "import sys; from backstory.stores.database import open_store; import backstory.stores.lanes;"
        "open_store(sys.argv[1]).counts(); print([name for name in ('sqlalchemy', 'alembic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check, sqlite_shelf.url()], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_processes_that_start_together_make_one_schema(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    start = "import sys; from backstory.stores.database import open_store; print(open_store(sys.argv[1]).counts()['turns'])"
    both = [subprocess.Popen([sys.executable, "-c", start, url], stdout=subprocess.PIPE) for _ in range(2)]
    assert [one.communicate(timeout=60)[0].strip() for one in both] == [b"0", b"0"]


def test_two_processes_write_into_one_file(sqlite_shelf: Shelf) -> None:
    url = sqlite_shelf.url()
    both = [subprocess.Popen([sys.executable, "-c", _WRITER, url, str(first)]) for first in (1, 1001)]
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    store = sqlite_shelf.open(url)
    assert [turn.id for turn in store.turns("shared")] == [*range(1, 201), *range(1001, 1201)]
    found = store.conversation("ann", "shared")
    assert found is not None
    assert found.updated == 1200.0
    sqlite_shelf.close()


def test_cleaning_that_another_process_prevented_is_made_up_for_at_opening(sqlite_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstory.stores.sqlite._PRAGMAS", ("journal_mode=WAL", "busy_timeout=50"))
    url = sqlite_shelf.url()
    path = Path(url.removeprefix("sqlite:///"))
    store = sqlite_shelf.open(url)
    store.write([Batch((talk("c"),), (said(1, "c", "unmistakable"),))])
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM turns").fetchall()
    with pytest.raises(StoreError, match="removed"):
        store.forget("ann", "c", now=150.0)
    assert store.turns("c") == []
    assert any(b"unmistakable" in file.read_bytes() for file in path.parent.iterdir())
    reader.close()
    sqlite_shelf.open(url)
    assert not any(b"unmistakable" in file.read_bytes() for file in path.parent.iterdir())
    sqlite_shelf.close()


def _made(path: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_a_new_database_is_what_the_migrations_come_to(tmp_path: Path) -> None:
    """`make schema` after a change of them."""
    assert sqlite.newest() == schema()
    assert sqlite.newest().version == HEAD
    migrate(f"sqlite:///{tmp_path}/migrated.db")
    open_store(f"sqlite:///{tmp_path}/new.db").close()
    assert _made(tmp_path / "new.db") == _made(tmp_path / "migrated.db")


def test_the_schema_is_the_same_without_compiled_parts() -> None:
    made = subprocess.run([sys.executable, "-c", _UNCOMPILED], check=True, capture_output=True, text=True).stdout
    assert made == (Path(sqlite.__file__).parent / "sqlite_schema.json").read_text()


def test_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    with pytest.raises(StoreError, match="could not be made"):
        _of_version(path, "0000-unknown")
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM alembic_version")
    database._migrate_sqlite(f"sqlite:///{path}", "")
    store = open_store(f"sqlite:///{path}")
    assert store.counts()["turns"] == 0
    store.close()


def _of_version(path: Path, version: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("INSERT INTO alembic_version VALUES (?)", (version,))
    open_store(f"sqlite:///{path}").close()


def test_all_turns_of_a_very_long_conversation_are_read(tmp_path: Path) -> None:
    """A thread that lacked its newest turns would go on beside them."""
    url = f"sqlite:///{tmp_path / 'long.db'}"
    store = open_store(url)
    try:
        first = said(1, "c", "The first.")
        store.write([Batch((talk("c"),), (first,))])
        raw = sqlite3.connect(tmp_path / "long.db")
        columns = [row[1] for row in raw.execute("PRAGMA table_info(turns)")]
        others = ",".join(column for column in columns if column not in ("id", "chain"))
        numbers = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100001)"
        raw.execute(f"{numbers} INSERT INTO turns (id, chain, {others}) SELECT i, CAST(i AS BLOB), {others} FROM n, turns WHERE id = 1")
        raw.commit()
        raw.close()
        turns = store.turns("c")
        assert len(turns) == 100_001
        assert turns[-1].id == 100_001
    finally:
        store.close()
