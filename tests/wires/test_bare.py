"""What holds nothing in an answer of each wire, and that everything else is something."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.wires.bare import of_answer, of_event


def chat(message: dict[str, Any], finish: str | None = "stop", *more: dict[str, Any], **around: Any) -> dict[str, Any]:
    first = {"index": 0, "message": {"role": "assistant", "content": None} | message, "finish_reason": finish, "logprobs": None}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [first, *more], "usage": {"completion_tokens": 1}} | around


def claude(*content: dict[str, Any], reason: str | None = "end_turn", **around: Any) -> dict[str, Any]:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": list(content), "stop_reason": reason}
    return message | {"stop_sequence": None, "usage": {"input_tokens": 3}} | around


def response(*output: dict[str, Any], status: str = "completed", **around: Any) -> dict[str, Any]:
    return {"id": "r", "object": "response", "status": status, "output": list(output), "tools": [{"type": "web_search"}]} | around


def gemini(*parts: dict[str, Any], finish: str = "STOP", **around: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish, "index": 0} | around
    return {"candidates": [candidate], "usageMetadata": {"candidatesTokenCount": 1}, "modelVersion": "m"}


def spoken(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": list(content)}


TEXT: dict[str, Any] = {"type": "text", "text": " \n"}
OUT: dict[str, Any] = {"type": "output_text", "text": "", "annotations": []}
THOUGHT: dict[str, Any] = {"type": "thinking", "thinking": "Well.", "signature": "S"}
REASONED: dict[str, Any] = {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "Well."}]}
SECOND: dict[str, Any] = {"index": 1, "message": {"role": "assistant", "content": "Second."}, "finish_reason": "stop"}

BARE: list[tuple[str, dict[str, Any]]] = [
    ("openai_chat", chat({})),
    ("openai_chat", chat({"content": "", "refusal": None, "tool_calls": [], "annotations": [], "audio": None})),
    ("openai_chat", chat({"content": [TEXT], "reasoning_content": None})),
    ("openai_chat", chat({"content": "\n", "reasoning_content": "Well."})),
    ("openai_chat", chat({}, None, provider_specific_fields={"refusal": None})),
    ("openai_chat", {"choices": []}),
    ("anthropic", claude()),
    ("anthropic", claude(TEXT, context_management={"applied_edits": []}, container=None)),
    ("anthropic", claude(THOUGHT, TEXT)),
    ("anthropic", claude({"type": "redacted_thinking", "data": "D"})),
    ("openai_responses", response()),
    ("openai_responses", response(REASONED, spoken(OUT))),
    ("openai_responses", response({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "E"})),
    ("gemini", gemini()),
    ("gemini", gemini({"text": ""}, safetyRatings=[{"category": "C", "probability": "NEGLIGIBLE"}])),
    ("gemini", gemini({"text": "Well.", "thought": True}, {"text": "", "thoughtSignature": "S"})),
    ("gemini", {"usageMetadata": {"promptTokenCount": 1}}),
]

PAID: list[tuple[str, dict[str, Any]]] = [
    ("openai_chat", chat({"audio": {"id": "a", "data": "AAAA", "transcript": "hi"}})),
    ("openai_chat", chat({"content": "", "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]})),
    ("openai_chat", chat({"content": ""}, "stop", SECOND)),
    ("openai_chat", chat({"refusal": "No."})),
    ("openai_chat", chat({"function_call": {"name": "f", "arguments": "{}"}})),
    ("openai_chat", chat({"tool_calls": [{"id": "x", "type": "custom", "custom": {"name": "c", "input": "i"}}]})),
    ("openai_chat", chat({"annotations": [{"type": "url_citation"}]})),
    ("openai_chat", chat({"content": [{"type": "image_url", "image_url": {"url": "u"}}]})),
    ("openai_chat", chat({"something_new": "of tomorrow"})),
    ("openai_chat", chat({}, "length")),
    ("openai_chat", chat({}, "content_filter")),
    ("openai_chat", chat({}, search_results=[{"url": "u"}])),
    ("openai_chat", {"error": {"message": "no"}}),
    ("anthropic", claude({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, reason="pause_turn")),
    ("anthropic", claude(reason="pause_turn")),
    ("anthropic", claude(reason="refusal")),
    ("anthropic", claude(reason="tool_use")),
    ("anthropic", claude(reason="stop_sequence", stop_sequence="END")),
    ("anthropic", claude({"type": "mcp_tool_use", "id": "s", "name": "n", "server_name": "x", "input": {}})),
    ("anthropic", claude({"type": "container_upload", "file_id": "f"})),
    ("anthropic", claude({"type": "compaction", "content": "All of it."})),
    ("anthropic", claude(TEXT | {"citations": [{"type": "char_location"}]})),
    ("anthropic", claude(TEXT, container={"id": "c"})),
    ("openai_responses", response(spoken({"type": "refusal", "refusal": "No."}))),
    ("openai_responses", response(spoken(OUT | {"annotations": [{"type": "file_citation"}]}))),
    ("openai_responses", response(status="queued")),
    ("openai_responses", response(status="in_progress")),
    ("openai_responses", response(status="incomplete")),
    *(
        ("openai_responses", response({"type": kind, "id": "i", "status": "completed"}))
        for kind in (
            *("image_generation_call", "custom_tool_call", "local_shell_call", "shell_call", "apply_patch_call", "computer_call"),
            *("mcp_call", "mcp_list_tools", "mcp_approval_request", "web_search_call", "file_search_call", "code_interpreter_call"),
            *("function_call", "compaction", "tool_search_call", "of_tomorrow"),
        )
    ),
    *(
        ("gemini", gemini(part))
        for part in (
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
            {"fileData": {"fileUri": "u", "mimeType": "image/png"}},
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": ""}},
            {"functionCall": {"name": "f", "args": {}}},
            {"text": "", "ofTomorrow": "x"},
        )
    ),
    ("gemini", gemini(finish="MAX_TOKENS")),
    ("gemini", gemini(finish="SAFETY")),
    ("gemini", gemini({"text": ""}, groundingMetadata={"webSearchQueries": ["q"]})),
    ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}),
    ("gemini", {"error": {"code": 500}}),
]


@pytest.mark.parametrize(("wire", "answer"), BARE)
def test_what_is_known_to_be_nothing_is_nothing(wire: str, answer: dict[str, Any]) -> None:
    assert of_answer(wire, json.dumps(answer).encode()) != "something"


@pytest.mark.parametrize(("wire", "answer"), PAID)
def test_everything_else_is_something(wire: str, answer: dict[str, Any]) -> None:
    assert of_answer(wire, json.dumps(answer).encode()) == "something"


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic", "openai_responses", "gemini"])
@given(name=st.text(min_size=1, max_size=12).filter(lambda name: name not in {"text", "type", "thought"}), kind=st.text(max_size=12))
def test_a_part_that_nobody_knows_is_something(wire: str, name: str, kind: str) -> None:
    part = {name: "told", "type": "of_" + kind}
    content = [spoken(part)] if wire == "openai_responses" else [part]
    made = {
        "openai_chat": lambda: chat({"content": content}),
        "anthropic": lambda: claude(*content),
        "openai_responses": lambda: response(*content),
        "gemini": lambda: gemini(*content),
    }[wire]()
    assert of_answer(wire, json.dumps(made).encode()) == "something"


def delta(**members: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": members, "finish_reason": None}]}


@pytest.mark.parametrize(
    ("wire", "event", "holds"),
    [
        ("openai_chat", delta(role="assistant", content=""), "nothing"),
        ("openai_chat", delta(content="", reasoning_content="W"), "thought"),
        ("openai_chat", delta(audio={"id": "a", "data": "AAAA"}), "something"),
        ("openai_chat", {"choices": [], "usage": {"completion_tokens": 3}}, "nothing"),
        ("anthropic", {"type": "message_start", "message": claude(reason=None)}, "nothing"),
        ("anthropic", {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, "nothing"),
        ("anthropic", {"type": "content_block_start", "content_block": {"type": "server_tool_use", "id": "s"}}, "something"),
        ("anthropic", {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "W"}}, "thought"),
        ("anthropic", {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "S"}}, "nothing"),
        ("anthropic", {"type": "content_block_delta", "delta": {"type": "citations_delta", "citation": {}}}, "something"),
        ("anthropic", {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}}, "nothing"),
        ("anthropic", {"type": "message_delta", "delta": {"stop_reason": "pause_turn", "stop_sequence": None}}, "something"),
        ("anthropic", {"type": "of_tomorrow"}, "something"),
        ("openai_responses", {"type": "response.in_progress", "response": response(status="in_progress")}, "nothing"),
        ("openai_responses", {"type": "response.output_item.added", "item": {"type": "mcp_call", "id": "i"}}, "something"),
        ("openai_responses", {"type": "response.output_item.added", "item": spoken()}, "nothing"),
        ("openai_responses", {"type": "response.output_text.delta", "delta": " "}, "nothing"),
        ("openai_responses", {"type": "response.content_part.added", "part": {"type": "refusal", "refusal": ""}}, "something"),
        ("openai_responses", {"type": "response.reasoning_summary_text.delta", "delta": "W"}, "thought"),
        ("openai_responses", {"type": "response.incomplete", "response": response(status="incomplete")}, "something"),
        ("openai_responses", {"type": "response.completed", "response": response({"type": "web_search_call"})}, "something"),
        ("openai_responses", {"type": "response.image_generation_call.in_progress"}, "something"),
        ("gemini", gemini({"inlineData": {"mimeType": "image/png", "data": "A"}}), "something"),
        ("gemini", gemini({"text": "W", "thought": True}), "thought"),
    ],
)
def test_each_event_tells_what_it_adds(wire: str, event: dict[str, Any], holds: str) -> None:
    assert of_event(wire, json.dumps(event).encode()) == holds


def test_what_is_no_event_of_the_wire_is_something() -> None:
    assert of_event("openai_chat", b"[DONE]") == of_event("openai_chat", b"") == "nothing"
    assert of_event("openai_chat", b"no JSON") == of_event("gemini", b"[1]") == "something"
