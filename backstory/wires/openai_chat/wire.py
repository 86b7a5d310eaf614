"""OpenAI Chat Completions: requests, whole answers and the wire itself. Streams are read and written in openai_chat/stream.py.

Rule: leading system and developer messages are the system prompt, and stay messages of the list too, so that indexes count as in the body.
Source: https://platform.openai.com/docs/api-reference/chat; many providers are compatible with it, more or less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Document, Extend
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
from backstory.errors import DocumentError
from backstory.wires import base
from backstory.wires.guided import guided
from backstory.wires.lowering import Lowering, decode, quote
from backstory.wires.openai_chat import legs
from backstory.wires.openai_chat import stream as events
from backstory.wires.sse import SSEReader

_PATH = "/chat/completions"
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/")
"""Azure names the model in the path: https://learn.microsoft.com/azure/ai-services/openai/reference."""
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_SYSTEM_ROLES = ("system", "developer")
_CONTENT: Path = ("choices", 0, "message", "content")
_OBJECTS = ("content", "tool_calls", "function", "function_call")


class _Link(Struct, gc=False):
    url: str = ""
    detail: str | None = None


class _Audio(Struct, gc=False):
    data: Raw = Raw(b"")
    format: str = ""


class _File(Struct, gc=False):
    file_data: str | None = None
    file_id: str | None = None


class _TextPart(Struct, tag_field="type", tag="text", gc=False):
    text: str


class _RefusalPart(Struct, tag_field="type", tag="refusal", gc=False):
    refusal: str


class _ImagePart(Struct, tag_field="type", tag="image_url", gc=False):
    image_url: str | _Link


class _VideoPart(Struct, tag_field="type", tag="video_url", gc=False):
    video_url: str | _Link


class _AudioPart(Struct, tag_field="type", tag="input_audio", gc=False):
    input_audio: _Audio


class _FilePart(Struct, tag_field="type", tag="file", gc=False):
    file: _File


class _Function(Struct, gc=False):
    name: str = ""
    arguments: Raw = Raw(b'""')


class _Custom(Struct, gc=False):
    name: str = ""
    input: str = ""


class _Call(Struct, gc=False):
    id: str | None = None
    function: _Function | None = None
    custom: _Custom | None = None


_Part = _TextPart | _RefusalPart | _ImagePart | _VideoPart | _AudioPart | _FilePart
_KNOWN = frozenset({"text", "refusal", "image_url", "video_url", "input_audio", "file"})


class _Message(Struct, gc=False):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None
    reasoning_content: str | None = None
    reasoning: Raw = Raw(b"null")
    refusal: str | None = None
    name: str | None = None
    tool_call_id: str | None = None


class _LooseMessage(Struct, gc=False):
    """The same message, its parts undecoded."""

    role: str = "assistant"
    content: str | list[Raw] | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None
    reasoning_content: str | None = None
    reasoning: Raw = Raw(b"null")
    refusal: str | None = None
    name: str | None = None
    tool_call_id: str | None = None


class _Choice(Struct, gc=False):
    message: _LooseMessage | None = None
    index: int = 0
    finish_reason: str | None = None


class _Completion(Struct, gc=False):
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    usage: Raw = Raw()


class _Where(Struct, gc=False):
    """As much of an answer as a mark needs."""

    choices: list[Raw] | None = None


_opening = msgspec.json.Decoder(base.Messages)
_message = msgspec.json.Decoder(_Message)
_loose_message = msgspec.json.Decoder(_LooseMessage)
_part = msgspec.json.Decoder(_Part)
_completion = msgspec.json.Decoder(_Completion)
_number = msgspec.json.Decoder(int)
_where = msgspec.json.Decoder(_Where)


