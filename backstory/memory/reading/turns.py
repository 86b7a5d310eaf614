"""One message boiled down to what stages keep of it, and the hashes by which messages and histories are recognised.

Rule: hashes are over what was said, never over how it was written: no ids, cache marks, key order, white space, markers or envelopes.
A spoken message is its words (a client may drop or rewrite the tool calls beside them); a tool message is its calls and results.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from backstory.core.message import Media, Message, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from backstory.memory.identity.alignment import Alignment, align, anchor, spoken_count
from backstory.memory.reading.envelope import Stripped, strip
from backstory.memory.shrinking.media import in_message

Kind: TypeAlias = Literal["spoken", "tool", "none"]

_ACKNOWLEDGED = ("Got it. Thanks for the context!", "Got it. Thanks for the additional context!")
_HASH_BYTES = 16
_NOTES = {"item_reference": "reference", "compaction": "summary", "compaction_summary": "summary", "mcp_list_tools": "listing"}

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="sorted").encode


class Line(Struct, frozen=True):
    """One message boiled down. `kind`: spoken = a human's or assistant's words or media; tool = only calls or results; none = system,
    empty, or nothing but a client's own text. `text`: the words; of a tool message, its results. `calls`: JSON list of its calls and
    results, "" without. `chars`: length of all its text, for estimates. `note`, `room`: as in Stripped, or
    "reference" where an item kept by the provider stands here by its id, or "listing" where it lists a server's tools. `media`: what it
    shows. `at`: Unix seconds, 0.0 = not told. `thinks`: the model's reasoning is part of it."""

    kind: Kind
    content: bytes
    role: str
    text: str
    sender: str = ""
    channel: str = ""
    at: float = 0.0
    calls: str = ""
    chars: int = 0
    reply_to: str = ""
    note: str = ""
    room: str = ""
    media: tuple[Media, ...] = ()
    thinks: bool = False


class Call(Struct):
    """A call, or a result where `result` is not None, as `Line.calls` has it."""

    id: str
    name: str
    arguments: str | None = None
    result: str | None = None
    error: bool = False


_calls_of = msgspec.json.Decoder(list[Call]).decode


def line(message: Message, after: Line | None = None) -> Line:
    """The message boiled down. `after` is the line before it, for replies to what a client says by itself; a message whose line is
    cached by its raw bytes needs the same one before it."""
    parts = message.parts
    stripped = strip(message.role, parts)
    tools = [part for part in parts if isinstance(part, ToolCall | ToolResult)] if len(parts) > 1 or not _plain(parts) else []
    kind = _kind(message, stripped, tools)
    if kind == "spoken" and after is not None and message.role == "assistant" and _answers_filler(after, stripped.text):
        kind = "none"
    text = stripped.text
    if kind == "tool":
        text = "\n".join([part.text for part in tools if isinstance(part, ToolResult) and part.text])
    return Line(
        kind,
        _content(message.role, kind, stripped.text, parts),
        message.role,
        text,
        stripped.sender,
        stripped.channel,
        stripped.at,
        _calls(tools) if tools else "",
        _chars(parts),
        stripped.reply_to,
        stripped.note or _kept_elsewhere(parts),
        stripped.room,
        in_message(message) if len(parts) > 1 or not _plain(parts) else (),
        message.role == "assistant" and not _plain(parts) and any(_is_thought(part) for part in parts),
    )


def _is_thought(part: Part) -> bool:
    return isinstance(part, Thinking) or (isinstance(part, Opaque) and part.kind == "redacted_thinking")


def kind(message: Message) -> Kind:
    """What `line` says of it."""
    return line(message).kind


def content_hash(message: Message) -> bytes:
    """16 bytes over what the message says."""
    return line(message).content


def chain(previous: bytes, content: bytes) -> bytes:
    """The 16-byte hash of a history that goes on from `previous` with a message of this content."""
    return blake2b(previous + content, digest_size=_HASH_BYTES).digest()


def root(principal: str, scope: str) -> bytes:
    """Where the chains of a principal's scope begin. Two that differ in either have no hash in common."""
    names = f"{len(principal)}:{principal}{scope}"
    return blake2b(names.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES, person=b"backstory root").digest()


def _plain(parts: tuple[Part, ...]) -> bool:
    return len(parts) == 1 and isinstance(parts[0], Text)


