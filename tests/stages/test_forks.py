"""A conversation that was forked off another is the same after a restart: what goes up, and what it is found by."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from backstory.app.faces import stored as faces
from tests.rig import rig
from tests.stages.talks import Talk, commanded
from tests.stages.world import echoing, stored

FACT = "My codeword is quokka."


def test_what_it_inherited_goes_up_after_a_restart_too(tmp_path: Path) -> None:
    config = commanded(tmp_path)
    config = replace(config, compaction=replace(config.compaction, context_window=3000))

    async def work() -> None:
        async with rig(config, echoing("openai_chat")) as one:
            trunk = Talk(one, b"x-session-id: a")
            await trunk.say(FACT)
            for number in range(12):
                await trunk.say(f"Message {number}: " + f"the harbour has {number} ships and a pier. " * 30)
            await trunk.say("What is my codeword?")
            assert FACT.encode() in one.sent.body
            twig = Talk(one, b"x-session-id: b")
            twig.messages = list(trunk.messages)
            await twig.say("Another way.")
            assert twig.id != trunk.id
            assert FACT.encode() in one.sent.body, "it has the block of the one that it was forked off"
            before = one.sent.body
            assert len(before) < len("".join(text for _, text in twig.messages))
            await one.restart()
            del twig.messages[-2:]
            await twig.say("Another way.")
            assert one.sent.body == before
            third = Talk(one, b"x-session-id: c")
            third.messages = list(twig.messages)
            await third.say("A third way.")
            before = one.sent.body
            await one.restart()
            del third.messages[-2:]
            await third.say("A third way.")
            assert one.sent.body == before
            assert not one.failures()

    asyncio.run(work())


def test_it_may_go_on_along_the_turns_of_the_other(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            trunk = Talk(one, b"x-session-id: a")
            for text in ("One.", "Two.", "Three."):
                await trunk.say(text)
            twig = Talk(one, b"x-session-id: b")
            twig.messages = trunk.messages[:2]
            await twig.say("Aside.")
            twig.messages = list(trunk.messages)
            await twig.say("Four.")
            name = twig.id
            assert name != trunk.id
            for restarted in (True, False):
                if restarted:
                    await one.restart()
                named = Talk(one, b"X-VC-Conversation: " + name.encode())
                named.messages = list(twig.messages)
                await named.say(f"Five, {restarted}.")
                assert named.id == name
            found = await stored(one, lambda store: [row.text for row in faces.story(store, faces.find(store, name))])
            shared = ["One.", "Answer 1.", "Two.", "Answer 2.", "Three.", "Answer 3."]
            assert found == [*shared, "Four.", "Answer 5.", "Five, False.", "Answer 7."]

    asyncio.run(work())
