"""A proxy with WebSocket on, behind it a provider of OpenAI Responses that streams by hand-written events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.relay.world import Received
from tests.routed import Two, two

ON = "proxy: {websocket: true}\nmarker: never\n"
HEADERS = {"Authorization": "Bearer client-key", "OpenAI-Beta": "responses_websockets=2026-02-06"}


def events(number: int, text: str, more: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """An answer of one message, after `more` items."""
    begun = {"id": f"resp_{number}", "object": "response", "status": "in_progress", "model": "gpt-5", "output": []}
    message = {
        "type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }  # fmt: skip
    items = [*more, message]
    told: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
    for at, item in enumerate(items):
        told.append({"type": "response.output_item.added", "output_index": at, "item": item})
        if item is message:
            told.append(
                {"type": "response.output_text.delta", "output_index": at, "item_id": message["id"], "content_index": 0, "delta": text}
            )
        told.append({"type": "response.output_item.done", "output_index": at, "item": item})
    usage = {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
    told.append({"type": "response.completed", "response": {**begun, "status": "completed", "output": items, "usage": usage}})
    return [{**one, "sequence_number": at} for at, one in enumerate(told)]


def sse(told: Sequence[dict[str, Any]]) -> bytes:
    """As a stream of server-sent events."""
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one, ensure_ascii=False)}\n\n".encode() for one in told)


def streamed(body: bytes) -> bytes:
    """A whole streamed answer."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def numbering() -> Callable[[Received], bytes]:
    """A provider that numbers its answers and quotes the newest message."""
    count = [0]

    def answers(received: Received) -> bytes:
        count[0] += 1
        asked = json.loads(received.body)["input"]
        newest = asked if isinstance(asked, str) else asked[-1].get("content", asked[-1].get("output", ""))
        return streamed(sse(events(count[0], f"Ünswer {count[0]} to {json.dumps(newest)}")))

    return answers


@asynccontextmanager
async def socketed(
    folder: Path, answers: Callable[[Received], bytes | Sequence[bytes] | None] | None = None, text: str = ON, path: str = "/v1/responses"
) -> AsyncIterator[tuple[Two, ClientConnection]]:
    """The proxy, and a client of another make on a WebSocket to it."""
    async with (
        two(folder, text, answers=answers or numbering()) as one,
        connect(f"ws://127.0.0.1:{one.port}{path}", additional_headers=HEADERS, compression=None, proxy=None) as client,
    ):
        yield one, client


def create(said: Any, **more: Any) -> str:
    """A message that asks for an answer."""
    return json.dumps({"type": "response.create", "model": "gpt-5", "input": said, "store": False, **more})


async def answer(client: ClientConnection) -> list[dict[str, Any]]:
    """The messages of one answer, to its last."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["type"] not in {"response.completed", "response.failed", "response.incomplete", "error"}:
        raw = await client.recv()
        assert isinstance(raw, str)
        told.append(json.loads(raw))
    return told
