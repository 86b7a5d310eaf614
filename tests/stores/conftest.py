"""Every kind of database goes through the same tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backstory.stores.database import BACKENDS
from backstory.stores.sql import SqlStore
from tests.conftest import SHELVES
from tests.stores.world import Shelf


@pytest.fixture(scope="session", params=[backend.scheme for backend in BACKENDS])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    made: Shelf = request.getfixturevalue(SHELVES[request.param])
    return made


@pytest.fixture
def store(shelf: Shelf) -> Iterator[SqlStore]:
    yield shelf.open()
    shelf.close()
