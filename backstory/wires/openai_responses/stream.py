"""OpenAI Responses: typed events, read, marked and written.

Rule: after the mark every later event that repeats the whole text has it too, and every later sequence_number is one higher.
Event shapes: platform.openai.com/docs/api-reference/responses-streaming.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Document, Extend, Put, Splice
from backstory.core.message import Part, Path, Text, Thinking, ToolCall
from backstory.core.reply import Delta, Ending, Meter, Reply, Started, TextDelta, ThoughtDelta, ToolDelta
from backstory.core.stream import Frame
from backstory.errors import DocumentError
from backstory.wires.lowering import decode, encode
from backstory.wires.openai_responses.items import CALLS, ENDS, OWN_CALLS, finish_of, kept, read_item, read_response, usage_of
from backstory.wires.sse import event as write_event
from backstory.wires.sse import replaced

_Json: TypeAlias = "dict[str, object]"

_TEXT_DELTAS = frozenset({"response.output_text.delta", "response.refusal.delta"})
_THOUGHT_DELTAS = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_CALL_DELTAS = frozenset({"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"})
_PART_ENDS = frozenset({"response.output_text.done", "response.content_part.done"})
_CONTENT_SHIFT = 20
"""A second content part of an output item gets an index of its own: output_index + (content_index << 20)."""


class _Event(Struct):
    type: str = ""
    delta: object = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    item_id: str | None = None
    sequence_number: int | None = None
    item: Raw = Raw()
    response: Raw = Raw()


class _Item(Struct):
    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    encrypted_content: Raw = Raw()


_event = msgspec.json.Decoder(_Event)
_item = msgspec.json.Decoder(_Item)


def deltas(frame: Frame) -> list[Delta]:
    """What an event adds. Whole texts in `.done` events are repetitions and add nothing."""
    try:
        event = _event.decode(frame.data)
        kind = event.type
        if kind in _TEXT_DELTAS:
            return [TextDelta(event.delta, _index(event))] if isinstance(event.delta, str) else []
        if kind in _CALL_DELTAS:
            return [ToolDelta(event.output_index, "", "", event.delta)] if isinstance(event.delta, str) else []
        if kind in _THOUGHT_DELTAS:
            return [ThoughtDelta(event.delta, event.output_index)] if isinstance(event.delta, str) else []
        return _rare(event, kind or frame.event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DocumentError):
        return []


def _index(event: _Event) -> int:
    return event.output_index + (event.content_index << _CONTENT_SHIFT) if event.content_index else event.output_index


def _rare(event: _Event, kind: str) -> list[Delta]:
    """Events that come once for an item or for the whole reply."""
    if kind == "response.output_item.added":
        item = decode(_item, event.item)
        return [ToolDelta(event.output_index, item.call_id or "", item.name or "")] if item.type in CALLS else []
    if kind == "response.output_item.done":
        item = decode(_item, event.item)
        if item.type in OWN_CALLS:
            calls = [part for part in read_item(event.item, ()).parts if isinstance(part, ToolCall)]
            return [ToolDelta(event.output_index, call.id, call.name, call.arguments) for call in calls]
        signed = bytes(item.encrypted_content) not in (b"", b"null", b'""')
        return [ThoughtDelta("", event.output_index, signed)] if item.type == "reasoning" else []
    if kind == "response.reasoning_summary_part.added":
        return [ThoughtDelta("\n", event.output_index)] if event.summary_index else []
    if kind == "response.created":
        response = read_response(event.response)
        return [Started(response.id, response.model)]
    if kind in ENDS:
        response = read_response(event.response)
        response.status = kind.removeprefix("response.")
        usage = usage_of(response.usage)
        ending: list[Delta] = [Started(response.id, response.model, kept(response)), Ending(finish_of(response))]
        return ending if usage is None else [*ending, Meter(usage)]
    return [Ending("error")] if kind == "error" else []


def mark_frame(frame: Frame, text: str, state: dict[str, str]) -> bytes | None:
    """The mark is a text delta of its own before the first event that closes a part whose text was seen.

    `state`: "part" and "item" name the part that text was last seen in; "marked" is set once the mark is out.
    """
    try:
        event = _event.decode(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    try:
        return _rewritten(frame, event, text, state) if "marked" in state else _marked(frame, event, text, state)
    except DocumentError:
        return None


def _marked(frame: Frame, event: _Event, text: str, state: dict[str, str]) -> bytes | None:
    """An event before the mark, with the mark in front of it where it closes the text."""
    if event.type == "response.output_text.delta":
        if event.delta:
            state["part"] = f"{event.output_index} {event.content_index}"
            state["item"] = event.item_id or ""
        return None
    if "part" not in state or not _closes(event, state["part"]):
        return None
    output, content = state["part"].split()
    added: _Json = {"type": "response.output_text.delta"}
    if event.sequence_number is not None:
        added["sequence_number"] = event.sequence_number
    added |= {"item_id": state["item"], "output_index": int(output), "content_index": int(content), "delta": text, "logprobs": []}
    named = "response.output_text.delta" if frame.event else ""
    closing = _rewritten(frame, event, text, state) or frame.raw
    state["marked"] = "1"
    line = write_event(encode(added), named)
    return (line.replace(b"\n", b"\r\n") if frame.raw.endswith(b"\r\n") else line) + closing


def _closes(event: _Event, part: str) -> bool:
    if event.type in _PART_ENDS:
        return part == f"{event.output_index} {event.content_index}"
    if event.type == "response.output_item.done":
        return part.split(maxsplit=1)[0] == str(event.output_index)
    return event.type in ("response.completed", "response.incomplete")


def _rewritten(frame: Frame, event: _Event, text: str, state: dict[str, str]) -> bytes | None:
    """An event after the mark; None where nothing in it changes."""
    document = Document(frame.data)
    document.keys()  # raises for what can be read in two ways
    splices: list[Splice] = []
    if event.sequence_number is not None:
        splices.append(Put(("sequence_number",), b"%d" % (event.sequence_number + 1)))
    repeated = _repeats(document, event, state)
    if repeated and document.has(repeated) and document.get(repeated)[:1] == b'"':
        splices.append(Extend(repeated, text))
    return replaced(frame, document.apply(splices).replace(b"\n", b" ")) if splices else None


def _repeats(document: Document, event: _Event, state: dict[str, str]) -> Path:
    """Where this event repeats the marked part's whole text; () where it does not."""
    output, content = (int(number) for number in state["part"].split())
    here = event.output_index == output
    if event.type == "response.output_text.done":
        return ("text",) if here and event.content_index == content else ()
    if event.type == "response.content_part.done":
        return ("part", "text") if here and event.content_index == content else ()
    if event.type == "response.output_item.done":
        return ("item", "content", content, "text") if here else ()
    if event.type in ENDS and document.has(("response", "output", 0)):
        return ("response", "output", _place(document, output, state["item"]), "content", content, "text")
    return ()


