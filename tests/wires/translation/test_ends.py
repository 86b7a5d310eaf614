"""How an answer ended is told truthfully in each other wire: what was cut off is no regular end, and neither is what failed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated

WIRE = {wire.name: wire for wire in WIRES}
TONGUE = {tongue.name: tongue for tongue in TONGUES}
ASKING: dict[str, tuple[str, dict[str, Any]]] = {
    "anthropic": ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]}),
    "openai_chat": ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "Hi."}]}),
    "openai_responses": ("/v1/responses", {"model": "m", "input": "Hi."}),
}
SAID = "It begins well"


def exchange(client: str, provider: str, stream: bool) -> Translated:
    path, body = ASKING[client]
    one = Translated(TONGUE[client], TONGUE[provider], WIRE[provider], path, "")
    one.ask(json.dumps({**body, "stream": stream}).encode())
    return one


def whole(client: str, provider: str, answer: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    one = exchange(client, provider, False)
    one.begin(200, ((b"Content-Type", b"application/json"),))
    status, out = one.whole(json.dumps(answer).encode())
    return status, json.loads(out)


def streamed(client: str, provider: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    one = exchange(client, provider, True)
    one.begin(200, ((b"Content-Type", b"text/event-stream"),))
    raw = b"".join([b"data: " + json.dumps(event).encode() + b"\n\n" for event in events])
    out = one.chunk(raw) + one.tail()
    return [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]


def response(status: str, **more: Any) -> dict[str, Any]:
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": SAID}]}
    return {"id": "resp_1", "object": "response", "model": "m", "status": status, "output": [message], **more}


def ending(status: str, **more: Any) -> list[dict[str, Any]]:
    """A stream of Responses that ends in this way."""
    return [
        {"type": "response.created", "response": {**response("in_progress"), "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "msg_1", "content": []}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "msg_1", "delta": SAID},
        {"type": f"response.{status}", "response": response(status, **more)},
    ]


def end(client: str, value: dict[str, Any]) -> object:
    """How an answer of this wire says that it ended."""
    return value["stop_reason"] if client == "anthropic" else value["choices"][0]["finish_reason"]


def stream_end(client: str, events: list[dict[str, Any]]) -> object:
    if client == "anthropic":
        return next(event["delta"]["stop_reason"] for event in events if event["type"] == "message_delta")
    return next(found for event in events if event["choices"] and (found := event["choices"][0]["finish_reason"]))


@pytest.mark.parametrize(("client", "wanted"), [("anthropic", "max_tokens"), ("openai_chat", "length")])
@pytest.mark.parametrize("details", [None, {}, {"reason": "max_tool_calls"}])
def test_an_incomplete_answer_was_cut_off_for_whatever_reason(client: str, wanted: str, details: object) -> None:
    status, told = whole(client, "openai_responses", response("incomplete", incomplete_details=details))
    assert (status, end(client, told)) == (200, wanted)
    assert stream_end(client, streamed(client, "openai_responses", ending("incomplete", incomplete_details=details))) == wanted


@pytest.mark.parametrize("client", ["anthropic", "openai_chat"])
def test_a_cancelled_answer_is_no_regular_one(client: str) -> None:
    status, told = whole(client, "openai_responses", response("cancelled"))
    assert status == 500
    assert told["error"]["message"] == "the provider cancelled its answer"
    events = streamed(client, "openai_responses", ending("cancelled"))
    assert SAID in json.dumps(events)
    assert events[-1]["error"]["message"] == "the provider cancelled its answer"


@pytest.mark.parametrize("client", ["anthropic", "openai_chat", "openai_responses"])
def test_an_answer_that_ended_in_an_error_is_none(client: str) -> None:
    call = {"candidates": [{"content": {"role": "model", "parts": [{"text": SAID}]}, "finishReason": "MALFORMED_FUNCTION_CALL"}]}
    status, told = whole(client, "gemini", call)
    assert told["error"]["message"]
    assert status >= 500 or told["status"] == "failed"
    last = streamed(client, "gemini", [call])[-1]
    assert (last.get("response") or last)["error"]["message"]


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("model_length", "max_tokens"),
        ("model_context_window_exceeded", "max_tokens"),
        ("sensitive", "refusal"),
        ("content_filter: PROHIBITED_CONTENT", "refusal"),
        ("eos", "end_turn"),
        ("whatever", "end_turn"),
    ],
)
def test_words_of_compatible_providers_are_understood(reason: str, wanted: str) -> None:
    answer = {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": reason}]}
    assert end("anthropic", whole("anthropic", "openai_chat", answer)[1]) == wanted


@pytest.mark.parametrize(
    "reason",
    [
        "error",
        "abort",
        "network_error",
        "insufficient_system_resource",
        "function_call_filter: MALFORMED_FUNCTION_CALL",
    ],
)
def test_words_for_a_fault_are_one(reason: str) -> None:
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": SAID}, "finish_reason": reason}]}
    events = streamed("anthropic", "openai_chat", [chunk])
    assert (events[-1]["type"], events[-1]["error"]["type"]) == ("error", "api_error")


def test_a_choice_that_is_filtered_whole_has_no_message() -> None:
    """Google's endpoint for OpenAI's SDKs leaves `message` out of it."""
    answer = {"id": "c", "choices": [{"index": 0, "finish_reason": "content_filter: PROHIBITED_CONTENT"}]}
    status, told = whole("anthropic", "openai_chat", answer)
    assert (status, told["content"], end("anthropic", told)) == (200, [], "refusal")
    reply = WIRE["openai_chat"].reply(json.dumps(answer).encode())
    assert (reply.parts, reply.finish) == ((), "refusal")


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("CONTINUATION", "max_tokens"),
        ("ESCALATION", "refusal"),
        ("PUP_LIMITED_DISABLED", "refusal"),
        ("IMAGE_PROHIBITED_CONTENT", "refusal"),
        ("NO_IMAGE", "end_turn"),
    ],
)
def test_words_of_gemini_are_understood(reason: str, wanted: str) -> None:
    answer = {"candidates": [{"content": {"role": "model", "parts": [{"text": SAID}]}, "finishReason": reason}]}
    assert end("anthropic", whole("anthropic", "gemini", answer)[1]) == wanted
    assert stream_end("anthropic", streamed("anthropic", "gemini", [answer])) == wanted


@pytest.mark.parametrize(("status", "details", "wanted"), [("cancelled", None, "error"), ("incomplete", {"reason": "steered"}, "length")])
def test_memory_and_translation_read_the_same_end(status: str, details: object, wanted: str) -> None:
    body = json.dumps(response(status, incomplete_details=details)).encode()
    assert WIRE["openai_responses"].reply(body).finish == wanted


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("client", "member"), [("openai_chat", "created"), ("openai_responses", "created_at")])
@pytest.mark.parametrize(
    ("date", "wanted"),
    [(b"Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), (b"yesterday", 0), (b"Sun, 99 Nov 1994 08:49:37 GMT", 0), (b"", 0)],
)
def test_an_answer_was_made_when_its_head_says(client: str, member: str, date: bytes, wanted: int, stream: bool) -> None:
    one = exchange(client, "anthropic", stream)
    one.begin(200, ((b"Content-Type", b"application/json"), *(((b"Date", date),) if date else ())))
    answer = {"type": "message", "id": "msg_1", "role": "assistant", "model": "m", "content": [{"type": "text", "text": SAID}]}
    _, out = one.whole(json.dumps({**answer, "stop_reason": "end_turn"}).encode())
    told = json.loads(out if not stream else next(line[6:] for line in out.splitlines() if line.startswith(b"data: {")))
    assert told.get("response", told)[member] == wanted
