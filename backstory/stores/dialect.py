"""What the databases do differently: the contract behind which the SQL of the store is one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from msgspec import Struct

from backstory.stores.rows import Connection, Value

Pieces: TypeAlias = tuple[int, int, str, Sequence[bytes]]
"""A turn's vectors: its conversation's number, its id, the model, and a vector of signed bytes for each of its pieces."""


class Schema(Struct, frozen=True):
    """A version of the schema, and the statements that make it in an empty database: what all migrations together come to."""

    version: str
    statements: tuple[str, ...]


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

    def seeks(self) -> bool:
        """Whether `find_vectors` can find anything. May make what it takes."""
        ...

    def add_vectors(self, connection: Connection, rows: Sequence[Pieces]) -> None:
        """Let these be found, in place of what there was of these turns by these models. What goes from the table `vectors` is not found
        any more."""
        ...

    def find_vectors(self, connection: Connection, keys: Sequence[int], model: str, vector: bytes, limit: int) -> list[tuple[int, float]]:
        """(turn, cosine) of the nearest turns of the conversations of these numbers, best first. Nothing where the database has no way
        to look for them."""
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
