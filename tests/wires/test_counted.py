"""Counts that are none cost an answer nothing: it is read as it was said, in every wire, streamed or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.core.message import Text
from backstory.core.reply import Usage
from backstory.core.wire import Wire
from backstory.wires import WIRES
from backstory.wires.usage import stated

ODD: list[object] = [None, -5, True, 1.5, 12.0, "12", "x", [], {}, 2**63, 10**25, -(10**25), "9" * 400]
MOST = 1 << 50
SAID = "It is tangerine."
COUNTS: dict[str, dict[str, Any]] = {
    "anthropic": {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 3, "cache_creation": {"ephemeral_1h_input_tokens": 1}},
    "openai_chat": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
    "openai_responses": {"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}},
    "gemini": {"promptTokenCount": 10, "candidatesTokenCount": 5, "cachedContentTokenCount": 4, "thoughtsTokenCount": 2},
}


def answer(wire: str, usage: object) -> bytes:
    text = {"type": "text", "text": SAID}
    match wire:
        case "anthropic":
            body: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant", "content": [text], "usage": usage}
        case "openai_chat":
            choice = {"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}
            body = {"id": "c", "choices": [choice], "usage": usage}
        case "openai_responses":
            item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": SAID}]}
            body = {"id": "r", "status": "completed", "output": [item], "usage": usage}
        case _:
            body = {"candidates": [{"content": {"role": "model", "parts": [{"text": SAID}]}}], "usageMetadata": usage}
    return json.dumps(body).encode()


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:12])
def test_an_answer_is_read_whatever_its_counts_are(wire: Wire, odd: object) -> None:
    told = COUNTS[wire.name]
    for usage in (odd, *({**told, name: odd} for name in told)):
        body = answer(wire.name, usage)
        found = wire.reply(body)
        assert [part.text for part in found.parts if isinstance(part, Text)] == [SAID]
        for counted in (found.usage, stated(body).usage):
            assert counted is None or all(0 <= getattr(counted, name) <= 4 * MOST for name in Usage.__struct_fields__)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_counts_that_are_some_are_told(wire: Wire) -> None:
    found = wire.reply(answer(wire.name, COUNTS[wire.name])).usage
    assert found is not None
    assert (found.input_tokens, found.output_tokens) == {"anthropic": (13, 5), "gemini": (10, 7)}.get(wire.name, (10, 5))
    assert found.cache_read_tokens == (3 if wire.name == "anthropic" else 4)
