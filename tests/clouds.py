"""Claude as Bedrock and Vertex AI serve it, written from their documentation and from nothing of ours."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

EVENTS: tuple[dict[str, Any], ...] = (
    {
        "type": "message_start",
        "message": {
            "id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929", "content": [],
            "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": 21, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Good "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "däy."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 7}},
    {
        "type": "message_stop",
        "amazon-bedrock-invocationMetrics": {"inputTokenCount": 21, "outputTokenCount": 7, "invocationLatency": 9, "firstByteLatency": 3},
    },
)  # fmt: skip
"""The events of one answer: "Good däy."."""

WHOLE: dict[str, Any] = {
    "id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "Good däy."}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 21, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0, "output_tokens": 7},
}  # fmt: skip


def message(headers: Sequence[tuple[str, str]], payload: bytes) -> bytes:
    """One message of an event stream."""
    head = b"".join(
        len(name.encode()).to_bytes(1, "big") + name.encode() + b"\x07" + len(value.encode()).to_bytes(2, "big") + value.encode()
        for name, value in headers
    )
    return framed(head, payload)


def framed(head: bytes, payload: bytes) -> bytes:
    """One message with these header bytes."""
    prelude = (16 + len(head) + len(payload)).to_bytes(4, "big") + len(head).to_bytes(4, "big")
    rest = prelude + binascii.crc32(prelude).to_bytes(4, "big") + head + payload
    return rest + binascii.crc32(rest).to_bytes(4, "big")


def chunk(event: dict[str, Any]) -> bytes:
    """An event of Anthropic's, as Bedrock streams it."""
    payload = {"bytes": base64.b64encode(json.dumps(event, ensure_ascii=False).encode()).decode(), "p": "abcdefghij"}
    headers = ((":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event"))
    return message(headers, json.dumps(payload).encode())


def exception(name: str, text: str) -> bytes:
    """An exception in the middle of a stream."""
    headers = ((":exception-type", name), (":content-type", "application/json"), (":message-type", "exception"))
    return message(headers, json.dumps({"message": text}).encode())


def stream(events: Sequence[dict[str, Any]] = EVENTS) -> bytes:
    """A whole event stream."""
    return b"".join(map(chunk, events))


def sse(events: Sequence[dict[str, Any]] = EVENTS) -> bytes:
    """The same as Vertex AI streams it."""
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one, ensure_ascii=False)}\n\n".encode() for one in events)


def answer(body: bytes, kind: str = "application/json", status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer over HTTP."""
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "x-amzn-RequestId: r-1", *headers))
    return head.encode() + b"\r\n\r\n" + body
