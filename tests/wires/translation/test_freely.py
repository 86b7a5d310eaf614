"""Tools of free text: there and back, in wires that have such tools and in those that have none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from backstory.config.catalogue import catalogue, known_of
from backstory.core.translation import Function, Known
from backstory.wires import WIRES
from backstory.wires.translation.freely import described, flat_format, nested_format, unwrapped, wrapped
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated

WIRE = {wire.name: wire for wire in WIRES}
TONGUE = {tongue.name: tongue for tongue in TONGUES}
GRAMMAR = "start: SOURCE\nSOURCE: /[\\s\\S]+/\n"
FLAT = {"type": "grammar", "syntax": "lark", "definition": GRAMMAR}
NESTED = {"type": "grammar", "grammar": {"syntax": "lark", "definition": GRAMMAR}}
PATHS = {"openai_chat": "/v1/chat/completions", "openai_responses": "/v1/responses"}


@given(st.text())
def test_free_text_comes_out_of_the_arguments_that_hold_it(text: str) -> None:
    assert unwrapped(wrapped(text)) == text


@pytest.mark.parametrize("given_", ['{"code":"ls -l"}', '{"input":"ls","cwd":"/tmp"}', '{"input":7}', "ls -l", '["ls"]', ""])
def test_arguments_of_another_form_are_the_text_themselves(given_: str) -> None:
    assert unwrapped(given_) == given_


@pytest.mark.parametrize("nothing", ["{}", '{"input":null}', '{"input":""}'])
def test_a_call_without_a_word_has_none(nothing: str) -> None:
    assert unwrapped(nothing) == ""


def asked(client: str, provider: str, model: str, kind: str = "openai_compatible") -> dict[str, Any]:
    """What a provider of this kind gets of a client that offers a tool of free text with a grammar."""
    if client == "openai_chat":
        tool: dict[str, Any] = {"type": "custom", "custom": {"name": "exec", "description": "Runs it.", "format": NESTED}}
        body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Go."}], "tools": [tool]}
    else:
        tool = {"type": "custom", "name": "exec", "description": "Runs it.", "format": FLAT}
        body = {"model": model, "input": "Go.", "tools": [tool]}
    one = Translated(TONGUE[client], TONGUE[provider], WIRE[provider], PATHS[client], "", known=known_of(catalogue()[kind]))
    found: dict[str, Any] = json.loads(one.ask(json.dumps(body).encode()))
    return found


@pytest.mark.parametrize("client", PATHS)
def test_a_grammar_is_told_where_nothing_enforces_it(client: str) -> None:
    told = "Runs it.\n\nIts input is text of this Lark grammar:\n" + GRAMMAR.strip()
    assert asked(client, "anthropic", "claude-sonnet-4-5")["tools"][0]["description"] == told
    assert asked(client, "gemini", "gemini-3-pro")["tools"][0]["functionDeclarations"][0]["description"] == told
    if client != "openai_chat":
        assert asked(client, "openai_chat", "llama-3.3-70b")["tools"][0]["function"]["description"] == told


@pytest.mark.parametrize("kind", ["openai", "azure", "azure_deployments"])
def test_a_grammar_stands_where_each_wire_of_openai_has_it(kind: str) -> None:
    there = asked("openai_responses", "openai_chat", "gpt-5", kind)["tools"]
    assert there == [{"type": "custom", "custom": {"name": "exec", "description": "Runs it.", "format": NESTED}}]
    back = asked("openai_chat", "openai_responses", "gpt-5")["tools"]
    assert back == [{"type": "custom", "name": "exec", "description": "Runs it.", "format": FLAT}]


def test_a_provider_that_shares_a_models_name_gets_a_function() -> None:
    there = asked("openai_responses", "openai_chat", "openai/gpt-5")["tools"][0]
    assert there["type"] == "function"
    assert there["function"]["parameters"]["required"] == ["input"]


def test_a_provider_that_shares_a_models_name_is_told_no_list_of_allowed_tools() -> None:
    tools = [{"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}} for name in "fg"]
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}
    body = {"model": "gpt-5", "input": "Go.", "tools": tools, "tool_choice": choice}
    chat = TONGUE["openai_chat"]
    one = Translated(TONGUE["openai_responses"], chat, WIRE["openai_chat"], PATHS["openai_responses"], "")
    found = json.loads(one.ask(json.dumps(body).encode()))
    assert ([tool["function"]["name"] for tool in found["tools"]], found["tool_choice"]) == (["f"], "auto")
    habits = catalogue()["openai"].habits
    one = Translated(TONGUE["openai_responses"], chat, WIRE["openai_chat"], PATHS["openai_responses"], "", known=Known(habits=habits))
    found = json.loads(one.ask(json.dumps(body).encode()))
    assert ([tool["function"]["name"] for tool in found["tools"]], found["tool_choice"]["type"]) == (["f", "g"], "allowed_tools")


@pytest.mark.parametrize("form", [b'{"type":"text"}', b'{"type":"grammar","grammar":7}', b"7"])
def test_another_format_is_written_as_it_is(form: bytes) -> None:
    assert flat_format(Raw(form)) == form
    assert bytes(nested_format(form)) == form


@pytest.mark.parametrize("form", [b"", b'{"type":"text"}', b'{"definition":7}', b"7"])
def test_a_tool_without_a_grammar_says_nothing_of_one(form: bytes) -> None:
    assert described(Function("exec", "Runs it.", form, custom=True)) == "Runs it."


def test_a_regular_expression_is_called_one() -> None:
    form = b'{"type":"grammar","syntax":"regex","definition":"[a-z]+"}'
    assert described(Function("exec", "", form, custom=True)) == "Its input is text of this regular expression:\n[a-z]+"
