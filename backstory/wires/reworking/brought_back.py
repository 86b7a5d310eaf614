"""What a client brings back of answers that were made over (reworked.py, reasoned.py): thoughts that no provider has sealed, and results of
calls that the provider knows only as text.

Rule: the same message becomes the same bytes in every request, so that what goes up only grows. Nothing is read where no mark stands.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Cut, Document, Put, Splice
from backstory.core.message import Path
from backstory.wires.lowering import decode, encode, quote
from backstory.wires.translation.seals import wrapped

TAG, THINK = "tag", "think"
"""The seal of a thought that was made from text, and whose it is."""
THOUGHT_ID = "rs_tag_"
CALL_ID = "vt_"
"""What ids of thoughts and calls that were made from text begin with (calls: behind the wire's own prefix)."""
OTHERS = "backstory:hybrid"
"""In OpenAI Chat, where a thought that another model has had stands among those of the answer: its signature."""
_SIGNATURE = f"backstory:{TAG}:"
_ENCRYPTED = wrapped(TAG, THINK)
_MARKS = {
    "anthropic": (_SIGNATURE.encode(),),
    "openai_responses": (THOUGHT_ID.encode(), _ENCRYPTED.encode(), b"call_" + CALL_ID.encode()),
    "openai_chat": (OTHERS.encode(),),
}


class _Message(Struct):
    role: str = ""
    content: str | list[Raw] = ""


class _Block(Struct):
    type: str = ""
    signature: str | None = None
    thinking: str | None = None


class _Item(Struct):
    type: str = ""
    id: str | None = None
    encrypted_content: str | None = None
    call_id: str | None = None
    output: Raw = Raw()


class _Reasoned(Struct):
    reasoning_content: str | None = None
    reasoning_details: list[Raw] = []


class _Detail(Struct):
    text: str | None = None
    signature: str | None = None


class _Part(Struct):
    text: str = ""


_message = msgspec.json.Decoder(_Message)
_block = msgspec.json.Decoder(_Block)
_item = msgspec.json.Decoder(_Item)
_reasoned = msgspec.json.Decoder(_Reasoned)
_detail = msgspec.json.Decoder(_Detail)
_text = msgspec.json.Decoder(str)
_parts = msgspec.json.Decoder(list[_Part])


def brought_back(wire: str, body: bytes) -> bytes:
    """The request as its provider takes it. DocumentError where it cannot be read; untouched where there is nothing of the kind in it."""
    if not any(mark in body for mark in _MARKS.get(wire, ())):
        return body
    document = Document(body)
    find = {"anthropic": _messages, "openai_chat": _others}.get(wire, _items)
    splices = find(document)
    return document.apply(splices) if splices else body


def _messages(document: Document) -> list[Splice]:
    splices: list[Splice] = []
    mark = _SIGNATURE.encode()
    for index, raw in enumerate(document.elements(("messages",))):
        if mark not in bytes(raw):
            continue
        message = decode(_message, raw)
        if message.role == "assistant" and not isinstance(message.content, str):
            splices += _blocks(("messages", index, "content"), [decode(_block, block) for block in message.content])
    return splices


def _blocks(at: Path, blocks: list[_Block]) -> list[Splice]:
    """Thoughts go. Where there is nothing else, the first stays as the text that it was: a message must not be empty."""
    ours = [place for place, block in enumerate(blocks) if block.type == "thinking" and (block.signature or "").startswith(_SIGNATURE)]
    if len(ours) < len(blocks) or not ours:
        return [Cut((*at, place)) for place in ours]
    text = "".join([f"<think>{block.thinking or ''}</think>" for block in blocks])
    return [Put(at, b'[{"type":"text","text":%b}]' % quote(text))]


def _others(document: Document) -> list[Splice]:
    """Thoughts of another model go, from the text of them all as well."""
    splices: list[Splice] = []
    mark = OTHERS.encode()
    for index, raw in enumerate(document.elements(("messages",))):
        if mark not in bytes(raw):
            continue
        message = decode(_reasoned, raw)
        details = [decode(_detail, one) for one in message.reasoning_details]
        ours = [place for place, one in enumerate(details) if one.signature == OTHERS]
        at = ("messages", index, "reasoning_details")
        splices += [Cut(at)] if ours and len(ours) == len(details) else [Cut((*at, place)) for place in ours]
        text = message.reasoning_content
        rest = text or ""
        for place in ours:
            rest = rest.removeprefix(details[place].text or "")
        if text and rest != text:
            own = ("messages", index, "reasoning_content")
            splices.append(Put(own, quote(rest)) if rest else Cut(own))
    return splices


def _items(document: Document) -> list[Splice]:
    if not document.has(("input",)) or document.get(("input",))[:1] != b"[":
        return []
    splices: list[Splice] = []
    called: set[str] = set()
    for index, raw in enumerate(document.elements(("input",))):
        item = decode(_item, raw)
        ours = (item.id or "").startswith(THOUGHT_ID) or item.encrypted_content == _ENCRYPTED
        if item.type in {"reasoning", "item_reference"} and ours:
            splices.append(Cut(("input", index)))
        elif item.type in {"function_call", "custom_tool_call"}:
            called.add(item.call_id or "")
        elif item.type.endswith("_call_output") and (item.call_id or "").startswith(f"call_{CALL_ID}") and item.call_id not in called:
            # It builds on state of the provider, which has no such call in it.
            content = [{"type": "input_text", "text": f"Result of the call:\n{_told(item.output)}"}]
            splices.append(Put(("input", index), encode({"type": "message", "role": "user", "content": content})))
    return splices


def _told(output: Raw) -> str:
    """What a tool has told, be it text or parts."""
    first = bytes(memoryview(output)[:1])
    if first == b'"':
        return decode(_text, output)
    return "\n".join([part.text for part in decode(_parts, output)]) if first == b"[" else bytes(output).decode("utf-8", "replace")
