"""Answers of several legs, through a whole proxy, in all wires, streamed and not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply
from tests.paging import BY_NAME, FACT, NAMES, QUOTE, Model, ask, configured, dangling, history, results, texts
from tests.rig import rig

WIRES = pytest.mark.parametrize("name", NAMES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
ASKED = ("user", "What was the code of that locker again?")


@WIRES
@BOTH
def test_a_call_of_ours_is_answered_in_the_same_answer(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((Text("Let me look."), QUOTE), "tool_calls"), Reply((Text("It is tangerine-4711."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, raw, found = await ask(one, wire, [*history(), ASKED], stream)
            assert head.startswith(b"HTTP/1.1 200")
            assert texts(found) == ["Let me look.", "It is tangerine-4711."]
            assert found.finish == "stop"
            assert b"vc_" not in raw
            assert not [part for part in found.parts if isinstance(part, ToolCall)]
            assert found.usage is not None
            assert (found.usage.input_tokens, found.usage.output_tokens) == (300, 30)
            first, second = model.received
            assert b"vc_find_quote" in first
            assert FACT in results(wire, second)[0]
            assert "#1 " in results(wire, second)[0]
            assert not dangling(wire, second)
            assert not one.failures()
            assert one.door.metrics.tap_errors == 0
            assert one.door.metrics.legs == 1

    asyncio.run(work())
