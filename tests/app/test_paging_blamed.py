"""A provider that fails over a call of ours, or over our tools: an error that names them is not the client's, who never heard of them.

Groq refuses with what the model wrote (`failed_generation`), Gemini ends with MALFORMED_FUNCTION_CALL and quotes it.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from backstory.core.message import Text
from backstory.core.reply import Reply
from tests.app.test_paging import ASKED, BOTH, WIRES
from tests.paging import BY_NAME, Model, ask, body, configured, history, path, texts, tools
from tests.rig import chunked, reply, rig

BLAMED = b'{"error":{"message":"Failed to call a function.","code":"tool_use_failed","failed_generation":"<function=vc_find_quote>locker"}}'


@WIRES
@BOTH
def test_a_refusal_that_names_a_tool_of_ours_is_not_the_clients(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, reply(BLAMED, status=b"400 Bad Request"), Reply((Text("Here I am."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, raw, found = await ask(one, wire, [*history(), ASKED], stream)
            assert head.startswith(b"HTTP/1.1 200")
            assert texts(found) == ["Here I am."]
            assert b"vc_" not in raw
            assert b"vc_" not in model.received[1]
            assert b'"look"' in model.received[1], "the client's own tools stay"

    asyncio.run(work())


@WIRES
def test_a_refusal_that_names_a_tool_of_the_clients_is_the_clients(tmp_path: Path, name: str) -> None:
    told = BLAMED.replace(b"vc_find_quote", b"vc_mine")
    model = Model(BY_NAME[name], reply(told, status=b"400 Bad Request"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            asked = body(name, [*history(), ASKED], True, tools=tools(name, "vc_mine"))
            head, raw = await one.ask(path(name, True), asked)
            assert head.startswith(b"HTTP/1.1 400 Bad Request")
            assert raw == told
            assert len(model.received) == 1

    asyncio.run(work())


BEGUN = {
    "anthropic": b'event: message_start\ndata: {"type":"message_start","message":{"id":"r_begun","type":"message","role":"assistant",'
    b'"model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":50,"output_tokens":1}}}\n\n'
    b'event: ping\ndata: {"type":"ping"}\n\n',
    "openai_chat": b': one moment\n\ndata: {"id":"r_begun","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n',
    "openai_responses": b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":'
    b'{"id":"r_begun","object":"response","status":"in_progress","output":[]}}\n\n',
    "gemini": b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"index":0}]}\r\n\r\n',
}
"""How a stream begins, before the model has said a word."""
FELL = {
    "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"invalid_request_error","message":"bad call of vc_find_quote"}}\n\n',
    "openai_chat": b'data: {"error":{"message":"bad call","failed_generation":"vc_find_quote"}}\n\n',
    "openai_responses": b'event: error\ndata: {"type":"error","sequence_number":0,"code":"x","message":"bad call of vc_find_quote"}\n\n',
    "gemini": b'data: {"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","index":0,"finishMessage":'
    b'"Malformed function call: print(default_api.vc_find_quote(q="}],'
    b'"usageMetadata":{"promptTokenCount":50,"candidatesTokenCount":5}}\r\n\r\n',
}


@WIRES
@pytest.mark.parametrize("begun", [False, True], ids=["at_once", "begun"])
def test_a_stream_that_breaks_off_over_a_call_of_ours_goes_on_without(tmp_path: Path, name: str, begun: bool) -> None:
    wire = BY_NAME[name]
    model = Model(wire, chunked([BEGUN[name], FELL[name]] if begun else [FELL[name]]), Reply((Text("Here I am."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            head, raw, found = await ask(one, wire, [*history(), ASKED], True)
            assert head.startswith(b"HTTP/1.1 200")
            assert (texts(found), found.finish) == (["Here I am."], "stop")
            assert b"vc_" not in raw
            assert b"vc_" not in model.received[1]
            assert one.door.metrics.tap_errors == 0
            assert len(model.received) == 2
            for once in (b"event: message_start", b"event: response.created", b": one moment"):
                assert raw.count(once) <= 1, "an answer begins once"
            if begun and name != "gemini":
                assert set(re.findall(rb'"id":"(r\w+)"', raw)) == {b"r_begun"}, "and is known by one id"

    asyncio.run(work())


def test_an_answer_that_is_a_broken_call_of_ours_is_asked_for_without(tmp_path: Path) -> None:
    wire = BY_NAME["gemini"]
    model = Model(wire, reply(FELL["gemini"][6:].strip()), Reply((Text("Here I am."),), "stop"))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            _, raw, found = await ask(one, wire, [*history(), ASKED], False)
            assert (texts(found), found.finish) == (["Here I am."], "stop")
            assert b"vc_" not in raw
            assert found.usage is not None
            assert found.usage.input_tokens == 250, "both are told"

    asyncio.run(work())


def test_a_broken_call_of_the_clients_is_the_clients(tmp_path: Path) -> None:
    wire = BY_NAME["gemini"]
    told = FELL["gemini"].replace(b"vc_find_quote", b"look")
    model = Model(wire, chunked([told]))

    async def work() -> None:
        async with rig(configured(tmp_path), model) as one:
            _, raw = await one.ask(path("gemini", True), body("gemini", [*history(), ASKED], True))
            assert raw == told
            assert len(model.received) == 1

    asyncio.run(work())
