"""No member of a request goes without a word: what a provider of another wire does not get stands among the losses by its name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated
from tests.wires.translation.test_translate import PATHS

TONGUE, WIRE = {one.name: one for one in TONGUES}, {one.name: one for one in WIRES}
PLAIN: dict[str, Any] = {"type": "object"}
SAID: dict[str, dict[str, Any]] = {
    "anthropic": {"max_tokens": 3000, "messages": [{"role": "user", "content": "Hi."}], "tools": [{"name": "t", "input_schema": PLAIN}]},
    "openai_chat": {
        "messages": [
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "t", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "r"},
        ],
        "tools": [{"type": "function", "function": {"name": "t", "parameters": PLAIN}}],
    },
    "openai_responses": {"input": "Hi.", "tools": [{"type": "function", "name": "t", "parameters": PLAIN}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hi."}]}], "tools": [{"functionDeclarations": [{"name": "t"}]}]},
}
CALL: dict[str, Any] = {"id": "c", "type": "function", "function": {"name": "t", "arguments": "{}"}}
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("openai_chat", {"tool_choice": "odd"}, "tool_choice"),
    ("openai_chat", {"tool_choice": {"type": "odd"}}, "tool_choice.type"),
    ("openai_chat", {"tool_choice": {"type": "function", "function": {"name": "t", "odd": 1}}}, "tool_choice.function.odd"),
    ("openai_chat", {"tool_choice": {"type": "function", "function": {"name": "t"}, "odd": 1}}, "tool_choice.odd"),
    ("openai_chat", {"reasoning_effort": "odd"}, "reasoning_effort"),
    ("openai_chat", {"reasoning": {"effort": "odd"}}, "reasoning.effort"),
    ("openai_chat", {"response_format": {"type": "odd"}}, "response_format.odd"),
    ("openai_chat", {"response_format": {"type": "json_schema", "json_schema": {"schema": PLAIN, "odd": 1}}}, "json_schema.odd"),
    ("openai_chat", {"tools": [{"type": "function", "function": {"name": "t"}, "odd": 1}]}, "tools.odd"),
    ("openai_chat", {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "odd": 1}]}]}, "tool_calls.odd"),
    (
        "openai_chat",
        {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "t", "arguments": "{}", "odd": 1}}]}]},
        "tool_calls.function.odd",
    ),
    ("anthropic", {"tool_choice": {"type": "any", "odd": 1}}, "tool_choice.odd"),
    ("anthropic", {"output_config": {"effort": "odd"}}, "output_config.effort"),
    ("anthropic", {"output_config": {"format": {"type": "odd"}}}, "output_config.format.type"),
    ("anthropic", {"thinking": {"type": "odd"}}, "thinking.type"),
    ("openai_responses", {"text": {"format": {"type": "odd"}}}, "text.format.odd"),
    ("openai_responses", {"tool_choice": {"type": "function", "name": "t", "odd": 1}}, "tool_choice.odd"),
    ("gemini", {"toolConfig": {"functionCallingConfig": {"mode": "ODD"}}}, "toolConfig.functionCallingConfig.mode"),
    ("gemini", {"generationConfig": {"thinkingConfig": {"thinkingLevel": "ODD"}}}, "generationConfig.thinkingConfig.thinkingLevel"),
]


def lost(client: str, provider: str, more: dict[str, Any]) -> dict[str, str]:
    one = Translated(TONGUE[client], TONGUE[provider], WIRE[provider], PATHS[client], "")
    one.ask(json.dumps({"model": "m", **SAID[client], **more}).encode())
    return {loss.what: loss.how for loss in one.losses}


@pytest.mark.parametrize("provider", TONGUE)
@pytest.mark.parametrize(("client", "more", "what"), CASES)
def test_what_is_not_understood_is_told(client: str, more: dict[str, Any], what: str, provider: str) -> None:
    if client == provider:
        return
    found = lost(client, provider, more)
    assert any(name.endswith(what) for name in found), found


@pytest.mark.parametrize("client", TONGUE)
@pytest.mark.parametrize("provider", TONGUE)
def test_nothing_is_told_of_a_request_that_loses_nothing(client: str, provider: str) -> None:
    if client != provider:
        assert lost(client, provider, {}) == {}


@pytest.mark.parametrize("provider", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize(
    ("mime", "title", "name"), [("application/pdf", "Report", "Report.pdf"), ("application/pdf", "a.b.pdf", "a.b.pdf")]
)
def test_a_file_has_a_name_by_which_openai_tells_its_type(provider: str, mime: str, title: str, name: str) -> None:
    source = {"type": "base64", "media_type": mime, "data": "JVBERi0="}
    blocks = [{"type": "document", "title": title, "source": source}, {"type": "text", "text": "?"}]
    one = Translated(TONGUE["anthropic"], TONGUE[provider], WIRE[provider], PATHS["anthropic"], "")
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": blocks}]}
    assert f'"filename":"{name}"'.encode() in one.ask(json.dumps(body).encode())


def test_a_text_of_gemini_is_no_file_of_an_unknown_type() -> None:
    one = Translated(TONGUE["gemini"], TONGUE["openai_responses"], WIRE["openai_responses"], PATHS["gemini"], "")
    parts = [{"inlineData": {"mimeType": "text/plain", "data": "aGVsbG8="}}, {"text": "?"}]
    assert b'"filename":"file.txt"' in one.ask(json.dumps({"contents": [{"role": "user", "parts": parts}]}).encode())


def test_a_film_is_refused_where_it_would_not_be_seen() -> None:
    parts = [{"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}}, {"text": "?"}]
    assert lost("gemini", "openai_responses", {"contents": [{"role": "user", "parts": parts}]})["video"] == "refused"
