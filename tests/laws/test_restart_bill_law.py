"""Law: whether a proxy was restarted, once or often, is not to be seen in a conversation's rows: what its requests would have cost as they
came, and whether rewriting goes on; whatever the provider's cache finds, and however it tells what it wrote.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Collection
from pathlib import Path

import pytest

from backstory.core.records import Spend
from tests.relay.world import Received
from tests.rig import reply, rig
from tests.stages.billing import Bank, Captain, Clock
from tests.stages.test_economy import configured, rows, talk

REQUESTS = 100
# More than the rows that are read again.
LATE = 90
NEAR = 0.03


class Missing(Bank):
    """Finds nothing of most prompts, as where each begins with the time. `told`: it tells what it has written."""

    def __init__(self, clock: Clock, finds: float, told: bool) -> None:
        super().__init__(clock)
        self._dice, self._finds, self._told = random.Random(1), finds, told

    def __call__(self, received: Received) -> bytes:
        tree = json.loads(super().__call__(received).partition(b"\r\n\r\n")[2])
        usage = tree["usage"]
        size = usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
        read = usage["cache_read_input_tokens"] if self._dice.random() < self._finds else 0
        written = size - read if self._told else 0
        usage.update(input_tokens=size - read - written, cache_read_input_tokens=read, cache_creation_input_tokens=written)
        return reply(json.dumps(tree).encode())


def lived(folder: Path, finds: float, told: bool, restarts: Collection[int]) -> list[Spend]:
    clock = Clock()
    found: list[Spend] = []

    async def work() -> None:
        async with rig(configured(folder), Missing(clock, finds, told), clock=clock) as one:
            captain, name = Captain(), ""
            for number in range(REQUESTS):
                if number in restarts:
                    await one.restart()
                clock.now += 10
                name = (await talk(one, captain))["id"]
            found.extend(await rows(one, name))

    folder.mkdir()
    asyncio.run(work())
    return found


@pytest.mark.parametrize(("finds", "told"), [(0.0, True), (0.0, False), (0.5, True), (1.0, True)], ids=str)
def test_a_restart_is_not_to_be_seen_in_the_rows(tmp_path: Path, finds: float, told: bool) -> None:
    whole = lived(tmp_path / "whole", finds, told, ())
    assert any(row.rewritten for row in whole[:60])
    again = lived(tmp_path / "again", finds, told, (1, 30, 31, 60, LATE))
    assert [row.tokens_in for row in again] == [row.tokens_in for row in whole]
    assert not any(row.stopped for row in (*again, *whole)), "it saves"
    # When exactly a fold is made depends on how far the index is: what a request would have cost as it came does not.
    assert [row.direct for row in again] == pytest.approx([row.direct for row in whole], rel=NEAR)
