"""What the wires with a top-level list of `messages` share: Anthropic Messages and OpenAI Chat Completions.

Rule: a message's `content` is a string or a list of blocks, and stays what it was unless an edit cannot be said in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Document, Extend, Put, Strike, distinct, distinct_elements
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
from backstory.core.layout import Elements
from backstory.core.message import Opening, Path
from backstory.errors import DocumentError
from backstory.wires.lowering import Lowering, come_in, decode, quote

MESSAGES: Path = ("messages",)
TOOLS: Path = ("tools",)
MODEL: Path = ("model",)
T = TypeVar("T")
QUOTE, BRACKET, BRACE = b'"', b"[", b"{"

_MEDIA = frozenset({"image", "document", "image_url", "video_url", "input_audio", "file"})
_THINKING = frozenset({"thinking", "redacted_thinking"})
_TEXT_KINDS = frozenset({"text", "input_text", "output_text"})

_string = msgspec.json.Decoder(str)
_boolean = msgspec.json.Decoder(bool)


class _Head(Struct):
    role: str


class Naming(Protocol):
    """The members of a body that may name its conversation, the same in every wire."""

    metadata: dict[str, Raw] | None
    client_metadata: dict[str, Raw] | None
    prompt_cache_key: str | None


class Messages(Struct, gc=False):
    """As much of a request as a glance needs."""

    messages: list[Raw]
    stream: bool | None = None
    metadata: dict[str, Raw] | None = None
    client_metadata: dict[str, Raw] | None = None
    prompt_cache_key: str | None = None


class _Named(Struct):
    type: str = ""


class _TextShape(Struct):
    role: Raw
    content: Raw


class _BlockShape(Struct):
    role: Raw
    content: list[dict[str, Raw]]


_ROLE_WITHIN = 64
"""Of a message's first bytes so many are looked at for its role: what has it later is no opening at a glance."""
_SHAPE = len(b'{"role":,"content":}')
_NEVER = 1 << 62
"""Longer than any message: what has it in its sum is looked at key by key."""
_text_shape = msgspec.json.Decoder(_TextShape)
_block_shape = msgspec.json.Decoder(_BlockShape)
_head = msgspec.json.Decoder(_Head)
_named = msgspec.json.Decoder(_Named)


def string(raw: bytes | memoryview | Raw) -> str:
    """A JSON string's text."""
    return decode(_string, raw)


def field(document: Document, name: str) -> bytes | None:
    """The raw value of a top-level member; None where it is absent or null."""
    value = document.member(name)
    return None if value == b"null" else value


def text_field(document: Document, name: str) -> str | None:
    """A top-level string; None where it is absent or null."""
    value = field(document, name)
    return None if value is None else string(value)


def flag_field(document: Document, name: str) -> bool:
    """A top-level boolean, false where it is absent or null."""
    value = field(document, name)
    return value is not None and decode(_boolean, value)


def count_field(document: Document, name: str) -> int:
    """How many elements a top-level list has, 0 where it is absent or null."""
    return 0 if field(document, name) is None else len(document.elements((name,)))


def role_of(raw: bytes | memoryview) -> str:
    """The `role` of a message."""
    return decode(_head, raw).role


def kind_of(raw: bytes | memoryview | Raw) -> str:
    """The `type` of a block, "" where it has none."""
    return decode(_named, raw).type


