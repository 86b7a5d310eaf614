"""Augmented requests whose answers have several legs, and whose histories memory has folded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.config.augmentation import FirstPrompt, OverrideRow, Parameters
from backstory.core.message import Text
from backstory.core.reply import Reply
from tests.paging import BY_NAME, NAMES, QUOTE, Model, ask, configured, history, texts, understood
from tests.rig import rig

ASKED = ("user", "What was the code of that locker again?")
TEXT = "Answer in verse, whatever comes."


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", NAMES)
def test_every_leg_has_the_text_and_the_parameters(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((Text("Let me look."), QUOTE), "tool_calls"), Reply((Text("It is tangerine-4711."),), "stop"))
    config = replace(
        configured(tmp_path),
        first_prompt=FirstPrompt(append=TEXT),
        overrides=(OverrideRow("^m$", Parameters(temperature=0.25)),),
    )

    async def work() -> None:
        async with rig(config, model) as one:
            _, _, found = await ask(one, wire, [*history(), ASKED], stream)
            assert texts(found) == ["Let me look.", "It is tangerine-4711."]
            assert len(model.received) == 2
            for body in model.received:
                told = json.loads(body)
                assert told.get("generationConfig", told)["temperature"] == 0.25
                assert body.count(TEXT.encode()) == 1
            first, second = model.received
            at = first.index(TEXT.encode())
            assert second[:at].rpartition(b'"text"')[0] == first[:at].rpartition(b'"text"')[0]
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("name", NAMES)
def test_where_the_beginning_is_folded_the_text_stands_in_what_is_left(tmp_path: Path, name: str) -> None:
    wire = BY_NAME[name]
    model = Model(wire)
    config = replace(configured(tmp_path, enabled="off"), first_prompt=FirstPrompt(append=TEXT))

    async def work() -> None:
        async with rig(config, model) as one:
            turns = [*history(), ASKED]
            await ask(one, wire, turns, False)
            turns += [("assistant", "Nothing more."), ("user", "Thank you.")]
            await ask(one, wire, turns, False)
            first, second = model.received
            assert first.count(TEXT.encode()) == second.count(TEXT.encode()) == 1
            assert first.index(b"<digest>") < first.index(TEXT.encode())
            assert len(understood(wire, first)[1]) < len(history())
            upto = first.index(TEXT.encode()) + len(TEXT)
            assert second[:upto] == first[:upto]
            assert not one.failures()

    asyncio.run(work())
