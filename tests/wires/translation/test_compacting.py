"""A history that a client of OpenAI Responses wants compacted by a provider that cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.core.reply import Usage
from backstory.core.translation import Answered, Thought, Words
from backstory.errors import DocumentError
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated, events_of

TONGUE = {tongue.name: tongue for tongue in TONGUES}
PROVIDERS = ["anthropic", "openai_chat", "gemini"]
TOOLS = [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": False}]
SAID = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Find the leak."}]},
    {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "pool.py: 41"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is in pool.py.", "annotations": []}]},
]
TRIGGER = {"type": "compaction_trigger"}


def exchange(provider: str, items: list[Any], stream: bool = False) -> tuple[Translated, dict[str, Any]]:
    wire = next(wire for wire in WIRES if wire.name == provider)
    one = Translated(TONGUE["openai_responses"], TONGUE[provider], wire, "/v1/responses", "")
    body = {"model": "m", "input": items, "tools": TOOLS, "stream": stream, "store": False}
    return one, json.loads(one.ask(json.dumps(body).encode()))


def answer(one: Translated, provider: str, said: Answered, stream: bool) -> tuple[int, list[dict[str, Any]], list[str]]:
    """Status, output items, and the types of the events, of what the client gets."""
    tongue = TONGUE[provider]
    asked = tongue.asked(
        b'{"contents":[]}' if provider == "gemini" else b'{"messages":[],"max_tokens":9}',
        "/v1beta/models/m:streamGenerateContent",
        "alt=sse",
    )
    if not stream:
        one.begin(200, ((b"Content-Type", b"application/json"),))
        status, out = one.whole(tongue.answer(said, asked))
        found = json.loads(out)
        return status, found.get("output", []), [] if status == 200 else [found["error"]["message"]]
    one.begin(200, ((b"Content-Type", b"text/event-stream"),))
    teller = tongue.teller(asked)
    out = one.chunk(b"".join([teller.tell(event) for event in events_of(said)]) + teller.end()) + one.tail()
    events = [json.loads(line[6:]) for line in out.decode().splitlines() if line.startswith("data: ")]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return 200, events[-1]["response"]["output"], [event["type"] for event in events]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_summary_stands_for_what_would_have_been_sealed_and_is_told_when_it_comes_back(provider: str, stream: bool) -> None:
    _, before = exchange(provider, SAID)
    one, sent = exchange(provider, [*SAID, TRIGGER], stream)
    assert {loss.what: loss.how for loss in one.losses}["compaction_trigger"] == "changed"
    key = "contents" if provider == "gemini" else "messages"
    assert len(sent[key]) == len(before[key]) + 1
    assert "Sum up this conversation" in json.dumps(sent[key][-1])
    assert "none" in json.dumps(sent.get("tool_choice", sent.get("toolConfig"))).lower()
    status, output, kinds = answer(
        one, provider, Answered("a1", "m", (Thought("hm"), Words("Leak: pool.py, line 41. Ünd ☂")), "stop"), stream
    )
    assert status == 200
    assert [item["type"] for item in output] == ["compaction"]
    if stream:
        assert kinds == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.output_item.done",
            "response.completed",
        ]
    _, again = exchange(provider, [SAID[0], *output, {"role": "user", "content": "Go on."}])
    texts = json.dumps(again[key], ensure_ascii=False)
    assert "<summary>\\nLeak: pool.py, line 41. Ünd ☂\\n</summary>" in texts
    assert texts.index("Find the leak.") < texts.index("<summary>") < texts.index("Go on.")
    _, once_more = exchange(provider, [SAID[0], *output, {"role": "user", "content": "Go on."}])
    assert once_more == again


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_provider_without_a_word_has_failed(stream: bool) -> None:
    one, _ = exchange("openai_chat", [*SAID, TRIGGER], stream)
    _, output, told = answer(one, "openai_chat", Answered("a1", "m", (Words(" "),), "stop"), stream)
    assert output == []
    assert told[-1] == ("response.failed" if stream else "the provider gave no summary")


def test_what_openai_has_sealed_stays_lost_to_others() -> None:
    one, sent = exchange("openai_chat", [{"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAA"}, SAID[0]])
    assert [message["content"] for message in sent["messages"]] == ["Find the leak."]
    assert any("compaction" in loss.what for loss in one.losses)


def test_a_summary_behind_other_words_keeps_its_place() -> None:
    one, _ = exchange("openai_chat", [*SAID, TRIGGER])
    _, (item,), _ = answer(one, "openai_chat", Answered("a1", "m", (Words("Sum."),), "length"), False)
    _, sent = exchange("openai_chat", [*SAID, item, SAID[3]])
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool", "assistant", "user", "assistant"]
    assert sent["messages"][4]["content"] == "<summary>\nSum.\n</summary>"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_history_that_is_posted_comes_back_as_what_its_user_said_and_a_summary(provider: str) -> None:
    wire = next(wire for wire in WIRES if wire.name == provider)
    shown = {"type": "input_image", "image_url": "data:image/png;base64,aGk="}
    old = {"type": "compaction", "id": "cmp_1", "encrypted_content": "backstory:summary::Before."}
    for given, users in (
        ([old, *SAID, {"role": "user", "content": [shown]}], [["input_text"], ["input_image"]]),
        ("Find the leak.", [["input_text"]]),
    ):
        one = Translated(TONGUE["openai_responses"], TONGUE[provider], wire, "/v1/responses/compact", "")
        sent = json.loads(one.ask(json.dumps({"model": "m", "input": given, "instructions": "Be brief."}).encode()))
        texts = json.dumps(sent)
        assert texts.index("Find the leak.") < texts.index("Sum up this conversation")
        assert ("Before." in texts) is isinstance(given, list)
        tongue = TONGUE[provider]
        asked = tongue.asked(
            b'{"contents":[]}' if provider == "gemini" else b'{"messages":[],"max_tokens":9}', "/v1beta/models/m:generateContent", ""
        )
        one.begin(200, ((b"Content-Type", b"application/json"),))
        status, out = one.whole(tongue.answer(Answered("a1", "m", (Words("Leak: pool.py"),), "stop", Usage(10, 5)), asked))
        told = json.loads(out)
        assert (status, told["object"], told["usage"]["total_tokens"]) == (200, "response.compaction", 15)
        assert [item["type"] for item in told["output"]] == [*["message"] * len(users), "compaction"]
        assert [[part["type"] for part in item["content"]] for item in told["output"][:-1]] == users
        assert {item["role"] for item in told["output"][:-1]} == {"user"}
        assert len({item["id"] for item in told["output"]}) == len(told["output"])
        assert told["output"][-1]["encrypted_content"].endswith("Leak: pool.py")


def test_what_is_no_history_is_not_compacted() -> None:
    one = Translated(TONGUE["openai_responses"], TONGUE["openai_chat"], WIRES[1], "/v1/responses/compact", "")
    for body in (b"{", b"[]", b'{"model":"m","input":{"a":1}}', b'{"model":"m","input":7}'):
        with pytest.raises(DocumentError):
            one.ask(body)
