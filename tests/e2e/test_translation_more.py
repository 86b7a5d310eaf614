"""The official SDKs of Gemini and OpenAI Responses through a proxy whose provider speaks the other of the two: text, two calls at once,
their results, and a second turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from google import genai
from google.genai import errors, types

from backstory.app.provider import Received, says
from backstory.core.message import Text, Thinking, ToolCall, ToolResult
from backstory.core.reply import Reply, Usage

from .clients import Client, Gemini, Responses
from .conftest import Provider, Proxy

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
WIRES = {Gemini: "openai_responses", Responses: "gemini"}
PAIRS = pytest.mark.parametrize("kind", [Gemini, Responses], ids=["gemini-to-responses", "responses-to-gemini"])
CALLS = (ToolCall("call_1", "look", '{"place":"hére"}'), ToolCall("call_2", "look", '{"place":"there"}'))


def calling(received: Received) -> Reply:
    """Looks in two places at once when asked to, tells what was found, and else says how many messages reached it."""
    results = [part for message in received.messages[-2:] for part in message.parts if isinstance(part, ToolResult)]
    if results:
        return says("I found: " + " and ".join(result.text for result in results))
    if "look around" in received.messages[-1].text:
        return Reply((Thinking("Two places."), Text("Let me look — "), *CALLS), "tool_calls", Usage(100, 20, 40))
    return says(f"Hello, I know {received.system!r} and {received.text.count('I found')} findings.")


@pytest.fixture(scope="module")
def caller() -> Iterator[Provider]:
    one = Provider(calling)
    yield one
    one.stop()


@PAIRS
@BOTH
def test_tools_and_turns_reach_a_provider_of_the_other_wire(tmp_path: Path, caller: Provider, kind: type[Client], stream: bool) -> None:
    caller.received.clear()
    proxy = Proxy(tmp_path, caller.url, UPSTREAM__WIRE=WIRES[kind]).start()
    client = kind(proxy.url, stream)
    try:
        assert client.ask("Please look around.") == "I found: all is well hére and all is well there"
        assert "helpful assistant" in client.ask("Thank you.")
        assert "1 findings" in client.ask("And how many findings?")
    finally:
        client.close()
        proxy.stop()
    assert {received.wire.name for received in caller.received} == {WIRES[kind]}
    assert len(caller.received) == 4
    asked, told = caller.received[0], caller.received[1]
    assert asked.prompt.tools == 1
    assert asked.prompt.stream is stream
    results = [part for message in told.messages for part in message.parts if isinstance(part, ToolResult)]
    calls = [part for message in told.messages for part in message.parts if isinstance(part, ToolCall)]
    assert [json.loads(call.arguments) for call in calls] == [json.loads(call.arguments) for call in CALLS]
    assert [result.text for result in results] == ["all is well hére", "all is well there"]
    assert [result.id for result in results] == [call.id for call in calls]
    key = asked.head.header(b"authorization") or asked.head.header(b"x-goog-api-key")
    assert key == {"openai_responses": "Bearer test", "gemini": "sk-test"}[WIRES[kind]]
    # What went up once goes up again as it was: the provider's cache lives.
    first, second = (json.loads(received.body) for received in caller.received[1:3])
    name = "input" if WIRES[kind] == "openai_responses" else "contents"
    assert second[name][: len(first[name])] == first[name]


@BOTH
def test_usage_reasons_and_ids_are_those_of_the_client_s_wire(tmp_path: Path, caller: Provider, stream: bool) -> None:
    proxy = Proxy(tmp_path, caller.url, UPSTREAM__WIRE="openai_responses").start()
    sdk = genai.Client(api_key="test", http_options=types.HttpOptions(base_url=proxy.url))
    given: dict[str, Any] = {"model": "gpt-5", "contents": "Please look around."}
    try:
        if stream:
            *_, found = sdk.models.generate_content_stream(**given)
        else:
            found = sdk.models.generate_content(**given)
    finally:
        sdk.close()
        proxy.stop()
    assert found.usage_metadata is not None
    assert found.usage_metadata.prompt_token_count == 100
    assert found.usage_metadata.cached_content_token_count == 40
    assert found.candidates is not None
    assert found.candidates[0].finish_reason == types.FinishReason.STOP
    assert caller.received[-1].prompt.model == "gpt-5"


def test_a_structured_answer_is_asked_for_in_the_provider_s_words(tmp_path: Path, caller: Provider) -> None:
    proxy = Proxy(tmp_path, caller.url, UPSTREAM__WIRE="gemini").start()
    form: Any = {"type": "json_schema", "name": "found", "schema": {"type": "object", "properties": {"a": {"const": 1}}}, "strict": True}
    with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-test", max_retries=0) as sdk:
        try:
            raw = sdk.responses.with_raw_response.create(
                model="gemini-2.5-pro",
                input="hello",
                text={"format": form},
                reasoning={"effort": "low", "summary": "auto"},
                max_output_tokens=99,
                metadata={"a": "b"},
            )
        finally:
            proxy.stop()
    assert raw.parse().output_text.startswith("Hello")
    assert "metadata dropped" in raw.headers["x-vc-losses"]
    received = caller.received[-1]
    assert received.head.path == "/v1beta/models/gemini-2.5-pro:generateContent"
    generation = json.loads(received.body)["generationConfig"]
    assert generation["responseMimeType"] == "application/json"
    assert generation["responseJsonSchema"] == {"type": "object", "properties": {"a": {"enum": [1]}}}
    assert generation["maxOutputTokens"] == 99
    assert generation["thinkingConfig"]["includeThoughts"] is True


@BOTH
def test_a_client_may_build_on_an_answer_that_the_provider_does_not_keep(tmp_path: Path, caller: Provider, stream: bool) -> None:
    caller.received.clear()
    proxy = Proxy(tmp_path, caller.url, UPSTREAM__WIRE="gemini").start()
    tools: list[Any] = [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": False}]

    def ask(sdk: openai.OpenAI, given: Any, previous: str | None) -> Any:
        more: dict[str, Any] = {"previous_response_id": previous} if previous else {}
        if not stream:
            return sdk.responses.create(model="gemini-2.5-pro", input=given, tools=tools, **more)
        with sdk.responses.stream(model="gemini-2.5-pro", input=given, tools=tools, **more) as events:
            for _ in events:
                pass
            return events.get_final_response()

    try:
        with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-test", max_retries=0) as sdk:
            first = ask(sdk, "Please look around.", None)
            calls = [item for item in first.output if item.type == "function_call"]
            outputs = [{"type": "function_call_output", "call_id": call.call_id, "output": call.arguments} for call in calls]
            second = ask(sdk, outputs, first.id)
            third = ask(sdk, "And how many findings?", second.id)
            assert len(calls) == 2
            assert second.output_text.startswith("I found: ")
            assert "1 findings" in third.output_text
            named: list[Any] = [{"type": "item_reference", "id": item.id} for item in second.output]
            assert "1 findings" in ask(sdk, [*named, {"role": "user", "content": "How many findings?"}], None).output_text
            with pytest.raises(openai.BadRequestError, match="item_reference"):
                ask(sdk, [{"type": "item_reference", "id": "msg_1_0"}], None)
        other = openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-other", max_retries=0)
        with other, pytest.raises(openai.BadRequestError, match="not known here"):
            ask(other, "What did they say?", second.id)
    finally:
        proxy.stop()
    contents = json.loads(caller.received[-2].body)["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user", "model", "user"]
    assert [part["functionResponse"]["name"] for part in contents[2]["parts"]] == ["look", "look"]


def test_errors_are_told_in_the_client_s_wire(tmp_path: Path, caller: Provider) -> None:
    proxy = Proxy(tmp_path, caller.url, UPSTREAM__WIRE="gemini").start()
    with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-test", max_retries=0) as sdk:
        try:
            with pytest.raises(openai.BadRequestError, match="previous_response_id"):
                sdk.responses.create(model="gemini-2.5-pro", input="hello", previous_response_id="resp_1")
            caller.received.clear()
            with pytest.raises(openai.BadRequestError, match="translated"):
                sdk.responses.create(model="gemini-2.5-pro", input=7)  # type: ignore[call-overload]
        finally:
            proxy.stop()
    assert not caller.received


def test_an_error_of_the_provider_is_told_in_gemini_s_words(tmp_path: Path) -> None:
    def refuse(received: Received) -> Reply:
        return Reply((Text("x"),), "error")

    refusing = Provider(refuse)
    proxy = Proxy(tmp_path, refusing.url, UPSTREAM__WIRE="openai_responses").start()
    sdk = genai.Client(api_key="test", http_options=types.HttpOptions(base_url=proxy.url))
    try:
        with pytest.raises(errors.ServerError) as told:
            sdk.models.generate_content(model="gpt-5", contents="hello")
        with pytest.raises(errors.ServerError):
            list(sdk.models.generate_content_stream(model="gpt-5", contents="hello"))
    finally:
        sdk.close()
        proxy.stop()
        refusing.stop()
    assert told.value.status == "INTERNAL"
