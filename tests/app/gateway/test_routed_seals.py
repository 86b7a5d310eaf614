"""Conversations that change their provider: what one sealed does not go up to another in the client's own wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backstory.core.translation import Thought
from backstory.wires.gemini.tongue_read import foreign_seal
from tests.relay.world import run
from tests.rig import PATHS
from tests.routed import KEYS, two

CODED = foreign_seal(Thought("", "SIGA", "anthropic", True))
SEALED = "backstory:openai_responses:rs_1:ENC"
BODIES: dict[str, dict[str, Any]] = {
    "anthropic": {
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "hm", "signature": SEALED}, {"type": "text", "text": "Yes."}],
            },
            {"role": "user", "content": "And?"},
        ],
    },
    "openai_responses": {
        "input": [
            {"role": "user", "content": "Hi"},
            {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "backstory:anthropic::SIGA"},
            {"role": "user", "content": "And?"},
        ]
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Yes.", "thoughtSignature": CODED}]},
            {"role": "user", "parts": [{"text": "And?"}]},
        ]
    },
}
ROUTED = "providers:\n  prov: {kind: openai_compatible, url: OTHER, wire: %s, api_key_env: PROV_KEY}\n"
KEY = {"PROV_KEY": "server-key"}


def without(wire: str) -> Any:
    """What may go up of it."""
    body = json.loads(json.dumps(BODIES[wire]))
    match wire:
        case "anthropic":
            del body["messages"][1]["content"][0]
            return body["messages"]
        case "gemini":
            del body["contents"][1]["parts"][0]["thoughtSignature"]
            return body["contents"]
        case _:
            del body["input"][1]
            return body["input"]


def heard(body: bytes) -> Any:
    found = json.loads(body)
    return found.get("messages") or found.get("contents") or found.get("input")


@pytest.mark.parametrize("wire", list(BODIES))
@pytest.mark.parametrize("memory", ["true", "false"])
def test_a_route_in_the_clients_wire_gets_no_seal_of_another(tmp_path: Path, wire: str, memory: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, ROUTED % wire + f"memory: {{enabled: {memory}}}\n", KEY) as one:
            body = BODIES[wire] if wire == "gemini" else {"model": "prov:m", **BODIES[wire]}
            path = PATHS[wire].replace("/m:", "/prov:m:")
            head, _ = await one.ask(path, json.dumps(body).encode(), KEYS[wire])
            assert head.startswith(b"HTTP/1.1 200")
            assert heard(one.got.body) == without(wire)
            assert one.failures() == {}

    run(scene())


@pytest.mark.parametrize("wire", list(BODIES))
@pytest.mark.parametrize("text", ["{}\n", ROUTED % "openai_chat"])
def test_neither_does_the_upstream_itself(tmp_path: Path, wire: str, text: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            body = BODIES[wire] if wire == "gemini" else {"model": "m", **BODIES[wire]}
            head, _ = await one.ask(PATHS[wire], json.dumps(body).encode(), KEYS[wire])
            assert head.startswith(b"HTTP/1.1 200")
            assert not one.other.received
            assert heard(one.sent.body) == without(wire)
            assert one.failures() == {}

    run(scene())


def test_models_that_sign_get_no_thought_that_nobody_signed(tmp_path: Path) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": ""}
    said = {"type": "text", "text": "Yes."}
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [thought, said]}, {"role": "user", "content": "And?"}]

    async def scene() -> None:
        async with two(tmp_path, ROUTED % "anthropic", KEY) as one:
            for model in ("claude-sonnet-4-5", "some-model"):
                body = {"model": f"prov:{model}", "max_tokens": 9, "messages": messages}
                await one.ask(PATHS["anthropic"], json.dumps(body).encode(), KEYS["anthropic"])
            strict, lax = [json.loads(got.body)["messages"][1]["content"] for got in one.other.received]
            assert strict == [said]
            assert lax == [thought, said]

    run(scene())


def test_openai_gets_no_reasoning_by_an_id_that_it_has_not_given(tmp_path: Path) -> None:
    """A failover to a provider of Chat Completions makes such reasoning."""
    thought = {"type": "reasoning", "id": "rs_c1_0", "summary": [{"type": "summary_text", "text": "hm"}]}
    items = [{"role": "user", "content": "Hi"}, thought, {"role": "user", "content": "And?"}]

    async def scene() -> None:
        async with two(tmp_path, ROUTED % "openai_responses", KEY) as one:
            for model in ("gpt-5", "some-model"):
                await one.ask(
                    PATHS["openai_responses"], json.dumps({"model": f"prov:{model}", "input": items}).encode(), KEYS["openai_responses"]
                )
            assert [heard(got.body) for got in one.other.received] == [[items[0], items[2]], items]

    run(scene())


def test_a_provider_gets_thoughts_of_others_as_it_takes_them(tmp_path: Path) -> None:
    call = {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    details = [{"type": "reasoning.text", "text": "hm", "signature": "S", "format": "anthropic-claude-v1"}]
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "Blue."}
    thinking = {"type": "thinking", "thinking": "hm", "signature": ""}
    used = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    bodies = {
        "openai_chat": [{"role": "user", "content": "Hi"}, {**said, "reasoning_content": "hm", "reasoning_details": details}, result],
        "anthropic": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [thinking, used]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Blue."}]},
        ],
    }
    text = "providers:\n  prov: {kind: groq, url: OTHER, api_key_env: PROV_KEY}\n"

    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            for wire, messages in bodies.items():
                body = {"model": "prov:qwen/qwen3-32b", "max_tokens": 9, "messages": messages}
                head, _ = await one.ask(PATHS[wire], json.dumps(body).encode(), KEYS[wire])
                assert head.startswith(b"HTTP/1.1 200")
                assert (b"thoughts dropped" in head) == (wire == "openai_chat")
            sent = [json.loads(got.body)["messages"] for got in one.other.received]
            assert sent == [[{"role": "user", "content": "Hi"}, {**said, "reasoning": "hm"}, result]] * 2
            assert one.failures() == {}

    run(scene())
