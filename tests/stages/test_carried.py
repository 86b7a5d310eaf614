"""A client's request for a summary begins as its conversation does: blocks that were recalled before go along."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.rig import PATHS, Rig, rig
from tests.stages.billing import Clock
from tests.stages.test_holding import NAME, Cutter, Till, config, messages

ORDER = "Your task is to create a detailed summary of the conversation so far, paying close attention to the user's requests."
SUMMED_UP = "This session is being continued from a previous conversation that ran out of context. The conversation is summarized below:\n"
ALL = 1000


async def say(one: Rig, cutter: Cutter, clock: Clock, text: str = "") -> bytes:
    clock.now += 10.0
    body = cutter.body(ALL, text)
    _, answer = await one.ask(PATHS["anthropic"], body, NAME)
    cutter.hears(answer)
    return body


@pytest.mark.parametrize("breaker", [True, False], ids=["leaves", "stays"])
def test_a_request_for_a_summary_carries_the_blocks_of_before(tmp_path: Path, breaker: bool) -> None:
    """A block that has gone with its answer is not there again; without the breaker blocks stay."""
    clock = Clock()

    async def work() -> None:
        bank = Till(clock)
        told = config(tmp_path)
        async with rig(replace(told, economy=replace(told.economy, breaker=breaker)), bank, clock=clock) as one:
            cutter = Cutter()
            await say(one, cutter, clock, "The code of the blue locker is tangerine.")
            for _ in range(8):
                await say(one, cutter, clock)
            cutter.items[:] = [
                {"role": "user", "content": [{"type": "text", "text": SUMMED_UP + "The user looks after ships."}]},
                {"role": "assistant", "content": [{"type": "text", "text": "Understood."}]},
            ]
            await say(one, cutter, clock, "What is the code of the blue locker?")
            assert b"tangerine" in bank.sent
            await say(one, cutter, clock)
            before: list[Any] = messages(bank.sent)
            assert ("tangerine" in str(before)) != breaker
            body = await say(one, cutter, clock, ORDER)
            sent = messages(bank.sent)
            assert sent[: len(before)] == before
            assert sent[-1] == messages(body)[-1]
            assert not one.failures()

    asyncio.run(work())
