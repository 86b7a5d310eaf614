"""What requests cost is stored with them, decides when folds move, and stops what loses money."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.routes import ModelRow
from backstory.config.sections import Economy as Settings
from backstory.core.records import Spend
from backstory.core.reply import Usage
from backstory.core.store import Store
from backstory.core.tariff import Tariff
from backstory.memory.economy import decisions
from backstory.memory.economy.account import STOPS, WINDOW, Account
from tests.rig import PATHS, Rig, rig, settings, with_marker
from tests.stages.billing import MODEL, Bank, Captain, Clock
from tests.stages.world import conversation, stored, thread

PATH = PATHS["anthropic"]
SOFT, HARD, SIZE = 0.7, 0.85, 16_000


def configured(folder: Path, early: bool = True, breaker: bool = True) -> Config:
    config = settings(
        folder,
        memory={"threshold_messages": 4},
        compaction={"context_window": SIZE, "protected_recent_turns": 1},
        recall={"budget_tokens": 300, "deadline_ms": 20_000.0},
    )
    return replace(with_marker(config, "never"), economy=Settings(early, breaker))


async def talk(one: Rig, captain: Captain, text: str = "") -> dict[str, str]:
    """One exchange; its X-VC-Stats, with the conversation under "id" and whether the bytes went up as they came under "same"."""
    body = captain.asks(text)
    head, answer = await one.ask(PATH, body)
    captain.hears(answer)
    stats = head.partition(b"X-VC-Stats: ")[2].partition(b"\r\n")[0].decode()
    found = dict(pair.split("=") for pair in stats.split(","))
    return {**found, "id": conversation(head), "same": str(one.sent.body == body)}


async def until(one: Rig, captain: Captain, clock: Clock, tokens: float) -> dict[str, str]:
    """Exchanges ten seconds apart, until a request is so long."""
    while True:
        clock.now += 10
        told = await talk(one, captain)
        if int(told["tokens_in"]) > tokens:
            return told


async def rows(one: Rig, name: str) -> list[Spend]:
    found: list[Spend] = []

    def look(store: Store) -> object:
        found.extend(store.spends(name, 1000))
        return None

    await stored(one, look)
    return found


def test_every_request_has_a_row_from_the_first_on(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        async with rig(configured(tmp_path), Bank(clock), clock=clock) as one:
            captain = Captain()
            for _ in range(4):
                clock.now += 10
                told = await talk(one, captain)
            found = await rows(one, told["id"])
            assert [row.model for row in found] == [MODEL] * 4
            assert all(row.measured and row.priced and row.kind == "traffic" and not row.rewritten for row in found)
            assert all(row.billed == row.direct > 0 for row in found), "untouched: the same"
            assert [row.cache_read > 0 for row in found] == [False, True, True, True]
            assert found[-1].tokens_in == found[-1].tokens_sent == int(told["tokens_in"])
            assert (told["cost_saved"], told["cache_kept"], told["same"]) == ("0.000000", "1", "True")
            assert one.engine.economy.money.billed == pytest.approx(sum(row.billed for row in found))
            assert one.engine.metrics.figures()["cost_billed"] == pytest.approx(sum(row.billed for row in found), abs=1e-6)
            assert not one.failures()

    asyncio.run(work())


def test_a_cold_cache_lets_a_fold_move_early(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        async with rig(configured(tmp_path), Bank(clock), clock=clock) as one:
            captain = Captain()
            told = await until(one, captain, clock, SOFT * SIZE)
            assert told["same"] == "True", "warm, and not worth it yet"
            clock.now += 1000
            told = await talk(one, captain)
            assert int(told["tokens_in"]) < HARD * SIZE
            assert (told["same"], told["cache_kept"]) == ("False", "0")
            assert float(told["cost_saved"]) > 0, "the cache was cold: the shorter request is cheaper at once"
            assert int(told["tokens_sent"]) < 0.7 * int(told["tokens_in"])
            clock.now += 10
            after = await talk(one, captain)
            assert (after["cache_kept"], after["same"]) == ("1", "False")
            last = (await rows(one, told["id"]))[-1]
            assert last.rewritten
            assert last.direct > last.billed
            assert float(after["cost_saved"]) == pytest.approx(last.direct - last.billed, rel=0.5)
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("early", [True, False])
def test_below_the_soft_threshold_nothing_moves(tmp_path: Path, early: bool) -> None:
    clock = Clock()

    async def work() -> None:
        async with rig(configured(tmp_path, early), Bank(clock), clock=clock) as one:
            captain = Captain()
            told = await until(one, captain, clock, (0.55 if early else SOFT) * SIZE)
            clock.now += 10_000
            told = await talk(one, captain)
            assert (told["same"], told["cache_kept"]) == ("True", "1")

    asyncio.run(work())


async def ruined(one: Rig, captain: Captain, clock: Clock, bank: Bank) -> dict[str, str]:
    """A conversation that is folded early, and whose cache is gone from then on. It grows slowly."""
    await until(one, captain, clock, SOFT * SIZE)
    clock.now += 1000
    told = await talk(one, captain)
    assert told["cache_kept"] == "0"
    bank.lies = True
    for number in range(3 * WINDOW):
        clock.now += 10
        told = await talk(one, captain, f"Short entry {number}.")
        if thread(one, told["id"]).account.stopped:
            return told
    raise AssertionError("rewriting was not stopped")


def test_a_measured_loss_stops_rewriting(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        bank, captain = Bank(clock), Captain()
        config = replace(configured(tmp_path), models=(ModelRow("claude*", window=SIZE),))
        async with rig(config, bank, clock=clock) as one:
            told = await ruined(one, captain, clock, bank)
            clock.now += 10
            undone = await talk(one, captain, "And now?")
            assert (undone["same"], undone["cache_kept"]) == ("True", "0"), "as the client has it: the prefix changes once"
            for _ in range(2):
                clock.now += 10
                plain = await talk(one, captain, "What about harbour1 and compass2?")
                assert (plain["same"], plain["cache_kept"], plain["tokens_saved"]) == ("True", "1", "0")
            assert one.engine.metrics.figures()["rewriting_stopped"] == 1
            assert (await rows(one, told["id"]))[-1].stopped
            await one.restart()
            clock.now += 10
            plain = await talk(one, captain, "Still there?")
            assert (plain["id"], plain["same"]) == (told["id"], "True"), "and it stays so in another process"
            held = thread(one, told["id"])
            assert held.account.stopped
            await until(one, captain, clock, HARD * SIZE + 1000)
            assert b"<digest>" in one.sent.body, "what the model takes is at stake"
            assert b"<recalled>" not in one.sent.body.rpartition(b'"role": "user"')[2], "but nothing new is recalled"
            assert not one.failures()

    asyncio.run(work())


def test_what_has_saved_on_the_whole_is_recalled_from_within_that(tmp_path: Path) -> None:
    """A window that showed a loss stops folds; recall goes on with what the conversation has saved, and stays within it."""
    clock = Clock()

    async def work() -> None:
        bank, captain = Bank(clock), Captain()
        async with rig(configured(tmp_path), bank, clock=clock) as one:
            told = await until(one, captain, clock, HARD * SIZE + 3000)
            account = thread(one, told["id"]).account
            account.stopped, account.stopped_at, account.purse.saved = True, clock.now, 0.0
            recalled = []
            for number in range(40):
                clock.now += 10
                words = captain.items[2 * (number % 8)]["content"][0]["text"].split()[2:6]
                await talk(one, captain, f"What was that about {' and '.join(words)}?")
                recalled.append(b"<recalled>" in one.sent.body.rpartition(b'"role": "user"')[2])
                assert account.stopped
            assert not recalled[0], "nothing was saved"
            assert any(recalled), "some was by then"
            assert account.purse.saved > 0
            assert not one.failures()

    asyncio.run(work())


def test_once_stopped_a_block_is_reckoned_to_be_read_as_far_as_the_model_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No fold takes it out where the window is full that is only assumed: what it costs is all that is read of it until then."""
    clock, ends = Clock(), list[tuple[int, int]]()
    reckoned = decisions.spendable

    def spendable(account: Account, size: int, tariff: Tariff, end: int) -> int:
        ends.append((size, end))
        return reckoned(account, size, tariff, end)

    monkeypatch.setattr(decisions, "spendable", spendable)

    async def work() -> None:
        captain = Captain()
        config = replace(configured(tmp_path), models=(ModelRow("claude*", window=3 * SIZE),))
        async with rig(config, Bank(clock), clock=clock) as one:
            told = await until(one, captain, clock, HARD * SIZE + 3000)
            account = thread(one, told["id"]).account
            while account.sent_size < 1.2 * HARD * SIZE:
                clock.now += 10
                account.stopped, account.stopped_at, account.purse.saved = True, clock.now, 1.0
                await talk(one, captain)
            assert any(size > HARD * SIZE for size, _ in ends)
            assert all(end > 2 * HARD * SIZE for _, end in ends), "as it counts"
            assert not one.failures()

    asyncio.run(work())


