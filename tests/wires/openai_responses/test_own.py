"""Tools that the provider defines and the client executes: shell, local shell, patches, computer use."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from backstory.core.document import Document
from backstory.core.edits import SetText
from backstory.core.message import Media, ToolCall, ToolResult
from backstory.core.stream import Frame, gather
from backstory.memory.shrinking.media import may_go
from backstory.wires import WIRES
from tests.relay.world import Received
from tests.rig import PATHS, reply, rig
from tests.rig import settings as configured

_WIRE = next(wire for wire in WIRES if wire.name == "openai_responses")
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"

PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "local_shell": ({"action": {"type": "exec", "command": ["ls"]}}, {"output": "a.txt"}, "a.txt"),
    "shell": (
        {"action": {"commands": ["ls", "pwd"]}},
        {"output": [{"stdout": "a.txt", "stderr": ""}, {"stdout": "/home", "stderr": "oh"}]},
        "a.txt\n/home\noh",
    ),
    "apply_patch": ({"operation": {"type": "delete_file", "path": "a"}}, {"status": "completed", "output": "gone"}, "gone"),
    "computer": ({"action": {"type": "screenshot"}}, {"output": {"type": "computer_screenshot", "image_url": PIXEL}}, ""),
}


def pair(kind: str, number: int = 1) -> list[dict[str, Any]]:
    """A call and its result, as a client sends them."""
    asked, gave, _ = PAIRS[kind]
    name = {"call_id": f"c{number}"}
    return [{"type": f"{kind}_call", **name, **asked}, {"type": f"{kind}_call_output", **name, **gave}]


@pytest.mark.parametrize("kind", PAIRS)
def test_a_call_and_its_result_are_read(kind: str) -> None:
    call, result = (_WIRE.message(json.dumps(item).encode(), ("input", at)) for at, item in enumerate(pair(kind)))
    assert call.role == "assistant"
    (asked,) = call.parts
    assert isinstance(asked, ToolCall)
    assert (asked.id, asked.name) == ("c1", kind)
    assert json.loads(asked.arguments) == next(iter(PAIRS[kind][0].values()))
    (gave,) = result.parts
    assert isinstance(gave, ToolResult)
    assert (result.role, gave.id, gave.text) == ("tool", "c1", PAIRS[kind][2])


def test_nothing_but_an_image_may_stand_where_a_screenshot_stood() -> None:
    message = _WIRE.message(json.dumps(pair("computer")[1]).encode(), ("input", 1))
    (result,) = message.parts
    assert isinstance(result, ToolResult)
    (shown,) = result.media
    assert isinstance(shown, Media)
    assert shown.at == ("input", 1, "output")
    assert not may_go(shown)


def test_a_shells_output_makes_room_in_its_own_shape() -> None:
    document = Document(json.dumps({"model": "m", "input": pair("shell")}).encode())
    sent = json.loads(_WIRE.render(document, _WIRE.read(document), [SetText(("input", 1, "output"), "left out")]))
    assert sent["input"][1] == {"type": "shell_call_output", "call_id": "c1", "output": [{"stdout": "left out", "stderr": ""}]}
    document = Document(json.dumps({"model": "m", "input": pair("local_shell")}).encode())
    sent = json.loads(_WIRE.render(document, _WIRE.read(document), [SetText(("input", 1, "output"), "left out")]))
    assert sent["input"][1]["output"] == "left out"


@pytest.mark.parametrize("kind", PAIRS)
def test_a_stream_tells_of_a_call_what_the_whole_answer_tells(kind: str) -> None:
    call = {"id": "i1", **pair(kind)[0]}
    body = json.dumps({"id": "r", "model": "m", "status": "completed", "output": [call]}).encode()
    whole = _WIRE.reply(body)
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**call, "status": "in_progress"}},
        {"type": "response.output_item.done", "output_index": 0, "item": call},
        {"type": "response.completed", "response": json.loads(body)},
    ]
    frames = [Frame(b"", str(event["type"]), json.dumps(event).encode()) for event in events]
    told = gather(delta for frame in frames for delta in _WIRE.deltas(frame))
    assert told.parts == whole.parts
    assert whole.finish == told.finish == "tool_calls"


@pytest.mark.parametrize("kind", ["local_shell", "shell", "apply_patch"])
def test_an_agent_that_uses_them_is_remembered_and_folded(tmp_path: Path, kind: str) -> None:
    async def main() -> None:
        number = 0

        def answer(_: Received) -> bytes:
            text = [{"type": "output_text", "text": f"Answer {number}: " + "so it is " * 20, "annotations": []}]
            item = {"type": "message", "id": f"m{number}", "role": "assistant", "content": text}
            return reply(json.dumps({"id": f"r{number}", "model": "m", "status": "completed", "output": [item]}).encode())

        items: list[dict[str, Any]] = []
        config = configured(tmp_path, compaction={"context_window": 4000}, recall={"deadline_ms": 5000})
        async with rig(config, answer) as one:
            for number in range(30):
                asked, given = pair(kind, number)
                if isinstance(given["output"], str):
                    given["output"] = f"file {number}.txt " * 60
                else:
                    given["output"] = [{"stdout": f"file {number}.txt " * 60, "stderr": ""}]
                items += [{"role": "user", "content": f"What is in folder {number}?"}, asked, given]
                _, raw = await one.ask(PATHS["openai_responses"], json.dumps({"model": "m", "input": items}).encode(), b"x-session-id: s")
                items.append(json.loads(raw)["output"][0])
            sent = json.loads(one.sent.body)["input"]
            assert one.failures() == {}
        assert len(json.dumps(sent)) < 4 * 4000 < len(json.dumps(items))
        calls = [item["call_id"] for item in sent if item.get("type", "").endswith("_call")]
        assert calls == [item["call_id"] for item in sent if item.get("type", "").endswith("_output")], "no call without its result"

    asyncio.run(main())
