"""What any test may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server; each test takes a database of its own in it."""
    server = Server()
    yield server
    server.close()
