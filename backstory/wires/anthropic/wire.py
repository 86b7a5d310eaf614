"""Anthropic Messages: requests, whole answers and the wire itself. Streams are read and written in anthropic/stream.py.

Rule: a block of a kind that is not known here is Opaque; one of a known kind but another shape is a DocumentError.
Source: https://docs.claude.com/en/api/messages and https://docs.claude.com/en/api/errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct, structs

from backstory.core.document import Document, Extend, distinct
from backstory.core.edits import Edit
from backstory.core.images import dimensions, fingerprint
from backstory.core.legs import Kept, Offer, Talk, Tool
from backstory.core.message import (
    Media,
    MediaKind,
    Message,
    Opaque,
    Opening,
    Part,
    Path,
    Prompt,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from backstory.core.reply import Delta, Reply
from backstory.core.stream import Frame
from backstory.core.wire import StreamReader
from backstory.errors import DocumentError, PreviousUnknown
from backstory.wires import base
from backstory.wires.anthropic import legs
from backstory.wires.anthropic import stream as events
from backstory.wires.anthropic.order import moved
from backstory.wires.guided import guided
from backstory.wires.lowering import Lowering, decode, quote
from backstory.wires.sse import SSEReader

_PATHS = frozenset({"/v1/messages", "/anthropic/v1/messages"})
_SYSTEM: Path = ("system",)
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_FIRST_BLOCKS = frozenset({"tool_result", "thinking", "redacted_thinking"})
"""The API refuses text before these: results stand first in a user message, reasoning first in an assistant message."""
_ERRORS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class _Text(Struct, tag_field="type", tag="text", gc=False):
    text: str


class _ToolUse(Struct, tag_field="type", tag="tool_use", gc=False):
    id: str
    name: str
    input: Raw = Raw(b"{}")


class _Inner(Struct, gc=False):
    type: str = ""
    text: str = ""
    source: Raw = Raw(b"")


class _ToolResult(Struct, tag_field="type", tag="tool_result", gc=False):
    tool_use_id: str
    content: str | list[_Inner] | None = None
    is_error: bool | None = None


class _Source(Struct, gc=False):
    type: str = ""
    media_type: str = ""
    data: Raw = Raw(b"")
    url: str = ""
    file_id: str = ""


class _Image(Struct, tag_field="type", tag="image", gc=False):
    source: _Source


class _Document(Struct, tag_field="type", tag="document", gc=False):
    source: _Source


class _Thinking(Struct, tag_field="type", tag="thinking", gc=False):
    thinking: str
    signature: str | None = None


_Block = _Text | _ToolUse | _ToolResult | _Image | _Document | _Thinking
_KNOWN = frozenset({"text", "tool_use", "tool_result", "image", "document", "thinking"})


class _Message(Struct, gc=False):
    role: str
    content: str | list[_Block]


class _LooseMessage(Struct, gc=False):
    role: str
    content: list[Raw]


class _Opening(Struct, gc=False):
    model: str
    messages: list[Raw]
    stream: bool | None = None
    thread: dict[str, Raw] | None = None
    metadata: dict[str, Raw] | None = None
    client_metadata: dict[str, Raw] | None = None
    prompt_cache_key: str | None = None


class _Thread(Struct, gc=False):
    type: str = ""
    previous_message_id: str | None = None


class _OutputConfig(Struct, gc=False):
    format: Raw = Raw(b"null")


_MEDIA: dict[str, MediaKind] = {"image": "image", "document": "document"}

_opening = msgspec.json.Decoder(_Opening)
_message = msgspec.json.Decoder(_Message)
_loose_message = msgspec.json.Decoder(_LooseMessage)
_blocks = msgspec.json.Decoder(list[_Block])
_block = msgspec.json.Decoder(_Block)
_source = msgspec.json.Decoder(_Source)
_thread = msgspec.json.Decoder(_Thread)
_output_config = msgspec.json.Decoder(_OutputConfig)


class Anthropic:
    """The wire of POST /v1/messages."""

    name = "anthropic"
    stateful = True

    def claims(self, method: str, path: str) -> bool:
        """A message; neither a count of tokens nor a batch."""
        return method == "POST" and path in _PATHS

    def streams(self, path: str, query: str, prompt: Prompt) -> bool:
        """What the body asks for."""
        return prompt.stream

    def read(self, document: Document, path: str = "") -> Prompt:
        """Everything but the messages is decoded. DocumentError where model or messages are missing."""
        document.hold("messages")
        items = document.elements(base.MESSAGES)
        model = base.text_field(document, "model")
        if model is None:
            raise DocumentError("a request without a model")
        return Prompt(
            model=model,
            stream=base.flag_field(document, "stream"),
            system=_system(document),
            items=items,
            items_at=base.MESSAGES,
            structured=_structured(document),
            tools=base.count_field(document, "tools"),
            previous=_previous(document),
        )

    def opening(self, body: bytes, path: str) -> Opening | None:
        """See Wire."""
        found = base.glance(_opening, body)
        return None if found is None or found.thread is not None else base.opening(found, found.messages, found.stream)

    def message(self, raw: bytes | memoryview, at: Path) -> Message:
        """A message of any role; `system` may stand among the others."""
        try:
            found = _message.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _loose(raw, at)
        role = _ROLES.get(found.role, "other")
        content = found.content
        base.check_message(raw, isinstance(content, str), "content")
        if isinstance(content, str):
            return Message(role, (Text(content, (*at, "content")),), at)
        return Message(role, tuple([_part(block, (*at, "content", index)) for index, block in enumerate(content)]), at)

    def render(self, document: Document, prompt: Prompt, edits: Sequence[Edit]) -> bytes:
        """Splices only. System text becomes a further block where `system` is a list. System messages that lose their place: see
        `order.moved`."""
        gone, come = moved(document, edits)
        return base.render(document, [*edits, *gone] if gone else edits, _add_system, _FIRST_BLOCKS, come)

    def reply(self, body: bytes) -> Reply:
        """A message object. Anything else is an error."""
        return events.reply_of(body, _reply_part)

    def echo(self, reply: Reply) -> tuple[Message, ...]:
        """One assistant message. A call without arguments comes back with an empty object."""
        parts = tuple([structs.replace(part, arguments="{}") if _bare(part) else part for part in reply.parts])
        return (Message("assistant", parts),) if parts else ()

    def reader(self, content_type: str) -> StreamReader:
        """Typed events; the content type is always text/event-stream."""
        return SSEReader()

    def deltas(self, frame: Frame) -> list[Delta]:
        """See `stream.deltas`."""
        return events.deltas(frame)

    def mark(self, body: bytes, text: str) -> bytes:
        """The last block of text that is not empty gets the text."""
        document = Document(body)
        if not document.has(("content",)):
            return body
        blocks = document.elements(("content",))
        for index in range(len(blocks) - 1, -1, -1):
            if base.kind_of(blocks[index]) == "text" and decode(_block, blocks[index]) != _Text(""):
                return document.apply([Extend(("content", index, "text"), text)])
        return body

    def mark_frame(self, frame: Frame, text: str, state: dict[str, str]) -> bytes | None:
        """See `stream.mark_frame`."""
        return events.mark_frame(frame, text, state)

    def write(self, reply: Reply, stream: bool) -> bytes:
        """A message object, or the events of one."""
        return events.write_stream(reply) if stream else events.write_whole(reply)

    def tools(self, document: Document, prompt: Prompt, offered: Sequence[Tool]) -> Offer:
        """See `legs.tools`."""
        return legs.tools(document, prompt, offered)

    def talk(self, body: bytes, ours: frozenset[str], query: str) -> Talk:
        """See Wire."""
        return legs.AnthropicTalk(body, ours)

    def mend(self, document: Document, prompt: Prompt, kept: Mapping[str, Kept]) -> tuple[Edit, ...]:
        """Nothing: an answer of several legs looks like any other here."""
        return ()

    def error(self, status: int, code: str, message: str) -> bytes:
        """The error body of the Anthropic API, which has no place for a code: it stands before the text. A thread that is not known is
        told as the API does: clients that read this begin another, with their whole history."""
        kind = _ERRORS.get(status, "invalid_request_error" if status < 500 else "api_error")
        if code == PreviousUnknown.code:
            text = quote(base.printable(f"{code}: {message}"))
            return (
                b'{"type":"error","error":{"type":"not_found_error","message":' + text + b',"details":{"error_code":"thread_not_found"}}}'
            )
        return b'{"type":"error","error":{"type":' + quote(kind) + b',"message":' + quote(base.printable(f"{code}: {message}")) + b"}}"


def _system(document: Document) -> tuple[Part, ...]:
    raw = base.field(document, "system")
    if raw is None:
        return ()
    if raw[:1] == base.QUOTE:
        return (Text(base.string(raw), _SYSTEM),)
    parts = []
    for index, block in enumerate(document.elements(_SYSTEM)):
        distinct(block)
        parts.append(_loose_part(block, (*_SYSTEM, index)))
    return tuple(parts)


def _structured(document: Document) -> bool:
    if base.field(document, "output_format") is not None:
        return True
    config = base.field(document, "output_config")
    return (config is not None and bytes(decode(_output_config, config).format) != b"null") or guided(document)


def _previous(document: Document) -> str:
    raw = base.field(document, "thread")
    return "" if raw is None else decode(_thread, raw).previous_message_id or ""


def _add_system(lowering: Lowering, text: str) -> None:
    if lowering.first_byte(_SYSTEM) == base.BRACKET:
        lowering.add(_SYSTEM, lowering.length(_SYSTEM), base.text_block(text))
    else:
        lowering.more_text(_SYSTEM, text)


def _loose(raw: bytes | memoryview, at: Path) -> Message:
    """A message with blocks of unknown kinds: each block is decoded by itself."""
    base.check_keys(raw, "content")
    found = decode(_loose_message, raw)
    role = _ROLES.get(found.role, "other")
    return Message(role, tuple([_loose_part(block, (*at, "content", index)) for index, block in enumerate(found.content)]), at)


def _loose_part(raw: Raw | memoryview, at: Path) -> Part:
    kind = base.kind_of(raw)
    return _part(decode(_block, raw), at) if kind in _KNOWN else Opaque(kind, at)


def _reply_part(raw: Raw) -> Part:
    """A part of an answer has no address."""
    kind = base.kind_of(raw)
    return _part(decode(_block, raw), None) if kind in _KNOWN else Opaque(kind)


def _part(block: _Block, at: Path | None) -> Part:
    here = at or ()
    match block:
        case _Text(text):
            return Text(text, (*here, "text") if at else ())
        case _ToolUse(call_id, name, arguments):
            return ToolCall(call_id, name, _raw_text(arguments), here)
        case _ToolResult(call_id, content, error):
            inside = (*here, "content")
            return ToolResult(call_id, "", _result_text(content), inside, bool(error), _result_media(content, inside))
        case _Image(source):
            return _media("image", source, here)
        case _Document(source):
            return _media("document", source, here)
        case _Thinking(text, signature):
            return Thinking(text, bool(signature), here)


def _bare(part: Part) -> bool:
    return isinstance(part, ToolCall) and not part.arguments.strip()


def _raw_text(raw: Raw) -> str:
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError as cause:
        raise DocumentError(f"not UTF-8: {cause}") from cause


def _result_text(content: str | list[_Inner] | None) -> str:
    if isinstance(content, str):
        return content
    return "\n".join([inner.text for inner in content or () if inner.type == "text"])


def _result_media(content: str | list[_Inner] | None, at: Path) -> tuple[Media, ...]:
    if content is None or isinstance(content, str):
        return ()
    return tuple(
        [
            _media(_MEDIA[inner.type], decode(_source, inner.source), (*at, index))
            for index, inner in enumerate(content)
            if inner.type in _MEDIA and inner.source
        ]
    )


def _media(kind: MediaKind, source: _Source, at: Path) -> Media:
    """`data` is base64 (without its quotes), or the text of a plain-text document."""
    data = memoryview(source.data)[1:-1]
    width, height = dimensions(data) if data.nbytes and kind == "image" else (0, 0)
    return Media(kind, source.media_type, data.nbytes, source.url or source.file_id, at, width, height, content=fingerprint(data))
