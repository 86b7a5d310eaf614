"""What only PostgreSQL does: its schema, a server that goes away, and what it searches by itself."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import create_mock_engine

from backstory.core.records import Batch, TurnVectors, Watermark
from backstory.errors import ConfigError, RowError, StoreError, StoreGone
from backstory.stores import postgres, postgres_link
from backstory.stores.database import HEAD, journal_place, open_store, stored_bytes, there
from backstory.stores.migrate import statements
from backstory.stores.postgres import Postgres
from backstory.stores.sql import SqlStore
from backstory.stores.tables import metadata
from tests.postgres import Server
from tests.stores.world import PostgresShelf, Shelf, said, talk, tell


def script(server: Server, url: str, *lines: str) -> None:
    """Statements by somebody else."""
    for line in lines:
        server.run(line, url.rpartition("/")[2])


def shape(url: str) -> list[tuple[Any, ...]]:
    """Columns and indexes of a store's tables, but those of full text and of vectors, which no metadata knows."""
    dialect = Postgres(url)
    connection = dialect.connection()
    ours = "NOT IN ('words', 'word_totals', 'vector_pieces', 'alembic_version')"
    found = connection.all(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text, collation_name::text, column_default::text"
        f" FROM information_schema.columns WHERE table_schema = 'backstory' AND table_name {ours} ORDER BY 1, 2"
    ) + connection.all(f"SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'backstory' AND tablename {ours} ORDER BY 1")
    dialect.close()
    return found


def test_a_new_database_is_what_the_migrations_come_to() -> None:
    """`make schema` after a change of them."""
    assert postgres.newest() == statements("")
    assert postgres.newest().version == HEAD


def test_the_migrations_make_the_tables(postgres_shelf: PostgresShelf) -> None:
    made: list[str] = []
    engine: Any = create_mock_engine("postgresql://", lambda it, *_, **__: made.append(str(it.compile(dialect=engine.dialect))))
    metadata.create_all(engine, checkfirst=False)
    url = postgres_shelf.server.database()
    script(postgres_shelf.server, url, "CREATE SCHEMA backstory", *(f"SET search_path = backstory; {statement}" for statement in made))
    assert shape(url) == shape(postgres_shelf.url())
    postgres_shelf.close()


def test_an_older_schema_is_brought_up_to_date(postgres_shelf: PostgresShelf) -> None:
    url = postgres_shelf.server.database()
    older: list[str] = []
    for statement in postgres.newest().statements:
        older.append(statement)
        if "version_num='0006'" in statement:
            break
    postgres.apply(url, older, "")
    assert postgres.version(url) == "0006"
    store = postgres_shelf.open(url)
    tell(store, talk("c"), "one", "two")
    assert shape(url) == shape(postgres_shelf.url())
    assert [turn.text for turn in store.turns("c")] == ["one", "two"]
    postgres_shelf.close()