class OpenAIChat:
    """The wire of POST /v1/chat/completions, under whatever prefix."""

    name = "openai_chat"
    stateful = False

    def claims(self, method: str, path: str) -> bool:
        """A new completion, not a stored one."""
        return method == "POST" and path.endswith(_PATH)

    def streams(self, path: str, query: str, prompt: Prompt) -> bool:
        """What the body asks for."""
        return prompt.stream

    def read(self, document: Document, path: str = "") -> Prompt:
        """Everything but the messages is decoded: system messages are among them. Where the body has no model, the path may name it."""
        document.hold("messages")
        items = document.elements(base.MESSAGES)
        return Prompt(
            model=base.text_field(document, "model") or _deployment(path),
            stream=base.flag_field(document, "stream"),
            system=(),
            items=items,
            items_at=base.MESSAGES,
            structured=_structured(document),
            tools=base.count_field(document, "tools") or base.count_field(document, "functions"),
        )

    def opening(self, body: bytes, path: str) -> Opening | None:
        """See Wire."""
        found = base.glance(_opening, body)
        return None if found is None else base.opening(found, found.messages, found.stream)

    def message(self, raw: bytes | memoryview, at: Path) -> Message:
        """A message; its thoughts come first, then its content, then its calls."""
        try:
            found: _Message | _LooseMessage = _message.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            base.role_of(raw)
            found = decode(_loose_message, raw)
        if found.tool_calls or found.function_call:
            base.check_keys(raw, *_OBJECTS)
        else:
            base.check_message(raw, isinstance(found.content, str), *_OBJECTS)
        return Message(_ROLES.get(found.role, "other"), _parts(found, at), at)

    def render(self, document: Document, prompt: Prompt, edits: Sequence[Edit]) -> bytes:
        """Splices only. System text becomes one more message after the leading system messages, in their role."""
        leading = _leading(prompt.items)
        role = leading[-1] if leading else _SYSTEM_ROLES[0]

        def add_system(lowering: Lowering, text: str) -> None:
            lowering.add(base.MESSAGES, len(leading), base.message_bytes(role, text))

        return base.render(document, edits, add_system, frozenset())

    def reply(self, body: bytes) -> Reply:
        """A chat.completion object. Anything else is an error."""
        found = decode(_completion, body)
        choice = next((choice for choice in found.choices if choice.index == 0), None)
        if choice is None:
            raise DocumentError("an answer without a choice 0")
        finish = events.finish_of(choice.finish_reason) if choice.finish_reason else ""
        said = () if choice.message is None else _parts(choice.message, None)
        return Reply(said, finish, events.usage_of(found.usage), found.id or "", found.model or "")

    def echo(self, reply: Reply) -> tuple[Message, ...]:
        """One assistant message."""
        return (Message("assistant", reply.parts),) if reply.parts else ()

    def reader(self, content_type: str) -> StreamReader:
        """Chunks as events without a name; the content type is always text/event-stream."""
        return SSEReader()

    def deltas(self, frame: Frame) -> list[Delta]:
        """See `stream.deltas`."""
        return events.deltas(frame)

    def mark(self, body: bytes, text: str) -> bytes:
        """The content of the one choice gets the text: a string that is not empty, or the last such part of a list."""
        choices = decode(_where, body).choices
        document = Document(body)
        if not choices or len(choices) != 1 or not document.has(_CONTENT):
            return body
        content = document.get(_CONTENT)
        if content[:1] == base.QUOTE:
            return body if content == b'""' else document.apply([Extend(_CONTENT, text)])
        if content[:1] == base.BRACKET:
            for index in range(document.length(_CONTENT) - 1, -1, -1):
                place = (*_CONTENT, index, "text")
                if document.has(place) and base.kind_of(document.get(place[:-1])) == "text" and document.get(place) != b'""':
                    return document.apply([Extend(place, text)])
        return body

    def mark_frame(self, frame: Frame, text: str, state: dict[str, str]) -> bytes | None:
        """See `stream.mark_frame`."""
        return events.mark_frame(frame, text, state)

    def write(self, reply: Reply, stream: bool) -> bytes:
        """A chat.completion object, or the chunks of one."""
        return events.write_stream(reply) if stream else events.write_whole(reply)

    def tools(self, document: Document, prompt: Prompt, offered: Sequence[Tool]) -> Offer:
        """See `legs.tools`."""
        return legs.tools(document, prompt, offered)

    def talk(self, body: bytes, ours: frozenset[str], query: str) -> Talk:
        """See Wire."""
        return legs.ChatTalk(body, ours)

    def mend(self, document: Document, prompt: Prompt, kept: Mapping[str, Kept]) -> tuple[Edit, ...]:
        """Nothing: an answer of several legs looks like any other here."""
        return ()

    def error(self, status: int, code: str, message: str) -> bytes:
        """The error body of the OpenAI API."""
        kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
        head = b'{"error":{"message":' + quote(base.printable(message)) + b',"type":' + quote(kind)
        return head + b',"param":null,"code":' + quote(base.printable(code)) + b"}}"


def _leading(items: Sequence[bytes | memoryview]) -> list[str]:
    """The roles of the system messages with which the list begins."""
    roles: list[str] = []
    for item in items:
        role = base.role_of(item)
        if role not in _SYSTEM_ROLES:
            break
        roles.append(role)
    return roles


def _deployment(path: str) -> str:
    found = _DEPLOYMENT.search(path)
    return found.group(1) if found else ""