def glance(decoder: msgspec.json.Decoder[T], body: bytes) -> T | None:
    """What the decoder makes of the body, None where it is not of its shape."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def opening(named: Naming, items: list[Raw], stream: bool | None) -> Opening | None:
    """The opening that these messages are: one, or one after a system message; None where the body may name its conversation."""
    if named.metadata is not None or named.client_metadata is not None or named.prompt_cache_key is not None:
        return None
    if len(items) != 1 and (len(items) != 2 or not _leads(items[0])):
        return None
    return Opening(tuple(items), bool(stream))


def _leads(item: Raw) -> bool:
    """Whether it looks like a system message: a closer look may tell otherwise later."""
    start = bytes(memoryview(item)[:_ROLE_WITHIN])
    return start.find(b'"system"') >= 0 or start.find(b'"developer"') >= 0


def fresh(items: Sequence[memoryview]) -> Sequence[memoryview]:
    """Those that follow a beginning seen before."""
    return items[items.known :] if isinstance(items, Elements) else items


def check_keys(raw: bytes | memoryview | Raw, *under: str) -> None:
    """DocumentError if an object has a key twice, or one of the objects in its members of these names, at any depth of them.

    What a tool is called with is not looked into: it is handed on as it is.
    """
    _check_under(distinct(raw), under)


def check_message(raw: bytes | memoryview, plain: bool, *under: str) -> None:
    """`check_keys` of a message whose content is known to be a string (`plain`) or a list of objects.

    A message of nothing but role and content is the usual one, and its length alone can tell that it has no key twice.
    """
    view = memoryview(raw)
    try:
        if plain:
            text = _text_shape.decode(view)
            size = len(text.content)
            role = text.role
        else:
            blocks = _block_shape.decode(view)
            size = 1 + len(blocks.content)
            for block in blocks.content:
                inner = block.get("content")
                size += 1 if inner is None or bytes(memoryview(inner)[:1]) == QUOTE else _NEVER
                for key, value in block.items():
                    size += len(key) + len(value) + 4
            role = blocks.role
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        size, role = _NEVER, Raw(b"")
    if size + len(role) + _SHAPE != view.nbytes:
        check_keys(raw, *under)


def _check_under(fields: dict[str, Raw], under: tuple[str, ...]) -> None:
    for name in under:
        value = fields.get(name)
        if value is None:
            continue
        first = bytes(memoryview(value)[:1])
        if first == BRACKET:
            for inner in distinct_elements(value):
                _check_under(inner, under)
        elif first == BRACE:
            _check_under(distinct(value), under)


def render(
    document: Document,
    edits: Sequence[Edit],
    add_system: Callable[[Lowering, str], None],
    late: frozenset[str],
    come: Sequence[tuple[int, bytes]] = (),
) -> bytes:
    """The request with these edits. `add_system` says where system text goes; `late` are the kinds of block that text must not precede;
    `come`: whole messages that come in, each before the message of this index."""
    lowering = Lowering(document, _alone)
    for edit in edits:
        if isinstance(edit, AddSystem):
            add_system(lowering, edit.text)
    for edit in edits:
        if not _lower_text(lowering, document, edit, late):
            _lower(lowering, document, edit)
    for index, value in come:
        lowering.add(MESSAGES, index, value)
    return lowering.finish()


def printable(text: str) -> str:
    """The text as UTF-8 can carry it: an error is told whatever it quotes."""
    return text.encode("utf-8", "replace").decode()


def message_bytes(role: str, text: str) -> bytes:
    """A message of plain text: the same in both wires."""
    return b'{"role":' + quote(role) + b',"content":' + quote(text) + b"}"


def text_block(text: str) -> bytes:
    """A block of text: the same in both wires."""
    return b'{"type":"text","text":' + quote(text) + b"}"


def _alone(path: Path, value: bytes) -> bytes:
    raise DocumentError(f"no list at {list(path)}")


def _lower_text(lowering: Lowering, document: Document, edit: Edit, late: frozenset[str]) -> bool:
    """Edits of the text of messages; False for all others."""
    match edit:
        case SetText(at, text):
            _set_text(lowering, document, at, text)
        case StrikeText(at, text):
            _strike(lowering, at, text)
        case SetImage(at, url):
            set_image(lowering, at, url)
        case ReplaceMedia(at, text):
            replace_media(lowering, document, at, text_block(text), _MEDIA)
        case AppendText(index, text, behind):
            _append(lowering, document, _content(document, index), text, behind)
        case PrependText(index, text):
            _prepend(lowering, document, _content(document, index), text, late)
        case _:
            return False
    return True


def _lower(lowering: Lowering, document: Document, edit: Edit) -> None:
    match edit:
        case PutMessage(index, value):
            lowering.put_element(MESSAGES, index, value)
        case AddMessage() | AddMessages():
            come_in(lowering, MESSAGES, edit, message_bytes)
        case DropMessages(start, stop):
            lowering.cut(MESSAGES, start, stop)
        case DropThinking(index):
            _drop_thinking(lowering, document, index)
        case SetModel(model):
            lowering.put(MODEL, quote(model))
        case SetParam(name, value):
            lowering.put((name,), value)
        case AddTools(tools):
            for tool in tools:
                lowering.add(TOOLS, lowering.length(TOOLS), tool)
        case _:
            pass


def _drop_thinking(lowering: Lowering, document: Document, index: int) -> None:
    content = _content(document, index)
    if lowering.first_byte(content) != BRACKET:
        return
    blocks = document.elements(content)
    thinking = [place for place, block in enumerate(blocks) if kind_of(block) in _THINKING]
    if len(thinking) == len(blocks):
        lowering.cut(MESSAGES, index, index + 1)
        return
    for place in thinking:
        lowering.cut(content, place, place + 1)


def _content(document: Document, index: int) -> Path:
    if not document.has((*MESSAGES, index, "role")):
        raise DocumentError(f"no message {index}")
    return (*MESSAGES, index, "content")


def set_result(lowering: Lowering, document: Document, at: Path, text: str, block: bytes) -> None:
    """The texts of a tool's result, a list, now read `text` together. A list of nothing but texts becomes a string. Else what is no text
    stays, and so does a text's place that bears a mark; `block` is the text as a block of its own. DocumentError for two such marks."""
    plain: list[int] = []
    marked: list[int] = []
    blocks = document.elements(at)
    for index, element in enumerate(blocks):
        if kind_of(element) in _TEXT_KINDS:
            (plain if len(distinct(element)) <= 2 else marked).append(index)
    if len(plain) == len(blocks):
        lowering.put(at, quote(text))
        return
    if len(marked) > 1:
        raise DocumentError(f"more than one marked text at {list(at)}")
    holder = next(iter([*marked, *plain]), -1)
    if holder < 0:
        lowering.add(at, 0, block)
    else:
        lowering.text(Put((*at, holder, "text"), quote(text)))
    for index in plain:
        if index != holder:
            lowering.cut(at, index, index + 1)


