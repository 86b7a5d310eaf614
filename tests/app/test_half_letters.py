"""A message with half a letter in it goes up as it came, and is remembered like any other: its client sends it again with every request."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.relay.world import Received
from tests.rig import PATHS, asking, reply, rig, said
from tests.stages.talks import commanded
from tests.stages.world import Chat, conversation, stored

HALF = rb"\ud83d"
WIRES = ["anthropic", "openai_chat", "openai_responses", "gemini"]
FACT = "The code of the blue locker HALF is tangerine-4711."


@pytest.mark.parametrize("wire", WIRES)
def test_a_conversation_goes_on_and_none_of_it_is_lost(tmp_path: Path, wire: str) -> None:
    count = 0

    def answer(_: Received) -> bytes:
        return reply(said(wire, f"Answer {count} is that all of it is as it was.", count))

    async def work() -> None:
        nonlocal count
        async with rig(commanded(tmp_path), answer) as one:
            chat: Chat = []

            async def say(text: str, keeps: int = 99) -> tuple[str, bytes, bytes]:
                nonlocal count
                count += 1
                chat.append(("user", text))
                body = asking(wire, chat[-keeps:]).replace(b"HALF", HALF)
                head, _ = await one.ask(PATHS[wire], body)
                chat.append(("assistant", f"Answer {count} is that all of it is as it was."))
                return conversation(head), body, one.sent.body

            names = []
            for number, text in enumerate(["Hello there.", FACT, *(f"HALF Report {at}: all is well in town {at * 7}." for at in range(8))]):
                if number == 5:
                    await one.restart()
                name, came, went = await say(text)
                names.append(name)
                assert went == came
            assert len(set(names)) == 1
            texts = [turn.text for turn in await stored(one, lambda store: store.turns(names[0]))]
            assert texts == [text.replace("HALF", "\ufffd") for _, text in chat]
            name, came, went = await say("What is the code of the blue locker HALF?", keeps=7)
            assert name == names[0]
            assert went.startswith(came[:-9])
            assert json.loads(went) != json.loads(came)
            assert "blue locker \\ufffd is tangerine" in json.dumps(json.loads(went)), "what is recalled can be written"
            assert went.count(HALF) == came.count(HALF), "and what the client has sent stays"
            for number in range(6):
                name, came, went = await say(f"And the HALF harbour in town {number * 11}?", keeps=7)
                assert name == names[0]
                assert went.count(HALF) >= came.count(HALF)
            assert not one.failures()

    asyncio.run(work())


def test_a_conversation_that_begins_with_one_is_remembered(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), lambda _: reply(said("openai_chat", "Answer."))) as one:
            body = asking("openai_chat", [("user", FACT)]).replace(b"HALF", HALF)
            head, _ = await one.ask(PATHS["openai_chat"], body)
            assert one.sent.body == body
            name = conversation(head)
            assert [turn.text for turn in await stored(one, lambda store: store.turns(name))] == [FACT.replace("HALF", "\ufffd"), "Answer."]

    asyncio.run(work())
