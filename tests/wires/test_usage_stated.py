"""What an answer says of its tokens is found by its shape alone."""

from __future__ import annotations

import json

import pytest

from backstory.core.reply import Usage
from backstory.wires import WIRES
from backstory.wires.usage import MENTIONED, Stated, joined, model_of, stated, summed, text_bytes
from tests.wires.test_usage import EXPECTED, STREAM, WHOLE

WIRE_NAMES = [wire.name for wire in WIRES]


def lines(stream: bytes) -> list[bytes]:
    """The payloads of a stream's events."""
    return [line.removeprefix(b"data: ") for line in stream.splitlines() if line.startswith(b"data: ")]


@pytest.mark.parametrize("wire", WIRE_NAMES)
def test_a_whole_answer_of_any_wire_is_read_alike(wire: str) -> None:
    assert stated(json.dumps(WHOLE[wire]).encode()).usage == EXPECTED[wire]


@pytest.mark.parametrize("wire", WIRE_NAMES)
def test_the_events_that_mention_it_are_enough(wire: str) -> None:
    told = [line for line in lines(STREAM[wire]) if MENTIONED.search(line)]
    assert 0 < len(told) <= 2
    assert joined(map(stated, told)).usage == EXPECTED[wire]


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({"object": "list", "data": [], "model": "e", "usage": {"prompt_tokens": 8, "total_tokens": 8}}, Usage(8)),
        (
            {"created": 1, "data": [], "usage": {"input_tokens": 5, "output_tokens": 7, "input_tokens_details": {"text_tokens": 5}}},
            Usage(5, 7),
        ),
        ({"text": "Hi", "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 3, "input_token_details": {}}}, Usage(14, 3)),
        ({"embedding": {"values": []}, "usageMetadata": {"promptTokenCount": 4}}, Usage(4)),
        ({"text": "Hi", "usage": {"type": "duration", "seconds": 3}}, None),
        ({"input_tokens": 12}, None),
        ({"totalTokens": 12}, None),
        ({"model": "m", "message": {"role": "assistant", "content": "a"}, "response": "b"}, None),
        ({"usage": None}, None),
        ({"usage": {"input_tokens": "many"}}, None),
        ({"content": [{"type": "tool_use", "input": {"usage": {"input_tokens": 5}}}]}, None),
    ],
)
def test_answers_to_other_questions(body: dict[str, object], usage: Usage | None) -> None:
    assert stated(json.dumps(body).encode()).usage == usage


def test_what_cannot_be_read_says_nothing() -> None:
    for body in (b"", b"{", b"<html>", b"[1]", b"\xff\xfe", b"[" * 100_000, b'"usage":{}'):
        assert stated(body) == Stated()
        assert model_of(body) == ""


def test_gemini_s_list_is_the_sum_of_what_its_pieces_say() -> None:
    body = json.dumps([{"usageMetadata": {"promptTokenCount": 9}}, {"modelVersion": "g", "usageMetadata": {"candidatesTokenCount": 2}}])
    assert stated(body.encode()) == Stated(Usage(9, 2), "g")


def test_a_text_that_speaks_of_usage_does_not_mention_it() -> None:
    assert not MENTIONED.search(json.dumps({"text": '"usage":{"input_tokens":1}'}).encode())
    assert not MENTIONED.search(b'{"usage":null}')


def test_the_model_of_a_request_is_its_own_member() -> None:
    assert model_of(b'{"messages":[{"content":"x","model":"no"}],"model":"m"}') == "m"
    assert model_of(b'{"model":7}') == ""


def test_sums_and_text() -> None:
    assert summed([Usage(1, 2, 3, 4, 5), Usage(10, 20, 30, 40, 50)]) == Usage(11, 22, 33, 44, 55)
    assert text_bytes(STREAM["anthropic"]) == 2
    assert text_bytes(rb'{"text":"a\"b","name":"zzz"}{"delta":"cd"}') == 6
