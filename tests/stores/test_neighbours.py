"""What another process has journalled: waited for while it lives, taken in when it is dead, for no longer than a moment."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from backstory.core.store import Store
from backstory.errors import StoreError
from backstory.stores import neighbours
from backstory.stores.inbox import Inbox
from backstory.stores.lanes import StoreLanes
from tests.stores.test_lanes import _encode, batch, journals, run, settle, stored, until
from tests.stores.world import Shelf


def dead(shelf: Shelf, url: str) -> Path:
    """The journal of a process that died with one turn in it."""
    inbox = Inbox(shelf.folder_of(url), "store.db")
    inbox.append(_encode(batch(1)))
    inbox.close()
    (path,) = [path for path in journals(shelf, url) if path.stat().st_size]
    return path


def test_what_a_dead_one_has_left_is_not_waited_for_longer_than_for_a_living_one(shelf: Shelf) -> None:
    url = shelf.url()
    goes_on, begun = threading.Event(), threading.Event()

    def holds_up(_: Store) -> None:
        begun.set()
        goes_on.wait(60)

    async def main(lanes: StoreLanes) -> None:
        await lanes.recover(settle)
        dead(shelf, url)
        busy = asyncio.ensure_future(lanes.write(holds_up))
        try:
            await asyncio.to_thread(begun.wait, 60)
            async with asyncio.timeout(20):
                assert all(await asyncio.gather(*[lanes.others() for _ in range(5)]))
        finally:
            goes_on.set()
        await busy
        await lanes.flush()

    run(shelf, url, main)
    assert stored(shelf, url) == [1]


@pytest.mark.parametrize("when", ["while it is waited for", "later"])
def test_one_that_dies_while_it_is_waited_for_or_later_is_taken_in(shelf: Shelf, when: str) -> None:
    url = shelf.url()

    async def main(lanes: StoreLanes) -> None:
        await lanes.recover(settle)
        inbox = Inbox(shelf.folder_of(url), "store.db")
        inbox.append(_encode(batch(1)))
        waits = asyncio.ensure_future(lanes.others())
        await asyncio.sleep(0.05)
        if when == "later":
            await waits
        inbox.close()
        assert await waits
        assert await lanes.others()
        assert lanes.recovered == 1

    run(shelf, url, main)
    assert stored(shelf, url) == [1]


def test_what_could_not_be_taken_in_is_tried_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    url = shelf.url()
    monkeypatch.setattr(neighbours, "_WAIT_S", 0.05)

    async def main(lanes: StoreLanes) -> None:
        await lanes.recover(settle)
        dead(shelf, url)
        take_in, tries = lanes._take_in, []

        def refuses(*given: object) -> int:
            tries.append(given)
            raise OSError("the file cannot be removed")

        lanes._take_in = refuses  # type: ignore[method-assign,assignment]
        for _ in range(3):
            assert await lanes.others()
        assert len(tries) == 1
        assert "cannot be removed" in lanes.last_error
        lanes._take_in = take_in  # type: ignore[method-assign]
        monkeypatch.setattr(time, "monotonic", lambda real=time.monotonic: real() + 60)
        assert await lanes.others()
        # Whoever asks does not wait for its end on a machine that is busy.
        await until(lambda: lanes.recovered)
        assert lanes.recovered == 1

    run(shelf, url, main)
    assert stored(shelf, url) == [1]


def test_a_journal_that_may_not_be_opened_is_nobodys_trouble(tmp_path: Path) -> None:
    async def take_in() -> None:
        raise AssertionError

    async def main() -> None:
        inbox = Inbox(tmp_path, "db")
        other = tmp_path / "db.inbox-1-0"
        other.mkdir()  # what cannot be opened for writing, whoever tries
        (other / "something").write_text("")
        with suppress(StoreError):
            assert not Inbox.abandoned(other)
        assert await neighbours.Neighbours(inbox).settled(take_in)
        inbox.close()

    asyncio.run(main())
