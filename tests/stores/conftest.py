"""Every kind of database goes through the same tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backstory.stores.database import BACKENDS
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf


@pytest.fixture(scope="session", params=[backend.scheme for backend in BACKENDS])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf(request.param, tmp_path_factory.mktemp(request.param))
    yield made
    made.close()


@pytest.fixture
def store(shelf: Shelf) -> Iterator[SqlStore]:
    yield shelf.open()
    shelf.close()
