"""What other providers sealed, out of a request that goes up in its client's own wire: its provider would refuse it for ever.

Rule: the same message becomes the same bytes in every request, so that what goes up only grows. Nothing is read where no mark stands; what
cannot be read stays as it is.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Cut, Document, Put, Splice
from backstory.core.message import Path
from backstory.errors import DocumentError
from backstory.wires.gemini.tongue_read import NO_SEAL
from backstory.wires.lowering import decode, quote
from backstory.wires.translation.compacting import HELD, shown
from backstory.wires.translation.seals import unwrapped

_MARK = b"backstory:"
_CODED = b"YmFja3N0b3J5O"
"""What the mark begins with in base64."""
MARKS = {"anthropic": _MARK, "openai_responses": _MARK, "gemini": _CODED}
"""What stands in each request of a wire in which there is such a seal."""
_EMPTY = re.compile(rb'"signature"\s*:\s*(?:""|null)')
_THINKING = re.compile(rb'"type"\s*:\s*"thinking"')
# Ids of reasoning as openai_responses/tongue_answer.py makes them: OpenAI's own have no second line in them.
_MADE = re.compile(rb'"rs_[^"]*_[0-9]+"')
_MADE_ID = re.compile(r"rs_.*_[0-9]+")
_SEALS = ("thoughtSignature", "thought_signature")
_CALLS = ("functionCall", "function_call")


class _Message(Struct):
    role: str = ""
    content: str | list[Raw] = ""


class _Block(Struct):
    type: str = ""
    signature: str | None = None
    data: object = None
    thinking: str | None = None


class _Item(Struct):
    type: str = ""
    id: str | None = None
    encrypted_content: str | None = None


class _Content(Struct):
    parts: list[Raw] = []


_message = msgspec.json.Decoder(_Message)
_block = msgspec.json.Decoder(_Block)
_item = msgspec.json.Decoder(_Item)
_content = msgspec.json.Decoder(_Content)
_part = msgspec.json.Decoder(dict[str, Raw])
_text = msgspec.json.Decoder(str)


def unsealed(wire: str, body: bytes, signed: bool = False, stands_for_none: bool = False) -> bytes:
    """The request without what other wires sealed; the same object where there is nothing of the kind. `signed`: its provider takes no
    thought that nobody sealed either (Anthropic's: without a signature; OpenAI's: with an id that it has not given). `stands_for_none`: it
    wants a signature on calls, whoever made them (Gemini)."""
    mark = MARKS.get(wire)
    if mark is None:
        return body
    signed = signed and _unsigned(wire, body)
    if mark not in body and not signed:
        return body
    try:
        document = Document(body)
        match wire:
            case "anthropic":
                splices = _messages(document, signed)
            case "gemini":
                splices = _contents(document, stands_for_none)
            case _:
                splices = _items(document, signed)
        return document.apply(splices) if splices else body
    except DocumentError:
        return body


def _unsigned(wire: str, body: bytes) -> bool:
    """Whether there may be a thought that nobody sealed."""
    if wire != "anthropic":
        return wire == "openai_responses" and _MADE.search(body) is not None
    if b'"thinking"' not in body:
        return False
    return _EMPTY.search(body) is not None or len(_THINKING.findall(body)) > body.count(b'"signature"')


def _messages(document: Document, signed: bool) -> list[Splice]:
    splices: list[Splice] = []
    messages = document.elements(("messages",))
    changed = 0
    for index, raw in enumerate(messages):
        text = bytes(raw)
        if _MARK in text or (signed and b'"thinking"' in text):
            message = decode(_message, raw)
            if message.role == "assistant" and not isinstance(message.content, str):
                found = _blocks(("messages", index, "content"), [decode(_block, block) for block in message.content], signed)
                splices += found
                changed = index if found else changed
    if splices and _calls_without_thought(messages, changed, signed) and _budgeted(document):
        splices.append(Put(("thinking",), b'{"type":"disabled"}'))
    return splices


def _budgeted(document: Document) -> bool:
    raw = document.member("thinking")
    return raw is not None and decode(_block, raw).type == "enabled"


def _calls_without_thought(messages: Sequence[memoryview], changed: int, signed: bool) -> bool:
    """Whether results go to calls with no thought in front of them that is left, for a thought that was taken out of the message
    `changed`, or since: with a budget to think, that is refused."""
    last = len(messages)
    for index in range(len(messages) - 1, -1, -1):
        message = decode(_message, messages[index])
        blocks = [] if isinstance(message.content, str) else [decode(_block, block) for block in message.content]
        if message.role != "assistant":
            if all(block.type != "tool_result" for block in blocks):
                return False
            continue
        if last == len(messages):
            last = index
            left = [block for block in blocks if not _foreign(block, signed)]
            if left and left[0].type in {"thinking", "redacted_thinking"}:
                return False
        if index <= changed:
            return index == changed and last < len(messages) - 1
    return False


def _blocks(at: Path, blocks: list[_Block], signed: bool) -> list[Splice]:
    """Thoughts go. Where there is nothing else, the first stays as the text that it was: a message must not be empty."""
    gone = [place for place, block in enumerate(blocks) if _foreign(block, signed)]
    if len(gone) < len(blocks) or not gone:
        return [Cut((*at, place)) for place in gone]
    text = "".join([block.thinking or "" for block in blocks])
    return [Put(at, b'[{"type":"text","text":%b}]' % quote(f"<think>{text}</think>"))]


def _foreign(block: _Block, signed: bool) -> bool:
    if block.type == "redacted_thinking":
        return isinstance(block.data, str) and bool(unwrapped(block.data)[0])
    if block.type != "thinking":
        return False
    return bool(unwrapped(block.signature)[0]) if block.signature else signed


def _items(document: Document, signed: bool) -> list[Splice]:
    if not document.has(("input",)) or document.get(("input",))[:1] != b"[":
        return []
    splices: list[Splice] = []
    for index, raw in enumerate(document.elements(("input",))):
        text = bytes(raw)
        if _MARK in text or (signed and _MADE.search(text) is not None):
            item = decode(_item, raw)
            sealed = item.encrypted_content or ""
            made = signed and not sealed and _MADE_ID.fullmatch(item.id or "") is not None
            summary = shown(sealed) if item.type in HELD else ""
            if summary:
                said = b'{"type":"message","role":"user","content":[{"type":"input_text","text":%b}]}'
                splices.append(Put(("input", index), said % quote(summary)))
            elif item.type == "reasoning" and (made or unwrapped(sealed)[0]):
                splices.append(Cut(("input", index)))
    return splices


def _contents(document: Document, stands_for_none: bool) -> list[Splice]:
    splices: list[Splice] = []
    for index, raw in enumerate(document.elements(("contents",))):
        if _CODED in bytes(raw):
            parts = [decode(_part, part) for part in decode(_content, raw).parts]
            splices += _parts(("contents", index, "parts"), parts, stands_for_none)
    return splices


def _parts(at: Path, parts: list[dict[str, Raw]], stands_for_none: bool) -> list[Splice]:
    """Signatures go. So does a part that was there for one only, but for the last of all."""
    splices: list[Splice] = []
    left = len(parts)
    for place, part in enumerate(parts):
        for name in _SEALS:
            if name not in part or not _coded(part[name]):
                continue
            if stands_for_none and any(call in part for call in _CALLS):
                splices.append(Put((*at, place, name), quote(NO_SEAL[0])))
            elif left > 1 and bytes(part.get("text", Raw())) == b'""':
                splices.append(Cut((*at, place)))
                left -= 1
            else:
                splices.append(Cut((*at, place, name)))
    return splices


def _coded(raw: Raw) -> bool:
    if _CODED not in bytes(raw):
        return False
    try:
        return bool(unwrapped(b64decode(decode(_text, raw).replace("-", "+").replace("_", "/"), validate=True).decode())[0])
    except (binascii.Error, ValueError):
        return False
