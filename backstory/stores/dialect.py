"""What the databases do differently: the contract behind which the SQL of the store is one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from backstory.stores.rows import Connection, Value


class Dialect(Protocol):
    """One database and its ways."""

    def connection(self) -> Connection:
        """This thread's connection; each statement on it is a transaction."""
        ...

    def transaction(self) -> AbstractContextManager[Connection]:
        """This thread's connection in a transaction that writes."""
        ...

    def add_words(self, connection: Connection, rows: Sequence[tuple[int, str, str]]) -> None:
        """Index (number of the row in tags, terms, owner marks)."""
        ...

    def drop_words(self, connection: Connection, rows: Sequence[tuple[int, str, str]]) -> None:
        """Undo `add_words` of the very same rows."""
        ...

    def count_words(self, connection: Connection, words: Sequence[str]) -> dict[str, int]:
        """In how many rows each word occurs."""
        ...

    def find_words(
        self,
        connection: Connection,
        terms: Sequence[str],
        owners: Sequence[str],
        after: int,
        where: str,
        values: Sequence[Value],
        limit: int,
    ) -> list[tuple[int, float]]:
        """(turn, score) of the best rows, numbered above `after`, with any of the terms and, unless empty, any of the owner marks."""
        ...

    def shred(self, connection: Connection) -> None:
        """Take remains of dropped words out of the index."""
        ...

    def compact(self) -> bool:
        """Take remains of removed rows out of the files. False: could not be done now."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
