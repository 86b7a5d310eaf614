"""Usage under the providers' own names of its fields, in all four wires, whole and streamed."""

from __future__ import annotations

import json

import pytest

from backstory.core.reply import Usage
from backstory.relay.decoding import read_reply
from backstory.wires import WIRES

WIRE = {wire.name: wire for wire in WIRES}
CREATED = {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100}
ANTHROPIC = {
    "input_tokens": 12,
    "cache_read_input_tokens": 2000,
    "cache_creation_input_tokens": 300,
    "cache_creation": CREATED,
    "output_tokens": 21,
    "service_tier": "standard",
}
CHAT = {
    "prompt_tokens": 2312,
    "completion_tokens": 21,
    "total_tokens": 2333,
    "prompt_tokens_details": {"cached_tokens": 2048, "audio_tokens": 0, "cache_write_tokens": 128},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
RESPONSES = {
    "input_tokens": 2312,
    "input_tokens_details": {"cached_tokens": 2048, "cache_write_tokens": 128},
    "output_tokens": 21,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 2333,
}
GEMINI = {
    "promptTokenCount": 2300,
    "cachedContentTokenCount": 2048,
    "toolUsePromptTokenCount": 12,
    "candidatesTokenCount": 15,
    "thoughtsTokenCount": 6,
    "totalTokenCount": 2333,
}


def events(*made: dict[str, object], named: bool = True) -> bytes:
    """A stream of these events."""
    lines = [(f"event: {one['type']}\n" if named else "") + f"data: {json.dumps(one)}\n\n" for one in made]
    return "".join(lines).encode()


MESSAGE: dict[str, object] = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": None}
SAID = [{"type": "text", "text": "Hi"}]
WHOLE: dict[str, object] = {
    "anthropic": {**MESSAGE, "content": SAID, "stop_reason": "end_turn", "usage": ANTHROPIC},
    "openai_chat": {
        "id": "c",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": CHAT,
    },
    "openai_responses": {
        "id": "r",
        "model": "g",
        "status": "completed",
        "output": [{"type": "message", "id": "i", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}],
        "usage": RESPONSES,
    },
    "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}], "usageMetadata": GEMINI},
}
STREAM = {
    "anthropic": events(
        {"type": "message_start", "message": {**MESSAGE, "usage": {**ANTHROPIC, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 21}},
        {"type": "message_stop"},
    ),
    "openai_chat": events(
        {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "finish_reason": None}], "usage": None},
        {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": None},
        {"id": "c", "choices": [], "usage": CHAT},
        named=False,
    )
    + b"data: [DONE]\n\n",
    "openai_responses": events(
        {"type": "response.created", "response": {"id": "r", "model": "g", "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "Hi"},
        {"type": "response.completed", "response": WHOLE["openai_responses"]},
    ),
    "gemini": events(
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}}], "usageMetadata": {"promptTokenCount": 2300}},
        WHOLE["gemini"],  # type: ignore[arg-type]
        named=False,
    ),
}
EXPECTED = {
    "anthropic": Usage(2312, 21, 2000, 300, 100),
    "openai_chat": Usage(2312, 21, 2048, 128),
    "openai_responses": Usage(2312, 21, 2048, 128),
    "gemini": Usage(2312, 21, 2048),
}


@pytest.mark.parametrize("wire", list(WIRE))
def test_a_whole_answer_tells_what_it_was_billed_by(wire: str) -> None:
    reply = read_reply(WIRE[wire], "application/json", "", json.dumps(WHOLE[wire]).encode())
    assert reply is not None
    assert reply.usage == EXPECTED[wire]


@pytest.mark.parametrize("wire", list(WIRE))
def test_a_stream_tells_the_same(wire: str) -> None:
    reply = read_reply(WIRE[wire], "text/event-stream", "", STREAM[wire])
    assert reply is not None
    assert reply.usage == EXPECTED[wire]


@pytest.mark.parametrize("wire", ["anthropic", "openai_chat", "openai_responses"])
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_written_is_read_again(wire: str, stream: bool) -> None:
    usage = {"anthropic": Usage(2312, 21, 2000, 300, 100), "openai_chat": Usage(2312, 21, 2048, 128)}.get(wire, Usage(2312, 21, 2048))
    reply = read_reply(WIRE[wire], "application/json", "", json.dumps(WHOLE[wire]).encode())
    assert reply is not None
    body = WIRE[wire].write(type(reply)(reply.parts, reply.finish, usage, reply.id, reply.model), stream)
    again = read_reply(WIRE[wire], "text/event-stream" if stream else "application/json", "", body)
    assert again is not None
    assert again.usage == usage


def test_fields_that_are_null_or_missing_are_zero() -> None:
    nothing = {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": None, "cache_creation": None}
    body = json.dumps({**MESSAGE, "content": SAID, "usage": nothing}).encode()
    reply = read_reply(WIRE["anthropic"], "application/json", "", body)
    assert reply is not None
    assert reply.usage == Usage(5, 1)
