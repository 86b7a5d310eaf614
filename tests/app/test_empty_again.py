"""An answer is paid for once, unless it is surely empty: also where its provider speaks another wire, and the client sees nothing of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.relay.world import Received, field, run
from tests.rig import PATHS, chunked, reply
from tests.routed import KEYS, Two, two

ASKED_AGAIN = "resilience: {empty_retry: true}\nproviders:\n  other: {kind: KIND, url: OTHER, auth: none}\n"
PICTURE = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA"}}]}, "finishReason": "STOP"}
    ]
}
NOTHING = {"candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP"}]}


async def asked(one: Two, wire: str, stream: bool) -> tuple[bytes, bytes]:
    path = PATHS[wire]
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Draw."}]}]}
    if wire == "gemini":
        path = path.replace("/m:generateContent", "/other:m:streamGenerateContent?alt=sse" if stream else "/other:m:generateContent")
    else:
        body = {
            "model": "other:m",
            "stream": stream,
            "input" if wire == "openai_responses" else "messages": [{"role": "user", "content": "Draw."}],
        }
    return await one.ask(path, json.dumps(body | ({"max_tokens": 9} if wire == "anthropic" else {})).encode(), KEYS[wire])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", list(PATHS))
@pytest.mark.parametrize(("said", "times"), [(PICTURE, 1), (NOTHING, 2)], ids=["a picture", "nothing"])
def test_a_provider_of_another_wire_is_asked_again_only_where_it_said_nothing(
    tmp_path: Path, client: str, stream: bool, said: dict[str, Any], times: int
) -> None:
    def answers(received: Received) -> bytes | Sequence[bytes]:
        raw = json.dumps(said).encode()
        return b"".join(chunked([b"data: %b\n\n" % raw])) if b":stream" in received.head else reply(raw)

    async def check() -> None:
        async with two(tmp_path, ASKED_AGAIN.replace("KIND", "gemini"), answers=answers) as one:
            head, _ = await asked(one, client, stream)
            assert head.startswith(b"HTTP/1.1 200"), head
            assert len(one.other.received) == times
            assert field(head, b"x-vc-attempts") == (b"other=empty, other=200" if times == 2 else None)

    run(check())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_of_sound_is_paid_for_once(tmp_path: Path, stream: bool) -> None:
    sound = {"role": "assistant", "content": None, "audio": {"id": "a", "data": "AAAA", "expires_at": 1, "transcript": "Hi."}}
    choice = {"index": 0, "delta" if stream else "message": sound, "finish_reason": "stop"}
    raw = json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()

    def answers(_: Received) -> bytes | Sequence[bytes]:
        return b"".join(chunked([b"data: %b\n\n" % raw, b"data: [DONE]\n\n"])) if stream else reply(raw)

    async def check() -> None:
        async with two(tmp_path, ASKED_AGAIN.replace("KIND", "openai_compatible"), answers=answers) as one:
            for client in ("openai_chat", "openai_responses", "anthropic"):
                one.other.received.clear()
                await asked(one, client, stream)
                assert len(one.other.received) == 1, client

    run(check())
