"""What any test may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Server
from tests.stores.world import PostgresShelf, Shelf

SHELVES = {"sqlite": "sqlite_shelf", "postgresql": "postgres_shelf"}
"""The fixture for each kind of database."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server; each test takes a database of its own in it."""
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def sqlite_shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Stores in files."""
    made = Shelf("sqlite", tmp_path_factory.mktemp("files"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def postgres_shelf(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[PostgresShelf]:
    """Stores in a server."""
    made = PostgresShelf(tmp_path_factory.mktemp("server"), postgres)
    yield made
    made.end()
