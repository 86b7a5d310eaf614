"""Gemini generateContent: requests and the wire itself. Contents are read in gemini/parts.py, streams in gemini/stream.py.

Rule: names are read in camelCase and in snake_case, as the API takes both; what is added is spelled as the request spells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct, field

from backstory.core.document import Document, Put, Strike, distinct
from backstory.core.edits import (
    AddMessage,
    AddMessages,
    AddSystem,
    AddTools,
    AppendText,
    DropMessages,
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
from backstory.core.message import Message, Opening, Part, Path, Prompt
from backstory.core.reply import Delta, Reply
from backstory.core.stream import Frame
from backstory.core.wire import StreamReader
from backstory.errors import DocumentError
from backstory.wires import base
from backstory.wires.gemini import legs
from backstory.wires.gemini.parts import read_content, read_response, reply_of
from backstory.wires.gemini.stream import ArrayReader, deltas, mark, mark_frame, write
from backstory.wires.lowering import Lowering, come_in, decode, encode, quote
from backstory.wires.sse import SSEReader

# Clouds put a project and a place in front of the model, in at most so many characters: the search does not run on from each version.
_PATH = re.compile(
    r"/v\d\w*/(?:[^:?]{1,200}/)?(?:models|tunedModels|endpoints)/([^/:]+)(?::|%3[Aa])(generateContent|streamGenerateContent)\Z"
)
_CONTENTS: Path = ("contents",)
_MEDIA = frozenset({"inlineData", "inline_data", "fileData", "file_data"})
_INLINE = frozenset({"inlineData", "inline_data"})
_BRACE = ord("{")
_PLAIN = (None, "", "text/plain")
_ROLES = {"user": b"user", "assistant": b"model"}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    504: "DEADLINE_EXCEEDED",
}


class _Generation(Struct):
    mime: str | None = field(name="responseMimeType", default=None)
    response_mime_type: str | None = None
    schema: Raw = field(name="responseSchema", default=Raw())
    response_schema: Raw = Raw()
    json_schema: Raw = field(name="responseJsonSchema", default=Raw())
    response_json_schema: Raw = Raw()
    own_json_schema: Raw = field(name="_responseJsonSchema", default=Raw())
    format: Raw = field(name="responseFormat", default=Raw())
    response_format: Raw = Raw()


class _Tool(Struct):
    declarations: list[Raw] | None = field(name="functionDeclarations", default=None)
    function_declarations: list[Raw] | None = None


class _Opening(Struct, gc=False):
    contents: list[Raw]
    metadata: dict[str, Raw] | None = None
    client_metadata: dict[str, Raw] | None = None
    prompt_cache_key: str | None = None


_opening = msgspec.json.Decoder(_Opening)
_generation = msgspec.json.Decoder(_Generation)
_tools = msgspec.json.Decoder(list[_Tool] | _Tool)


class Gemini:
    """The wire of POST /v1beta/models/M:generateContent and :streamGenerateContent, also as Vertex AI spells it."""

    name = "gemini"
    stateful = False

    def claims(self, method: str, path: str) -> bool:
        """The two verbs that answer a conversation; no counting, embedding or batches."""
        return method == "POST" and _PATH.search(path) is not None

    def streams(self, path: str, query: str, prompt: Prompt) -> bool:
        """What the verb says; with alt=sse as events, else as a JSON array."""
        return prompt.stream

    def read(self, document: Document, path: str = "") -> Prompt:
        """Model and verb come from the path. `contents` may be one content without brackets, as the API takes it."""
        document.hold("contents")
        document.keys()  # raises for what is no object
        match = _PATH.search(path)
        return Prompt(
            model=match.group(1) if match else "",
            stream=match is not None and match.group(2) == "streamGenerateContent",
            system=_system(document),
            items=_items(document),
            items_at=_CONTENTS,
            structured=_structured(_either(document, "generationConfig", "generation_config")[1]),
            tools=_count(base.field(document, "tools")),
        )

    def opening(self, body: bytes, path: str) -> Opening | None:
        """See Wire. Contents without brackets are looked at closer."""
        found = base.glance(_opening, body)
        match = _PATH.search(path)
        return None if found is None or match is None else base.opening(found, found.contents, match.group(2) == "streamGenerateContent")

    def message(self, raw: bytes | memoryview, at: Path) -> Message:
        """One content."""
        return read_content(raw, at)

    def render(self, document: Document, prompt: Prompt, edits: Sequence[Edit]) -> bytes:
        """Splices only. DocumentError for a change of model: it stands in the path."""
        lowering = Lowering(document, lambda _, value: value)
        names = document.keys()
        systems = [edit.text for edit in edits if isinstance(edit, AddSystem)]
        if systems:
            _add_system(lowering, _spelled(names, "systemInstruction"), systems)
        for edit in edits:
            if not isinstance(edit, AddSystem):
                _lower(lowering, document, names, edit)
        return lowering.finish()

    def reply(self, body: bytes) -> Reply:
        """A whole response. One without candidates is an error, unless the prompt was blocked."""
        response = read_response(body)
        if not response.candidates and response.feedback is None:
            raise DocumentError("a response without candidates")
        return reply_of(response)

    def echo(self, reply: Reply) -> tuple[Message, ...]:
        """One content with all parts."""
        return (Message("assistant", reply.parts),) if reply.parts else ()

    def reader(self, content_type: str) -> StreamReader:
        """Server-sent events, or a JSON array."""
        return ArrayReader() if "json" in content_type.lower() else SSEReader()

    def deltas(self, frame: Frame) -> list[Delta]:
        """See `stream.deltas`."""
        return deltas(frame)

    def mark(self, body: bytes, text: str) -> bytes:
        """See `stream.mark`."""
        return mark(body, read_response(body), text)

    def mark_frame(self, frame: Frame, text: str, state: dict[str, str]) -> bytes | None:
        """See `stream.mark_frame`."""
        return mark_frame(frame, text, state)

    def write(self, reply: Reply, stream: bool) -> bytes:
        """A whole response, or server-sent events."""
        return write(reply, stream)

    def tools(self, document: Document, prompt: Prompt, offered: Sequence[Tool]) -> Offer:
        """See `legs.tools`."""
        return legs.tools(document, prompt, offered)

    def talk(self, body: bytes, ours: frozenset[str], query: str) -> Talk:
        """See Wire."""
        return legs.GeminiTalk(body, ours, "alt=sse" not in query)

    def mend(self, document: Document, prompt: Prompt, kept: Mapping[str, Kept]) -> tuple[Edit, ...]:
        """Nothing: an answer of several legs looks like any other here."""
        return ()

    def error(self, status: int, code: str, message: str) -> bytes:
        """The error body of Google APIs (google.rpc.Status); `code` is its reason."""
        name = _STATUSES.get(status, "INVALID_ARGUMENT" if status < 500 else "UNAVAILABLE")
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code.upper(), "domain": "backstory"}
        text = message.encode("utf-8", "replace").decode()
        return encode({"error": {"code": status, "message": text, "status": name, "details": [info]}})


def _either(document: Document, camel: str, snake: str) -> tuple[str, bytes | None]:
    """The name that the request uses, and the value."""
    if document.has((camel,)) and document.has((snake,)):
        raise DocumentError(f"both {camel} and {snake}")
    name = snake if document.has((snake,)) else camel
    return name, base.field(document, name)


def _items(document: Document) -> Sequence[bytes | memoryview]:
    if not document.has(_CONTENTS):
        return ()
    start, _ = document.span(_CONTENTS)
    if document.raw[start] == _BRACE:
        return (document.get(_CONTENTS),)
    items = document.elements(_CONTENTS)
    for item in base.fresh(items):
        if item[0] != _BRACE:
            raise DocumentError("a content that is no object")
    return items


def _system(document: Document) -> tuple[Part, ...]:
    name, raw = _either(document, "systemInstruction", "system_instruction")
    return () if raw is None else read_content(raw, (name,)).parts


def _structured(raw: bytes | None) -> bool:
    """Anything but plain text is for a program to read."""
    if raw is None:
        return False
    generation = decode(_generation, raw)
    forms = (
        generation.schema,
        generation.response_schema,
        generation.json_schema,
        generation.response_json_schema,
        generation.own_json_schema,
        generation.format,
        generation.response_format,
    )
    return any(mime not in _PLAIN for mime in (generation.mime, generation.response_mime_type)) or any(
        bytes(form) not in (b"", b"null") for form in forms
    )


def _count(raw: bytes | None) -> int:
    """Function declarations count one by one, any other tool as one."""
    if raw is None:
        return 0
    tools = decode(_tools, raw)
    counts = [tool.declarations or tool.function_declarations for tool in (tools if isinstance(tools, list) else [tools])]
    return sum(1 if count is None else len(count) for count in counts)


def _lower(lowering: Lowering, document: Document, names: tuple[str, ...], edit: Edit) -> None:
    match edit:
        case ReplaceMedia() | SetImage() | SetText() | StrikeText():
            _lower_part(lowering, document, edit)
        case AppendText(index, text):
            parts = _parts(lowering, index)
            lowering.add(parts, lowering.length(parts), _text_part(text))
        case PrependText(index, text):
            lowering.add(_parts(lowering, index), 0, _text_part(text))
        case PutMessage(index, value):
            lowering.put_element(_CONTENTS, index, value)
        case AddMessage() | AddMessages():
            come_in(lowering, _CONTENTS, edit, _content)
        case DropMessages(start, stop):
            lowering.cut(_CONTENTS, start, stop)
        case SetParam(name, value):
            lowering.put((_spelled(names, name),), value)
        case AddTools(tools):
            _add_tools(lowering, tools)
        case SetModel(model):
            raise DocumentError(f"the model stands in the path: {model}")


def _lower_part(lowering: Lowering, document: Document, edit: ReplaceMedia | SetImage | SetText | StrikeText) -> None:
    at = _place(lowering, edit.at)
    match edit:
        case SetImage(_, url):
            _set_image(lowering, document, at, url)
        case ReplaceMedia(_, text):
            _replace_media(lowering, document, at, text)
        case SetText(_, text):
            _set_text(lowering, at, text)
        case StrikeText(_, text):
            lowering.text(Strike(at, text))


def _set_text(lowering: Lowering, at: Path, text: str) -> None:
    """A function's answer that is not a string becomes an object with one."""
    if at[-1:] == ("response",) and lowering.first_byte(at) != base.QUOTE:
        lowering.put(at, b'{"output":' + quote(text) + b"}")
    else:
        lowering.text(Put(at, quote(text)))


