"""Small rows for tests of the store, and stores that cost no migration each."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from backstory.core.records import Batch, Conversation, Turn, TurnTags, Watermark
from backstory.errors import StoreError
from backstory.stores.database import open_store
from backstory.stores.postgres import Postgres
from backstory.stores.sql import SqlStore
from tests.postgres import EMPTY, Server


def hash16(text: str) -> bytes:
    """A 16-byte hash, as turns carry them."""
    return blake2b(text.encode(), digest_size=16).digest()


def talk(name: str, principal: str = "ann", at: float = 100.0, **fields: object) -> Conversation:
    """A conversation."""
    return Conversation(name, principal, at, at, **fields)  # type: ignore[arg-type]


def said(number: int, conversation: str, text: str = "", parent: int = 0, position: int = 0, at: float = 100.0, **fields: object) -> Turn:
    """A turn whose hashes come from its text."""
    words = text or f"turn {number}"
    chain = hash16(f"{conversation}/{number}/{words}")
    return Turn(
        number,
        conversation,
        parent,
        position,
        chain,
        hash16(words),
        "user",
        "spoken",
        words,
        arrived=at,
        at=at,
        **fields,  # type: ignore[arg-type]
    )


def tell(store: SqlStore, conversation: Conversation, *texts: str, first: int = 1) -> list[Turn]:
    """Store a conversation of these turns, one after another, with every word of them as an index term."""
    turns = [
        said(first + place, conversation.id, text, first + place - 1 if place else 0, place, conversation.updated)
        for place, text in enumerate(texts)
    ]
    store.write([Batch((conversation,), tuple(turns))])
    index(store, conversation.id, turns)
    return turns


def index(store: SqlStore, conversation: str, turns: list[Turn]) -> None:
    """Tag these turns with their own words."""
    mark = store.watermark(conversation, "tag")
    rows = [TurnTags(turn.id, conversation, ("topic",), turn.text.lower()) for turn in turns]
    store.put_tags(rows, Watermark(conversation, "tag", turns[-1].id, mark.owner, mark.lease_until, mark.fence))


class Shelf:
    """Gives fresh stores, each a copy of one that was made by the migrations."""

    def __init__(self, scheme: str, folder: Path) -> None:
        self._scheme = scheme
        self._folder = folder
        self._made = folder / "made.db"
        self._count = 0
        self._open: list[SqlStore] = []
        open_store(f"{scheme}:///{self._made}").close()

    def url(self) -> str:
        """Of a new, empty database."""
        self._count += 1
        path = self._folder / f"{self._count}" / "store.db"
        path.parent.mkdir()
        shutil.copy(self._made, path)
        return f"{self._scheme}:///{path}"

    def folder_of(self, url: str) -> Path:
        """Where the journals of a store are."""
        return Path(url.removeprefix("sqlite:///")).parent

    @contextmanager
    def locked(self, url: str) -> Iterator[None]:
        """While it lasts, another process holds the database's writing lock."""
        raw = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        raw.execute("BEGIN IMMEDIATE")
        yield
        raw.execute("ROLLBACK")
        raw.close()

    def open(self, url: str = "", clock: Callable[[], float] = lambda: 1000.0) -> SqlStore:
        """A store; a new one unless there is a URL."""
        store = open_store(url or self.url(), clock)
        self._open.append(store)
        return store

    def close(self) -> None:
        """Every store that was opened."""
        for store in self._open:
            store.close()
        self._open.clear()

    def end(self) -> None:
        """Nothing is opened after this."""
        self.close()


class PostgresShelf(Shelf):
    """The same in a server: each store has a database of its own, which is emptied for the next when the shelf is closed."""

    def __init__(self, folder: Path, server: Server) -> None:
        self._folder = folder
        self._count = 0
        self._open = []
        self.server = server
        self._used: list[str] = []
        self._free: list[str] = []
        # Connections stay open from store to store.
        self._pools: dict[str, Postgres] = {}
        self._template = server.database()
        open_store(self._template).close()

    def url(self) -> str:
        """Of a new, empty database."""
        made = self._free.pop() if self._free else self.fresh()
        self._used.append(made)
        return made

    def fresh(self) -> str:
        """Of a new database that nobody uses after this test."""
        return self.server.database(self._template.rpartition("/")[2])

    def open(self, url: str = "", clock: Callable[[], float] = lambda: 1000.0) -> SqlStore:
        """A store; a new one unless there is a URL."""
        if url:
            return super().open(url, clock)
        url = self.url()
        if url not in self._pools:
            self._pools[url] = Postgres(url)
        return SqlStore(self._pools[url], clock)

    def folder_of(self, url: str) -> Path:
        """Where the journals of a store are."""
        folder = self._folder / url.rpartition("/")[2]
        folder.mkdir(exist_ok=True)
        return folder

    @contextmanager
    def locked(self, url: str) -> Iterator[None]:
        """While it lasts, another process holds the database's writing lock."""
        other = Postgres(url)
        with other.transaction():
            yield
        other.close()

    def close(self) -> None:
        """Every store that was opened."""
        super().close()
        while self._used:
            url = self._used.pop()
            try:
                self._pools.setdefault(url, Postgres(url)).connection().script(EMPTY)
                self._free.append(url)
            except StoreError:
                self._pools.pop(url).close()

    def end(self) -> None:
        """Every connection."""
        self.close()
        for pool in self._pools.values():
            pool.close()


def folder_of(url: str) -> Path:
    """Where the files of a SQLite database are."""
    return Path(url.removeprefix("sqlite:///")).parent
