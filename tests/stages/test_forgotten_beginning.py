"""A conversation whose first turn was forgotten is still that conversation."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.rig import PATHS, asking, rig, soon
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
