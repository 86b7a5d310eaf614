"""Every kind of database goes through the same tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backstory.stores.database import BACKENDS
from backstory.stores.sql import SqlStore
from tests.postgres import Server
from tests.stores.world import PostgresShelf, Shelf


@pytest.fixture(scope="session", params=[backend.scheme for backend in BACKENDS])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp(request.param)
    made = Shelf(folder) if request.param == "sqlite" else PostgresShelf(folder, request.getfixturevalue("postgres"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def sqlite_shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """For what only files can do."""
    made = Shelf(tmp_path_factory.mktemp("files"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def postgres_shelf(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[PostgresShelf]:
    """For what only a server can do."""
    made = PostgresShelf(tmp_path_factory.mktemp("server"), postgres)
    yield made
    made.end()


@pytest.fixture
def store(shelf: Shelf) -> Iterator[SqlStore]:
    yield shelf.open()
    shelf.close()
