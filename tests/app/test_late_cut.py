"""A client that cuts its history names nothing: one whose requests go up before memory has looked stays one conversation."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.rig import PATHS, Rig, asking, reply, rig, said, settings, soon

BEFORE, AFTER, KEPT = 20, 6, 21


def question(number: int) -> str:
    return f"Note {number}: the harbour rope {number * 7919 % 1000} and the galley engine {number * 104_729 % 997} of ship {number}."


def answer(number: int) -> str:
    return f"Answer {number}: quite so, compass {number * 31_337 % 991} and chart {number * 271 % 983} are in order."


@pytest.mark.parametrize("deadline_ms", [0.001, 3.0])
@pytest.mark.parametrize("wire", sorted(PATHS))
def test_requests_that_memory_is_late_for_stay_in_their_conversation(tmp_path: Path, wire: str, deadline_ms: float) -> None:
    now = 0
    spoken: list[tuple[str, str]] = []

    async def exchange(one: Rig, number: int) -> None:
        nonlocal now
        now = number
        spoken.append(("user", question(number)))
        await one.ask(PATHS[wire], asking(wire, spoken[-KEPT:]))
        spoken.append(("assistant", answer(number)))

    async def work() -> None:
        async with rig(settings(tmp_path), lambda _: reply(said(wire, answer(now)))) as one:
            for number in range(BEFORE):
                await exchange(one, number)
        async with rig(settings(tmp_path, recall={"deadline_ms": deadline_ms}), lambda _: reply(said(wire, answer(now)))) as one:
            for number in range(BEFORE, BEFORE + AFTER):
                await exchange(one, number)
            await soon(lambda: len(one.engine.visits) == 0 and not one.engine._beside)
            lanes = one.engine.lanes
            assert lanes is not None
            await lanes.flush()
            counts = await lanes.read(lambda store: store.counts())
            assert (counts["conversations"], counts["turns"]) == (1, 2 * (BEFORE + AFTER))

    asyncio.run(work())