def _replace_media(lowering: Lowering, document: Document, at: Path, text: str) -> None:
    """A part that holds nothing but media; one that is signed stays."""
    if not _MEDIA.issuperset(distinct(document.get(at))):
        raise DocumentError(f"no media, or more than media, at {list(at)}")
    lowering.put(at, _text_part(text))


def _set_image(lowering: Lowering, document: Document, at: Path, url: str) -> None:
    """Data that stands in a part of its own; a signed part stays."""
    names = list(distinct(document.get(at)))
    if len(names) != 1 or names[0] not in _INLINE:
        raise DocumentError(f"no image, or more than an image, at {list(at)}")
    inside: Path = (*at, names[0])
    mime, _, data = url.removeprefix("data:").partition(";base64,")
    told = "mimeType" if document.has((*inside, "mimeType")) else "mime_type"
    lowering.text(Put((*inside, told), quote(mime)))
    lowering.text(Put((*inside, "data"), quote(data)))


def _add_tools(lowering: Lowering, tools: tuple[bytes, ...]) -> None:
    for tool in tools:
        lowering.add(base.TOOLS, lowering.length(base.TOOLS), tool)


def _place(lowering: Lowering, at: Path) -> Path:
    """A text's address; that of a content without brackets names it as content 0."""
    if at[:2] == (*_CONTENTS, 0) and lowering.first_byte(_CONTENTS) == b"{":
        return (*_CONTENTS, *at[2:])
    return at


