"""How a request of Anthropic's ends: whether thinking can go with it, and how an open call is put so that it can.

Rule: a model with thinking on takes its own calls back only behind thoughts that it has signed, and none where a tool has to be called.
Source: https://docs.claude.com/en/docs/build-with-claude/extended-thinking.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from backstory.core.document import Document, Put, Splice
from backstory.wires.anthropic.tongue_models import ADAPTIVE
from backstory.wires.lowering import encode
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.tongue import text_of

_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_FORCED = frozenset({"any", "tool"})


class _Block(Struct):
    type: str = ""
    signature: str = ""
    data: str = ""


class _Turn(Struct):
    role: str = ""
    content: str | list[_Block] = ""


class _Choice(Struct):
    type: str = ""


_turn = msgspec.json.Decoder(_Turn)
_choice = msgspec.json.Decoder(_Choice)
_STUBS: dict[str, dict[str, object]] = {
    "tool_use": {"type": "tool_use", "id": "x", "name": "x", "input": {}},
    "tool_result": {"type": "tool_result", "tool_use_id": "x", "content": "x"},
    "text": {"type": "text", "text": "x"},
}
_USER: dict[str, object] = {"role": "user", "content": "x"}


def in_small(document: Document) -> dict[str, object]:
    """Members of a small request that ends as this one does, and makes its model call a tool where this one does. What cannot be read is
    left out: its provider says what is wrong with it."""
    found: dict[str, object] = {"messages": _ending(document)}
    try:
        raw = document.member("tool_choice")
        forced = raw is not None and _choice.decode(raw).type in _FORCED
    except (msgspec.DecodeError, UnicodeDecodeError):
        forced = False
    if forced and document.member("tools") is not None:
        found["tools"] = [{"name": "x", "input_schema": {"type": "object"}}]
        found["tool_choice"] = {"type": "any"}
    return found


def _ending(document: Document) -> list[dict[str, object]]:
    """The last answer and what is said to it, in small; a plain word of a user where something else was said last."""
    raw = document.member("messages")
    if raw is None or raw[:1] != b"[":
        return [_USER]
    said: list[dict[str, object]] = []
    for message in reversed(document.elements(("messages",))):
        try:
            turn = _turn.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [_USER]
        content = _content(turn.content)
        said.insert(0, {"role": turn.role, "content": content or [_STUBS["text"]]})
        if turn.role == "assistant":
            return [_USER, *said]
        if _STUBS["tool_result"] not in content:
            return [_USER]
    return [_USER]


def _content(content: str | list[_Block]) -> list[dict[str, object]]:
    """Thoughts count only where they come first."""
    if isinstance(content, str):
        return [_STUBS["text"]]
    thought = bool(content) and content[0].type in _THOUGHTS
    return [small for block in content if (thought or block.type not in _THOUGHTS) and (small := _small(block))]


def _small(block: _Block) -> dict[str, object] | None:
    if block.type == "thinking":
        return {"type": "thinking", "thinking": "x", "signature": block.signature}
    if block.type == "redacted_thinking":
        return {"type": "redacted_thinking", "data": block.data}
    return _STUBS.get(block.type)


def told_open(body: bytes, model: str) -> bytes:
    """The body with the calls that are being answered, and what came of them, put as text, where they would keep this model from thinking;
    the same object where they do not. Raises DocumentError."""
    if ADAPTIVE.search(model):
        return body
    document = Document(body)
    last = document.length(("messages",)) - 1 if document.has(("messages",)) else -1
    first = last
    while first >= 0 and _fields(document, first).text("role") != "assistant":
        first -= 1
    if first < 0 or first == last:
        return body
    called = _fields(document, first)
    kinds = {block.text("type") for block in called.objects("content")} if called.kind("content") == "array" else set()
    if "tool_use" not in kinds or kinds & _THOUGHTS:
        return body
    names: dict[str, str] = {}
    splices: list[Splice] = []
    for at in range(first, last + 1):
        blocks = _fields(document, at)
        if blocks.kind("content") == "array":
            for index, block in enumerate(blocks.objects("content")):
                splices += _as_text(("messages", at, "content", index), block, names)
    return document.apply(splices)


def _as_text(path: tuple[str | int, ...], block: Fields, names: dict[str, str]) -> list[Splice]:
    """A call or a result, as the text that says it. Images in a result are named only: they have no place in text."""
    match block.text("type"):
        case "tool_use":
            name, given = block.text("name"), block.raw("input")
            names[block.text("id")] = name
            text = f"[I call {name} with {'{}' if given is None else text_of(given)}]"
        case "tool_result":
            name = names.get(block.text("tool_use_id"), "")
            what = "failed with" if block.flag("is_error") else "gave"
            text = f"[{name or 'The tool'} {what}:\n{_said(block)}]"
        case _:
            return []
    out: dict[str, object] = {"type": "text", "text": text}
    cached = block.raw("cache_control")
    return [Put(path, encode(out if cached is None else {**out, "cache_control": cached}))]


def _said(result: Fields) -> str:
    if result.kind("content") == "string":
        return result.text("content")
    return "\n".join([part.text("text") or f"({part.text('type')})" for part in result.objects("content")])


def _fields(document: Document, at: int) -> Fields:
    return Fields(document.get(("messages", at)))
