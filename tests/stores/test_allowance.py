"""A day's budget holds between threads and processes, and outlives them."""

from __future__ import annotations

import threading

from backstory.core.records import Used
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf

MOST = Used(100, 50)


def test_what_is_reserved_is_spent_until_it_is_settled(store: SqlStore) -> None:
    assert store.used("2026-01-01") == Used()
    assert store.reserve("2026-01-01", Used(60, 10, 1), MOST)
    assert not store.reserve("2026-01-01", Used(41, 0, 1), MOST)
    assert not store.reserve("2026-01-01", Used(1, 41, 1), MOST)
    assert store.used("2026-01-01") == Used(60, 10, 1)
    store.settle("2026-01-01", Used(-50, -10, 0))
    assert store.used("2026-01-01") == Used(10, 0, 1)
    assert store.reserve("2026-01-01", Used(90, 50, 1), MOST), "exactly all of it"


def test_each_day_has_its_own(store: SqlStore) -> None:
    assert store.reserve("2026-01-01", Used(100, 0, 1), MOST)
    assert not store.reserve("2026-01-01", Used(1, 0, 1), MOST)
    assert store.reserve("2026-01-02", Used(100, 0, 1), MOST)


def test_what_is_free_needs_no_money_and_nothing_is_had_of_nothing(store: SqlStore) -> None:
    assert store.reserve("2026-01-01", Used(5, 0, 1), Used(10, 0))
    assert not store.reserve("2026-01-02", Used(5, 1, 1), Used(10, 0))
    assert not store.reserve("2026-01-03", Used(1, 0, 1), Used())


def test_stores_of_several_owners_share_a_day(shelf: Shelf) -> None:
    url = shelf.url()
    stores = [shelf.open(url) for _ in range(4)]
    had: list[int] = []

    def take(store: SqlStore) -> None:
        for _ in range(25):
            if store.reserve("2026-01-01", Used(3, 1, 1), MOST):
                had.append(3)

    threads = [threading.Thread(target=take, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(had) == 99
    assert stores[0].used("2026-01-01") == Used(99, 33, 33)
    shelf.close()
