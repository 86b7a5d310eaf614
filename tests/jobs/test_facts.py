"""The fact job goes through a conversation once, in steps, and begins where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path
from typing import TypeVar, cast

import pytest
from msgspec.structs import replace

from backstory.core.records import Batch, Fact, Turn, Watermark
from backstory.core.store import Lanes, Store
from backstory.errors import FencedError
from backstory.jobs import facts as module
from backstory.jobs.facts import READ_BY, FactJob, ReadAgainJob
from backstory.memory.facts.extraction import extract
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


# --- reading again what an earlier reader has read


def earlier(store: SqlStore, count: int) -> None:
    """A conversation as an earlier version leaves it: turns whose facts are stored, and no mark of this reader."""
    store.write([Batch((talk("c"),), tuple(said(number, "c", f"The port of host{number} is {number}.") for number in range(1, count + 1)))])
    store.put_facts([], Watermark("c", "facts", count))


def again(store: SqlStore, most: int = 1000) -> int:
    """Read conversation "c" again, in so many steps at most."""
    job = ReadAgainJob(cast(Lanes, Straight(store)), lambda: None)
    for steps in range(1, most + 1):
        mark = store.lease("c", READ_BY, "me", 30, now=1000.0)
        assert mark is not None
        if not asyncio.run(job.step("c", mark)):
            return steps
    return most


def test_turns_of_an_earlier_reader_are_read_again_in_steps(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TURNS_A_STEP", 4)
    earlier(store, 10)
    assert (store.facts("c"), store.behind(READ_BY, "facts")) == ([], 1)
    assert again(store, most=1) == 1
    assert [fact.turn for fact in store.facts("c")] == [1, 2, 3, 4], "a restart here begins behind them"
    again(store)
    assert [fact.turn for fact in store.facts("c")] == list(range(1, 11))
    assert (store.behind(READ_BY, "facts"), store.pending(READ_BY)) == (0, [])
    before = store.facts("c")
    assert again(store) == 1
    assert store.facts("c") == before


def test_what_this_reader_has_read_is_not_read_again(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write([Batch((talk("c"),), (said(1, "c", "The port is 8080."),))])
    work(store)
    store.write([Batch((talk("c"),), (said(2, "c", "The demo is on Tuesday."),))])
    work(store)
    assert (store.behind(READ_BY, "facts"), store.pending(READ_BY)) == (0, [])
    monkeypatch.setattr(module, "stated", lambda *_: pytest.fail("read again"))
    assert again(store) == 1


def test_new_turns_do_not_hide_that_old_ones_are_to_be_read_again(store: SqlStore) -> None:
    earlier(store, 3)
    store.write([Batch((talk("c"),), (said(4, "c", "The demo is on Tuesday."),))])
    work(store)
    assert ([fact.turn for fact in store.facts("c")], store.behind(READ_BY, "facts")) == ([4], 1)
    again(store)
    assert ([fact.turn for fact in store.facts("c")], store.behind(READ_BY, "facts")) == ([1, 2, 3, 4], 0)


def test_what_was_forgotten_does_not_come_back(store: SqlStore) -> None:
    earlier(store, 4)
    store.pin("c", 1, True, 1.0)
    store.forget("ann", "c", [2, 4], now=1.0)
    again(store)
    assert ([fact.turn for fact in store.facts("c")], store.pins("c")) == ([1, 3], [1])
    assert (store.behind(READ_BY, "facts"), again(store)) == (0, 1)


def test_what_is_forgotten_while_it_is_read_again_is_not_stored(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier(store, 2)

    def late(turns: Sequence[Turn], breathe: Callable[[], None], _: Set[str]) -> list[Fact]:
        return [fact for turn in turns for fact in extract(turn, breathe)] if store.forget("ann", "c", [2], now=1.0) else []

    monkeypatch.setattr(module, "stated", late)
    mark = store.lease("c", READ_BY, "me", 30, now=1000.0)
    assert mark is not None
    with pytest.raises(FencedError):
        asyncio.run(ReadAgainJob(cast(Lanes, Straight(store)), lambda: None).step("c", mark))
    monkeypatch.undo()
    again(store)
    assert [fact.turn for fact in store.facts("c")] == [1]


def test_a_side_models_facts_stay_when_turns_are_read_again(store: SqlStore) -> None:
    earlier(store, 2)
    theirs = replace(extract(said(1, "c", "The port is 1."))[0], place=1000, method="m")
    store.put_facts([theirs], Watermark("c", "side_facts", 2), by_model=True)
    again(store)
    assert [(fact.turn, fact.method) for fact in store.facts("c")] == [(1, ""), (1, "m"), (2, "")]
