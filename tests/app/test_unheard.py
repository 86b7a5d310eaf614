"""What is said while the store is open but cannot be read is relayed as it came, journalled, and taken in once it can be read."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backstory.app import aside
from backstory.config import Config
from backstory.errors import StoreError
from tests.relay.world import Received
from tests.rig import PATHS, Rig, asking, rig, settings, soon
from tests.stages.world import Chat, echoing, stored

WIRE = "anthropic"
FIRST: Chat = [("user", "Where does the ferry leave?")]
SECOND: Chat = [*FIRST, ("assistant", "Answer 1."), ("user", "And when does it come back?")]


@contextmanager
def unreadable(config: Config) -> Iterator[None]:
    """The table of turns cannot be found."""
    database = sqlite3.connect(config.storage.url.removeprefix("sqlite:///"), isolation_level=None, timeout=5.0)
    database.execute("ALTER TABLE turns RENAME TO elsewhere")
    try:
        yield
    finally:
        database.execute("ALTER TABLE elsewhere RENAME TO turns")
        database.close()


async def ask(one: Rig, chat: Chat) -> None:
    head, _ = await one.ask(PATHS[WIRE], asking(WIRE, chat))
    assert head.startswith(b"HTTP/1.1 200")
    assert one.sent.body == asking(WIRE, chat)


async def told(one: Rig) -> list[list[str]]:
    names = [record.id for record, _ in await stored(one, lambda store: store.conversations(None, 99))]
    return [[turn.text for turn in await stored(one, lambda store, name=name: store.turns(name))] for name in names]  # type: ignore[misc]


async def cold(one: Rig) -> None:
    """The conversation has begun, and is in no memory but the store."""
    await ask(one, FIRST)
    await stored(one, lambda store: store.conversations(None, 1))
    await one.restart()


def test_a_turn_of_a_conversation_that_could_not_be_looked_up_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        config = settings(tmp_path)
        async with rig(config, echoing(WIRE)) as one:
            await cold(one)
            with unreadable(config):
                await ask(one, SECOND)
                assert one.failures()["identify"] == 1
                await one.stop()
            await one.start()
            assert await told(one) == [[text for _, text in SECOND] + ["Answer 2."]]

    asyncio.run(work())


def test_it_is_kept_where_memory_was_late_too(tmp_path: Path) -> None:
    async def work() -> None:
        config = settings(tmp_path, recall={"deadline_ms": 50})
        async with rig(config, echoing(WIRE)) as one:
            await cold(one)

            async def late(*_: object) -> None:
                await asyncio.sleep(0.15)
                raise StoreError("the store cannot be read")

            request = one.upstream.request

            async def slowly(reader: asyncio.StreamReader) -> Received:
                received = await request(reader)
                await soon(lambda: bool(one.failures().get("identify")))
                return received

            assert one.engine.threads is not None
            one.engine.threads.at_tip = late  # type: ignore[method-assign, assignment]
            one.upstream.request = slowly  # type: ignore[method-assign]
            await ask(one, SECOND)
            one.upstream.request = request  # type: ignore[method-assign]
            await one.restart()
            assert await told(one) == [[text for _, text in SECOND] + ["Answer 2."]]

    asyncio.run(work())


def test_only_so_much_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        config = settings(tmp_path)
        async with rig(config, echoing(WIRE)) as one:
            await cold(one)
            monkeypatch.setattr(aside, "_MOST_BYTES", 100)
            with unreadable(config):
                await ask(one, SECOND)
                await one.stop()
            await one.start()
            assert await told(one) == [[FIRST[0][1], "Answer 1."]]

    asyncio.run(work())
