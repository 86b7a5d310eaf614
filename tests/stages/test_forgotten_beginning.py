"""A conversation whose first turn was forgotten is still that conversation."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backstory.app.faces import stored as faces
from tests.rig import PATHS, asking, rig, soon
from tests.stages.talks import Talk, commanded
from tests.stages.world import Chat, configured, conversation, echoing, stored, talk, thread

WIRE = "anthropic"


def test_it_is_found_by_its_name_after_a_restart(tmp_path: Path) -> None:
    async def work() -> None:
        chat: Chat = [*talk(3), ("user", "And now?")]
        async with rig(configured(tmp_path), echoing(WIRE)) as one:
            head, _ = await one.ask(PATHS[WIRE], asking(WIRE, chat), b"x-session-id: s1")
            name = conversation(head)
            await soon(lambda: len(thread(one, name).path) == len(chat) + 1)
            first = thread(one, name).path[0]
            await one.restart()
            await stored(one, lambda store: store.forget("", name, [first.id], 1e10))
            await one.restart()
            for headers in ([b"x-session-id: s1"], [b"X-VC-Conversation: " + name.encode()]):
                head, _ = await one.ask(PATHS[WIRE], asking(WIRE, [*chat, ("assistant", "Yes."), ("user", "Still?")]), *headers)
                assert conversation(head) == name
            assert first.text not in [turn.text for turn in thread(one, name).path]

    asyncio.run(work())


def test_a_name_of_another_project_still_leads_nowhere(tmp_path: Path) -> None:
    async def work() -> None:
        chat: Chat = [*talk(3), ("user", "And now?")]
        async with rig(configured(tmp_path), echoing(WIRE)) as one:
            head, _ = await one.ask(PATHS[WIRE], asking(WIRE, chat), b"X-VC-Project: red")
            name = conversation(head)
            await soon(lambda: len(thread(one, name).path) == len(chat) + 1)
            await one.restart()
            ask = asking(WIRE, [("user", "Who am I?")])
            head, _ = await one.ask(PATHS[WIRE], ask, b"X-VC-Project: blue", b"X-VC-Conversation: " + name.encode())
            assert conversation(head) != name

    asyncio.run(work())


@pytest.mark.parametrize("headers", [(), (b"x-session-id: s1",)], ids=["unnamed", "named"])
def test_another_way_from_a_forgotten_beginning_leaves_the_old_one(tmp_path: Path, headers: tuple[bytes, ...]) -> None:
    """The client edits its second question, and everything before that was forgotten: what it asked there at first is another branch."""

    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, *headers)
            for text in ("Of apples.", "Of pears.", "Of plums."):
                await talk.say(text)
            turns = await stored(one, lambda store: store.turns(talk.id))
            await stored(one, lambda store: store.forget("", talk.id, [turn.id for turn in turns[:2]], 1e10))
            await one.engine._forgotten.look()
            del talk.messages[2:]
            await talk.say("Of figs.")
            await talk.say("Of dates.")
            record = await stored(one, lambda store: store.whose(talk.id))
            assert record is not None
            told = [row.text for row in await stored(one, lambda store: faces.story(store, record)) if row.role == "user"]
            assert told == ["Of figs.", "Of dates."]

    asyncio.run(work())
