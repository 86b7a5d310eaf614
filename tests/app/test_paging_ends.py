"""A model that goes on calling, whatever it is told: the answer ends like any other, with what there is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from backstory.core.legs import ENOUGH, UNANSWERED
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply
from tests.app.test_paging import ASKED, BOTH, WIRES
from tests.paging import BY_NAME, QUOTE, Model, ask, body, configured, history, texts
from tests.rig import PATHS, rig


@WIRES
@BOTH
@pytest.mark.parametrize("speaks", [False, True], ids=["silent", "speaking"])
def test_an_answer_of_nothing_but_calls_ends(tmp_path: Path, name: str, stream: bool, speaks: bool) -> None:
    wire = BY_NAME[name]
    said = [f"So far {number}." for number in range(12)]
    model = Model(wire, *(Reply((Text(text), QUOTE) if speaks else (QUOTE,), "tool_calls") for text in said))

    async def work() -> None:
        async with rig(configured(tmp_path, rounds=2), model) as one:
            head, raw, found = await ask(one, wire, [*history(), ASKED], stream)
            assert head.startswith(b"HTTP/1.1 200")
            assert found.finish == "stop"
            told = [text for text in texts(found) if text]
            # What a client has seen of a leg is not taken back, so that there is no plain request after it.
            legs = 4 if stream and speaks else 5
            assert len(model.received) == legs
            assert told == (said[:legs] if speaks else [UNANSWERED])
            assert not [part for part in found.parts if isinstance(part, ToolCall)]
            assert b"vc_" not in raw
            assert b"incomplete" not in raw.replace(b"incomplete_details", b"")
            assert not one.failures()

    asyncio.run(work())


@BOTH
def test_what_is_built_on_such_an_answer_has_a_result_for_every_call(tmp_path: Path, stream: bool) -> None:
    wire = BY_NAME["openai_responses"]
    model = Model(wire, *(Reply((Text(f"So far {number}."), QUOTE), "tool_calls") for number in range(8)))

    async def work() -> None:
        async with rig(configured(tmp_path, rounds=1), model) as one:
            _, _, found = await ask(one, wire, [*history(), ASKED], stream)
            model.replies = [Reply((Text("Good."),), "stop")]
            last = f"reply_{len(model.received)}"
            more = {"previous_response_id": found.id}
            await one.ask(PATHS[wire.name], body(wire.name, [("user", "Go on.")], False, **more))
            sent = json.loads(model.received[-1])
            assert sent["previous_response_id"] == last
            rows = [row for row in sent["input"] if row.get("type") == "function_call_output"]
            assert [row["output"] for row in rows] == [ENOUGH]

    asyncio.run(work())
