"""What other providers sealed does not go up in the client's own wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.core.translation import Thought
from backstory.wires.gemini.tongue_read import NO_SEAL, foreign_seal
from backstory.wires.unsealed import unsealed

FOREIGN = {"type": "thinking", "thinking": "hm", "signature": "backstory:openai_responses:rs_1:ENC"}
HIDDEN = {"type": "redacted_thinking", "data": "backstory:gemini:toolu_1:SIG"}
EMPTY = {"type": "thinking", "thinking": "ha", "signature": ""}
BARE = {"type": "thinking", "thinking": "ho"}
OWN = {"type": "thinking", "thinking": "real", "signature": "c2ln"}
OWN_HIDDEN = {"type": "redacted_thinking", "data": "cmVk"}
TEXT = {"type": "text", "text": "Hello."}
CODED = foreign_seal(Thought("", "SIGA", "anthropic", True))


def anthropic(*contents: object) -> bytes:
    messages = [{"role": "assistant", "content": content} for content in contents]
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}, *messages]}, indent=1).encode()


def left(body: bytes, signed: bool = False) -> list[Any]:
    return [one["content"] for one in json.loads(unsealed("anthropic", body, signed))["messages"][1:]]


def said(*content: object) -> dict[str, object]:
    return {"role": "assistant", "content": content}


def gemini(*parts: object) -> bytes:
    return json.dumps({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": parts}]}).encode()


def parts_left(body: bytes, stands_for_none: bool = False) -> list[Any]:
    found: list[Any] = json.loads(unsealed("gemini", body, stands_for_none=stands_for_none))["contents"][1]["parts"]
    return found


def test_thoughts_that_another_wire_sealed_go() -> None:
    assert left(anthropic([FOREIGN, HIDDEN, OWN, OWN_HIDDEN, TEXT], "plain", [HIDDEN, TEXT])) == [[OWN, OWN_HIDDEN, TEXT], "plain", [TEXT]]


@pytest.mark.parametrize("unsigned", [EMPTY, BARE])
def test_thoughts_without_a_signature_go_where_signatures_are_asked_for(unsigned: dict[str, str]) -> None:
    body = anthropic([unsigned, TEXT], [OWN, TEXT])
    assert left(body, signed=True) == [[TEXT], [OWN, TEXT]]
    assert unsealed("anthropic", body) is body


def test_a_message_of_nothing_else_keeps_its_text() -> None:
    assert left(anthropic([FOREIGN, EMPTY]), signed=True) == [[{"type": "text", "text": "<think>hmha</think>"}]]


def test_the_same_history_becomes_the_same_bytes() -> None:
    one, two = anthropic([FOREIGN, TEXT]), anthropic([FOREIGN, TEXT], [EMPTY, TEXT])
    assert unsealed("anthropic", two, True).startswith(unsealed("anthropic", one, True).rstrip(b"\n }]"))


def test_an_open_call_without_its_thought_is_answered_without_thinking() -> None:
    """With a budget, thinking has to stand in front of calls whose results come."""
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}]}
    hi, foreign, own, bare = {"role": "user", "content": "Hi"}, said(FOREIGN, call), said(OWN, call), said(call)

    def thinking(*messages: object, kind: str = "enabled") -> str:
        body = {"messages": messages, "thinking": {"type": kind, "budget_tokens": 2000}}
        return str(json.loads(unsealed("anthropic", json.dumps(body).encode()))["thinking"]["type"])

    assert thinking(hi, foreign, result) == "disabled"
    assert thinking(hi, foreign, result, bare, result) == "disabled", "the turn that began so is not over"
    assert thinking(hi, foreign, result, own, result) == "enabled"
    assert thinking(hi, foreign, result, said(TEXT), hi) == "enabled"
    assert thinking(hi, foreign, result, said(TEXT), hi, own, result) == "enabled"
    assert thinking(hi, foreign, result, kind="adaptive") == "adaptive"


def test_items_that_another_wire_sealed_go() -> None:
    own = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    foreign = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "backstory:anthropic::SIGA"}
    said = {"role": "user", "content": "backstory:anthropic::SIGA"}
    body = json.dumps({"input": [own, foreign, said]}).encode()
    assert json.loads(unsealed("openai_responses", body))["input"] == [own, said]


def test_items_with_an_id_that_openai_has_not_given_go_where_it_is_asked() -> None:
    summary = [{"type": "summary_text", "text": "hm"}]
    made = {"type": "reasoning", "id": "rs_c1_0", "summary": summary}
    sealed = {"type": "reasoning", "id": "rs_c1_1", "summary": [], "encrypted_content": "x"}
    given = {"type": "reasoning", "id": "rs_68af4030baa48193b0b43b4c2a176a1a0e6967589f080e78", "summary": summary}
    told = {"role": "user", "content": [{"type": "input_text", "text": "rs_c1_0"}]}
    body = json.dumps({"input": [made, sealed, given, told]}).encode()
    assert json.loads(unsealed("openai_responses", body, signed=True))["input"] == [sealed, given, told]
    assert unsealed("openai_responses", body) is body


def test_signatures_of_another_wire_go_from_their_parts() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    own = {"text": "b", "thoughtSignature": "U0lH"}
    body = gemini(
        {"text": "a", "thought": True, "thoughtSignature": CODED},
        own,
        {"text": "", "thoughtSignature": CODED},
        call | {"thought_signature": CODED},
    )
    assert parts_left(body) == [{"text": "a", "thought": True}, own, call]
    assert parts_left(body, stands_for_none=True)[2] == call | {"thought_signature": NO_SEAL[0]}
    assert parts_left(gemini({"text": "", "thoughtSignature": CODED})) == [{"text": ""}]


def test_what_has_nothing_of_the_kind_is_not_touched() -> None:
    told = [{"type": "text", "text": 'backstory:x:y: YmFja3N0b3J5Og== "signature":""'}]
    for wire in ("anthropic", "openai_chat", "openai_responses", "gemini"):
        for body in (anthropic([OWN, TEXT]), anthropic(told), gemini({"text": CODED}), b"{backstory:", b"YmFja3N0b3J5O", b""):
            assert unsealed(wire, body, True, True) is body


def test_a_summary_that_another_provider_gave_is_told_to_openai() -> None:
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    own = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAA"}
    ours = {"type": "compaction", "id": "cmp_2", "encrypted_content": 'backstory:summary::All of "it".'}
    body = json.dumps({"input": [said, own, ours, said]}).encode()
    told = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": '<summary>\nAll of "it".\n</summary>'}]}
    assert json.loads(unsealed("openai_responses", body))["input"] == [said, own, told, said]