def test_without_the_breaker_nothing_is_stopped(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        bank, captain = Bank(clock), Captain()
        async with rig(configured(tmp_path, breaker=False), bank, clock=clock) as one:
            await until(one, captain, clock, SOFT * SIZE)
            clock.now += 1000
            await talk(one, captain)
            bank.lies = True
            for number in range(2 * WINDOW):
                clock.now += 10
                told = await talk(one, captain, f"Short entry {number}.")
            assert told["same"] == "False"
            last = (await rows(one, told["id"]))[-1]
            assert last.billed > last.direct, "told all the same"
            assert not last.stopped

    asyncio.run(work())


def test_several_stopped_conversations_stop_the_instance(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        bank = Bank(clock)
        async with rig(configured(tmp_path), bank, clock=clock) as one:
            for number in range(STOPS):
                assert not one.engine.economy.halted
                bank.lies = False
                await ruined(one, Captain(number + 10), clock, bank)
            assert one.engine.economy.halted
            await one.restart()
            assert one.engine.economy.halted, "it is remembered"
            assert one.engine.metrics.figures()["rewriting_halted"] == 1
            bank.lies = False
            captain = Captain(99)
            await until(one, captain, clock, SOFT * SIZE)
            clock.now += 1000
            assert (await talk(one, captain))["same"] == "True"
            clock.now += 86_400
            assert not one.engine.economy.halted, "after a day it is tried again"

    asyncio.run(work())


def test_an_unknown_price_is_told_as_unknown(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        async with rig(configured(tmp_path), Bank(clock), clock=clock) as one:
            captain = Captain(model="mystery-1")
            await until(one, captain, clock, SOFT * SIZE)
            clock.now += 1000
            told = await talk(one, captain)
            assert (told["same"], told["cost_saved"]) == ("False", "unknown")
            found = await rows(one, told["id"])
            assert not any(row.priced for row in found)
            figures = one.engine.metrics.figures()
            assert (figures["cost_saved"], figures["unpriced_requests"]) == (0.0, len(found))

    asyncio.run(work())


def test_a_silent_provider_is_estimated_and_never_judged(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        bank, captain = Bank(clock), Captain()
        bank.silent = True
        async with rig(configured(tmp_path), bank, clock=clock) as one:
            told = await until(one, captain, clock, HARD * SIZE + 3000)
            found = await rows(one, told["id"])
            assert not any(row.measured for row in found)
            assert all(row.input_tokens == row.tokens_sent for row in found)
            assert found[-1].direct > found[-1].billed > 0
            assert not thread(one, told["id"]).account.stopped

    asyncio.run(work())


def test_what_memory_spends_itself_is_taken_off(tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        async with rig(configured(tmp_path), Bank(clock), clock=clock) as one:
            one.engine.paid("gpt-4o", Usage(1_000_000, 100_000))
            assert one.engine.metrics.cost_saved == pytest.approx(-3.5)
            figures = one.engine.metrics.figures()
            assert (figures["cost_saved"], figures["cost_side"]) == (-3.5, 3.5)
            totals = await stored(one, lambda store: [(row.kind, row.billed) for row in store.spent("all")])
            assert totals == [("side", 3.5)]

    asyncio.run(work())
