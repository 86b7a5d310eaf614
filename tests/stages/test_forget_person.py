"""Forgetting a person in the chat, and a label that says what was forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.rig import rig
from tests.stages.talks import Talk, commanded
from tests.stages.world import echoing, stored


def test_a_label_with_the_word_goes_with_what_was_forgotten(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            await talk.say("My doctor is Quillfeather, in Main Street.")
            await talk.told("VCLABEL Quillfeather-notes")
            told = await talk.told("VCFORGET @Quillfeather")
            assert "0 that Quillfeather said, 0 in answer to that, 1 that mention the name" in told
            assert "The label 'Quillfeather-notes' of this conversation is taken away" in told
            rows = await stored(one, lambda store: store.conversations(None))
            assert [record.label for record, _ in rows] == [""]

    asyncio.run(work())


def test_another_label_stays(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            await talk.say("My doctor is Quillfeather, in Main Street.")
            await talk.told("VCLABEL My notes")
            assert "label" not in await talk.told("VCFORGET Quillfeather")
            rows = await stored(one, lambda store: store.conversations(None))
            assert [record.label for record, _ in rows] == ["My notes"]

    asyncio.run(work())