def _place(document: Document, output: int, item_id: str) -> int:
    """The marked item's place in a whole response: some providers leave items out of it."""
    items = [decode(_item, document.get(("response", "output", index))) for index in range(document.length(("response", "output")))]
    return next((index for index, item in enumerate(items) if item.id and item.id == item_id), output)


def write(reply: Reply, stream: bool) -> bytes:
    """A response object, or the events that build it. Ids are made from what is said, so that the same reply is written alike."""
    reply_id = reply.id or "resp_" + blake2b(repr(reply.parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
    output = [item for index, part in enumerate(reply.parts) if (item := _output_item(part, f"{reply_id.removeprefix('resp_')}_{index}"))]
    response = _response_object(reply, reply_id, output)
    if not stream:
        return encode(response)
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "error": None, "incomplete_details": None}
    events: list[_Json] = [{"type": "response.created", "response": begun}, {"type": "response.in_progress", "response": begun}]
    for index, item in enumerate(output):
        events.extend(_item_events(index, item))
    events.append({"type": f"response.{response['status']}", "response": response})
    return b"".join(
        write_event(encode({"type": event["type"], "sequence_number": number, **event}), str(event["type"]))
        for number, event in enumerate(events)
    )


def _response_object(reply: Reply, reply_id: str, output: list[_Json]) -> _Json:
    usage = reply.usage
    counts: _Json | None = None
    if usage is not None:
        counts = {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"cached_tokens": usage.cache_read_tokens},
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.input_tokens + usage.output_tokens,
        }
    reasons = {"length": "max_output_tokens", "refusal": "content_filter"}
    failed = reply.finish == "error"
    reason = reasons.get(reply.finish)
    return {
        "id": reply_id,
        "object": "response",
        "created_at": 0,
        "status": "failed" if failed else "incomplete" if reason else "completed",
        "error": {"code": "server_error", "message": "The reply failed."} if failed else None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "metadata": {},
        "model": reply.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": counts,
    }


def _output_item(part: Part, name: str) -> _Json | None:
    """An output item; None for what an answer of our own cannot hold."""
    match part:
        case Text(text):
            content: _Json = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
            return {"id": f"msg_{name}", "type": "message", "status": "completed", "role": "assistant", "content": [content]}
        case Thinking(text):
            return {"id": f"rs_{name}", "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}
        case ToolCall(call_id, tool, arguments):
            call: _Json = {"call_id": call_id, "name": tool, "arguments": arguments}
            return {"id": f"fc_{name}", "type": "function_call", "status": "completed", **call}
        case _:
            return None


def _item_events(index: int, item: _Json) -> list[_Json]:
    place: _Json = {"item_id": item["id"], "output_index": index}
    match item:
        case {"type": "message", "content": [{"text": text, **rest}]}:
            at: _Json = {**place, "content_index": 0}
            empty: _Json = {**item, "status": "in_progress", "content": []}
            inner: list[_Json] = [
                {"type": "response.content_part.added", **at, "part": {**rest, "text": ""}},
                {"type": "response.output_text.delta", **at, "delta": text, "logprobs": []},
                {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
                {"type": "response.content_part.done", **at, "part": {**rest, "text": text}},
            ]
        case {"type": "reasoning", "summary": [{"text": text, **rest}]}:
            at = {**place, "summary_index": 0}
            empty = {**item, "summary": []}
            inner = [
                {"type": "response.reasoning_summary_part.added", **at, "part": {**rest, "text": ""}},
                {"type": "response.reasoning_summary_text.delta", **at, "delta": text},
                {"type": "response.reasoning_summary_text.done", **at, "text": text},
                {"type": "response.reasoning_summary_part.done", **at, "part": {**rest, "text": text}},
            ]
        case _:
            empty = {**item, "status": "in_progress", "arguments": ""}
            inner = [
                {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]},
                {"type": "response.function_call_arguments.done", **place, "name": item["name"], "arguments": item["arguments"]},
            ]
    return [
        {"type": "response.output_item.added", "output_index": index, "item": empty},
        *inner,
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]
