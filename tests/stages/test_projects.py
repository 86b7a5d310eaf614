"""One name is one project, whether a header gives it or a command."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from backstory.config import Config
from tests.rig import Rig, rig
from tests.stages.talks import Talk, commanded
from tests.stages.world import echoing, stored

FACT = "The printer in the attic needs the toner TN-4410, remember that."
QUESTION = "Which toner does the printer in the attic need?"
BY_HEADER = b"X-VC-Project: attic"


def by_project(folder: Path) -> Config:
    config = commanded(folder)
    return replace(config, memory=replace(config.memory, scope="project"))


async def indexed(one: Rig) -> None:
    await stored(one, lambda store: None)
    worker = one.engine._worker
    assert worker is not None
    worker._busy = lambda: False
    await worker.round()


def test_what_a_headers_project_knows_is_told_in_the_commands(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(by_project(tmp_path), echoing("openai_chat")) as one:
            await Talk(one, BY_HEADER).say(FACT)
            await indexed(one)
            for restarted in (False, True):
                if restarted:
                    await one.restart()
                talk = Talk(one)
                await talk.told("!/project(attic)")
                await talk.say(QUESTION)
                assert b"TN-4410" in one.sent.body
            talk = Talk(one, b"X-VC-Project: cellar")
            await talk.say(QUESTION)
            assert b"TN-4410" not in one.sent.body
            assert "with 3 other conversations" in await talk.told("!/project(attic)")
            await talk.say("So: " + QUESTION)
            assert b"TN-4410" in one.sent.body
            assert not one.failures()

    asyncio.run(work())


def test_what_a_commands_project_knows_is_told_in_the_headers(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(by_project(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Project: cellar")
            await talk.say(FACT)
            await stored(one, lambda store: None)
            assert "attic" in await talk.told("!/project(attic)")
            await indexed(one)
            await Talk(one, BY_HEADER).say(QUESTION)
            assert b"TN-4410" in one.sent.body
            await Talk(one, b"X-VC-Project: cellar").say(QUESTION)
            assert b"TN-4410" not in one.sent.body
            await talk.told("!/project(none)")
            await talk.say("It is full again.")
            await indexed(one)
            await Talk(one, b"X-VC-Project: cellar").say("Now: " + QUESTION)
            assert b"TN-4410" in one.sent.body
            assert not one.failures()

    asyncio.run(work())
