"""Several answers to one request, streamed to a client of another wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated

WIRE = {wire.name: wire for wire in WIRES}
TONGUE = {tongue.name: tongue for tongue in TONGUES}
EVENTS = ((b"Content-Type", b"text/event-stream"),)
JSON = ((b"Content-Type", b"application/json"),)
CHAT, GEMINI = "openai_chat", "gemini"
STREAM = "/v1beta/models/m:streamGenerateContent"


def exchange(client: str, provider: str, query: str = "alt=sse") -> tuple[Translated, dict[str, Any]]:
    """Two answers are asked for."""
    asked: dict[str, Any] = {"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": {"candidateCount": 2}}
    path = STREAM
    if client == CHAT:
        path, query = "/v1/chat/completions", ""
        asked = {"model": "m", "n": 2, "stream": True, "stream_options": {"include_usage": True}}
        asked["messages"] = [{"role": "user", "content": "Hi"}]
    one = Translated(TONGUE[client], TONGUE[provider], WIRE[provider], path, query)
    body = json.loads(one.ask(json.dumps(asked).encode()))
    return one, body


def from_gemini(*chunks: tuple[int, str, str]) -> bytes:
    """(candidate, text, finish) each."""
    out = b""
    for number, text, finish in chunks:
        parts = [{"text": text}] if text else []
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": number}
        candidate |= {"finishReason": finish} if finish else {}
        usage = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
        out += b"data: " + json.dumps({"candidates": [candidate], "usageMetadata": usage, "responseId": "r"}).encode() + b"\n\n"
    return out


def from_chat(*chunks: tuple[int, str, str]) -> bytes:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    out = b""
    for number, text, finish in chunks:
        choice = {"index": number, "delta": {"content": text} if text else {}, "finish_reason": finish or None}
        out += b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    out += b"data: " + json.dumps({**head, "choices": [], "usage": usage}).encode() + b"\n\n"
    return out + b"data: [DONE]\n\n"


TWO = ((0, "one", ""), (1, "uno", ""), (0, " two", ""), (1, " due", ""))


def streamed(one: Translated, raw: bytes, size: int) -> bytes:
    one.begin(200, EVENTS)
    return b"".join([one.chunk(raw[at : at + size]) for at in range(0, len(raw), size)]) + one.tail()


def chat_chunks(out: bytes) -> list[dict[str, Any]]:
    assert out.endswith(b"data: [DONE]\n\n")
    return [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_client_of_chat_gets_both_candidates_of_gemini(size: int) -> None:
    one, body = exchange(CHAT, GEMINI)
    assert body["generationConfig"]["candidateCount"] == 2
    assert [loss for loss in one.losses if loss.what == "n"] == []
    chunks = chat_chunks(streamed(one, from_gemini(*TWO, (1, "", "MAX_TOKENS"), (0, "", "STOP")), size))
    texts: dict[int, str] = {}
    ends: dict[int, str] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            texts[choice["index"]] = texts.get(choice["index"], "") + choice["delta"].get("content", "")
            ends |= {choice["index"]: choice["finish_reason"]} if choice["finish_reason"] else {}
    assert texts == {0: "one two", 1: "uno due"}
    assert ends == {0: "stop", 1: "length"}
    assert [place for place, chunk in enumerate(chunks) if chunk.get("usage")] == [len(chunks) - 1]


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize("query", ["alt=sse", ""])
@pytest.mark.parametrize("first", [0, 1])
def test_a_client_of_gemini_gets_both_choices_of_chat(size: int, query: str, first: int) -> None:
    one, body = exchange(GEMINI, CHAT, query)
    assert body["n"] == 2
    chunks = TWO if first == 0 else TWO[1::2] + TWO[::2]
    out = streamed(one, from_chat(*chunks, (0, "", "stop"), (1, "", "length")), size)
    told = json.loads(out) if not query else [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: ")]
    texts, ends = {0: "", 1: ""}, dict[int, str]()
    for chunk in told:
        for candidate in chunk["candidates"]:
            texts[candidate["index"]] += "".join(part["text"] for part in candidate["content"]["parts"])
            ends |= {candidate["index"]: candidate["finishReason"]} if "finishReason" in candidate else {}
    assert texts == {0: "one two", 1: "uno due"}
    assert ends == {0: "STOP", 1: "MAX_TOKENS"}
    assert [place for place, chunk in enumerate(told) if "usageMetadata" in chunk] == [len(told) - 1]


def test_a_candidate_that_says_nothing_is_not_told_of() -> None:
    one, _ = exchange(CHAT, GEMINI)
    chunks = chat_chunks(streamed(one, from_gemini((0, "one", ""), (0, "", "STOP")), 1 << 20))
    assert {choice["index"] for chunk in chunks for choice in chunk["choices"]} == {0}


def test_a_candidate_that_breaks_alone_ends_and_the_others_go_on() -> None:
    one, _ = exchange(CHAT, GEMINI)
    raw = from_gemini((0, "one", ""), (1, "uno", ""), (1, "", "MALFORMED_FUNCTION_CALL"), (0, " two", "STOP"))
    chunks = chat_chunks(streamed(one, raw, 1 << 20))
    assert "error" not in {name for chunk in chunks for name in chunk}
    assert [choice["index"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]] == [1, 0]


def test_an_answer_that_comes_whole_is_told_with_all_of_its_candidates() -> None:
    one, _ = exchange(GEMINI, CHAT)
    mode, _ = one.begin(200, JSON)
    choices = [
        {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"} for at, text in enumerate(("a", "b"))
    ]
    status, out = one.whole(json.dumps({"id": "c", "choices": choices}).encode())
    told = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: ")]
    said = [
        (one["index"], part["text"]) for chunk in told for one in chunk["candidates"] for part in one["content"]["parts"] if part["text"]
    ]
    assert (mode, status, said) == ("whole", 200, [(0, "a"), (1, "b")])


@pytest.mark.parametrize("provider", ["anthropic", "openai_responses"])
@pytest.mark.parametrize("client", [CHAT, GEMINI])
def test_where_there_is_but_one_answer_several_are_refused_by_name(client: str, provider: str) -> None:
    one, _ = exchange(client, provider)
    assert [(loss.what, loss.how) for loss in one.losses if loss.how == "refused"] == [("n", "refused")]
