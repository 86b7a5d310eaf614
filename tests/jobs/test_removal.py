"""What was forgotten in a chat is removed when its time has come, whoever asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstory.commands.forgetting import FORGET, Going, going, going_text
from backstory.core.records import Receipt
from backstory.errors import StoreError
from backstory.jobs import removal as module
from backstory.jobs.removal import Removal, remove
from backstory.stores.inbox import Inbox
from backstory.stores.lanes import StoreLanes
from tests.rig import soon
from tests.stores.world import Shelf, talk, tell


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    folder = tmp_path / "stores"
    folder.mkdir()
    made = Shelf("sqlite", folder)
    yield made
    made.close()


def test_only_what_is_due_goes(shelf: Shelf) -> None:
    store = shelf.open()
    for name, owner, first in (("a", "ann", 1), ("b", "bob", 11)):
        tell(store, talk(name, owner), "one", "two", "three", first=first)
        waiting = (Going("one", 50.0, (first,)), Going("gone", 50.0, (999,)), Going("two", 150.0, (first + 1,)))
        store.put_state(owner, name, FORGET, going_text(waiting))
    assert remove(store, 100.0) == 2
    for name, first in (("a", 1), ("b", 11)):
        assert [turn.id for turn in store.turns(name)] == [first + 1, first + 2]
        assert [one.topic for one in going(store.states(name)[FORGET])] == ["two"]
    assert remove(store, 200.0) == 2
    assert store.stated(FORGET) == []
    assert remove(store, 300.0) == 0


def test_a_clock_that_was_set_back_keeps_nothing_for_longer(shelf: Shelf, tmp_path: Path) -> None:
    passed = [0.0]

    async def work() -> None:
        store = shelf.open()
        tell(store, talk("a", "ann"), "one", "two")
        waiting = (Going("one", 90_600.0, (1,), 90_000.0), Going("two", 90_700.0, (2,), 90_000.0))
        store.put_state("ann", "a", FORGET, going_text(waiting))
        lanes = StoreLanes(store, Inbox(tmp_path, "inbox"))
        removal = Removal(lanes, lambda: 1000.0, lambda *_: None, lambda: passed[0])
        for seconds, left in ((0.0, [1, 2]), (600.0, [1, 2]), (601.0, [2]), (690.0, [2]), (701.0, [])):
            passed[0] = seconds
            await removal.look()
            assert [turn.id for turn in store.turns("a")] == left
        await lanes.close()

    asyncio.run(work())


def test_what_is_asked_for_while_something_is_removed_waits(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    store = shelf.open()
    tell(store, talk("a", "ann"), "one", "two", "three")
    store.put_state("ann", "a", FORGET, going_text((Going("one", 50.0, (1,)),)))
    forget, more = store.forget, Going("two", 150.0, (2,))

    def meanwhile(*given: Any) -> Receipt:
        store.put_state("ann", "a", FORGET, lambda text: going_text((*going(text), more)))
        return forget(*given)

    monkeypatch.setattr(store, "forget", meanwhile)
    assert remove(store, 100.0) == 1
    assert going(store.states("a")[FORGET]) == (more,)


def test_nobody_removes_what_is_anothers(shelf: Shelf) -> None:
    store = shelf.open()
    tell(store, talk("a", "ann"), "one")
    tell(store, talk("b", "bob"), "two", first=11)
    store.put_state("bob", "b", FORGET, going_text((Going("x", 1.0, (1,)),)))
    assert remove(store, 100.0) == 0
    assert [turn.id for turn in store.turns("a")] == [1]


def test_it_looks_by_itself_and_again_after_a_failure(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_S", 0.01)
    failures: list[str] = []

    async def work() -> None:
        store = shelf.open()
        tell(store, talk("a", "ann"), "one")
        store.put_state("ann", "a", FORGET, going_text((Going("x", 50.0, (1,)),)))
        lanes = StoreLanes(store, Inbox(tmp_path, "inbox"))
        broken = [True]

        def clock() -> float:
            if broken:
                broken.pop()
                raise StoreError("not now")
            return 100.0

        removal = Removal(lanes, clock, lambda where, _: failures.append(where))
        removal.start()
        try:
            await soon(lambda: not store.turns("a"))
        finally:
            await removal.stop()
            await removal.stop()
            await lanes.close()

    asyncio.run(work())
    assert failures == ["removal"]
