"""The bill is told truly where a request went up before memory had looked at it: against what the very same requests cost as they came."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from backstory.core.exchange import Exchange
from backstory.core.reply import Usage
from backstory.stages.base import Stage
from tests.relay.world import Received
from tests.rig import Rig, rig
from tests.stages.billing import Bank, Captain, Clock
from tests.stages.test_economy import PATH, configured, rows
from tests.stages.world import conversation, thread

# Dollars per million tokens of the model: fresh, output, read, written.
INPUT, OUTPUT, READ, WRITE = 3.0, 15.0, 0.3, 3.75
NEAR, SAME = 0.03, 0.01
DEADLINE_S = 0.02
# The first fold comes at about this request.
FOLDED = 22


def paid(answer: bytes) -> float:
    """Dollars that an answer's body was billed by."""
    usage = json.loads(answer)["usage"]
    return cost(Usage(0, usage["output_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]))


def cost(usage: Usage) -> float:
    return (usage.cache_read_tokens * READ + usage.cache_write_tokens * WRITE + usage.output_tokens * OUTPUT) / 1e6


class Voyage:
    """A conversation of which some requests find memory too late. `direct`: what it would cost as it comes; `told`: sum of what
    X-VC-Stats has said, and `saved` what it should have; `folds`: requests that were shorter than they came."""

    def __init__(self, one: Rig, clock: Clock, kept: int = 0) -> None:
        self.one, self.clock, self.captain = one, clock, Captain()
        self._kept = kept
        self.direct = self.told = self.saved = 0.0
        self.folds = 0
        self.name = ""
        self._passthrough = Bank(clock)

    async def talks(self, late: bool = False) -> None:
        self.clock.now += 10
        body = cut(self.captain.asks(), self._kept)
        with slow(self.one) if late else nullcontext():
            head, answer = await self.one.ask(PATH, body)
        self.captain.hears(answer)
        direct = paid(self._passthrough(Received(b"", body)).partition(b"\r\n\r\n")[2])
        self.direct += direct
        self.name = self.name or conversation(head)
        if late:
            assert self.one.sent.body == body, "memory was late"
            return
        stats = dict(pair.split("=") for pair in head.partition(b"X-VC-Stats: ")[2].partition(b"\r\n")[0].decode().split(","))
        self.saved += direct - paid(answer)
        self.told += float(stats["cost_saved"])
        self.folds += int(stats["tokens_sent"]) < int(stats["tokens_in"])

    async def told_rows(self) -> tuple[float, float]:
        """Dollars billed, and those of pure passthrough, by the ledger."""
        found = await rows(self.one, self.name)
        return sum(row.billed for row in found), sum(row.direct for row in found)


def cut(body: bytes, kept: int) -> bytes:
    """The request with its newest messages only, and a system prompt that is long enough to be cached; as it is where `kept` is 0."""
    if not kept:
        return body
    tree = json.loads(body)
    tree["system"][0]["text"] *= 12
    return json.dumps({**tree, "messages": tree["messages"][-kept:]}).encode()


class Slow(Stage):
    """Takes longer than a request has."""

    name = "slow"

    async def request(self, exchange: Exchange) -> Exchange:
        await asyncio.sleep(2 * DEADLINE_S)
        return exchange


@contextmanager
def slow(one: Rig) -> Iterator[None]:
    """Meanwhile a request's time is over before its size is looked at."""
    pipeline, kept = one.engine.pipeline, one.house._deadline_s
    stages = pipeline.stages
    at = next(place for place, stage in enumerate(stages) if stage.name == "recall")
    pipeline.stages, one.house._deadline_s = (*stages[:at], Slow(), *stages[at:]), DEADLINE_S
    yield
    pipeline.stages, one.house._deadline_s = stages, kept


@pytest.mark.parametrize(("late", "restarts"), [((21,), ()), ((21, 30, 31), ()), ((21,), (26,)), ((), (26, 33))], ids=str)
def test_late_requests_and_restarts_leave_both_meters_true(tmp_path: Path, late: Collection[int], restarts: Collection[int]) -> None:
    clock = Clock()

    async def work() -> None:
        async with rig(configured(tmp_path), Bank(clock), clock=clock) as one:
            voyage = Voyage(one, clock)
            for number in range(60):
                if number in restarts:
                    await one.restart()
                await voyage.talks(number in late)
            billed, direct = await voyage.told_rows()
            assert voyage.folds > 20
            assert direct - billed == pytest.approx(voyage.direct - billed, rel=NEAR)
            assert voyage.told <= (1 + NEAR) * voyage.saved
            if not any(number > FOLDED for number in late):
                # What went up before a late one is in the cache still; it is not counted on.
                assert voyage.told == pytest.approx(voyage.saved, rel=NEAR)
            assert direct == pytest.approx(voyage.direct, rel=NEAR)
            assert all(row.tokens_in > 0 for row in await rows(one, voyage.name))

    asyncio.run(work())


@pytest.mark.parametrize("restarts", [(), (20,), (20, 30, 31, 45)], ids=str)
def test_a_restart_does_not_forget_that_a_client_cuts_its_history(tmp_path: Path, restarts: Collection[int]) -> None:
    clock = Clock()

    async def work() -> None:
        async with rig(configured(tmp_path), Bank(clock), clock=clock) as one:
            voyage = Voyage(one, clock, kept=9)
            for number in range(60):
                if number in restarts:
                    await one.restart()
                await voyage.talks()
            _, direct = await voyage.told_rows()
            assert direct == pytest.approx(voyage.direct, rel=NEAR)
            assert voyage.told == pytest.approx(voyage.saved, abs=NEAR * voyage.direct)
            assert max(direct - voyage.direct, voyage.told - voyage.saved) < SAME * voyage.direct, "never much above"
            assert any(row.tokens_sent > row.tokens_in for row in await rows(one, voyage.name)), "something was held or recalled"

    asyncio.run(work())


def test_a_restart_forgets_nothing_of_what_was_saved(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        async with rig(configured(tmp_path), Bank(clock), clock=clock) as one:
            voyage = Voyage(one, clock, kept=9)
            for _ in range(90):
                await voyage.talks()
            await one.restart()
            await voyage.talks()
            billed, direct = await voyage.told_rows()
            purse = thread(one, voyage.name).account.purse
            assert [purse.saved, purse.direct] == pytest.approx([direct - billed, direct])

    asyncio.run(work())
