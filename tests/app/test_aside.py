"""What is said while the store cannot be opened is relayed as it came, journalled, and taken in once the store is open."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backstory.app import aside
from backstory.config import Config
from backstory.core.exchange import Head
from backstory.wires import WIRES
from tests.rig import PATHS, Rig, asking, rig, said, settings, soon
from tests.stages.world import Chat, configured, echoing, stored, talk

WIRE = "anthropic"


@contextmanager
def held(config: Config) -> Iterator[None]:
    """Another process has the database to itself."""
    database = sqlite3.connect(config.storage.url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        database.close()


async def ask(one: Rig, chat: Chat, *headers: bytes) -> bytes:
    head, _ = await one.ask(PATHS[WIRE], asking(WIRE, chat), *headers)
    assert head.startswith(b"HTTP/1.1 200")
    return head


async def told(one: Rig) -> list[list[str]]:
    """The words of each conversation, in order."""
    names = [record.id for record, _ in await stored(one, lambda store: store.conversations(None, 99))]
    return [[turn.text for turn in await stored(one, lambda store, name=name: store.turns(name))] for name in names]  # type: ignore[misc]


def test_no_request_waits_longer_for_the_store_than_for_a_recall(tmp_path: Path) -> None:
    async def work() -> None:
        config = settings(tmp_path, recall={"deadline_ms": 150})
        async with rig(config, echoing(WIRE)) as one:
            await one.stop()
            with held(config):
                await one.start(wait=False)
                assert one.engine.opening.under_way
                began = time.monotonic()
                await ask(one, talk(1), b"x-session-id: s1")
                assert 0.1 < time.monotonic() - began < 1.0
                await one.stop()
            await one.start()

    asyncio.run(work())


def test_what_has_waited_for_the_store_has_so_much_less_time_for_memory(tmp_path: Path) -> None:
    async def work() -> None:
        config = settings(tmp_path, recall={"deadline_ms": 1200})
        async with rig(config, echoing(WIRE)) as one:
            opening = one.engine.opening.first = asyncio.get_running_loop().create_future()
            one.engine.opening.is_open = False
            ready, entered = asyncio.Event(), asyncio.Event()

            async def hangs(exchange: int, key: str) -> None:
                entered.set()
                await ready.wait()

            one.engine.order.enter = hangs  # type: ignore[method-assign]

            def opened() -> None:
                one.engine.opening.is_open = True
                opening.set_result(True)

            asyncio.get_running_loop().call_later(0.9, opened)
            began = time.monotonic()
            await ask(one, talk(1), b"x-session-id: s1")
            assert 1.15 < time.monotonic() - began < 1.95
            assert entered.is_set()
            ready.set()

    asyncio.run(work())


def test_it_is_taken_in_once_the_store_is_open(tmp_path: Path) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing(WIRE)) as one:
            await ask(one, talk(1)[:1], b"x-session-id: s1")
            await stored(one, lambda store: store.conversations(None, 1))
            await one.stop()
            with held(config):
                await one.start(wait=False)
                one.house._deadline_s = 0.01
                chat: Chat = [*talk(1), ("user", "And what of the locked time?")]
                head = await ask(one, chat, b"x-session-id: s1")
                assert b"X-VC-Proof" in head
                assert one.sent.body == asking(WIRE, chat)
                await ask(one, [("user", "Somebody else, who has no name.")])
                assert not one.engine.memory
            await soon(lambda: one.engine.memory)
            one.house._deadline_s = 20.0
            first, second = sorted(await told(one), key=len, reverse=True)
            assert first == ["Question 0: how is the weather in town number 0?", "Answer 1.", "And what of the locked time?", "Answer 2."]
            assert second == ["Somebody else, who has no name.", "Answer 3."]
            chat += [("assistant", "Answer 2."), ("user", "Still there?")]
            await ask(one, chat, b"x-session-id: s1")
            assert sorted(len(texts) for texts in await told(one)) == [2, 6]

    asyncio.run(work())


def test_it_outlives_a_process_that_never_got_the_store(tmp_path: Path) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing(WIRE)) as one:
            await ask(one, talk(1)[:1])
            await one.stop()
            with held(config):
                await one.start(wait=False)
                one.house._deadline_s = 0.01
                await ask(one, [("user", "Nobody may hear this.")])
                await one.stop()
            await one.start()
            await soon(lambda: one.engine.memory)
            one.house._deadline_s = 20.0
            assert ["Nobody may hear this.", "Answer 2."] in await told(one)

    asyncio.run(work())


def test_commands_and_what_is_no_chat_are_not_kept(tmp_path: Path) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing(WIRE)) as one:
            await ask(one, talk(1)[:1])
            await one.stop()
            with held(config):
                await one.start(wait=False)
                one.house._deadline_s = 0.01
                await ask(one, [("user", "VCSTATUS")])
                await one.ask(PATHS[WIRE], b"{not json")
                await ask(one, [("user", "It wants no memory.")], b"X-VC-Memory: off")
            await soon(lambda: one.engine.memory)
            one.house._deadline_s = 20.0
            assert len(await told(one)) == 1

    asyncio.run(work())


def test_there_is_room_for_so_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing(WIRE)) as one:
            await ask(one, talk(1)[:1])
            await one.stop()
            monkeypatch.setattr(aside, "_MOST_BYTES", 1200)
            with held(config):
                await one.start(wait=False)
                one.house._deadline_s = 0.01
                for number in range(6):
                    await ask(one, [("user", f"Number {number}. " + "It goes on. " * 20)])
            await soon(lambda: one.engine.memory)
            one.house._deadline_s = 20.0
            assert 1 < len(await told(one)) < 6

    asyncio.run(work())


def test_an_answer_that_comes_when_the_store_is_open_already_is_taken_in(tmp_path: Path) -> None:
    async def work() -> None:
        config = configured(tmp_path)
        async with rig(config, echoing(WIRE)) as one:
            await ask(one, talk(1)[:1])
            await one.stop()
            with held(config):
                await one.start(wait=False)
                one.house._deadline_s = 0.01
                unheard = one.house._unheard
                regard = one.house.regards
                head = Head("POST", PATHS[WIRE], "", ())
                body = asking(WIRE, [("user", "Slow to answer.")])
                wire = next(wire for wire in WIRES if wire.name == WIRE)
                tap = unheard.plan(head, body, wire, regard(head)).tap
                assert tap is not None
            await soon(lambda: one.engine.memory)
            one.house._deadline_s = 20.0
            tap.begin(200, ((b"content-type", b"application/json"),))
            tap.chunk(said(WIRE, "At last.", 1))
            tap.acknowledge()
            tap.over("complete", 200, 1, 1)
            await soon(lambda: not one.engine._beside)
            assert ["Slow to answer.", "At last."] in await told(one)

    asyncio.run(work())


def test_a_file_that_may_only_be_read_is_used_as_soon_as_it_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite would open it, and refuse every turn until the next start."""
    monkeypatch.setattr("backstory.app.opening._AGAIN_S", (0.05, 0.1))
    mode = [os.R_OK]
    monkeypatch.setattr("backstory.stores.database.os.access", lambda _, asked: asked & mode[0] == asked)  # root may write all

    async def work() -> None:
        config = settings(tmp_path)
        async with rig(config, echoing(WIRE)) as one:
            assert not one.engine.memory
            assert one.engine.trouble.endswith("memory.db: the file may only be read")
            await ask(one, [("user", "While it may only be read?")])
            await asyncio.sleep(0.2)
            assert not one.engine.memory
            mode[0] = os.R_OK | os.W_OK
            await soon(lambda: one.engine.memory)
            assert await told(one) == [["While it may only be read?", "Answer 1."]]

    asyncio.run(work())