def _structured(document: Document) -> bool:
    """Whether the reply is not plain text; several choices count too, for they are never marked either."""
    count = base.field(document, "n")
    if count is not None and decode(_number, count) != 1:
        return True
    return guided(document)


def _parts(found: _Message | _LooseMessage, at: Path | None) -> tuple[Part, ...]:
    """The parts of a message. An answer's parts have no addresses."""
    if found.role in {"tool", "function"}:
        name = found.name or ""
        shown = _result_media(found.content, at)
        return (ToolResult(found.tool_call_id or "", name, _result_text(found.content), _under(at, "content"), False, shown),)
    parts: list[Part] = []
    thought = found.reasoning_content or _reasoning(found.reasoning)
    if thought:
        where = "reasoning_content" if found.reasoning_content else "reasoning"
        parts.append(Thinking(thought, False, _under(at, where)))
    if isinstance(found.content, str):
        if found.content or (at is not None and not found.tool_calls):
            parts.append(Text(found.content, _under(at, "content")))
    else:
        parts += [_content_part(part, _under(at, "content", index)) for index, part in enumerate(found.content or ())]
    if found.refusal:
        parts.append(Text(found.refusal, _under(at, "refusal")))
    parts += [_tool_call(call, _under(at, "tool_calls", index)) for index, call in enumerate(found.tool_calls or ())]
    if found.function_call is not None:
        parts.append(ToolCall("", found.function_call.name, _arguments(found.function_call.arguments), _under(at, "function_call")))
    return tuple(parts)


def _under(at: Path | None, *steps: str | int) -> Path:
    return () if at is None else (*at, *steps)


def _reasoning(raw: Raw) -> str:
    """Some providers have a string here, some an object."""
    return base.string(raw) if bytes(memoryview(raw)[:1]) == base.QUOTE else ""


def _tool_call(call: _Call, at: Path) -> ToolCall:
    if call.custom is not None:
        return ToolCall(call.id or "", call.custom.name, call.custom.input, at)
    function = call.function or _Function()
    return ToolCall(call.id or "", function.name, _arguments(function.arguments), at)


def _arguments(raw: Raw) -> str:
    """A string of JSON, in some clients the object itself."""
    if bytes(memoryview(raw)[:1]) == base.QUOTE:
        return base.string(raw)
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError as cause:
        raise DocumentError(f"not UTF-8: {cause}") from cause


def _result_text(content: str | list[_Part] | list[Raw] | None) -> str:
    if isinstance(content, str):
        return content
    parts = [_content_part(part, ()) for part in content or ()]
    return "\n".join([part.text for part in parts if isinstance(part, Text)])


def _result_media(content: str | list[_Part] | list[Raw] | None, at: Path | None) -> tuple[Media, ...]:
    if content is None or isinstance(content, str):
        return ()
    parts = [_content_part(part, _under(at, "content", index)) for index, part in enumerate(content)]
    return tuple([part for part in parts if isinstance(part, Media)])


def _content_part(part: _Part | Raw, at: Path) -> Part:
    if isinstance(part, Raw):
        kind = base.kind_of(part)
        return _known_part(decode(_part, part), at) if kind in _KNOWN else Opaque(kind, at)
    return _known_part(part, at)


def _known_part(part: _Part, at: Path) -> Part:
    match part:
        case _TextPart(text):
            return Text(text, (*at, "text") if at else ())
        case _RefusalPart(text):
            return Text(text, (*at, "refusal") if at else ())
        case _ImagePart(link):
            return _linked("image", link, at)
        case _VideoPart(link):
            return _linked("video", link, at)
        case _AudioPart(audio):
            data = memoryview(audio.data)[1:-1]
            return Media("audio", f"audio/{audio.format}" if audio.format else "", data.nbytes, "", at, content=fingerprint(data))
        case _FilePart(file):
            return _linked("document", file.file_data, at) if file.file_data else Media("document", "", 0, file.file_id or "", at)


def _linked(kind: MediaKind, link: str | _Link, at: Path) -> Media:
    """A data URL holds the thing itself, any other URL says where it is."""
    url = link if isinstance(link, str) else link.url
    detail = "" if isinstance(link, str) else link.detail or ""
    if not url.startswith("data:"):
        return Media(kind, "", 0, url, at, detail=detail)
    start = url.find(",") + 1 or len(url)
    data = url[start:]
    width, height = dimensions(data) if kind == "image" else (0, 0)
    return Media(kind, url[5 : start - 1].partition(";")[0], len(data), "", at, width, height, detail, fingerprint(data))
