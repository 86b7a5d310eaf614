"""The strict readers take what the providers themselves have sent, and name what is wrong with what is not so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstory.app.conformance.dialects import DIALECTS
from backstory.app.conformance.node import events_of
from backstory.app.conformance.plays import PLAYS, chosen, marker
from backstory.app.conformance.values import Got, Usage

RECORDED = Path(__file__).parents[2] / "cassettes"
WHOLE = [("anthropic", "text"), ("anthropic", "tools"), ("openai_chat", "text"), ("openai_chat", "tools"), ("openai_chat", "refusal")]
WHOLE += [("openai_responses", "text"), ("openai_responses", "refusal"), ("openai_responses", "incomplete")]
WHOLE += [("gemini", "text"), ("gemini", "tools")]
STREAMS = [("anthropic", "text"), ("anthropic", "text-crlf"), ("anthropic", "tools"), ("openai_chat", "text"), ("openai_chat", "text-crlf")]
STREAMS += [("openai_chat", "tools"), ("openai_responses", "text"), ("openai_responses", "refusal"), ("openai_responses", "incomplete")]
STREAMS += [("gemini", "text"), ("gemini", "tools"), ("gemini", "only_call")]


def streamed(wire: str, body: bytes) -> Got:
    faults: list[str] = []
    got = DIALECTS[wire].stream(events_of(body, faults))
    got.faults = [*faults, *got.faults]
    return got


@pytest.mark.parametrize(("wire", "name"), WHOLE)
def test_a_recorded_answer_has_no_faults(wire: str, name: str) -> None:
    got = DIALECTS[wire].whole((RECORDED / wire / f"{name}.reply.json").read_bytes())
    assert got.faults == []
    assert got.over
    assert got.usage is not None
    assert got.text or got.calls or got.refusal


@pytest.mark.parametrize(("wire", "name"), STREAMS)
def test_a_recorded_stream_has_no_faults(wire: str, name: str) -> None:
    got = streamed(wire, (RECORDED / wire / f"{name}.stream.sse").read_bytes())
    assert got.faults == []
    assert got.over
    assert got.text or got.calls or got.refusal


@pytest.mark.parametrize("wire", DIALECTS)
def test_a_recorded_error_is_one(wire: str) -> None:
    got = DIALECTS[wire].failure((RECORDED / wire / "error.reply.json").read_bytes())
    assert got.faults == []
    assert got.error


@pytest.mark.parametrize("wire", DIALECTS)
@pytest.mark.parametrize("name", [name for name, play in PLAYS.items() if play.status < 400 and not play.how])
def test_what_the_provider_plays_is_read_back(wire: str, name: str) -> None:
    """Whole and streamed say the same, but for the finer grain of streams."""
    dialect, play = DIALECTS[wire], PLAYS[name]
    whole = dialect.whole(dialect.answer(play, "m"))
    stream = streamed(wire, b"".join(dialect.events(play, "m")))
    assert whole.faults == stream.faults == []
    assert whole.over
    assert stream.over
    for part in ("text", "thoughts", "signature", "calls", "refusal", "refused", "finish", "sequence", "usage"):
        assert getattr(whole, part) == getattr(stream, part), part
    told = whole.usage or Usage()
    assert (told.input, told.output, told.cached) == (play.usage.input, play.usage.output, play.usage.cached)


@pytest.mark.parametrize(
    ("wire", "body", "fault"),
    [
        ("anthropic", {"type": "message", "role": "assistant", "content": []}, "id is missing"),
        ("openai_chat", {"object": "chat.completion", "id": "c", "created": 1, "model": "m", "choices": []}, "0 choices"),
        ("openai_responses", {"object": "response", "id": "r", "model": "m", "status": "done", "output": []}, "status is 'done'"),
        ("gemini", {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}]}, "usageMetadata"),
    ],
)
def test_what_is_wrong_is_named(wire: str, body: object, fault: str) -> None:
    assert fault in " ".join(DIALECTS[wire].whole(json.dumps(body).encode()).faults)


@pytest.mark.parametrize("wire", DIALECTS)
@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"choices":7,"content":1,"output":{},"candidates":"x"}', b"\xff"])
def test_no_bytes_make_a_reader_raise(wire: str, body: bytes) -> None:
    dialect = DIALECTS[wire]
    assert dialect.whole(body).faults
    assert not dialect.stream(events_of(b"data: " + body + b"\n\n", [])).over
    dialect.failure(body)


def test_an_event_without_its_blank_line_is_told_of() -> None:
    faults: list[str] = []
    assert [event.data for event in events_of(b"data: a\n\n: comment\r\ndata: b\r\ndata: c\r\n\r\ndata: d", faults)] == [b"a", b"b\nc"]
    assert faults == ["stream: ends in the middle of an event"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, "max_tokens"),
        ({"max_tokens": 9, "messages": [{"role": "assistant", "content": "hi"}]}, "the first message has to be a user's"),
        (
            {"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]}]},
            "results for ['a'], calls were []",
        ),
    ],
)
def test_the_provider_refuses_what_its_wire_forbids(body: dict[str, object], complaint: str) -> None:
    heard = DIALECTS["anthropic"].heard("/v1/messages", {"model": "m", **body})
    assert complaint in " ".join(heard.complaints)


def test_the_last_marker_counts_and_a_model_may_name_a_play_too() -> None:
    assert chosen(f"{marker('text')} and {marker('calls')}", "conformance-usage")[0] == "calls"
    assert chosen("hello", "openai/conformance-usage")[0] == "usage"
    assert chosen("hello", "gpt-4o")[0] == "text"
    assert chosen(marker("calls", "gemini"), "m", "gemini") == chosen(marker("calls"), "m", "anthropic") == ("calls", PLAYS["calls"])
    assert "there is no play 'nonsense'" in chosen(marker("nonsense"), "m")[1].message
