"""Requests above the window of their model are refused, or go where there is room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.gateway.test_augmenting import KEY, LIMIT, PROV, WIRES, model_in
from tests.relay.world import run
from tests.rig import PATHS, asking
from tests.routed import KEYS, two


@pytest.mark.parametrize("memory", ["true", "false"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_request_above_its_window_is_refused_in_its_wire(tmp_path: Path, wire: str, memory: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, f"{LIMIT}memory: {{enabled: {memory}}}\n") as one:
            more = {"max_tokens": 100} if wire == "anthropic" else {}
            head, raw = await one.ask(PATHS[wire], asking(wire, [("user", "word " * 600)], **more), KEYS[wire])
            error = json.loads(raw)["error"]
            assert head.split(b" ")[1] == b"400"
            assert not one.own.received
            count = next(int(one) for one in error["message"].replace("(", " ").replace(")", " ").split() if one.isdigit() and one != "500")
            assert 590 <= count <= 700
            assert "500" in error["message"]
            told = {"openai_chat": "code", "openai_responses": "code", "anthropic": "message", "gemini": "details"}[wire]
            assert "context_length_exceeded" in str(error[told]).lower()
            assert wire != "anthropic" or "prompt is too long" in error["message"]
            await one.ask(PATHS[wire], asking(wire, [("user", "word " * 300)], **more), KEYS[wire])
            assert len(one.own.received) == 1
            assert one.failures() == {}

    run(scene())


def test_a_large_request_is_counted_beside_the_others(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, "context: {enforce: true, default_window: 50000}\n") as one:
            status, body = await one.ask_for(
                "openai_chat", "m", user="word " * 10, messages=[{"role": "user", "content": "word " * 60_000}]
            )
            assert (status, body["error"]["code"]) == (400, "context_length_exceeded")
            assert len(one.engine.visits) == 0
            assert not one.own.received

    run(scene())


def test_a_way_without_room_gives_way_to_one_with_it(tmp_path: Path) -> None:
    async def scene() -> None:
        text = PROV % "openai_chat" + LIMIT
        async with two(tmp_path, text, KEY) as one:
            long = [{"role": "user", "content": "word " * 600}]
            status, _ = await one.ask_for("openai_chat", "prov:m1|prov:large", messages=long)
            assert (status, model_in(one.got)) == (200, "large")
            status, body = await one.ask_for("openai_chat", "prov:m1|prov:m2", messages=long)
            assert (status, body["error"]["code"]) == (400, "context_length_exceeded")
            assert len(one.engine.visits) == 0

    run(scene())
