"""The ledger says what left the model's view, and why."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from backstory.app.cli import main
from backstory.app.faces.ledger import Entry, as_text, ledger
from backstory.core.records import Batch, Stub
from backstory.core.store import Store
from tests.rig import PATHS, Rig, asking, rig
from tests.stages.test_recall import long_talk
from tests.stages.world import Chat, configured, conversation, echoing, say, stored


async def entries(one: Rig, name: str) -> list[Entry]:
    found: list[Entry] = []

    def read(store: Store) -> None:
        record = store.conversation("", name)
        assert record is not None
        found.extend(ledger(store, record))

    await stored(one, read)
    return found


def test_folds_omissions_and_forgettings_are_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> str:
        async with rig(configured(tmp_path, window=800), echoing()) as one:
            chat: Chat = []
            for number in range(40):
                chat.append(("user", f"Question {number}: how is the weather in town number {number * 7}?"))
                head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", chat))
                chat.append(("assistant", f"Answer {number + 1}."))
            name = conversation(head)
            found = await entries(one, name)
            folds = [entry for entry in found if entry.what == "folded"]
            assert folds[0].first == 1
            assert all(after.first == before.last + 1 for before, after in pairwise(folds))
            assert {entry.why for entry in found if entry.what == "left out"} <= {
                "no room",
                "says the same as another",
                "too little evidence",
            }
            assert any(entry.text for entry in found)
            last = (await stored(one, lambda store: store.turns(name)))[-1].id
            await stored(one, lambda store: store.forget("", name, [last], 3e9))
            found = await entries(one, name)
            assert found[-1].what == "forgotten"
            assert "1 turns" in found[-1].why
            assert "receipt" in "".join(as_text(found))
            return name

    name = asyncio.run(work())
    assert main(["ledger", name, "--storage", f"sqlite:///{tmp_path}/memory.db"]) == 0
    assert "folded #1 to #" in capsys.readouterr().out


def test_a_recall_that_brought_nothing_is_in_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat = long_talk(14)
            name = await say(one, chat[:-1])
            await say(one, [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "Derive the quadratic formula.")])
            (entry,) = await entries(one, name)
            assert entry.what == "not recalled"
            assert "evidence" in entry.why

    asyncio.run(work())


def test_what_a_stub_stands_for_is_in_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name = await say(one, long_talk(3))
            first = (await stored(one, lambda store: store.turns(name)))[0].id
            stub = Stub(name, first, "result", 0, b"0" * 16, "t1.1-0a0b0c0d", "left out", 4, 90, 5.0)
            await stored(one, lambda store: store.write([Batch(stubs=(stub,))]))
            (entry,) = [entry for entry in await entries(one, name) if entry.what == "shortened"]
            assert (entry.first, entry.at) == (1, 5.0)
            assert "90 tokens" in entry.why
            assert "t1.1-0a0b0c0d" in entry.why

    asyncio.run(work())
