"""OpenAI Responses: requests, whole answers and the wire itself. Items are read in openai_responses/items.py, streams in
openai_responses/stream.py.

Rule: `input` keeps the form it came in, string or list, unless an edit needs the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Document, Extend, Put, Strike
from backstory.core.edits import (
    AddMessage,
    AddMessages,
    AddSystem,
    AddTools,
    AppendText,
    DropMessages,
    DropThinking,
    Edit,
    PrependText,
    PutMessage,
    ReplaceMedia,
    SetImage,
    SetModel,
    SetParam,
    SetText,
    StrikeText,
)
from backstory.core.legs import Kept, Offer, Talk, Tool
from backstory.core.message import Message, Opaque, Opening, Part, Path, Prompt, Text, ToolResult
from backstory.core.reply import Delta, Reply
from backstory.core.stream import Frame
from backstory.core.wire import StreamReader
from backstory.errors import DocumentError
from backstory.wires import base
from backstory.wires.guided import formed, guided
from backstory.wires.lowering import Lowering, come_in, decode, encode, quote
from backstory.wires.openai_responses import legs
from backstory.wires.openai_responses.items import read_item, read_response, reply_of
from backstory.wires.openai_responses.stream import deltas, mark_frame, write
from backstory.wires.sse import SSEReader

_INPUT: Path = ("input",)
_INSTRUCTIONS: Path = ("instructions",)
_BRACE = ord("{")
_MEDIA = frozenset({"input_image", "input_file", "input_audio"})
_TEXT_TYPES = {"user": b"input_text", "system": b"input_text", "assistant": b"output_text"}


class _TextOptions(Struct):
    format: Raw = Raw(b"null")


class _Conversation(Struct):
    id: str


class _Opening(Struct, gc=False):
    input: Raw
    stream: bool | None = None
    previous_response_id: str | None = None
    conversation: str | _Conversation | None = None
    metadata: dict[str, Raw] | None = None
    client_metadata: dict[str, Raw] | None = None
    prompt_cache_key: str | None = None


_opening = msgspec.json.Decoder(_Opening)
_items_of = msgspec.json.Decoder(list[Raw])
_text_options = msgspec.json.Decoder(_TextOptions)
_conversation = msgspec.json.Decoder(str | _Conversation)


class OpenAIResponses:
    """The wire of POST /v1/responses."""

    name = "openai_responses"
    stateful = True

    def claims(self, method: str, path: str) -> bool:
        """A new response; neither a stored one, nor compaction, nor a count of tokens."""
        return method == "POST" and path.endswith("/responses")

    def streams(self, path: str, query: str, prompt: Prompt) -> bool:
        """What the body asks for."""
        return prompt.stream

    def read(self, document: Document, path: str = "") -> Prompt:
        """Everything but the items is decoded; a string input is one item, its JSON string."""
        document.hold("input")
        document.keys()  # raises for what is no object
        return Prompt(
            model=base.text_field(document, "model") or "",
            stream=base.flag_field(document, "stream"),
            system=_system(document),
            items=_items(document),
            items_at=_INPUT,
            structured=_structured(document),
            tools=base.count_field(document, "tools"),
            previous=_previous(document),
        )

    def opening(self, body: bytes, path: str) -> Opening | None:
        """See Wire. A string input is one message."""
        found = base.glance(_opening, body)
        if found is None or found.previous_response_id is not None or found.conversation is not None:
            return None
        if bytes(memoryview(found.input)[:1]) == base.QUOTE:
            return base.opening(found, [found.input], found.stream)
        items = base.glance(_items_of, found.input)
        return None if items is None else base.opening(found, items, found.stream)

    def message(self, raw: bytes | memoryview, at: Path) -> Message:
        """An item. A string input is a user message whose text is the whole value of `input`."""
        if bytes(raw[:1]) == base.QUOTE:
            where = at[:-1] if at and isinstance(at[-1], int) else at
            return Message("user", (Text(base.string(raw), where),), where)
        return read_item(raw, at)

    def render(self, document: Document, prompt: Prompt, edits: Sequence[Edit]) -> bytes:
        """Splices only; a string input becomes a list when messages are added to it or taken out."""
        lowering = Lowering(document, _wrap)
        for edit in edits:
            _lower(lowering, document, edit)
        return lowering.finish()

    def reply(self, body: bytes) -> Reply:
        """A response object. One without output is an error."""
        response = read_response(body)
        if response.output is None:
            raise DocumentError("a response without output")
        return reply_of(response)

    def echo(self, reply: Reply) -> tuple[Message, ...]:
        """An item for each part."""
        return tuple(Message("tool" if isinstance(part, ToolResult) else "assistant", (part,)) for part in reply.parts)

    def reader(self, content_type: str) -> StreamReader:
        """Typed events; the content type is always text/event-stream."""
        return SSEReader()

    def deltas(self, frame: Frame) -> list[Delta]:
        """See `stream.deltas`."""
        return deltas(frame)

    def mark(self, body: bytes, text: str) -> bytes:
        """The last output_text part that is not empty gets the text."""
        response = read_response(body)
        for index, item in reversed(list(enumerate(response.output or []))):
            path: Path = ("output", index)
            for part in reversed(read_item(memoryview(item), path).parts):
                if isinstance(part, Text) and part.text and part.at[-1] == "text":
                    return Document(body).apply([Extend(part.at, text)])
        return body

    def mark_frame(self, frame: Frame, text: str, state: dict[str, str]) -> bytes | None:
        """See `stream.mark_frame`."""
        return mark_frame(frame, text, state)

    def write(self, reply: Reply, stream: bool) -> bytes:
        """A response object, or the events of one."""
        return write(reply, stream)

    def tools(self, document: Document, prompt: Prompt, offered: Sequence[Tool]) -> Offer:
        """See `legs.tools`."""
        return legs.tools(document, prompt, offered)

    def talk(self, body: bytes, ours: frozenset[str], query: str) -> Talk:
        """See Wire."""
        return legs.ResponsesTalk(body, ours)

    def mend(self, document: Document, prompt: Prompt, kept: Mapping[str, Kept]) -> tuple[Edit, ...]:
        """See `legs.mend`."""
        return legs.mend(document, prompt, kept)

    def error(self, status: int, code: str, message: str) -> bytes:
        """The error body of the OpenAI API."""
        kind = "invalid_request_error" if 400 <= status < 500 else "server_error"
        text = message.encode("utf-8", "replace").decode()
        return encode({"error": {"message": text, "type": kind, "param": None, "code": code}})


def _system(document: Document) -> tuple[Part, ...]:
    raw = base.field(document, "instructions")
    if raw is None:
        return ()
    if raw[:1] == base.QUOTE:
        return (Text(base.string(raw), _INSTRUCTIONS),)
    return (Opaque("instructions", _INSTRUCTIONS),)


def _items(document: Document) -> Sequence[bytes | memoryview]:
    """The elements of a list; a string by itself; nothing where the input is stored with the provider."""
    if not document.has(_INPUT):
        return ()
    start, _ = document.span(_INPUT)
    first = document.raw[start : start + 1]
    if first != base.BRACKET:
        value = document.get(_INPUT)
        if first != base.QUOTE and value != b"null":
            raise DocumentError("an input that is neither a string nor a list")
        return (value,) if first == base.QUOTE else ()
    items = document.elements(_INPUT)
    for item in base.fresh(items):
        if item[0] != _BRACE:
            raise DocumentError("an input item that is no object")
    return items


def _structured(document: Document) -> bool:
    """Whether the reply is not plain text."""
    raw = base.field(document, "text")
    options = decode(_text_options, raw) if raw is not None else _TextOptions()
    return formed(options.format) or guided(document)


def _previous(document: Document) -> str:
    response_id = base.text_field(document, "previous_response_id")
    if response_id is not None:
        return response_id
    raw = base.field(document, "conversation")
    conversation = decode(_conversation, raw) if raw is not None else ""
    return conversation if isinstance(conversation, str) else conversation.id


def _wrap(path: Path, value: bytes) -> bytes:
    """A string input as the item that it stands for."""
    return b'{"type":"message","role":"user","content":' + value + b"}" if path == _INPUT else value


def _lower(lowering: Lowering, document: Document, edit: Edit) -> None:
    match edit:
        case SetText() | StrikeText() | SetImage() | ReplaceMedia():
            _lower_part(lowering, document, edit)
        case AppendText(index, text):
            _add_text(lowering, document, index, text, front=False)
        case PrependText(index, text):
            _add_text(lowering, document, index, text, front=True)
        case PutMessage(index, value):
            lowering.put_element(_INPUT, index, value)
        case AddMessage() | AddMessages():
            come_in(lowering, _INPUT, edit, _message)
        case DropMessages(start, stop):
            lowering.cut(_INPUT, start, stop)
        case DropThinking(index):
            _drop_thinking(lowering, document, index)
        case AddSystem() | SetModel() | SetParam() | AddTools():
            _lower_field(lowering, edit)


def _drop_thinking(lowering: Lowering, document: Document, index: int) -> None:
    """An item of reasoning goes; any other has none in it."""
    if base.kind_of(document.get((*_INPUT, index))) == "reasoning":
        lowering.cut(_INPUT, index, index + 1)


def _message(role: str, text: str) -> bytes:
    return b'{"type":"message","role":"' + role.encode() + b'","content":[' + _text_part(role, text) + b"]}"


def _lower_part(lowering: Lowering, document: Document, edit: SetText | StrikeText | SetImage | ReplaceMedia) -> None:
    match edit:
        case SetText(at, text):
            _set_text(lowering, document, at, text)
        case StrikeText(at, text):
            _strike(lowering, at, text)
        case SetImage(at, url):
            base.set_image(lowering, at, url)
        case ReplaceMedia(at, text):
            base.replace_media(lowering, document, at, _text_part("user", text), _MEDIA)


def _lower_field(lowering: Lowering, edit: AddSystem | SetModel | SetParam | AddTools) -> None:
    match edit:
        case AddSystem(text):
            lowering.more_text(_INSTRUCTIONS, text)
        case SetModel(model):
            lowering.put(base.MODEL, quote(model))
        case SetParam(name, value):
            lowering.put((name,), value)
        case AddTools(tools):
            for tool in tools:
                lowering.add(base.TOOLS, lowering.length(base.TOOLS), tool)


def _set_text(lowering: Lowering, document: Document, at: Path, text: str) -> None:
    """A tool's result may be a list of parts: then it becomes a string."""
    place = _place(lowering, at)
    if at[-1:] == ("output",) and lowering.first_byte(place) == base.BRACKET:
        if document.length(place) and document.has((*place, 0, "stdout")):
            _set_printed(lowering, document, place, text)
            return
        base.set_result(lowering, document, place, text, _text_part("user", text))
    else:
        lowering.text(Put(place, quote(text)))