def _parts(lowering: Lowering, index: int) -> Path:
    if not 0 <= index < lowering.length(_CONTENTS):
        raise DocumentError(f"no message {index}")
    return _place(lowering, (*_CONTENTS, index, "parts"))


def _add_system(lowering: Lowering, name: str, texts: list[str]) -> None:
    parts: Path = (name, "parts")
    if not lowering.first_byte((name,)):
        lowering.put((name,), b'{"parts":[' + b",".join(_text_part(text) for text in texts) + b"]}")
        return
    for text in texts:
        lowering.add(parts, lowering.length(parts), _text_part(text))


def _content(role: str, text: str) -> bytes:
    if role not in _ROLES:
        raise DocumentError(f"no content of text for role {role!r}")
    return b'{"role":"' + _ROLES[role] + b'","parts":[' + _text_part(text) + b"]}"


def _text_part(text: str) -> bytes:
    return b'{"text":' + quote(text) + b"}"


def _spelled(names: tuple[str, ...], name: str) -> str:
    """The name as the request has it, else in the case that the request's other names are in."""
    camel = re.sub(r"_([a-z])", lambda match: match.group(1).upper(), name)
    snake = re.sub(r"[A-Z]", lambda match: "_" + match.group(0).lower(), name)
    if camel in names:
        return camel
    if snake in names or any("_" in other for other in names):
        return snake
    return camel
