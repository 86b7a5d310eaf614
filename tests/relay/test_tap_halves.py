"""What is remembered of an answer whose provider cuts letters in two between events."""

from __future__ import annotations

import json

import pytest

from backstory.core.message import Text
from backstory.relay.decoding import read_reply
from tests.wires.test_halves import GRIN, HIGH, LOW, WIRE, streamed


@pytest.mark.parametrize("wire", WIRE)
@pytest.mark.parametrize(("texts", "said"), [(["Hi ", HIGH, LOW, " there"], f"Hi {GRIN} there"), (["Hi ", HIGH], "Hi \ufffd")])
def test_a_streamed_answer_is_remembered_as_it_was_meant(wire: str, texts: list[str], said: str) -> None:
    reply = read_reply(WIRE[wire], "text/event-stream", "", streamed(wire, texts))
    assert reply is not None
    assert ("".join(part.text for part in reply.parts if isinstance(part, Text)), reply.cut) == (said, False)


def test_a_whole_answer_is_remembered_but_for_the_half() -> None:
    message = {"role": "assistant", "content": "Hi " + HIGH + " there"}
    answer = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    reply = read_reply(WIRE["openai_chat"], "application/json", "", json.dumps(answer).encode())
    assert reply is not None
    assert [part.text for part in reply.parts if isinstance(part, Text)] == ["Hi \ufffd there"]
    assert read_reply(WIRE["openai_chat"], "application/json", "", b'{"choices":') is None
