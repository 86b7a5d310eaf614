"""The machine's clock goes back while no proxy runs: what was said later comes later all the same."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from backstory.core import ids
from backstory.memory.identity.thread import branch
from tests.rig import rig
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
