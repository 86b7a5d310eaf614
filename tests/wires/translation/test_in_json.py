"""Requests that are legal in their own wire and would be refused elsewhere: answers in JSON, instructions alone, names, penalties."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.core.translation import Asked, Format, Function, Result, Said, Sampling, Use, Words
from backstory.wires import WIRES
from backstory.wires.translation.in_json import IN_JSON
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated

TONGUE = {one.name: one for one in TONGUES}
WIRE = {one.name: one for one in WIRES}
HI = (Said("user", (Words("List three colors."),)),)
SCHEMA = b'{"type":"object","properties":{"a":{"type":"string"}}}'
TOOL = Function("look", "", SCHEMA)


def sent(name: str, asked: Asked) -> tuple[dict[str, Any], set[tuple[str, str]]]:
    body, losses = TONGUE[name].ask(asked)
    return json.loads(body), {(loss.what, loss.how) for loss in losses}


def test_the_word_json_is_said_where_openai_wants_it() -> None:
    asked = Asked("gpt-4.1", False, (), HI, format=Format(), wire="gemini")
    body, lost = sent("openai_chat", asked)
    assert body["messages"][0] == {"role": "system", "content": IN_JSON}
    assert lost == {("response_format", "changed")}
    body, lost = sent("openai_chat", Asked("gpt-4.1", False, (Words("Be brief."),), HI, format=Format(), wire="gemini"))
    assert body["messages"][0] == {"role": "system", "content": f"Be brief.\n\n{IN_JSON}"}
    body, lost = sent("openai_responses", Asked("gpt-4.1", False, (Words("In JSON."),), HI, format=Format(), wire="openai_chat"))
    assert body["input"][0]["content"] == [{"type": "input_text", "text": IN_JSON}]
    assert ("response_format", "changed") in lost


@pytest.mark.parametrize("name", ["openai_chat", "openai_responses"])
def test_where_it_is_said_nothing_is_added(name: str) -> None:
    said = (Said("user", (Words("List three colors as json."),)),)
    body, lost = sent(name, Asked("gpt-4.1", False, (), said, format=Format(), wire="gemini"))
    assert len(body.get("messages") or body["input"]) == 1
    assert not lost


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-pro"])
def test_gemini_2_is_told_of_a_format_in_words_where_it_has_functions(model: str) -> None:
    body, lost = sent("gemini", Asked(model, False, (Words("Be brief."),), HI, tools=(TOOL,), format=Format(SCHEMA)))
    before = model.startswith("gemini-2")
    assert ("responseMimeType" in body.get("generationConfig", {})) != before
    assert (SCHEMA.decode() in body["systemInstruction"]["parts"][-1]["text"]) == before
    assert (("response_format", "changed") in lost) == before


@pytest.mark.parametrize(
    ("model", "held"),
    [
        ("claude-3-haiku-20240307", False),
        ("claude-3-5-sonnet-latest", False),
        ("claude-3-7-sonnet-20250219", False),
        ("anthropic/claude-3.7-sonnet", False),
        ("claude-sonnet-4-20250514", False),
        ("claude-opus-4-0", False),
        ("claude-opus-4@20250514", False),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", False),
        ("anthropic/claude-sonnet-4", False),
        ("claude-opus-4-1-20250805", True),
        ("claude-sonnet-4-5-20250929", True),
        ("claude-haiku-4-5", True),
        ("anthropic/claude-sonnet-4.5", True),
        ("claude-opus-4-6", True),
        ("claude-sonnet-5", True),
        ("some-other", True),
    ],
)
def test_older_models_of_anthropic_are_told_of_a_schema_in_words(model: str, held: bool) -> None:
    body, lost = sent("anthropic", Asked(model, False, (Words("Be brief."),), HI, format=Format(SCHEMA), wire="openai_chat"))
    assert ("format" in body.get("output_config", {})) == held
    assert (SCHEMA.decode() in json.dumps(body["system"]).replace('\\"', '"')) == (not held)
    assert (("response_format", "changed") in lost) == (not held)


def test_instructions_alone_are_a_message() -> None:
    asked = Asked("m", False, (Words("Tell a joke."),), (), wire="openai_chat")
    body, lost = sent("openai_responses", asked)
    assert "instructions" not in body
    assert body["input"] == [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Tell a joke."}]}]
    assert lost == {("messages", "changed")}
    body, lost = sent("gemini", asked)
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Tell a joke."}]}]}
    assert lost == {("messages", "changed")}


def test_models_that_reason_get_no_penalties() -> None:
    sampling = Sampling(presence=0.5, frequency=0.5, logprobs=True, top_logprobs=2)
    body, lost = sent("openai_chat", Asked("gpt-5", False, (), HI, sampling=sampling))
    assert body.keys() == {"model", "messages"}
    assert {what for what, _ in lost} == {"presence_penalty", "frequency_penalty", "logprobs"}
    body, lost = sent("openai_chat", Asked("gpt-4.1", False, (), HI, sampling=sampling))
    assert body["presence_penalty"] == 0.5
    assert not lost


def test_a_name_that_begins_with_a_digit_begins_otherwise_at_gemini_and_comes_back() -> None:
    tool = {"type": "function", "function": {"name": "21st_magic", "parameters": {"type": "object", "properties": {}}}}
    exchange = Translated(TONGUE["openai_chat"], TONGUE["gemini"], WIRE["gemini"], "/v1/chat/completions", "")
    body = json.loads(exchange.ask(json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}).encode()))
    name = body["tools"][0]["functionDeclarations"][0]["name"]
    assert name[0] == "_"
    assert "tool names" in {loss.what for loss in exchange.losses}
    part = {"functionCall": {"name": name, "args": {}}}
    answer = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}]}
    exchange.begin(200, ((b"content-type", b"application/json"),))
    _, out = exchange.whole(json.dumps(answer).encode())
    assert json.loads(out)["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "21st_magic"


def test_results_stand_right_behind_their_calls_at_gemini() -> None:
    said = (
        *HI,
        Said("assistant", (Use("c1", "look", "{}"),)),
        Said("user", (Words("Wait."),)),
        Said("user", (Result("c1", "look", (Words("Blue."),)), Words("Well?"))),
    )
    body, lost = sent("gemini", Asked("gemini-2.5-pro", False, (), said))
    parts = [next(iter(part)) if "text" not in part else part["text"] for one in body["contents"][1:] for part in one["parts"]]
    assert parts == ["functionCall", "functionResponse", "Wait.", "Well?"]
    assert lost == {("messages", "changed")}
