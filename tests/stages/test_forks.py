"""A conversation that was forked off another is the same after a restart: what goes up, and what it is found by."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from backstory.app.faces import stored as faces
from tests.rig import reply, rig, said
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


def test_an_answer_asked_for_again_after_a_restart_rests_on_the_question_of_its_own_fork(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            for text in ("One.", "Two.", "Three."):
                await talk.say(text)
            trunk = talk.id
            talk.messages = talk.messages[:4]
            await talk.say("An edited question.")
            twig = talk.id
            assert twig != trunk
            await one.restart()
            talk.messages = talk.messages[:4]
            await talk.say("An edited question.")
            assert talk.id not in (trunk, twig)
            names = (trunk, twig, talk.id)
            every = await stored(one, lambda store: [turn.text for name in names for turn in store.turns(name)])
            assert every.count("An edited question.") == 1
            found = await stored(one, lambda store: [row.text for row in faces.story(store, faces.find(store, talk.id))])
            assert found == ["One.", "Answer 1.", "Two.", "Answer 2.", "An edited question.", "Answer 5."]

    asyncio.run(work())


def test_of_many_that_have_said_the_same_one_is_read(tmp_path: Path) -> None:
    """A greeting, and the answer that everybody gets: thousands begin so, and none of the others costs who goes on."""

    async def work() -> None:
        async with rig(commanded(tmp_path), lambda _: reply(said("openai_chat", "Hello! How can I help you today?"))) as one:
            talks = [Talk(one) for _ in range(40)]
            for talk in talks:
                await talk.say("Hi")
            for talk in talks[20:]:
                await talk.say("And now?")
            assert len({talk.id for talk in talks}) == 40
            await stored(one, lambda store: None)
            await one.restart()
            assert one.engine.threads is not None
            await talks[0].say("Tell me of bricks.")
            assert talks[0].id in {talk.id for talk in talks[:20]}, "one that ends there, and goes on"
            assert len(one.engine.threads) == 1
            await one.restart()
            talks[1].messages = [*talks[21].messages[:2]]
            await talks[1].say("Tell me of tiles.")
            await talks[2].say("Tell me of slates.")
            assert len(one.engine.threads) == 2
            named = Talk(one, b"x-session-id: a")
            named.messages = [*talks[21].messages[:2]]
            await named.say("And so on.")
            assert len(one.engine.threads) == 3, "a fork of one that is there"

    asyncio.run(work())
