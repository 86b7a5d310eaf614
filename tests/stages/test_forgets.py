"""What is forgotten in a chat: out of recall at once, back with an undo, gone for good when its time has come."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.rig import Rig, rig, soon
from tests.stages.talks import Talk, commanded, texts_sent
from tests.stages.world import echoing, stored

DOG = "My dog is called Bella and she is three years old."
ASKED = "What is my dog called?"


async def _talk(one: Rig) -> Talk:
    talk = Talk(one, b"X-VC-Conversation: pets")
    for text in (DOG, "It rains today.", "The tea is cold.", "The harbour is full of ships."):
        await talk.say(text)
    talk.forget_all_but(0)
    return talk


def test_a_forget_hides_and_an_undo_brings_back(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = await _talk(one)
            told = await talk.told("VCFORGET dogs")
            assert "1 turn about 'dogs'" in told
            assert "#1 user: My dog is called Bella" in told
            assert "In 10 minutes" in told
            assert "history" not in told
            talk.forget_all_but(0)
            await one.restart()
            await talk.say(ASKED)
            assert "<recalled>" not in texts_sent(one)[-1]
            assert "Being forgotten: 1 turn" in await talk.told("VCSTATUS")
            assert "Bella" not in await talk.told("VCRECALL " + ASKED)
            assert "VCUNDO takes it back" in told
            assert "1 turn about 'dogs' can be recalled again" in await talk.told("vcundo")
            talk.forget_all_but(0)
            await talk.say("Tell me again: what is my dog called?")
            assert DOG in texts_sent(one)[-1]
            assert "no forget to take back" in await talk.told("!/undo")
            assert "Nothing was forgotten" in await talk.told("VCFORGET zeppelins")
            assert await stored(one, lambda store: store.receipts()) == []

    asyncio.run(work())


def test_undo_takes_back_the_last_one_only(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = await _talk(one)
            await talk.told("VCFORGET dog")
            await talk.told("VCFORGET #5")
            assert "Being forgotten: 2 turns" in await talk.told("VCSTATUS")
            assert "'#5'" in await talk.told("!/undo")
            assert "'dog'" in await talk.told("!/undo")
            assert "Being forgotten" not in await talk.told("VCSTATUS")

    asyncio.run(work())


def test_when_its_time_has_come_it_is_gone_for_good(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path, undo_s=0.0), echoing("openai_chat")) as one:
            talk = await _talk(one)
            await talk.say(ASKED)
            assert DOG in texts_sent(one)[-1]
            await talk.told("VCFORGET dog bella")
            removal = one.engine._removal
            assert removal is not None
            assert await removal.look() == 1
            assert await removal.look() == 0
            assert "no forget to take back" in await talk.told("!/undo")
            receipts = await stored(one, lambda store: [receipt.counts for receipt in store.receipts()])
            assert isinstance(receipts, list)
            assert [(counts["turns"], counts["injections"]) for counts in receipts] == [(1, 1)]
            assert b"Bella" not in (tmp_path / "memory.db").read_bytes()
            forgotten = one.engine._forgotten
            await soon(lambda: one.engine.threads is not None and not len(one.engine.threads))
            assert forgotten is not None
            talk.forget_all_but(0)
            await talk.say("Once more: what is my dog called?")
            assert "Bella" not in texts_sent(one)[-1]

    asyncio.run(work())


def test_what_the_client_still_sends_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            await talk.say(DOG)
            await talk.say("It rains.")
            assert "history still has 1 of them" in await talk.told("VCFORGET dog")

    asyncio.run(work())
