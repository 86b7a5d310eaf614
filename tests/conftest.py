"""What any test may ask for."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import Server
from tests.stores.world import PostgresShelf, Shelf

# How long an example takes is the machine's affair; all else stays as it is there.
settings.register_profile("unhurried", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

SHELVES = {"sqlite": "sqlite_shelf", "postgresql": "postgres_shelf"}
"""The fixture for each kind of database."""


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A test that runs the command takes the log away from the others."""
    log = logging.getLogger("backstory")
    before = (log.handlers[:], log.level, log.propagate)
    yield
    log.handlers[:], log.propagate = before[0], before[2]
    log.setLevel(before[1])


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
