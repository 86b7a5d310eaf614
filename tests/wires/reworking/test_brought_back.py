"""What clients bring back of answers that were made over."""

from __future__ import annotations

import json

from backstory.wires.reworking.brought_back import brought_back

OURS = {"type": "thinking", "thinking": "hm", "signature": "backstory:tag::think"}
THEIRS = {"type": "thinking", "thinking": "real", "signature": "c2ln"}


def anthropic(*contents: object) -> bytes:
    messages = [{"role": "assistant", "content": content} for content in contents]
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}, *messages]}, indent=1).encode()


def test_thoughts_that_nobody_sealed_do_not_go_up() -> None:
    text = {"type": "text", "text": "Hello."}
    out = json.loads(brought_back("anthropic", anthropic([OURS, text], "plain", [THEIRS, OURS, text])))
    assert [one["content"] for one in out["messages"][1:]] == [[text], "plain", [THEIRS, text]]


def test_a_message_of_nothing_else_keeps_its_text() -> None:
    out = json.loads(brought_back("anthropic", anthropic([OURS])))
    assert out["messages"][1]["content"] == [{"type": "text", "text": "<think>hm</think>"}]


def test_the_same_history_becomes_the_same_bytes() -> None:
    one, two = anthropic([OURS, {"type": "text", "text": "a"}]), anthropic([OURS, {"type": "text", "text": "a"}], "b")
    assert brought_back("anthropic", two).startswith(brought_back("anthropic", one).rstrip(b"\n }]"))


def test_what_has_nothing_of_the_kind_is_not_touched() -> None:
    for wire in ("anthropic", "openai_chat", "openai_responses", "gemini"):
        for body in (anthropic([THEIRS]), b"{", b"", anthropic([{"type": "text", "text": "backstory:tag: is a mark"}])):
            assert brought_back(wire, body) == body


def test_items_that_no_provider_knows_do_not_go_up() -> None:
    kept = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    items = [
        {"type": "reasoning", "id": "rs_tag_1", "summary": [], "encrypted_content": "backstory:tag::think"},
        {"type": "reasoning", "summary": [], "encrypted_content": "backstory:tag::think"},
        {"type": "item_reference", "id": "rs_tag_1"},
        kept,
        {"role": "user", "content": "rs_tag_"},
    ]
    out = json.loads(brought_back("openai_responses", json.dumps({"input": items}).encode()))
    assert out["input"] == [kept, items[-1]]


def test_results_of_calls_that_the_provider_does_not_know_are_told() -> None:
    """Their call stands in state that the provider keeps, as text."""
    result = {"type": "function_call_output", "call_id": "call_vt_1", "output": "well"}
    parts = {"type": "function_call_output", "call_id": "call_vt_2", "output": [{"type": "input_text", "text": "good"}]}
    out = json.loads(brought_back("openai_responses", json.dumps({"previous_response_id": "r", "input": [result, parts]}).encode()))
    assert [one["content"][0]["text"] for one in out["input"]] == ["Result of the call:\nwell", "Result of the call:\ngood"]
    call = {"type": "function_call", "call_id": "call_vt_1", "name": "run", "arguments": "{}"}
    body = json.dumps({"input": [call, result]}).encode()
    assert brought_back("openai_responses", body) == body
