"""Gemini's answers: read, written, streamed, and what went wrong."""

from __future__ import annotations

import json

import pytest
from google.genai import types
from msgspec import Raw

from backstory.core.reply import Usage
from backstory.core.translation import (
    Answered,
    Asked,
    Begun,
    Broke,
    Ended,
    Event,
    Failure,
    Odd,
    Refusal,
    Thought,
    Use,
    Words,
)
from backstory.errors import DocumentError
from backstory.wires.translation.translate import events_of, gathered
from tests.wires.gemini.test_tongue import ARRAY, CASSETTES, PLAIN, SIGNATURE, TONGUE, heard, parts, stream_of, told


@pytest.mark.parametrize("name", ["text", "tools"])
def test_a_recorded_stream_says_what_the_whole_answer_says(name: str) -> None:
    whole = TONGUE.answered((CASSETTES / f"{name}.reply.json").read_bytes())
    assert isinstance(whole, Answered)
    assert whole.usage == Usage(100, 29, 40)
    assert whole.thoughts == 9
    for suffix, kind in (("sse", "text/event-stream"), ("json", "application/json")):
        assert _plain(gathered(heard((CASSETTES / f"{name}.stream.{suffix}").read_bytes(), kind))) == _plain(whole)


def _plain(answered: Answered | Failure) -> object:
    assert isinstance(answered, Answered)
    pieces = [(piece.id, json.loads(piece.arguments)) if isinstance(piece, Use) else piece for piece in answered.pieces]
    return pieces, answered.finish, answered.usage, answered.thoughts, answered.id, answered.model


def test_an_answer_has_its_pieces() -> None:
    whole = TONGUE.answered((CASSETTES / "tools.reply.json").read_bytes())
    assert isinstance(whole, Answered)
    assert whole.pieces == (
        Thought("I should call the shell"),
        Words("Running it now."),
        Use("2ba8", "shell", '{"command": "echo né"}', sealed=SIGNATURE),
        Use("2ba9", "read", "{}"),
    )
    signed = gathered(heard((CASSETTES / "signed.stream.sse").read_bytes()))
    assert isinstance(signed, Answered)
    assert signed.pieces == (Thought("thinking"), Words("Answer here."), Thought("", SIGNATURE, "gemini", True))


def test_ends_are_understood() -> None:
    def last(name: str) -> Event:
        return heard((CASSETTES / f"{name}.stream.sse").read_bytes())[-1]

    assert last("error") == Broke(Failure(503, "overloaded", "The model is overloaded.", "UNAVAILABLE"))
    for name in ("blocked", "safety"):
        ended = last(name)
        assert isinstance(ended, Ended)
        assert ended.finish == "refusal"
    malformed = heard(stream_of(parts({"text": "a"}), parts(finish="MALFORMED_FUNCTION_CALL")))[-1]
    assert isinstance(malformed, Broke)
    assert "MALFORMED_FUNCTION_CALL" in malformed.failure.message
    assert not any(isinstance(event, Ended) for event in heard(stream_of(parts({"text": "a"}))))
    late: dict[str, object] = {"usageMetadata": {"promptTokenCount": 5, "toolUsePromptTokenCount": 2, "candidatesTokenCount": 3}}
    assert heard(stream_of(parts({"text": "a"}, finish="MAX_TOKENS"), late))[-1] == Ended("length", Usage(7, 3))
    told_why: dict[str, object] = {"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "Not this."}}
    blocked = TONGUE.answered(json.dumps(told_why).encode())
    assert isinstance(blocked, Answered)
    assert (blocked.pieces, blocked.finish) == ((Refusal("Not this."),), "refusal")
    with pytest.raises(DocumentError):
        TONGUE.answered(b"{}")


def test_grounding_becomes_citations_and_back() -> None:
    text = "Zürich is a city."
    size = len("Zürich".encode())
    metadata = {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"web": {"uri": "https://b"}}],
        "groundingSupports": [{"segment": {"startIndex": 0, "endIndex": size, "text": "Zürich"}, "groundingChunkIndices": [0, 1, 9]}],
        "webSearchQueries": ["q"],
    }
    chunk = parts({"text": text}, finish="STOP")
    chunk["candidates"][0]["groundingMetadata"] = metadata  # type: ignore[index]
    whole = TONGUE.answered(json.dumps(chunk).encode())
    assert isinstance(whole, Answered)
    assert gathered(heard(stream_of(chunk))) == whole
    (words,) = whole.pieces
    assert isinstance(words, Words)
    cited = [json.loads(bytes(raw)) for raw in words.citations]
    assert cited[0] == {"type": "url_citation", "start_index": 0, "end_index": 6, "title": "A", "url": "https://a"}
    assert [one["url"] for one in cited] == ["https://a", "https://b"]
    again = TONGUE.answered(TONGUE.answer(whole, PLAIN))
    assert again == whole
    assert gathered(heard(told(events_of(whole)))) == whole