def _kind(message: Message, stripped: Stripped, tools: Sequence[ToolCall | ToolResult]) -> Kind:
    if message.role in ("user", "assistant"):
        if stripped.text or any(isinstance(part, Media) for part in message.parts):
            return "spoken"
    elif message.role == "system":
        return "none"
    return "tool" if tools else "none"


def _kept_elsewhere(parts: tuple[Part, ...]) -> str:
    """ "reference" for an item that stands for one that the provider keeps (Responses `item_reference`), "summary" for a history that
    the provider has put into a form of its own (`compaction`), "listing" for the tools that a server offers (`mcp_list_tools`)."""
    for part in parts:
        if isinstance(part, Opaque) and (note := _NOTES.get(part.kind)):
            return note if note == "summary" or len(parts) == 1 else ""
    return ""


def _answers_filler(after: Line, text: str) -> bool:
    return after.kind == "none" and after.role == "user" and (after.note == "filler" or text.strip() in _ACKNOWLEDGED)


def _content(role: str, what: Kind, text: str, parts: tuple[Part, ...]) -> bytes:
    digest = blake2b(b"a" if role == "assistant" else b"u" if role in ("user", "tool") else b"s", digest_size=_HASH_BYTES)
    if what == "tool":
        for item in dict.fromkeys(_tool_text(part) for part in parts if isinstance(part, ToolCall | ToolResult)):
            digest.update(item)
        return digest.digest()
    if what == "none" and not text:
        text = "\n".join([part.text for part in parts if isinstance(part, Text)])
    if "<" in text and "<!--" in text:
        text = _without_comments(text).strip()
    digest.update(_spaced(text).encode("utf-8", "surrogatepass"))
    if not _plain(parts):
        for part in parts:
            if isinstance(part, Media):
                digest.update(f"\0{part.kind} {part.size} {part.ref}".encode("utf-8", "surrogatepass"))
                digest.update(part.content)
    return digest.digest()


def _spaced(text: str) -> str:
    """A text of several lines with each run of white space as one space, so that joined and split texts are alike. A single line has
    no ends to lose and stays: most texts are one, and taking them apart is the dearest part of hashing."""
    if "\n" in text or "\t" in text or "\r" in text or text[:1].isspace() or text[-1:].isspace():
        return " ".join(text.split())
    return text


def _tool_text(part: ToolCall | ToolResult) -> bytes:
    if isinstance(part, ToolResult):
        text = strip("user", (Text(part.text),)).text if part.text.endswith("</system-reminder>") else part.text
        return b"\0result\0" + _spaced(text).encode("utf-8", "surrogatepass")
    return f"\0call\0{part.name}\0".encode("utf-8", "surrogatepass") + canonical(part.arguments)


def canonical(arguments: str) -> bytes:
    """JSON with sorted keys and no white space; what is no JSON, as it is."""
    try:
        return _encode(_decode(arguments))
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return arguments.strip().encode("utf-8", "surrogatepass")


def _without_comments(text: str) -> str:
    """The text without HTML comments, which some clients lose when they restore a history."""
    pieces: list[str] = []
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            break
        pieces.append(text[at:start])
        at = end + 3
    pieces.append(text[at:])
    return "".join(pieces)


def _calls(tools: Sequence[ToolCall | ToolResult]) -> str:
    rows = [
        Call(part.id, part.name, arguments=part.arguments)
        if isinstance(part, ToolCall)
        else Call(part.id, part.name, result=part.text, error=part.error)
        for part in tools
    ]
    try:
        return msgspec.json.encode(rows).decode()
    except UnicodeEncodeError:
        return ""


def calls_of(calls: str) -> list[Call]:
    """The calls and results of `Line.calls` or `Turn.calls`, in order."""
    return _calls_of(calls) if calls else []


def _chars(parts: tuple[Part, ...]) -> int:
    count = 0
    for part in parts:
        if isinstance(part, Text | Thinking | ToolResult):
            count += len(part.text)
        elif isinstance(part, ToolCall):
            count += len(part.name) + len(part.arguments)
    return count


__all__ = [
    "Alignment",
    "Call",
    "Kind",
    "Line",
    "align",
    "anchor",
    "calls_of",
    "chain",
    "content_hash",
    "kind",
    "line",
    "root",
    "spoken_count",
]
