"""Anthropic Messages: answers, whole and streamed, read and written.

Rule: what the provider runs itself (server tools) is not the client's: Opaque in a whole answer, left out of a streamed one.
Source: https://docs.claude.com/en/api/messages-streaming.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.message import Part, Text, Thinking, ToolCall
from backstory.core.reply import Delta, Ending, Finish, Meter, Reply, Started, TextDelta, ThoughtDelta, ToolDelta, Usage
from backstory.core.stream import Frame
from backstory.errors import DocumentError
from backstory.wires.counted import count, counts_of, inside
from backstory.wires.lowering import decode, quote
from backstory.wires.sse import event

FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
"""`stop_reason`, as the BetaStopReason of Anthropic's SDK has them. `pause_turn` and `compaction` are "other": only who asked for
them knows how to go on."""
_STOP_REASON: dict[Finish, str] = {"length": "max_tokens", "tool_calls": "tool_use", "refusal": "refusal"}
_OWN_ID = "msg_backstory"
"""Stands for an id where a reply of our own has none: clients require one."""


class _Message(Struct):
    content: list[Raw]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    usage: Raw = Raw()


class _MessageStart(Struct, tag_field="type", tag="message_start"):
    message: _Message


class _TextBlock(Struct, tag_field="type", tag="text", gc=False):
    text: str = ""


class _ThinkingBlock(Struct, tag_field="type", tag="thinking", gc=False):
    thinking: str = ""
    signature: str | None = None


class _ToolBlock(Struct, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: Raw = Raw(b"{}")


class _BlockStart(Struct, tag_field="type", tag="content_block_start"):
    index: int
    content_block: _TextBlock | _ThinkingBlock | _ToolBlock


class _TextPiece(Struct, tag_field="type", tag="text_delta", gc=False):
    text: str


class _InputPiece(Struct, tag_field="type", tag="input_json_delta", gc=False):
    partial_json: str


class _ThinkingPiece(Struct, tag_field="type", tag="thinking_delta", gc=False):
    thinking: str


class _SignaturePiece(Struct, tag_field="type", tag="signature_delta", gc=False):
    signature: str


class _CitationPiece(Struct, tag_field="type", tag="citations_delta", gc=False):
    pass


class _BlockDelta(Struct, tag_field="type", tag="content_block_delta"):
    index: int
    delta: _TextPiece | _InputPiece | _ThinkingPiece | _SignaturePiece | _CitationPiece


class _BlockStop(Struct, tag_field="type", tag="content_block_stop", gc=False):
    index: int


class _Change(Struct, gc=False):
    stop_reason: str | None = None


class _MessageDelta(Struct, tag_field="type", tag="message_delta"):
    delta: _Change
    usage: Raw = Raw()


class _MessageStop(Struct, tag_field="type", tag="message_stop", gc=False):
    pass


class _Ping(Struct, tag_field="type", tag="ping", gc=False):
    pass


class _Error(Struct, tag_field="type", tag="error", gc=False):
    pass


_Event: TypeAlias = _MessageStart | _BlockStart | _BlockDelta | _BlockStop | _MessageDelta | _MessageStop | _Ping | _Error
_event = msgspec.json.Decoder(_Event)
_message = msgspec.json.Decoder(_Message)
_json = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode


def reply_of(body: bytes, part: Callable[[Raw], Part]) -> Reply:
    """A whole answer. DocumentError for an error body, or anything else that is no message."""
    found = decode(_message, body)
    parts = tuple([part(block) for block in found.content])
    finish = _finish(found.stop_reason) if found.stop_reason is not None else ""
    return Reply(parts, finish, usage_of(found.usage), found.id, found.model)


def deltas(frame: Frame) -> list[Delta]:
    """What an event adds. Events, blocks and deltas of unknown kinds add nothing."""
    if not frame.data:
        return []
    try:
        found: _Event = _event.decode(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    if isinstance(found, _BlockDelta):
        return _block_delta(found)
    match found:
        case _BlockStart():
            return _block_start(found)
        case _MessageStart(message):
            started: list[Delta] = [Started(message.id, message.model)]
            return started if (metered := usage_of(message.usage)) is None else [*started, Meter(metered)]
        case _MessageDelta(change, usage):
            ending: list[Delta] = [Ending(_finish(change.stop_reason))] if change.stop_reason is not None else []
            return ending if (metered := usage_of(usage)) is None else [*ending, Meter(metered)]
        case _Error():
            return [Ending("error")]
        case _:
            return []


def mark_frame(frame: Frame, text: str, state: dict[str, str]) -> bytes | None:
    """One more delta of text before the first block of text closes that has some. Whether another one follows cannot be known."""
    if not frame.data or "done" in state:
        return None
    try:
        found: _Event = _event.decode(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    match found:
        case _BlockStart(index, _TextBlock(begun)) if begun:
            state["text"] = str(index)
        case _BlockDelta(index, _TextPiece(piece)) if piece:
            state["text"] = str(index)
        case _BlockStop(index) if state.get("text") == str(index):
            state["done"] = "1"
            return _text_event(index, text) + frame.raw
    return None


def write_whole(reply: Reply) -> bytes:
    """A message object."""
    blocks = b",".join(block for part in reply.parts if (block := _block(part)) is not None)
    stop = quote(_STOP_REASON.get(reply.finish, "end_turn"))
    return _envelope(reply, blocks, stop, counts(reply.usage)) + b"}"


def write_stream(reply: Reply) -> bytes:
    """All events of a message, from message_start to message_stop."""
    usage = reply.usage or Usage()
    begun = counts(replace(usage, output_tokens=0))
    out = [_typed("message_start", b'"message":' + _envelope(reply, b"", b"null", begun) + b"}")]
    parts = [part for part in reply.parts if isinstance(part, Text | Thinking | ToolCall)]
    for index, part in enumerate(parts):
        out += _part_events(index, part)
    stop = quote(_STOP_REASON.get(reply.finish, "end_turn"))
    out.append(_typed("message_delta", b'"delta":{"stop_reason":' + stop + b',"stop_sequence":null},"usage":' + counts(usage)))
    out.append(event(b'{"type":"message_stop"}', "message_stop"))
    return b"".join(out)


def _block_delta(found: _BlockDelta) -> list[Delta]:
    piece = found.delta
    if isinstance(piece, _TextPiece):
        return [TextDelta(piece.text, found.index)] if piece.text else []
    if isinstance(piece, _InputPiece):
        return [ToolDelta(found.index, "", "", piece.partial_json)] if piece.partial_json else []
    if isinstance(piece, _ThinkingPiece):
        return [ThoughtDelta(piece.thinking, found.index)]
    if isinstance(piece, _SignaturePiece):
        return [ThoughtDelta("", found.index, True)] if piece.signature else []
    return []


def _block_start(found: _BlockStart) -> list[Delta]:
    """A block usually begins empty; some compatible providers send all of a tool's input with its beginning."""
    match found.content_block:
        case _TextBlock(text):
            return [TextDelta(text, found.index)] if text else []
        case _ThinkingBlock(text, signature):
            return [ThoughtDelta(text, found.index, bool(signature))]
        case _ToolBlock(call_id, name, given):
            arguments = bytes(given)
            try:
                return [ToolDelta(found.index, call_id, name, "" if arguments == b"{}" else arguments.decode())]
            except UnicodeDecodeError:
                return []