@pytest.mark.parametrize("request_", [PLAIN, ARRAY], ids=["events", "array"])
def test_a_stream_tells_calls_whole(request_: Asked) -> None:
    usage = Usage(10, 9, 4)
    pieces = (
        Thought("hm", "c2ln", "gemini"),
        Words("Hällo"),
        Use("c", "f", '{"a":1}', sealed="c2ln"),
        Odd("gemini", "executableCode", Raw(b'{"executableCode":{}}')),
    )
    answered = Answered("r", "m", pieces, "tool_calls", usage, 3)
    stream = told(events_of(answered), request_)
    if request_.array:
        chunks = json.loads(stream)
    else:
        chunks = [json.loads(line[6:]) for line in stream.decode().split("\n") if line]
        assert all(line.startswith("data: ") for line in stream.decode().split("\n") if line)
    found = [types.GenerateContentResponse.model_validate(chunk) for chunk in chunks]
    assert [chunk.usage_metadata is None for chunk in found] == [True] * (len(found) - 1) + [False]
    assert sum(len(chunk.function_calls or ()) for chunk in found) == 1
    assert found[-1].candidates is not None
    assert found[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert gathered(heard(stream, TONGUE.stream_type(request_).decode())) == answered


def test_arrays_are_whole_whatever_was_told() -> None:
    assert json.loads(told([], ARRAY)) == []
    broken = told([Begun("r", "m"), Broke(Failure(429, "rate_limit", "slow down"))], ARRAY)
    assert json.loads(broken) == [{"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}]


def test_several_candidates_are_read_and_written() -> None:
    body = {"candidates": [{"content": {"parts": [{"text": str(index)}]}, "finishReason": "STOP", "index": index} for index in range(3)]}
    whole = TONGUE.answered(json.dumps(body).encode())
    assert isinstance(whole, Answered)
    assert whole.pieces == (Words("0"),)
    assert whole.more == (((Words("1"),), "stop"), ((Words("2"),), "stop"))
    assert TONGUE.answered(TONGUE.answer(whole, PLAIN)) == whole


def test_errors_are_read_whatever_they_look_like() -> None:
    body = b'{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}'
    assert TONGUE.failed(400, body).code == "authentication"
    assert TONGUE.failed(429, b"[" + body.replace(b"400", b"429") + b"]").status == 429
    assert TONGUE.failed(400, b'{"error":{"code":400,"message":"The input token count (9) exceeds the maximum"}}').code == "context_length"
    assert TONGUE.failed(503, b"<html><body>Service Unavailable</body></html>") == Failure(503, "overloaded", "Service Unavailable", "")
    assert TONGUE.failed(500, b"").code == "server"


@pytest.mark.parametrize(
    ("code", "status"), [("authentication", 401), ("permission", 403), ("not_found", 404), ("rate_limit", 429), ("overloaded", 503)]
)
def test_errors_are_written_so_that_they_read_the_same(code: str, status: int) -> None:
    found, body = TONGUE.failure(Failure(529, code, "well"))
    assert found == status
    again = TONGUE.failed(found, body)
    assert (again.code, again.message) == (code, "well")


def test_an_answer_that_declines_has_the_reason_of_one() -> None:
    """Gemini has no other place for it."""
    whole = Answered("id", "m", (Refusal("I cannot."),), "stop", Usage(2, 3))
    assert json.loads(TONGUE.answer(whole, PLAIN))["candidates"][0]["finishReason"] == "SAFETY"
    assert b'"finishReason":"SAFETY"' in told(events_of(whole))
    plain = Answered("id", "m", (Words("I can."),), "stop", Usage(2, 3))
    assert json.loads(TONGUE.answer(plain, PLAIN))["candidates"][0]["finishReason"] == "STOP"