def _set_printed(lowering: Lowering, document: Document, place: Path, text: str) -> None:
    """What a shell printed, a command each, now reads `text` together: it stands in the first."""
    lowering.put((*place, 0, "stdout"), quote(text))
    if document.has((*place, 0, "stderr")):
        lowering.put((*place, 0, "stderr"), quote(""))
    lowering.cut(place, 1, document.length(place))


def _strike(lowering: Lowering, at: Path, text: str) -> None:
    place = _place(lowering, at)
    if lowering.first_byte(place) != base.BRACKET:
        lowering.text(Strike(place, text))
        return
    for index in range(lowering.length(place)):
        inner = (*place, index, "text")
        if lowering.first_byte(inner) == base.QUOTE:
            lowering.text(Strike(inner, text))


def _place(lowering: Lowering, at: Path) -> Path:
    """A text's address; that of a string input may name it as item 0."""
    return _INPUT if at == (*_INPUT, 0) and lowering.first_byte(_INPUT) == base.QUOTE else at


def _add_text(lowering: Lowering, document: Document, index: int, text: str, *, front: bool) -> None:
    if not 0 <= index < lowering.length(_INPUT):
        raise DocumentError(f"no message {index}")
    content: Path = _INPUT
    role = "user"
    if lowering.first_byte(_INPUT) == base.BRACKET:
        path = (*_INPUT, index)
        message = read_item(document.get(path), path)
        if message.role == "tool" and document.has((*path, "output")):
            _add_output(lowering, (*path, "output"), text, front=front)
            return
        if message.role not in _TEXT_TYPES or not document.has((*path, "role")):
            raise DocumentError(f"item {index} takes no text")
        role, content = message.role, (*path, "content")
    alone = base.lone_text(lowering, document, content)
    if alone:
        lowering.text(Extend(alone, f"{text}\n\n" if front else f"\n\n{text}", front))
    else:
        lowering.add(content, 0 if front else lowering.length(content), _text_part(role, text))


def _add_output(lowering: Lowering, output: Path, text: str, *, front: bool) -> None:
    """More text for a tool's result."""
    if lowering.first_byte(output) == base.QUOTE:
        lowering.text(Extend(output, f"{text}\n\n" if front else f"\n\n{text}", front))
    else:
        lowering.add(output, 0 if front else lowering.length(output), _text_part("user", text))


def _text_part(role: str, text: str) -> bytes:
    if role not in _TEXT_TYPES:
        raise DocumentError(f"no message of text for role {role!r}")
    return b'{"type":"' + _TEXT_TYPES[role] + b'","text":' + quote(text) + b"}"
