"""What providers say when something is wrong, as they really word it: the client hears the words, in its own wire."""

from __future__ import annotations

import json

import pytest

from tests.wires.translation.test_translate import JSON_TYPE, NAMES, SSE_TYPE, exchange

BEGUN: dict[str, list[object]] = {
    "anthropic": [
        {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Half"}},
    ],
    "openai_chat": [{"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Half"}}]}],
    "openai_responses": [
        {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "model": "m", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "msg_1", "content": []}},
        {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "Half"},
    ],
    "gemini": [{"candidates": [{"content": {"role": "model", "parts": [{"text": "Half"}]}, "index": 0}]}],
}
BOOM = "Boom in the middle"
BROKEN = {
    "a code of HTTP": {"error": {"code": 500, "message": BOOM, "type": "server_error"}},
    "words alone": {"error": BOOM},
    "no code": {"error": {"code": None, "message": BOOM, "type": None, "param": 3}},
}
OWN: dict[str, list[object]] = {
    "openai_responses": [
        {"type": "error", "code": 500, "message": BOOM, "param": None},
        {"type": "error", "error": {"code": 500, "message": BOOM}},
        {"type": "error", "error": BOOM},
        {"type": "response.failed", "response": {"id": "resp_1", "status": "failed", "error": {"code": 500, "message": BOOM}}},
        {"type": "response.failed", "response": {"id": "resp_1", "status": "failed", "error": BOOM}},
    ],
    "gemini": [[{"error": {"code": 503, "message": BOOM, "status": "UNAVAILABLE"}}]],
    "anthropic": [{"type": "error", "error": BOOM}],
    "openai_chat": [],
}
CASES: list[tuple[str, object]] = [(name, event) for name in NAMES for event in (*BROKEN.values(), *OWN[name])]


def sse(*events: object) -> bytes:
    return b"".join([b"data: " + json.dumps(event).encode() + b"\n\n" for event in events])


@pytest.mark.parametrize("client", NAMES)
@pytest.mark.parametrize(("provider", "event"), CASES)
def test_an_error_in_mid_stream_keeps_its_words(client: str, provider: str, event: object) -> None:
    if client == provider:
        return
    one, _ = exchange(client, provider, True)
    one.begin(200, SSE_TYPE)
    got = one.chunk(sse(*BEGUN[provider], event)) + one.tail()
    assert b"Half" in got
    assert BOOM.encode() in got
    assert b"error" in got
    assert not any(end in got for end in (b"message_stop", b"[DONE]", b"response.completed", b"finishReason"))


@pytest.mark.parametrize("client", NAMES)
@pytest.mark.parametrize("provider", NAMES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_page_in_place_of_an_answer_is_quoted(client: str, provider: str, stream: bool) -> None:
    if client == provider:
        return
    one, _ = exchange(client, provider, stream)
    assert one.begin(200, ((b"Content-Type", b"text/html"),))[0] == "whole"
    status, out = one.whole(b"<html><style>b {}</style><body>Please <b>sign in</b></body></html>")
    assert status == 502
    assert b"Please sign in" in out
    assert b"200" in out
    assert b"<html>" not in out
    assert json.loads(out)["error"]


@pytest.mark.parametrize("client", [name for name in NAMES if name != "openai_responses"])
def test_a_response_that_failed_with_a_code_of_http_says_why(client: str) -> None:
    one, _ = exchange(client, "openai_responses", False)
    one.begin(200, JSON_TYPE)
    status, out = one.whole(json.dumps({"error": {"code": 429, "message": "Slow down.", "type": "x"}}).encode())
    assert status == 429
    assert b"Slow down." in out


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (
            301,
            ((b"Location", b"https://llm.example/v1/messages?key=secret"),),
            "(301) is none that its wire has: it is empty, and points to https",
        ),
        (308, (), "(308) is none that its wire has: it is empty"),
        (204, (), "(204) is none that its wire has: it is empty"),
        (200, ((b"Content-Length", b"0"),), "(200) is none that its wire has: it is empty"),
    ],
)
def test_an_answer_that_is_none_says_so(status: int, headers: tuple[tuple[bytes, bytes], ...], words: str, stream: bool) -> None:
    one, _ = exchange("anthropic", "openai_chat", stream)
    assert one.begin(status, headers)[0] == "whole"
    found, out = one.whole(b"")
    assert found == 502
    assert words in json.loads(out)["error"]["message"]
    assert b"secret" not in out