def replace_media(lowering: Lowering, document: Document, at: Path, block: bytes, kinds: frozenset[str]) -> None:
    """A block of one of these kinds makes place for a block of text, which takes over its mark. DocumentError for any other block."""
    found = distinct(document.get(at))
    if "type" not in found or kind_of(document.get(at)) not in kinds:
        raise DocumentError(f"no media at {list(at)}")
    mark = found.get("cache_control")
    lowering.put(at, block if mark is None else block[:-1] + b',"cache_control":' + bytes(mark) + b"}")


def set_image(lowering: Lowering, at: Path, url: str) -> None:
    """An image that the request holds: base64 in a `source`, or a data URL, by itself or as the `url` of an object. DocumentError else."""
    mime, _, data = url.removeprefix("data:").partition(";base64,")
    source: Path = (*at, "source")
    if lowering.first_byte((*source, "data")) == QUOTE and lowering.first_byte((*source, "media_type")) == QUOTE:
        lowering.put((*source, "media_type"), quote(mime))
        lowering.put((*source, "data"), quote(data))
        return
    link: Path = (*at, "image_url")
    link = link if lowering.first_byte(link) == QUOTE else (*link, "url")
    lowering.text(Put(link, quote(url)))


def _set_text(lowering: Lowering, document: Document, at: Path, text: str) -> None:
    """A tool's result may be a list of blocks, or missing: then it becomes a string."""
    first = lowering.first_byte(at)
    if first == QUOTE:
        lowering.text(Put(at, quote(text)))
    elif first == BRACKET and at[-1] == "content":
        set_result(lowering, document, at, text, text_block(text))
    elif at and at[-1] == "content" and (document.has(at) or document.has((*at[:-1], "type")) or document.has((*at[:-1], "role"))):
        lowering.put(at, quote(text))
    else:
        raise DocumentError(f"no text at {list(at)}")


def _strike(lowering: Lowering, at: Path, text: str) -> None:
    if lowering.first_byte(at) != BRACKET:
        lowering.text(Strike(at, text))
        return
    for index in range(lowering.length(at)):
        inner = (*at, index, "text")
        if lowering.first_byte(inner) == QUOTE:
            lowering.text(Strike(inner, text))


def lone_text(lowering: Lowering, document: Document, content: Path) -> Path:
    """Where the text of a message's content stands that is nothing but one text: the content itself, or the text of a list's one block.
    Clients write a message as the one or as the other as their cache marks move: both have to get the same text. () where it is more."""
    first = lowering.first_byte(content)
    if first == QUOTE:
        return content
    if first != BRACKET or document.length(content) != 1 or kind_of(document.get((*content, 0))) not in _TEXT_KINDS:
        return ()
    text = (*content, 0, "text")
    return text if lowering.first_byte(text) == QUOTE else ()


def _append(lowering: Lowering, document: Document, content: Path, text: str, behind: bool) -> None:
    listed = lowering.first_byte(content) == BRACKET
    alone = lone_text(lowering, document, content) if not (listed and behind) else ()
    if alone:
        lowering.more_text(alone, text)
    elif listed:
        lowering.add(content, lowering.length(content), text_block(text))
    else:
        lowering.more_text(content, text)


def _prepend(lowering: Lowering, document: Document, content: Path, text: str, late: frozenset[str]) -> None:
    alone = lone_text(lowering, document, content)
    if alone:
        lowering.text(Extend(alone, f"{text}\n\n", True))
    elif lowering.first_byte(content) == BRACKET:
        blocks = document.elements(content)
        place = next((index for index, block in enumerate(blocks) if kind_of(block) not in late), len(blocks))
        lowering.add(content, place, text_block(text))
    else:
        lowering.more_text(content, text)
