"""Whether there is nothing in an answer, or in one event of it, as its wire has it. Pure: bytes in, a word out.

Rule: only what is known to be nothing is nothing. A part, a member or an end that does not stand here is something: what it holds was paid
for. Errors say nothing of their own, unless something was said before them.
Source: https://platform.openai.com/docs/api-reference/chat/object, https://platform.openai.com/docs/api-reference/responses/object,
https://docs.claude.com/en/api/messages, https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal, TypeAlias

import msgspec

Holds: TypeAlias = Literal["nothing", "thought", "something"]
_Members: TypeAlias = Mapping[str, object]

# Ends of an answer that is over in good order, and the absence of one.
_ENDS = (None, "", "stop", "STOP", "end_turn", "completed")
# Of an answer: what surrounds what is said. `usage`, and what tells how it came about.
_AROUND_CHAT = frozenset({"choices", "usage", "prompt_filter_results", "x_groq", "time_info", "error"})
_AROUND_CHOICE = frozenset({"logprobs", "content_filter_results", "native_finish_reason", "finish_reason", "stop_reason", "matched_stop"})
_AROUND_MESSAGE = frozenset({"role", "name", "id"})
_AROUND_ANTHROPIC = frozenset({"content", "usage", "context_management", "id", "type", "role", "model", "stop_reason"})
_AROUND_GEMINI = frozenset(
    {"candidates", "usageMetadata", "promptFeedback", "modelVersion", "responseId", "createTime", "modelStatus", "error"}
)
_AROUND_CANDIDATE = frozenset({"content", "safetyRatings", "finishReason", "finishMessage", "logprobsResult"})
_THOUGHTS = frozenset({"reasoning", "reasoning_content", "reasoning_details", "reasoning_text", "thinking", "thinking_blocks"})
_PENDING = frozenset({"response.created", "response.queued", "response.in_progress"})
_SPOKEN = frozenset({"response.output_text.delta", "response.output_text.done"})
_WEIGHED = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_QUIET = frozenset(
    {
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        "response.reasoning_summary_text.done",
        "response.reasoning_text.done",
        "response.failed",
        "error",
    }
)

_any = msgspec.json.Decoder()


def of_answer(wire: str, body: bytes) -> Holds:
    """What a whole answer holds; a thought alone is a thought. What has not the shape of an answer is something: an error, too."""

    def judge(members: _Members) -> Holds:
        at = _SAID_AT[wire]
        shaped = isinstance(members.get(at), list) if at else not members.get("error")
        return _ANSWERS[wire](members) if shaped else "something"

    return _judged(judge, body)


def of_event(wire: str, data: bytes) -> Holds:
    """What the data of one event of a stream add to it."""
    return "nothing" if not data.strip() or data == b"[DONE]" else _judged(_EVENTS[wire], data)


def _judged(judge: Callable[[_Members], Holds], data: bytes) -> Holds:
    try:
        found = _any.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "something"
    return judge(found) if isinstance(found, dict) else "something"


def _most(found: Iterable[Holds]) -> Holds:
    each = set(found)
    return "something" if "something" in each else "thought" if "thought" in each else "nothing"


def _text(value: object) -> Holds:
    return "nothing" if value is None or (isinstance(value, str) and not value.strip()) else "something"


def _thought(value: object) -> Holds:
    return "thought" if value else "nothing"


def _void(value: object) -> bool:
    """Whether a member has nothing in it but numbers."""
    if isinstance(value, dict):
        return all(one is None or one in ([], "") for one in value.values())
    return value is None or isinstance(value, bool | int | float) or not value


def _others(members: _Members, known: Collection[str]) -> Holds:
    """What stands in members that nobody here knows."""
    return _most("nothing" if name in known or _void(value) else "something" for name, value in members.items())


def _each(value: object, judge: Callable[[_Members], Holds]) -> Holds:
    if value is None:
        return "nothing"
    if not isinstance(value, list):
        return "something"
    return _most(judge(one) if isinstance(one, dict) else "something" for one in value)


def _end(value: object) -> Holds:
    return "nothing" if value in _ENDS else "something"


# --- OpenAI Chat


def _chat(members: _Members) -> Holds:
    named = {name: value for name, value in members.items() if not isinstance(value, str)}
    return _most((_each(members.get("choices"), _choice), _others(named, _AROUND_CHAT)))


def _choice(members: _Members) -> Holds:
    said = [_message(members.get(name)) for name in ("message", "delta")]
    return _most((*said, _end(members.get("finish_reason")), _others(members, {"message", "delta", *_AROUND_CHOICE})))


def _message(value: object) -> Holds:
    if value is None:
        return "nothing"
    if not isinstance(value, dict):
        return "something"
    content = value.get("content")
    spoken = _each(content, _part) if isinstance(content, list) else _text(content)
    thoughts = [_thought(value.get(name)) for name in _THOUGHTS]
    return _most((spoken, *thoughts, _others(value, {"content", *_AROUND_MESSAGE, *_THOUGHTS})))


def _part(members: _Members) -> Holds:
    match members.get("type"):
        case "text" | "output_text":
            return _most((_text(members.get("text")), _others(members, {"type", "text"})))
        case "thinking" | "reasoning":
            return "thought"
        case _:
            return "something"


# --- Anthropic


def _anthropic(members: _Members) -> Holds:
    ends = _end(members.get("stop_reason"))
    return _most((_each(members.get("content"), _block), ends, _others(members, _AROUND_ANTHROPIC)))


def _block(members: _Members) -> Holds:
    match members.get("type"):
        case "text":
            return _most((_text(members.get("text")), _others(members, {"type", "text"})))
        case "thinking":
            return _thought(members.get("thinking"))
        case "redacted_thinking":
            return "thought"
        case _:
            return "something"


def _anthropic_event(members: _Members) -> Holds:
    match members.get("type"):
        case "ping" | "content_block_stop" | "message_stop" | "error":
            return "nothing"
        case "message_start":
            message = members.get("message")
            return _anthropic(message) if isinstance(message, dict) else "something"
        case "content_block_start":
            block = members.get("content_block")
            return _block(block) if isinstance(block, dict) else "something"
        case "content_block_delta":
            delta = members.get("delta")
            return _anthropic_delta(delta) if isinstance(delta, dict) else "something"
        case "message_delta":
            delta = members.get("delta")
            return _anthropic(delta) if isinstance(delta, dict) else "something"
        case _:
            return "something"


def _anthropic_delta(members: _Members) -> Holds:
    match members.get("type"):
        case "text_delta":
            return _text(members.get("text"))
        case "thinking_delta":
            return _thought(members.get("thinking"))
        case "signature_delta":
            return "nothing"
        case _:
            return "something"


# --- OpenAI Responses


def _responses(members: _Members) -> Holds:
    """What it repeats of the request stands beside its output. One that is still at work has no end."""
    status = members.get("status")
    ends: Holds = "nothing" if status in (None, "completed", "failed") else "something"
    return _most((_each(members.get("output"), _item), ends))


def _item(members: _Members) -> Holds:
    match members.get("type"):
        case "message":
            return _each(members.get("content"), _spoken)
        case "reasoning":
            return _thought(members.get("summary") or members.get("content"))
        case _:
            return "something"


def _spoken(members: _Members) -> Holds:
    known = {"type", "text", "logprobs"}
    return _most((_text(members.get("text")), _others(members, known))) if members.get("type") == "output_text" else "something"


def _responses_event(members: _Members) -> Holds:
    kind = members.get("type")
    if kind in _SPOKEN:
        return _text(members.get("delta", members.get("text")))
    if kind in _WEIGHED:
        return _thought(members.get("delta"))
    if kind in _PENDING or kind == "response.completed":
        found = members.get("response")
        output = found.get("output") if isinstance(found, dict) else None
        return _each(output, _item)
    if kind in {"response.output_item.added", "response.output_item.done"}:
        item = members.get("item")
        return _item(item) if isinstance(item, dict) else "something"
    if kind in {"response.content_part.added", "response.content_part.done"}:
        part = members.get("part")
        if not isinstance(part, dict):
            return "something"
        return "nothing" if part.get("type") in {"reasoning_text", "summary_text"} else _spoken(part)
    return "nothing" if kind in _QUIET else "something"


# --- Gemini


def _gemini(members: _Members) -> Holds:
    feedback = members.get("promptFeedback")
    blocked = isinstance(feedback, dict) and bool(feedback.get("blockReason"))
    around = _others(members, _AROUND_GEMINI)
    return "something" if blocked else _most((_each(members.get("candidates"), _candidate), around))


def _candidate(members: _Members) -> Holds:
    content = members.get("content")
    said: list[Holds] = [_text(content)]
    if isinstance(content, dict):
        said = [_each(content.get("parts"), _gemini_part), _others(content, {"parts", "role"})]
    return _most((*said, _end(members.get("finishReason")), _others(members, _AROUND_CANDIDATE)))


def _gemini_part(members: _Members) -> Holds:
    rest = _others(members, {"text", "thought", "thoughtSignature"})
    said = _thought(members.get("text")) if members.get("thought") else _text(members.get("text"))
    return _most((said, rest))


# Where an answer has what it says; "": it may leave that out.
_SAID_AT: Mapping[str, str] = {"openai_chat": "choices", "anthropic": "content", "openai_responses": "output", "gemini": ""}
_ANSWERS: Mapping[str, Callable[[_Members], Holds]] = {
    "openai_chat": _chat,
    "anthropic": _anthropic,
    "openai_responses": _responses,
    "gemini": _gemini,
}
_EVENTS: Mapping[str, Callable[[_Members], Holds]] = {
    "openai_chat": _chat,
    "anthropic": _anthropic_event,
    "openai_responses": _responses_event,
    "gemini": _gemini,
}
