"""The lanes: what is submitted is stored, whatever the database does meanwhile."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from backstory.core.records import Batch
from backstory.core.store import Lanes, Store
from backstory.errors import NotFound, StoreError
from backstory.stores import lanes as lanes_module
from backstory.stores import postgres_link
from backstory.stores.inbox import Inbox
from backstory.stores.lanes import StoreLanes
from tests.stores.world import Shelf, said, talk

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Batch)


def settle(records: list[bytes]) -> list[Batch]:
    """In these tests a record is the batch itself."""
    return [_decoder.decode(record) for record in records]


def batch(number: int, text: str = "") -> Batch:
    """One turn of conversation c."""
    return Batch((talk("c", at=float(number)),), (said(number, "c", text),))


def keep(lanes: StoreLanes, number: int, text: str = "") -> int:
    """Journal and submit one turn."""
    one = batch(number, text)
    seq = lanes.append(_encode(one))
    lanes.submit(one, seq)
    return seq


def run(shelf: Shelf, url: str, main: Callable[[StoreLanes], Awaitable[None]], **options: float) -> StoreLanes:
    """Run `main` over lanes, and close them."""

    async def work() -> StoreLanes:
        lanes = StoreLanes(shelf.open(url), Inbox(shelf.folder_of(url), "store.db"), **options)  # type: ignore[arg-type]
        try:
            await main(lanes)
        finally:
            await lanes.close()
        return lanes

    return asyncio.run(work())


def stored(shelf: Shelf, url: str) -> list[int]:
    """Ids of the turns in the database."""
    return [turn.id for turn in shelf.open(url).turns("c")]


def journals(shelf: Shelf, url: str) -> list[Path]:
    """Files of the journal."""
    return list(shelf.folder_of(url).glob("store.db.inbox-*"))


def remove(url: str) -> None:
    """Take the database away."""
    Path(url.removeprefix("sqlite:///")).unlink()


async def until(holds: Callable[[], object]) -> None:
    """Wait until this holds; 10 seconds at most."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is locked fails at once."""
    monkeypatch.setattr("backstory.stores.sqlite._PRAGMAS", ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=0"))
    monkeypatch.setitem(postgres_link._SETTINGS, "lock_timeout", "1ms")


def test_what_was_submitted_is_stored_and_the_journal_is_gone(shelf: Shelf) -> None:
    url = shelf.url()

    async def main(lanes: StoreLanes) -> None:
        contract: Lanes = lanes
        for number in range(1, 200):
            keep(lanes, number)
        assert lanes.queued == 199
        await contract.flush()
        assert lanes.queued == 0
        assert lanes.settled == 199
        assert await contract.read(lambda store: len(store.turns("c"))) == 199

    lanes = run(shelf, url, main)
    assert (lanes.written, lanes.failed, lanes.last_error) == (199, 0, "")
    assert journals(shelf, url) == []


def test_batches_are_stored_without_a_flush_and_together(shelf: Shelf) -> None:
    url = shelf.url()
    writes: list[int] = []

    async def main(lanes: StoreLanes) -> None:
        store = lanes._store
        write = store.write
        store.write = lambda batches: (writes.append(len(batches)), write(batches))[1]  # type: ignore[method-assign,func-returns-value]
        for number in range(1, 31):
            keep(lanes, number)
        await until(lambda: not lanes.queued)
        assert writes == [30]

    run(shelf, url, main, gather_s=0.02)


def test_closing_stores_what_is_pending(shelf: Shelf) -> None:
    url = shelf.url()

    async def main(lanes: StoreLanes) -> None:
        keep(lanes, 1)

    run(shelf, url, main, gather_s=60.0)
    assert stored(shelf, url) == [1]
    assert journals(shelf, url) == []


def test_a_journal_record_is_not_settled_before_its_batch_is_stored(shelf: Shelf) -> None:
    """Answers end in another order than they were journalled in."""
    url = shelf.url()

    async def main(lanes: StoreLanes) -> None:
        first = lanes.append(_encode(batch(1)))
        keep(lanes, 2)
        await lanes.flush()
        assert lanes.settled == first - 1
        assert any(_encode(batch(1)) in path.read_bytes() for path in journals(shelf, url))
        lanes.submit(batch(1), first)
        await lanes.flush()
        assert lanes.settled == first + 1

    run(shelf, url, main)
    assert journals(shelf, url) == []


def test_a_record_that_is_never_submitted_is_there_for_the_next_start(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    url = shelf.url()
    monkeypatch.setattr(lanes_module, "_STRANDED_S", 0.0)

    async def main(lanes: StoreLanes) -> None:
        lanes.append(_encode(batch(1)))
        for number in range(2, 9):
            await asyncio.sleep(0.001)
            keep(lanes, number)
            await lanes.flush()
        assert lanes.shed >= 1

    run(shelf, url, main)
    assert stored(shelf, url) == list(range(2, 9))

    async def again(lanes: StoreLanes) -> None:
        assert await lanes.recover(settle) >= 1

    run(shelf, url, again)
    assert stored(shelf, url) == list(range(1, 9))
    assert journals(shelf, url) == []


def test_a_locked_database_is_waited_for(shelf: Shelf, impatient: None, caplog: pytest.LogCaptureFixture) -> None:
    url = shelf.url()

    async def main(lanes: StoreLanes) -> None:
        with shelf.locked(url):
            for number in range(1, 6):
                keep(lanes, number)
            await until(lambda: lanes.failed)
            assert "lock" in lanes.last_error
            assert lanes.settled == 0
            assert lanes.queued == 5
        keep(lanes, 6)
        await lanes.flush()
        assert lanes.last_error == ""

    with caplog.at_level("INFO", "backstory"):
        lanes = run(shelf, url, main, gather_s=0.01)
    assert stored(shelf, url) == [1, 2, 3, 4, 5, 6]
    assert lanes.written == 6
    told = [(record.levelname, record.getMessage().partition(":")[0]) for record in caplog.records if record.name.endswith("stores.lanes")]
    assert told == [("WARNING", "the store cannot be written; turns wait in the journal"), ("INFO", "the store can be written again")]


def test_memory_is_bounded_and_what_was_let_go_of_is_read_back(shelf: Shelf, impatient: None) -> None:
    url = shelf.url()

    async def main(lanes: StoreLanes) -> None:
        await lanes.recover(settle)
        with shelf.locked(url):
            for number in range(1, 101):
                keep(lanes, number, "x" * 1000)
                if number % 10 == 0:
                    await asyncio.sleep(0.02)
            await until(lambda: lanes.shed)
            assert lanes._bytes <= 30_000
            assert lanes.queued < 20
        await lanes.flush()
        await until(lambda: not lanes.shed)
        assert lanes.recovered >= 80

    run(shelf, url, main, gather_s=0.01, most_waiting_bytes=30_000)
    assert stored(shelf, url) == list(range(1, 101))
    assert journals(shelf, url) == []


def test_what_cannot_be_read_back_is_not_tried_at_every_write(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    url = shelf.url()
    monkeypatch.setattr(lanes_module, "_STRANDED_S", 0.0)
    tries: list[int] = []

    def refuses(records: list[bytes]) -> list[Batch]:
        tries.append(len(records))
        raise StoreError("a page of it cannot be read")

    async def main(lanes: StoreLanes) -> None:
        await lanes.recover(refuses)
        lanes.append(_encode(batch(1)))
        for number in range(2, 12):
            await asyncio.sleep(0.01)
            keep(lanes, number)
            await lanes.flush()
        await until(lambda: tries)
        assert len(tries) == 1

    run(shelf, url, main)

    async def again(lanes: StoreLanes) -> None:
        assert await lanes.recover(settle) >= 1

    run(shelf, url, again)
    assert stored(shelf, url) == list(range(1, 12))


def test_what_could_not_be_stored_until_the_end_is_in_the_journal(shelf: Shelf, impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    url = shelf.url()
    monkeypatch.setattr(lanes_module, "_CLOSE_S", 0.1)

    async def main(lanes: StoreLanes) -> None:
        keep(lanes, 1)

    with shelf.locked(url):
        run(shelf, url, main, gather_s=0.01)
    assert stored(shelf, url) == []

    async def again(lanes: StoreLanes) -> None:
        assert await lanes.recover(settle) == 1
        assert await lanes.recover(settle) == 0

    lanes = run(shelf, url, again)
    assert stored(shelf, url) == [1]
    assert lanes.recovered == 1
    assert journals(shelf, url) == []


def test_a_database_that_is_gone_is_not_waited_for_at_the_end(sqlite_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, url = sqlite_shelf, sqlite_shelf.url()
    monkeypatch.setattr(lanes_module, "_CLOSE_S", 3600.0)

    async def main() -> None:
        lanes = StoreLanes(shelf.open(url), Inbox(shelf.folder_of(url), "store.db"))
        keep(lanes, 1)
        remove(url)
        async with asyncio.timeout(20):
            await lanes.close()
        assert lanes.queued == 1

    asyncio.run(main())

    async def again(lanes: StoreLanes) -> None:
        assert await lanes.recover(settle) == 1

    run(shelf, url, again)
    assert stored(shelf, url) == [1]


def test_a_journal_that_a_dead_process_still_locks_is_taken_in_when_it_lets_go(shelf: Shelf) -> None:
    url = shelf.url()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    inbox = Inbox(shelf.folder_of(url), "store.db")
    inbox.append(_encode(batch(1)))
    (made,) = journals(shelf, url)
    made.rename(made.with_name(f"store.db.inbox-{dead.pid}-0"))

    async def main(lanes: StoreLanes) -> None:
        assert await lanes.recover(settle) == 0
        assert (lanes.unread, lanes.last_error) == (True, "")
        inbox.close()
        assert await lanes.recover(settle) == 1
        assert not lanes.unread

    run(shelf, url, main)
    assert stored(shelf, url) == [1]


def test_recovery_that_fails_keeps_the_journal_and_says_why(shelf: Shelf, impatient: None) -> None:
    url = shelf.url()
    inbox = Inbox(shelf.folder_of(url), "store.db")
    inbox.append(_encode(batch(1)))
    inbox.close()

    async def main(lanes: StoreLanes) -> None:
        with shelf.locked(url):
            assert await lanes.recover(settle) == 0
        assert "lock" in lanes.last_error

    run(shelf, url, main)
    assert len(journals(shelf, url)) == 1


def test_a_batch_that_no_store_can_take_does_not_hold_up_the_others(shelf: Shelf) -> None:
    url = shelf.url()

    async def main(lanes: StoreLanes) -> None:
        for number in (1, 2, 2**70, 3):
            lanes.submit(batch(number), lanes.append(b""))
        await lanes.flush()
        assert lanes.last_error

    lanes = run(shelf, url, main)
    assert stored(shelf, url) == [1, 2, 3]
    assert (lanes.written, lanes.dropped) == (3, 1)
    assert journals(shelf, url) == []


def test_calls_give_back_what_they_return_or_raise(shelf: Shelf) -> None:
    url = shelf.url()

    def nothing(store: Store) -> None:
        store.forget("nobody", "nothing")

    async def main(lanes: StoreLanes) -> None:
        keep(lanes, 1, "secret")
        receipt = await lanes.write(lambda store: store.forget("ann", "c", now=150.0))
        assert receipt.counts["turns"] == 1
        with pytest.raises(NotFound):
            await lanes.write(nothing)
        with pytest.raises(NotFound):
            await lanes.read(nothing)

    run(shelf, url, main)
    assert not any(b"secret" in path.read_bytes() for path in shelf.folder_of(url).iterdir())


def test_a_journal_that_takes_again_is_no_trouble(shelf: Shelf) -> None:
    async def main(lanes: StoreLanes) -> None:
        inbox, lanes._inbox = lanes._inbox, Inbox(lanes._inbox.folder, "another")
        lanes._inbox.close()
        with pytest.raises(StoreError):
            lanes.append(b"x")
        lanes._inbox = inbox
        assert lanes.trouble
        keep(lanes, 1)
        assert not lanes.trouble

    run(shelf, shelf.url(), main)


def test_an_inbox_that_refuses_raises_from_append_alone(shelf: Shelf) -> None:
    url = shelf.url()

    async def main(lanes: StoreLanes) -> None:
        lanes._inbox.close()
        with pytest.raises(StoreError):
            lanes.append(b"x")
        assert lanes.trouble
        lanes.submit(batch(1), 0)
        await lanes.flush()
        assert lanes.trouble, "the store takes it, the journal still does not"

    run(shelf, url, main)
    assert stored(shelf, url) == [1]


_SERVER = """
import asyncio, sys
from pathlib import Path
from backstory.stores.database import open_store
from backstory.stores.inbox import Inbox
from backstory.stores.lanes import StoreLanes
from tests.stores.test_lanes import keep, settle
async def main():
    lanes = StoreLanes(open_store(sys.argv[1]), Inbox(Path(sys.argv[3]), "store.db"), 0.005)
    await lanes.recover(settle)
    first = int(sys.argv[2])
    for number in range(first, first + 10**6):
        keep(lanes, number)
        print(number, flush=True)
        if number % 7 == 0:
            await asyncio.sleep(0.001)
asyncio.run(main())
"""


def test_no_acknowledged_turn_is_lost_to_kill_9(shelf: Shelf) -> None:
    url = shelf.url()
    acknowledged: set[int] = set()
    for attempt in range(3):
        command = [sys.executable, "-c", _SERVER, url, str(1 + attempt * 10**6), str(shelf.folder_of(url))]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(150 + attempt * 170)]
        child.send_signal(signal.SIGKILL)
        child.wait()
        lines += child.stdout.readlines()
        child.stdout.close()
        acknowledged.update(int(line) for line in lines if line.endswith("\n"))

    async def main(lanes: StoreLanes) -> None:
        await lanes.recover(settle)

    run(shelf, url, main)
    assert set(stored(shelf, url)) >= acknowledged
    assert journals(shelf, url) == []


def test_calls_that_wait_for_their_turn_are_carried_out_before_it_is_closed(shelf: Shelf) -> None:
    done: list[int] = []
    going, goes_on = threading.Event(), threading.Event()

    def slow(_: Store) -> None:
        going.set()
        goes_on.wait(60)

    async def main(lanes: StoreLanes) -> None:
        calls = [
            asyncio.ensure_future(lanes.write(slow)),
            *(asyncio.ensure_future(lanes.write(lambda _: done.append(1))) for _ in range(3)),
        ]
        await until(going.is_set)
        asyncio.get_running_loop().call_later(0.1, goes_on.set)
        await lanes.close()
        await asyncio.gather(*calls)

    run(shelf, shelf.url(), main)
    assert done == [1, 1, 1]


@pytest.mark.parametrize("lane", ["read", "write"])
def test_a_call_that_does_not_end_holds_no_close_up_and_loses_nothing(shelf: Shelf, lane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = shelf.url()
    monkeypatch.setattr(lanes_module, "_CLOSE_S", 0.2)
    going, ends = threading.Event(), threading.Event()

    def stuck(_: Store) -> bool:
        going.set()
        return ends.wait(120)

    async def work() -> None:
        lanes = StoreLanes(shelf.open(url), Inbox(shelf.folder_of(url), "store.db"))
        calls = [asyncio.ensure_future(getattr(lanes, lane)(stuck)) for _ in range(3)]
        await until(going.is_set)
        keep(lanes, 1)
        try:
            async with asyncio.timeout(60):
                await lanes.close()
        finally:
            ends.set()
        await asyncio.gather(*calls, return_exceptions=True)

    asyncio.run(work())
    assert bool(journals(shelf, url)) is (lane == "write")

    async def again(lanes: StoreLanes) -> None:
        await lanes.recover(settle)

    run(shelf, url, again)
    assert stored(shelf, url) == [1]
    assert not journals(shelf, url)
