"""Clocks that go back, or are behind: what was said later comes later all the same, and is worked on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from backstory.core import ids
from backstory.memory.identity.thread import branch
from tests.rig import Rig, rig
from tests.stages.talks import Talk
from tests.stages.world import configured, echoing, stored


@pytest.mark.parametrize("back_s", [30, 3600, 400 * 86400])
def test_a_clock_that_goes_back_over_a_restart_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back_s: int) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: long")
            for number in range(6):
                await talk.say(f"Message {number} is about harbour {number * 7}.")
            monkeypatch.setattr(ids, "time", SimpleNamespace(time_ns=lambda: time.time_ns() - back_s * 1_000_000_000))
            await one.restart()
            for number in range(6, 12):
                await talk.say(f"Message {number} is about harbour {number * 7}.")
            rows = await stored(one, lambda store: store.turns(talk.id))
            assert len(branch(rows)) == len(rows) == 24
            assert await stored(one, lambda store: store.newest_id()) >= max(row.id for row in rows)

    asyncio.run(work())


def test_a_proxy_whose_clock_is_behind_goes_on_after_another(tmp_path: Path) -> None:
    """Two on one database: what the second one hears comes after what the first one has stored, and is read by every job."""

    async def work() -> None:
        async with rig(configured(tmp_path), echoing("openai_chat")) as one, rig(configured(tmp_path), echoing("openai_chat")) as other:
            other.engine.turn_ids._clock_ms = lambda: time.time_ns() // 1_000_000 - 60_000
            talk = Talk(one, b"X-VC-Conversation: long")
            for number in range(3):
                await talk.say(f"Message {number} is about harbour {number * 7}.")
            await read(one)
            talk.one = other
            for number in range(3, 6):
                await talk.say(f"Message {number} is about harbour {number * 7}.")
            await read(other)
            rows = await stored(other, lambda store: store.turns(talk.id))
            assert len(branch(rows)) == len(rows) == 12
            assert {row.turn for row in await stored(other, lambda store: store.tags(talk.id))} == {row.id for row in rows}

    asyncio.run(work())


def test_a_clock_in_another_century_loses_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: long")
            for number in range(9):
                years = 80 if 3 <= number < 6 else 0
                one.engine.turn_ids._clock_ms = lambda: time.time_ns() // 1_000_000 + years * 365 * 86_400_000  # noqa: B023
                await talk.say(f"Message {number} is about harbour {number * 7}.")
            rows = await stored(one, lambda store: store.turns(talk.id))
            assert len(branch(rows)) == len(rows) == 18
            assert not one.failures()

    asyncio.run(work())


def test_a_clock_that_goes_back_under_a_running_proxy_holds_up_no_job(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: long")
            await talk.say("The harbour has a lighthouse.")
            await read(one)
            store = await stored(one, lambda store: store)
            store._clock = one.engine._worker._clock = lambda: time.time() - 86_400  # type: ignore[union-attr, attr-defined]
            await talk.say("My locker code is 4411.")
            await read(one)
            assert len(await stored(one, lambda store: store.tags(talk.id))) == 4

    asyncio.run(work())


async def read(one: Rig) -> None:
    """The jobs have read what was said."""
    await stored(one, lambda store: None)
    worker = one.engine._worker
    assert worker is not None
    worker._busy = lambda: False
    await worker.round()
