"""A provider that signs reasoning together with all that stands before it never finds a signature that is not its own."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from backstory.core.document import Document
from backstory.core.edits import DropThinking
from backstory.core.exchange import Exchange
from backstory.wires import WIRES
from tests.relay.world import Received
from tests.rig import PATHS, Rig, reply, rig, soon
from tests.rig import settings as configured
from tests.stages.world import stored

WORDS = ["harbour", "compass", "galley", "anchor", "lantern", "cargo", "rudder", "sail", "map", "rope", "copper", "barrel", "tide", "north"]
TOOLS = [{"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}]


class Strict:
    """A provider whose every answer begins with signed reasoning (but for look-ups in what was folded), and that refuses reasoning out of
    its place."""

    def __init__(self, model: str, strict: bool = True) -> None:
        self.model = model
        self.strict = strict
        self.items: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.kept: list[int] = []
        self.looked_up = 0
        self._random = random.Random(4)

    def words(self, count: int) -> str:
        return " ".join(self._random.choice(WORDS) for _ in range(count))

    def __call__(self, received: Received) -> bytes:
        body = json.loads(received.body)
        said = [(json.dumps(body.get("system")), json.dumps(body.get("tools")))]
        count = 0
        for message in body["messages"]:
            content = message["content"]
            for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
                if block["type"] == "thinking":
                    count += 1
                    if block["signature"] != _signature(said):
                        self.refused.append(block["signature"])
                said.append((message["role"], json.dumps(block)))
        self.kept.append(count)
        if self.refused and self.strict:
            return reply(b'{"type":"error","error":{"type":"invalid_request_error","message":"bound"}}', status=b"400 Bad Request")
        thinking = {"type": "thinking", "thinking": "", "signature": _signature(said)}
        number = len(self.kept)
        step: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{number}", "name": "look", "input": {"at": number}}
        looks_up = number % 5 == 0 and any(tool["name"] == "vc_find_quote" for tool in body["tools"])
        if looks_up:
            step |= {"name": "vc_find_quote", "input": {"query": "harbour"}}
            self.looked_up += 1
        rest = [step] if number % 3 or step["name"] != "look" else [{"type": "text", "text": f"Answer {number}: {self.words(30)}"}]
        message = {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": rest if looks_up else [thinking, *rest],
        }
        usage = {"input_tokens": 10, "output_tokens": 10}
        return reply(json.dumps({**message, "stop_reason": "tool_use" if rest == [step] else "end_turn", "usage": usage}).encode())

    async def go_on(self, one: Rig) -> None:
        """A step of an agent: the result of a call, or the next thing that a human says."""
        last = self.items[-1]["content"][-1] if self.items else {}
        if last.get("type") == "tool_use":
            result = {"type": "tool_result", "tool_use_id": last["id"], "content": self.words(250)}
            self.items.append({"role": "user", "content": [result]})
        else:
            self.items.append({"role": "user", "content": [{"type": "text", "text": f"What of the {self.words(25)}?"}]})
        body = {"model": self.model, "max_tokens": 100, "system": "You are the mate.", "tools": TOOLS, "messages": self.items}
        _, answer = await one.ask(PATHS["anthropic"], json.dumps(body).encode(), b"x-session-id: s")
        self.items.append({"role": "assistant", "content": json.loads(answer)["content"]})


def _signature(said: list[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@pytest.mark.parametrize("settings", [{}, {"tool_output": {"enabled": False}}], ids=["stubs", "folds"])
def test_no_reasoning_goes_up_behind_anything_but_what_it_was_made_behind(tmp_path: Path, settings: dict[str, Any]) -> None:
    async def main() -> None:
        provider = Strict("claude-opus-5-5")
        config = configured(tmp_path, compaction={"context_window": 6000}, recall={"deadline_ms": 5000}, **settings)
        async with rig(config, provider) as one:
            for number in range(90):
                await provider.go_on(one)
                assert provider.refused == [], number
                if number in (40, 65):
                    await one.restart()
            assert one.failures() == {}
        sent = json.loads(one.sent.body)["messages"]
        assert len(sent) < len(provider.items) - 20 or settings == {}
        assert max(provider.kept) > 5, "what may stay stays"
        assert 0 < provider.kept[-1] < 89
        assert provider.looked_up > 3, "answers of several legs"

    asyncio.run(main())


def test_a_model_that_does_not_check_gets_all_its_reasoning(tmp_path: Path) -> None:
    """Some of them want it in front of the newest calls."""

    async def main() -> None:
        provider = Strict("claude-sonnet-4-5", strict=False)
        async with rig(configured(tmp_path, compaction={"context_window": 6000}, recall={"deadline_ms": 5000}), provider) as one:
            for _ in range(40):
                await provider.go_on(one)
            carried = [block for m in json.loads(one.sent.body)["messages"] for block in m["content"] if m["role"] == "assistant"]
            kinds = [block["type"] for block in carried]
            assert kinds.count("thinking") > 3
            assert all(before == "thinking" for before, kind in itertools.pairwise(kinds) if kind != "thinking")

    asyncio.run(main())


def test_a_message_goes_up_without_its_reasoning_and_not_at_all_where_it_is_nothing_else() -> None:
    wire = next(wire for wire in WIRES if wire.name == "anthropic")
    thought = {"type": "thinking", "thinking": "t", "signature": "s"}
    hidden = {"type": "redacted_thinking", "data": "d"}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "a"}, hidden]},
        {"role": "user", "content": "on"},
        {"role": "assistant", "content": [thought, hidden]},
        {"role": "assistant", "content": "plain"},
    ]
    document = Document(json.dumps({"model": "m", "messages": messages}).encode())
    prompt = wire.read(document)
    sent = json.loads(wire.render(document, prompt, [DropThinking(1), DropThinking(3), DropThinking(4)]))["messages"]
    assert [message["content"] for message in sent] == ["hi", [{"type": "text", "text": "a"}], "on", "plain"]


@pytest.mark.parametrize("again", [False, True], ids=["one process", "restarts"])
def test_a_request_that_memory_is_late_for_goes_up_without_what_it_would_be_refused_for(tmp_path: Path, again: bool) -> None:
    async def main() -> None:
        provider = Strict("claude-opus-5-5")
        config = configured(tmp_path, compaction={"context_window": 6000}, recall={"deadline_ms": 5000})
        async with rig(config, provider) as one:
            for number in range(60):
                await provider.go_on(one)
                assert provider.refused == [], number
            assert "<digest>" in one.sent.body.decode()
            for late in (True, False, False, True, True, False):
                one.house._deadline_s = 0.0 if late else 5.0
                if late:
                    hold(one)
                await provider.go_on(one)
                assert ("<digest>" in one.sent.body.decode()) is not late
                assert provider.refused == []
                if again:
                    await one.restart()
            assert max(provider.kept[-6:]) < 10, "what was made behind something else is gone"
            await soon(lambda: len(one.engine.visits) == 0)
            days = await stored(one, lambda store: store.spent("day"))
            assert days
            assert all(day.name > "2000" for day in days), "each is counted when it was asked"

    asyncio.run(main())


def hold(one: Rig) -> None:
    """The next request finds memory busy for a moment."""
    recall = next(stage for stage in one.engine.pipeline.stages if stage.name == "recall")

    async def slowly(exchange: Exchange) -> Exchange:
        # One that was held before may come here only now.
        vars(recall).pop("request", None)
        await asyncio.sleep(0.05)
        return await type(recall).request(recall, exchange)

    recall.request = slowly  # type: ignore[method-assign]


def test_reasoning_of_before_a_forget_goes_no_further(tmp_path: Path) -> None:
    async def main() -> None:
        provider = Strict("claude-opus-5-5")
        config = configured(tmp_path, compaction={"context_window": 6000}, recall={"deadline_ms": 5000})
        async with rig(config, provider) as one:
            for _ in range(50):
                await provider.go_on(one)
            assert "<digest>" in one.sent.body.decode()
            name = next(iter(one.engine.threads._threads)) if one.engine.threads is not None else ""
            thread = one.engine.threads.held(name) if one.engine.threads is not None else None
            assert thread is not None
            digest = thread.digests[-1].text
            turn = next(turn for turn in thread.path if turn.kind == "spoken" and turn.text[:40] in digest)
            one.engine.arrivals.drain()
            lanes = one.engine._lanes
            assert lanes is not None
            await lanes.flush()
            await lanes.write(lambda store: store.forget(None, "", (turn.id,), time.time()))
            await one.restart()
            for number in range(20):
                await provider.go_on(one)
                assert provider.refused == [], number

    asyncio.run(main())


def test_an_item_of_reasoning_goes_and_no_other() -> None:
    wire = next(wire for wire in WIRES if wire.name == "openai_responses")
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
    ]
    document = Document(json.dumps({"model": "m", "input": items}).encode())
    prompt = wire.read(document)
    sent = json.loads(wire.render(document, prompt, [DropThinking(1), DropThinking(2)]))["input"]
    assert sent == [items[0], items[2]]