def _finish(reason: str) -> Finish:
    return FINISHES.get(reason, "other")


def usage_of(raw: Raw) -> Usage | None:
    """`input_tokens` of this wire leaves out what was read from and written to the cache. None where nothing is told."""
    found = counts_of(raw)
    if found is None:
        return None
    read, written = count(found, "cache_read_input_tokens"), count(found, "cache_creation_input_tokens")
    longer = count(inside(found, "cache_creation"), "ephemeral_1h_input_tokens")
    return Usage(count(found, "input_tokens") + read + written, count(found, "output_tokens"), read, written, longer)


def counts(usage: Usage | None) -> bytes:
    """Usage in this wire's words."""
    found = usage or Usage()
    longer = found.cache_write_long_tokens
    split = {"ephemeral_5m_input_tokens": found.cache_write_tokens - longer, "ephemeral_1h_input_tokens": longer}
    return _encode(
        {
            **({"cache_creation": split} if longer else {}),
            "input_tokens": max(0, found.input_tokens - found.cache_read_tokens - found.cache_write_tokens),
            "cache_creation_input_tokens": found.cache_write_tokens,
            "cache_read_input_tokens": found.cache_read_tokens,
            "output_tokens": found.output_tokens,
        }
    )


def _envelope(reply: Reply, blocks: bytes, stop: bytes, usage: bytes) -> bytes:
    """A message object without its last brace."""
    head = b'{"id":' + quote(reply.id or _OWN_ID) + b',"type":"message","role":"assistant","model":' + quote(reply.model)
    return head + b',"content":[' + blocks + b'],"stop_reason":' + stop + b',"stop_sequence":null,"usage":' + usage


def _block(part: Part) -> bytes | None:
    match part:
        case Text(text):
            return b'{"type":"text","text":' + quote(text) + b"}"
        case Thinking(text):
            return b'{"type":"thinking","thinking":' + quote(text) + b',"signature":""}'
        case ToolCall(call_id, name, arguments):
            return b'{"type":"tool_use","id":' + quote(call_id) + b',"name":' + quote(name) + b',"input":' + _input(arguments) + b"}"
        case _:
            return None


def _input(arguments: str) -> bytes:
    """A tool's input is an object in this wire. DocumentError for other arguments; none at all are an empty object."""
    try:
        raw = arguments.encode() if arguments.strip() else b"{}"
    except UnicodeEncodeError as cause:
        raise DocumentError(f"not writable as UTF-8: {cause}") from cause
    decode(_json, raw)
    return raw


def _part_events(index: int, part: Text | Thinking | ToolCall) -> list[bytes]:
    place = b'"index":%d' % index
    match part:
        case Text(text):
            start, middle = b'{"type":"text","text":""}', [_text_event(index, text)]
        case Thinking(text):
            start = b'{"type":"thinking","thinking":"","signature":""}'
            middle = [_delta(index, b'"thinking_delta","thinking":' + quote(text))]
        case ToolCall(call_id, name, arguments):
            start = b'{"type":"tool_use","id":' + quote(call_id) + b',"name":' + quote(name) + b',"input":{}}'
            middle = [_delta(index, b'"input_json_delta","partial_json":' + quote(_input(arguments).decode()))]
    opened = _typed("content_block_start", place + b',"content_block":' + start)
    return [opened, *middle, _typed("content_block_stop", place)]


def _text_event(index: int, text: str) -> bytes:
    return _delta(index, b'"text_delta","text":' + quote(text))


def _delta(index: int, rest: bytes) -> bytes:
    return _typed("content_block_delta", b'"index":%d,"delta":{"type":' % index + rest + b"}")


def _typed(name: str, rest: bytes) -> bytes:
    return event(b'{"type":"' + name.encode() + b'",' + rest + b"}", name)
