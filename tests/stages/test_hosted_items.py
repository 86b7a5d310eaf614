"""What a provider's own tools did, in a history that is folded: it goes with its turn, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.rig import PATHS, Rig, reply, rig, said, soon
from tests.stages.world import configured

Item = dict[str, Any]
WORDS = "alpha build cache delta event frame graph " * 8
KINDS = ("web_search_call", "code_interpreter_call", "file_search_call", "image_generation_call", "mcp_call", "future_call")


def turn(number: int, kind: str) -> list[Item]:
    asked: list[Item] = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"task {number} {WORDS}"}]}]
    asked.append({"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": "E"})
    if kind == "mcp_call":
        asked += [{"type": "mcp_list_tools", "id": f"ls_{number}", "server_label": "s", "tools": []}] if number % 5 == 0 else []
        asked.append({"type": "mcp_approval_request", "id": f"ask_{number}", "name": "n", "arguments": "{}", "server_label": "s"})
        asked.append({"type": "mcp_approval_response", "approval_request_id": f"ask_{number}", "approve": True})
    asked.append({"type": kind, "id": f"it_{number}", "status": "completed"})
    done = {"type": "output_text", "text": f"done {number}", "annotations": []}
    return [*asked, {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": [done]}]


@pytest.mark.parametrize("kind", KINDS)
def test_whole_turns_go_up_or_none_of_them(tmp_path: Path, kind: str) -> None:
    async def ask(one: Rig, items: list[Item]) -> list[Item]:
        body = json.dumps({"model": "m", "store": False, "input": items}).encode()
        await one.ask(PATHS["openai_responses"], body, b"session-id: S")
        await soon(lambda: len(one.engine.visits) == 0)
        sent: list[Item] = json.loads(one.sent.body)["input"]
        return sent

    async def work() -> None:
        async with rig(configured(tmp_path, window=2000), lambda _: reply(said("openai_responses", "Fine.", 1))) as one:
            items: list[Item] = []
            for number in range(30):
                items += turn(number, kind)
                sent = await ask(one, [*items, {"role": "user", "content": f"next {number}"}])
            assert len(sent) < len(items) * 2 / 3
            stay = {int(item["id"][4:]) for item in sent if item.get("id", "").startswith("msg_")}
            lists = [item for item in sent if item.get("type") == "mcp_list_tools"]
            whole = [item for number in sorted(stay) for item in turn(number, kind) if item.get("type") != "mcp_list_tools"]
            left = [item for item in sent[:-1] if item.get("type") != "mcp_list_tools"]
            assert [item.get("id", item["type"]) for item in left] == [item.get("id", item["type"]) for item in whole]
            assert len(lists) <= 1 + len(stay) // 5 + 1
            assert not one.failures()

    asyncio.run(work())
