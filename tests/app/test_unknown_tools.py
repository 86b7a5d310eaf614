"""A tool that a model makes up under a name like ours is answered by us; one that the client has declared is the client's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backstory.core.legs import Names
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Reply
from tests.paging import BY_NAME, NAMES, Model, ask, configured, dangling, history, results, texts, tools
from tests.rig import rig

WIRES = pytest.mark.parametrize("name", NAMES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
MADE_UP = ToolCall("call_9", "vc_nonsense", '{"a":1}')
ASKED = ("user", "What was the code of that locker again?")


@WIRES
@BOTH
def test_a_made_up_tool_of_ours_is_told_what_there_is(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((Text("Let me look."), MADE_UP), "tool_calls"), Reply((Text("It is 4711."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, raw, found = await ask(one, wire, [*history(), ASKED], stream)
            assert head.startswith(b"HTTP/1.1 200")
            assert texts(found) == ["Let me look.", "It is 4711."]
            assert b"vc_" not in raw
            assert not [part for part in found.parts if isinstance(part, ToolCall)]
            (told,) = results(wire, model.received[1])
            assert told.startswith("There is no tool vc_nonsense.")
            assert "vc_find_quote" in told
            assert not dangling(wire, model.received[1])
            assert not one.failures()

    asyncio.run(work())


@WIRES
@BOTH
def test_a_tool_of_the_clients_under_such_a_name_is_the_clients(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, Reply((Text("Let me look."), MADE_UP), "tool_calls"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            _, _, found = await ask(one, wire, [*history(), ASKED], stream, tools=tools(name, "vc_nonsense"))
            assert b"vc_find_quote" in model.received[0]
            assert [part.name for part in found.parts if isinstance(part, ToolCall)] == ["vc_nonsense"]
            assert len(model.received) == 1

    asyncio.run(work())


def test_where_no_tool_is_offered_no_name_is_ours() -> None:
    assert "vc_other" in Names({"vc_find_quote"}, {"look"})
    assert "vc_other" not in Names({"vc_find_quote"}, {"vc_other"})
    assert "vc_other" not in Names((), ())
    assert "look" not in Names({"vc_find_quote"}, ())