def test_what_stands_beside_it_is_left_alone(postgres_shelf: PostgresShelf) -> None:
    server = postgres_shelf.server
    url = server.database()
    script(server, url, "CREATE TABLE turns (song text)", "INSERT INTO turns VALUES ('la')")
    store = postgres_shelf.open(url)
    tell(store, talk("c"), "one")
    assert store.counts()["turns"] == 1
    assert store._dialect.connection().all("SELECT song FROM public.turns") == [("la",)]
    postgres_shelf.close()
    script(server, url, "UPDATE backstory.alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"newer Backstory \(schema 9999") as told:
        open_store(url)
    assert "unused" not in str(told.value)
    script(server, url, "DROP TABLE backstory.alembic_version")
    with pytest.raises(StoreError, match="holds something else"):
        open_store(url)


def test_looking_at_nothing_makes_nothing(postgres: Server) -> None:
    url = postgres.database()
    assert not there(url)
    assert not there(url)
    open_store(url).close()
    assert there(url)
    assert stored_bytes(url) > 8192


def test_processes_that_start_together_make_one_schema(postgres: Server) -> None:
    url = postgres.database()
    start = "import sys; from backstory.stores.database import open_store; print(open_store(sys.argv[1]).counts()['turns'])"
    both = [subprocess.Popen([sys.executable, "-c", start, url], stdout=subprocess.PIPE) for _ in range(2)]
    assert [one.communicate(timeout=60)[0].strip() for one in both] == [b"0", b"0"]


def test_serving_imports_neither_sqlalchemy_nor_alembic_and_sqlite_no_driver(postgres_shelf: PostgresShelf, sqlite_shelf: Shelf) -> None:
    check = (
        "import sys; from backstory.stores.database import open_store; import backstory.stores.lanes;"
        "open_store(sys.argv[1]).counts(); print(*[name for name in ('sqlalchemy', 'alembic', 'asyncpg') if name in sys.modules])"
    )
    for url, wanted in ((postgres_shelf.url(), "asyncpg"), (sqlite_shelf.url(), "")):
        done = subprocess.run([sys.executable, "-c", check, url], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == wanted
    postgres_shelf.close()


def test_a_missing_driver_names_the_extra() -> None:
    check = "import sys; sys.modules['asyncpg'] = None; from backstory.stores.database import open_store; open_store('postgresql://h/d')"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert "ConfigError" in done.stderr
    assert "make setup EXTRAS=postgres" in done.stderr


def test_the_journal_is_named_after_the_database_and_not_after_the_password() -> None:
    folder, name = journal_place("postgresql://ann:one@h:5432/d", "/data")
    assert (str(folder), name) == ("/data", journal_place("postgresql://ben:two@h:5432/d", "/data")[1])
    assert name != journal_place("postgresql://ann:one@h:5432/e", "/data")[1]


# --- a server that is not there


def test_a_server_that_is_not_there_is_asked_once_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_link, "_CONNECT_S", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        dialect = Postgres(f"postgresql://ann:secret@127.0.0.1:{silent.getsockname()[1]}/d")
        begun = time.monotonic()
        with pytest.raises(StoreError, match="did not answer in time") as told:
            dialect.connection()
        assert 0.2 < time.monotonic() - begun < 2.9
        assert "secret" not in str(told.value)
        monkeypatch.setattr(postgres_link, "_CONNECT_S", 60.0)
        begun = time.monotonic()
        for _ in range(20):
            with pytest.raises(StoreError, match="did not answer in time"):
                dialect.connection()
        assert time.monotonic() - begun < 20.0, "it is not asked again"
        dialect.close()


def test_a_database_that_is_not_there_and_a_wrong_port_say_so(postgres: Server) -> None:
    with pytest.raises(StoreError, match=f'127.0.0.1:{postgres.port}/none: database "none" does not exist'):
        open_store(postgres.url("none"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(StoreError, match=r"postgresql://127\.0\.0\.1"):
            open_store(f"postgresql://ann:secret@127.0.0.1:{taken.getsockname()[1]}/d")


def test_a_connection_that_was_cut_is_made_anew(postgres_shelf: PostgresShelf) -> None:
    url = postgres_shelf.url()
    store = postgres_shelf.open(url)
    tell(store, talk("c"), "one")
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.rpartition('/')[2]}' AND pid <> pg_backend_pid()"
    postgres_shelf.server.run(cut)
    for _ in range(50):
        try:
            assert len(store.turns("c")) == 1
            break
        except StoreError:
            time.sleep(0.05)
    else:
        pytest.fail("it stayed away")

    def write() -> None:
        with store._dialect.transaction() as db:
            db.run("UPDATE turns SET role = 'cut'")
            postgres_shelf.server.run(cut)
            db.run("UPDATE turns SET role = 'cut'")

    with pytest.raises(StoreError):
        write()
    assert store.turns("c")[0].role == "user"
    postgres_shelf.close()


def test_a_statement_that_takes_too_long_is_given_up(postgres_shelf: PostgresShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_link, "_STATEMENT_S", 0.2)
    dialect = Postgres(postgres_shelf.fresh())
    begun = time.monotonic()
    with pytest.raises(StoreError, match="in time"):
        dialect.connection().all("SELECT pg_sleep(30)")
    assert time.monotonic() - begun < 5
    assert dialect.connection().all("SELECT 1") == [(1,)]
    dialect.close()
    postgres_shelf.close()


def test_tables_that_were_taken_away_are_begun_anew(postgres_shelf: PostgresShelf) -> None:
    url = postgres_shelf.fresh()
    store = postgres_shelf.open(url)
    script(postgres_shelf.server, url, "DROP SCHEMA backstory CASCADE")
    with pytest.raises(StoreGone):
        store.receipts()
    again = postgres_shelf.open(url)
    assert again.receipts() == []
    postgres_shelf.close()


def test_a_user_without_rights_is_told_what_could_not_be_made(postgres: Server) -> None:
    url = postgres.database()
    script(postgres, url, "CREATE ROLE guest LOGIN")
    with pytest.raises(StoreError, match=r"permission denied.*the schema backstory could not be made"):
        open_store(url.replace("ann:", "guest:"))
    script(postgres, url, "CREATE SCHEMA backstory AUTHORIZATION guest")
    store = open_store(url.replace("ann:", "guest:"))
    tell(store, talk("c"), "one")
    assert not store.seeks(), "this one may not make the extension"
    store.put_vectors([vectors(1, [(1, 2)])], Watermark("c", "vectors:m", 1))
    assert store.near("ann", (), "m", bytes([1, 2]), 5) == []
    assert len(store.vectors("c", "m")) == 1
    store.close()


# --- writers and values


def test_writers_take_turns(postgres_shelf: PostgresShelf) -> None:
    """What one reads in its transaction, no other changes."""
    url = postgres_shelf.url()
    stores = [postgres_shelf.open(url) for _ in range(3)]
    tell(stores[0], talk("c"), "0")

    def count(store: SqlStore) -> None:
        for _ in range(20):
            with store._dialect.transaction() as db:
                (number,) = db.all("SELECT tokens FROM turns WHERE id = 1")[0]
                db.run("UPDATE turns SET tokens = ? WHERE id = 1", (number + 1,))

    threads = [threading.Thread(target=count, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].turns("c")[0].tokens == 60
    postgres_shelf.close()


@pytest.mark.parametrize("text", ["\x00", "a\x00b\x1ac", "\x1a0\x1a1", "\x1a", "ünï\x00"])
def test_texts_that_postgresql_cannot_hold_come_back(postgres_shelf: PostgresShelf, text: str) -> None:
    store = postgres_shelf.open()
    store.write([Batch((talk("c", label=text),), (said(1, "c", "x", sender=text),), (("ann", text, "c"),))])
    assert store.turns("c")[0].sender == text
    assert store.alias("ann", text) == "c"
    found = store.conversation("ann", "c")
    assert found is not None
    assert found.label == text
    with pytest.raises(RowError):
        store.write([Batch((talk("c"),), (said(2, "c", "x", sender="\ud800"),))])
    postgres_shelf.close()


def test_a_very_long_word_and_a_very_long_row_are_indexed(postgres_shelf: PostgresShelf) -> None:
    store = postgres_shelf.open()
    long = "w" * 5000
    tell(store, talk("c"), f"one {long}", " ".join(f"{number:0200d}" for number in range(9000)))
    assert [hit.turn for hit in store.search("ann", ["c"], [long], 5)] == [1]
    assert [hit.turn for hit in store.search("ann", ["c"], [f"{3:0200d}"], 5)] == [2]
    store.forget("ann", "c", [1], now=200.0)
    assert store.search("ann", ["c"], [long], 5) == []
    postgres_shelf.close()


words = st.sampled_from(["a", "bb", "c'c", "d\\d", "ÄÖ", "e:1", "=f", "g|h", "I!", "&"])


@given(
    docs=st.lists(st.lists(words, min_size=1, max_size=12), min_size=1, max_size=12),
    query=st.lists(words, min_size=1, max_size=4),
    narrow=st.booleans(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_ranks_as_sqlite_does(
    postgres_shelf: PostgresShelf, sqlite_shelf: Shelf, docs: list[list[str]], query: list[str], narrow: bool
) -> None:
    found = []
    for shelf in (postgres_shelf, sqlite_shelf):
        store = shelf.open()
        tell(store, talk("c"), *map(" ".join, docs))
        tell(store, talk("other"), "bb c'c", "zz", first=500)
        tell(store, talk("bens", "ben"), *["a bb ÄÖ"] * 9, first=600)
        found.append([(hit.turn, pytest.approx(hit.score, rel=1e-9)) for hit in store.search("ann", ["c"] if narrow else (), query, 9)])
        found.append(store.frequencies([word.lower() if word.isascii() else word for word in query]))  # type: ignore[arg-type]
        shelf.close()
    assert found[1] == found[3]
    assert [turn for turn, _ in found[0]] == [turn for turn, _ in found[2]]
    for (_, one), (_, other) in zip(found[0], found[2], strict=True):
        assert one.expected == other


# --- vectors


def vectors(turn: int, pieces: list[tuple[int, ...]], model: str = "m", conversation: str = "c") -> TurnVectors:
    """A turn's vectors, with names."""
    signed = [bytes(number & 255 for number in piece) for piece in pieces]
    return TurnVectors(turn, conversation, model, tuple((bytes([place] * 8), piece) for place, piece in enumerate(signed)))


@pytest.fixture
def seeking(postgres_shelf: PostgresShelf) -> Callable[..., list[tuple[int, float]]]:
    """Puts vectors into a store, and asks for near ones."""

    def near(store: SqlStore, *asked: int, model: str = "m", names: tuple[str, ...] = ("c",), principal: str = "ann") -> Any:
        hits = store.near(principal, names, model, bytes(number & 255 for number in asked), 9)
        return [(hit.turn, round(hit.score, 4)) for hit in hits]

    return near


def test_near_vectors_are_found_in_scope_only(postgres_shelf: PostgresShelf, seeking: Any) -> None:
    store = postgres_shelf.open()
    tell(store, talk("c"), "one", "two", "three")
    tell(store, talk("d"), "four", first=4)
    tell(store, talk("b", "ben"), "five", first=5)
    assert store.seeks()
    store.put_vectors(
        [vectors(1, [(100, 0), (0, 0)]), vectors(2, [(-100, 0), (70, 70)]), vectors(3, [(0, -5)])], Watermark("c", "vectors:m", 3)
    )
    store.put_vectors([vectors(4, [(100, 1)], conversation="d")], Watermark("d", "vectors:m", 4))
    store.put_vectors([vectors(5, [(100, 0)], conversation="b")], Watermark("b", "vectors:m", 5))
    assert seeking(store, 127, 0) == [(1, 1.0), (2, 0.7071), (3, 0.0)]
    assert seeking(store, 127, 0, names=()) == [(1, 1.0), (4, 1.0), (2, 0.7071), (3, 0.0)]
    assert seeking(store, 127, 0, names=("c", "b"))[0] == (1, 1.0)
    assert seeking(store, 127, 0, names=("b",)) == []
    assert seeking(store, 0, 0) == []
    assert seeking(store, 1, 2, 3) == [], "vectors of another length are not compared"
    store.forget("ann", "c", [1], now=200.0)
    assert seeking(store, 127, 0) == [(2, 0.7071), (3, 0.0)]
    postgres_shelf.close()


def test_another_model_of_another_length_takes_over(postgres_shelf: PostgresShelf, seeking: Any) -> None:
    store = postgres_shelf.open()
    tell(store, talk("c"), "one", "two")
    assert store.seeks()
    mark = store.lease("c", "vectors:m", "me", 30, 100.0)
    assert mark is not None
    store.put_vectors([vectors(1, [(1, 2)])], replace(mark, turn=2))
    store.put_vectors([vectors(1, [(1, 2, 3)], "new"), vectors(2, [(3, 2, 1)], "new")], Watermark("c", "vectors:new", 2))
    assert seeking(store, 1, 2) == [(1, 1.0)]
    assert seeking(store, 1, 2, 3, model="new")[0] == (1, 1.0)
    assert store.drop_vectors("vectors:new", 1000.0) == 1
    assert seeking(store, 1, 2) == []
    assert len(seeking(store, 1, 2, 3, model="new")) == 2
    store.put_vectors([vectors(1, [(3, 2, 1)], "new")], Watermark("c", "vectors:new", 2))
    assert seeking(store, 3, 2, 1, model="new") == [(2, 1.0), (1, 1.0)], "what is made again takes the place of the old"
    postgres_shelf.close()


def test_vectors_from_before_the_extension_are_taken_in(postgres_shelf: PostgresShelf, seeking: Any) -> None:
    url = postgres_shelf.fresh()
    store = postgres_shelf.open(url)
    tell(store, talk("c"), *(f"turn {number}" for number in range(1, 700)))
    store.put_vectors([vectors(number, [(number % 100, 100)]) for number in range(1, 700)], Watermark("c", "vectors:m", 699))
    assert seeking(store, 99, 100)[0] == (699, 1.0)
    assert store._dialect.connection().all("SELECT count(*) FROM vector_pieces") == [(699,)]
    other = postgres_shelf.open(url)
    other.put_vectors([vectors(1, [(-1, -100)])], Watermark("c", "vectors:m", 699))
    assert seeking(store, -1, -100)[0] == (1, 1.0), "a process that has never looked keeps it up, too"
    postgres_shelf.close()


def test_an_extension_that_is_taken_away_and_made_again_is_done_without_meanwhile(postgres_shelf: PostgresShelf, seeking: Any) -> None:
    url = postgres_shelf.fresh()
    store = postgres_shelf.open(url)
    tell(store, talk("c"), "one", "two", "three")
    assert store.seeks()
    store.put_vectors([vectors(1, [(1, 2)])], Watermark("c", "vectors:m", 1))
    postgres_shelf.server.run("DROP EXTENSION vector CASCADE", url.rpartition("/")[2])
    with pytest.raises(StoreError, match="embedding"):
        store.put_vectors([vectors(2, [(1, 2)])], Watermark("c", "vectors:m", 2))
    store.put_vectors([vectors(2, [(1, 2)])], Watermark("c", "vectors:m", 2))
    assert seeking(store, 1, 2) == []
    postgres_shelf.server.run("CREATE EXTENSION vector", url.rpartition("/")[2])
    other = postgres_shelf.open(url)
    other.put_vectors([vectors(3, [(1, 2)])], Watermark("c", "vectors:m", 3))
    assert other.seeks()
    assert [turn for turn, _ in seeking(other, 1, 2)] == [3, 2, 1]
    assert len(other.vectors("c", "m")) == 3
    postgres_shelf.close()


# --- forgetting


def test_what_was_forgotten_is_in_no_file_of_the_tables(postgres_shelf: PostgresShelf) -> None:
    url = postgres_shelf.url()
    store = postgres_shelf.open(url)
    tell(store, talk("c"), "unmistakableword one", "two")
    store.write([Batch((talk("c", at=101.0, label="x"),), (said(3, "c", "unmistakableword " * 3, raw=b"unmistakableword"),))])
    postgres_shelf.server.run("CHECKPOINT")
    assert any(b"unmistakableword" in path.read_bytes() for path in postgres_shelf.server.files(url))
    store.forget("ann", "c", [1, 3], now=150.0)
    assert not any(b"unmistakableword" in path.read_bytes() for path in postgres_shelf.server.files(url))
    assert [turn.text for turn in store.turns("c")] == ["two"]
    postgres_shelf.close()


def test_cleaning_that_somebody_prevents_is_made_up_for(postgres_shelf: PostgresShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_BUSY_S", 0.2)
    url = postgres_shelf.url()
    store = postgres_shelf.open(url)
    tell(store, talk("c"), "unmistakableword")
    reader = Postgres(url)
    reader.connection().script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM turns")
    with pytest.raises(StoreError, match="removed"):
        store.forget("ann", "c", now=150.0)
    assert store.turns("c") == []
    postgres_shelf.server.run("CHECKPOINT")
    assert any(b"unmistakableword" in path.read_bytes() for path in postgres_shelf.server.files(url))
    reader.close()
    postgres_shelf.open(url)
    assert not any(b"unmistakableword" in path.read_bytes() for path in postgres_shelf.server.files(url))
    postgres_shelf.close()


def test_a_store_without_its_server_says_so_of_its_settings() -> None:
    with pytest.raises(ConfigError, match="sqlite:///PATH, postgresql://"):
        open_store("mysql://x")
