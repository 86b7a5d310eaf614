"""Law: whatever the bill decides (early folds, a breaker that stops them, restarts, silent or lying providers), what went up goes up
again, byte for byte, in front of what is new, unless the proxy says that it changed it; and below the soft threshold nothing is touched.
"""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.rig import Rig, rig
from tests.stages.billing import Bank, Captain, Clock
from tests.stages.test_economy import HARD, SIZE, SOFT, configured, talk

PAUSES = (5.0, 5.0, 5.0, 60.0, 400.0)


def items(one: Rig) -> list[Any]:
    """What went up, without the marks that move with each request."""
    plain = one.sent.body.replace(b', "cache_control": {"type": "ephemeral"}', b"")
    tree = json.loads(plain)
    return [tree["system"], *tree["messages"]]


async def voyage(one: Rig, captain: Captain, clock: Clock, bank: Bank, seed: int) -> tuple[int, int]:
    """A conversation with everything that may happen; how often the prefix moved, and of how many requests."""
    dice = random.Random(seed)
    before: list[Any] = []
    moves = steps = 0
    tokens = 0
    while tokens < 1.6 * SIZE and steps < 70:
        happens = dice.random()
        if happens < 0.04:
            await one.restart()
        bank.lies = bank.lies or happens > 0.97
        bank.silent = 0.5 < happens < 0.55
        clock.now += dice.choice(PAUSES)
        told = await talk(one, captain)
        now, tokens = items(one), int(told["tokens_in"])
        if told["cache_kept"] == "0":
            moves += 1
        else:
            assert now[: len(before)] == before, f"request {steps} changed what went up before"
        if tokens <= SOFT * SIZE:
            assert told["same"] == "True"
        assert int(told["tokens_sent"]) <= HARD * SIZE + 1000
        before, steps = now, steps + 1
    return moves, steps


def test_what_went_up_goes_up_again_whatever_the_bill_says(tmp_path: Path) -> None:
    total = [0, 0]
    with asyncio.Runner() as runner:

        @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(seed=st.integers(0, 10**6), words=st.sampled_from([150, 300, 500]), lies=st.booleans())
        def law(seed: int, words: int, lies: bool) -> None:
            async def work() -> None:
                clock = Clock()
                bank, captain = Bank(clock), Captain(seed, words)
                bank.lies = lies
                async with rig(configured(tmp_path), bank, clock=clock) as one:
                    moves, steps = await voyage(one, captain, clock, bank, seed)
                    assert not one.failures()
                    assert moves <= max(3, steps // 3)
                    total[0] += moves
                    total[1] += steps

            (tmp_path / "memory.db").unlink(missing_ok=True)
            runner.run(work())

        law()
    assert total[0] > 0, "the prefix moved"
