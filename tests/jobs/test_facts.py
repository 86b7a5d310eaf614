"""The fact job goes through a conversation once, in steps, and begins where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar, cast

import pytest

from backstory.core.records import Batch
from backstory.core.store import Lanes, Store
from backstory.errors import FencedError
from backstory.jobs import facts as module
from backstory.jobs.facts import FactJob
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf, said, talk

T = TypeVar("T")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    shelf = Shelf("sqlite", tmp_path)
    yield shelf.open()
    shelf.close()


class Straight:
    """Lanes whose calls run at once on a real store."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store

    async def read(self, call: Callable[[Store], T]) -> T:
        return call(self.store)

    async def write(self, call: Callable[[Store], T]) -> T:
        return call(self.store)


def work(store: SqlStore, owner: str = "me") -> int:
    """Work on conversation "c" until nothing is left; the number of steps."""
    job = FactJob(cast(Lanes, Straight(store)), lambda: None)
    steps, more = 0, True
    while more:
        mark = store.lease("c", "facts", owner, 30, now=1000.0)
        assert mark is not None
        more = asyncio.run(job.step("c", mark))
        steps += 1
    return steps


def test_every_turn_is_looked_at_once(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TURNS_A_STEP", 4)
    store.write([Batch((talk("c"),), tuple(said(number, "c", f"The port of host{number} is {number}.") for number in range(1, 11)))])
    assert store.pending("facts") == ["c"]
    assert work(store) == 3
    assert [fact.object for fact in store.facts("c")] == [str(number) for number in range(1, 11)]
    assert store.pending("facts") == []
    store.write([Batch((talk("c"),), (said(11, "c", "The demo is on Tuesday."),))])
    assert work(store) == 1
    assert [fact.turn for fact in store.facts("c")] == list(range(1, 12))


def test_in_steps_or_at_once_the_rows_are_the_same(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["I live in Ghent and I work at Barco.", "Thanks!", "no, I live in Oslo.", "My sister Anna lives in Bergen."] * 5
    store.write([Batch((talk("c"),), tuple(said(number, "c", text) for number, text in enumerate(texts, 1)))])
    work(store)
    at_once = store.facts("c")
    store.forget("ann", "c", now=1.0)
    monkeypatch.setattr(module, "_TURNS_A_STEP", 3)
    store.write([Batch((talk("c", at=2000.0),), tuple(said(number, "c", text, at=2000.0) for number, text in enumerate(texts, 1)))])
    work(store)
    assert [(fact.turn, fact.place, fact.text) for fact in store.facts("c")] == [(fact.turn, fact.place, fact.text) for fact in at_once]


def test_who_lost_the_lease_stores_nothing(store: SqlStore) -> None:
    store.write([Batch((talk("c"),), (said(1, "c", "The port is 8080."),))])
    mark = store.lease("c", "facts", "me", 1, now=1000.0)
    store.lease("c", "facts", "you", 1, now=1002.0)
    assert mark is not None
    with pytest.raises(FencedError):
        asyncio.run(FactJob(cast(Lanes, Straight(store)), lambda: None).step("c", mark))
    assert store.facts("c") == []


def test_a_conversation_without_turns_is_done(store: SqlStore) -> None:
    store.write([Batch((talk("c"),))])
    assert work(store) == 1
