"""What the side model costs is one figure, wherever it is told: at the side model's own price, whoever else has its name."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.jobs import worker
from tests.app.test_side import Chat, local, noted, stored, told, with_side
from tests.rig import PATHS, Rig, asking, rig, soon
from tests.side_world import SideProvider

_SAVED = re.compile(rb"cost_saved=([-\d.]+|unknown)")


async def _saved(one: Rig, chat: Chat, text: str) -> float:
    """What `X-VC-Stats` tells of the next request."""
    chat.history.append(("user", text))
    head, _ = await one.ask(PATHS[chat.wire], asking(chat.wire, chat.history))
    chat.history.append(("assistant", "Noted."))
    match = _SAVED.search(head)
    assert match is not None
    return float(match[1])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Background work begins at once and looks for more all the time."""
    for name in ("_REST_S", "_ROUND_S", "_PATIENCE_S"):
        monkeypatch.setattr(worker, name, 0.02)
    monkeypatch.setattr("backstory.jobs.side._LEAST_TURNS", 1)


@pytest.mark.parametrize("model", ["corp-llm", "gpt-4o"])
def test_every_meter_tells_the_same_bill(tmp_path: Path, model: str) -> None:
    async def work() -> None:
        async with SideProvider().serving() as provider:
            side = local(provider, input_price=50.0, output_price=150.0, money_per_day=1.0, timeout_s=60.0)
            config = with_side(tmp_path, replace(side, model=model))
            async with rig(config, noted) as one:
                chat, saved = Chat(one), 0.0
                for number in range(3):
                    saved += await _saved(one, chat, told(number))
                figures = one.engine.metrics.side
                await soon(lambda: figures.tagged_turns >= 4)
                await soon(lambda: figures.calls == len(provider.asked) and not one.engine.busy)
                await asyncio.sleep(0.2)
                calls = figures.calls
                bill = (100 * 50 + 20 * 150) / 1e6 * calls
                saved += await _saved(one, chat, "Thank you.")
                assert saved == pytest.approx(-bill, rel=1e-3)
                if figures.calls == calls:
                    assert one.engine.metrics.figures()["cost_side"] == pytest.approx(bill)
                bill = (100 * 50 + 20 * 150) / 1e6 * figures.calls
                text = one.engine.metrics.exposition().decode()
                for name in ("cost_side_dollars_total", "side_dollars_today"):
                    match = re.search(rf"^backstory_{name} ([\d.e-]+)$", text, re.M)
                    assert match is not None, name
                    assert float(match[1]) == pytest.approx(bill), name
            rows = stored(config, lambda store: [row for row in store.spent("all") if row.kind == "side"])
            assert sum(row.billed for row in rows) == pytest.approx(0.008 * one.engine.metrics.side.calls)
            assert not any(row.unpriced for row in rows)

    asyncio.run(work())


def test_a_bill_that_nobody_knows_is_told_alike_by_every_meter(tmp_path: Path) -> None:
    async def work() -> None:
        async with SideProvider(lambda _: None).serving() as provider:
            side = local(provider, input_price=50.0, output_price=150.0, money_per_day=1.0, timeout_s=60.0)
            config = with_side(tmp_path, replace(side, model="corp-llm"))
            async with rig(config, noted) as one:
                chat = Chat(one)
                saved = await _saved(one, chat, told(1))
                figures = one.engine.metrics.side
                await soon(lambda: figures.failures.get("cut", 0) > 0)
                saved += await _saved(one, chat, "Thank you.")
                assert figures.failures == {"cut": 1}, "it is left alone for a while"
                bill = figures.spent_micros / 1e6
                assert bill > 0
                assert saved == pytest.approx(-bill, rel=1e-3)
                assert one.engine.metrics.figures()["cost_side"] == pytest.approx(bill, rel=1e-3)
            rows = stored(config, lambda store: [row for row in store.spent("all") if row.kind == "side"])
            assert sum(row.billed for row in rows) == pytest.approx(bill)

    asyncio.run(work())
