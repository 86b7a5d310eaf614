"""Anthropic Messages: tools of ours, and answers of several legs.

Rule: signed thinking goes back to the provider only beside what it was given with. The client is shown the thinking of one leg, the first
that has any: thinking of two answers in one message is refused by the API as modified.
Source: https://docs.claude.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Document, Extend, Insert, Put, Splice
from backstory.core.legs import UNANSWERED, Call, Kept, Leg, Names, Offer, Tool, blames
from backstory.core.message import Path, Prompt
from backstory.core.reasoning import binds
from backstory.core.stream import Frame
from backstory.errors import DocumentError
from backstory.wires import base
from backstory.wires.legs import Json, gap, listed, raw_members, rewritten, summed, values
from backstory.wires.lowering import decode, encode, quote
from backstory.wires.sse import event

_THINKING = frozenset({"thinking", "redacted_thinking"})
_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_WAITS = frozenset({"tool_use", "end_turn", "stop_sequence"})
"""Reasons to stop with which a call is whole."""
_FORCED = frozenset({"any"})
_NO_TOOLS = b'{"type":"none"}'


class _Choice(Struct):
    type: str = "auto"


class _Named(Struct):
    name: str = ""


class _Event(Struct):
    type: str = ""
    index: int = 0
    message: Raw = Raw()
    content_block: Raw = Raw()
    delta: Raw = Raw()
    usage: Raw = Raw()


class _Block(Struct):
    type: str = ""
    id: str = ""
    name: str = ""
    text: str = ""
    input: Raw = Raw(b"{}")


class _Whole(Struct):
    content: list[Raw]
    stop_reason: str | None = None
    usage: Raw = Raw()


_event = msgspec.json.Decoder(_Event)
_block = msgspec.json.Decoder(_Block)
_whole = msgspec.json.Decoder(_Whole)
_choice = msgspec.json.Decoder(_Choice)
_tool_list = msgspec.json.Decoder(list[_Named])
_string = msgspec.json.Decoder(str)


def tools(document: Document, prompt: Prompt, offered: Sequence[Tool]) -> Offer:
    """Their definitions; none where a tool must be called, the answer is not to be plain text, or the provider keeps the history."""
    choice = base.field(document, "tool_choice")
    kept = base.field(document, "thread") is not None
    if prompt.structured or kept or (choice is not None and decode(_choice, choice).type in _FORCED):
        return Offer()
    raw = base.field(document, "tools")
    taken = {tool.name for tool in decode(_tool_list, raw)} if raw is not None else set()
    ours = [tool for tool in offered if tool.name not in taken]
    made = tuple(
        b'{"name":' + quote(tool.name) + b',"description":' + quote(tool.description) + b',"input_schema":' + tool.schema + b"}"
        for tool in ours
    )
    return Offer(Names((tool.name for tool in ours), taken), made)


class _Told:
    """A block of a streamed leg, as the provider wants it back. `text`: of a block of text."""

    __slots__ = ("_fields", "_pieces", "kind", "name", "text")

    def __init__(self, raw: Raw) -> None:
        self._fields: dict[str, object] = dict(raw_members(raw))
        self._pieces: list[str] = []
        found = decode(_block, raw)
        self.kind, self.name, self.text = found.type, found.name, found.text

    def add(self, raw: Raw) -> None:
        """A delta: a piece of JSON for the input, a citation, or more of a member that is a string."""
        for key, value in raw_members(raw).items():
            if key == "partial_json":
                self._pieces.append(decode(_string, value))
            elif key == "citation":
                found = self._fields.get("citations")
                rows = found if isinstance(found, list) else []
                self._fields["citations"] = [*rows, value]
            elif key != "type":
                self._more(key, value)

    def _more(self, key: str, value: Raw) -> None:
        if bytes(value)[:1] != base.QUOTE:
            self._fields[key] = value
            return
        before = self._fields.get(key)
        known = decode(_string, before) if isinstance(before, Raw) and bytes(before)[:1] == base.QUOTE else before
        text = (known if isinstance(known, str) else "") + decode(_string, value)
        self._fields[key] = text
        if key == "text":
            self.text = text

    @property
    def arguments(self) -> str:
        """The input's JSON text."""
        given = self._fields.get("input")
        joined = "".join(self._pieces)
        return joined or (bytes(given).decode() if isinstance(given, Raw) else "{}")

    def raw(self) -> Raw:
        """The whole block."""
        if self._pieces:
            self._fields["input"] = _input(self.arguments)
        return Raw(encode(self._fields))

    @property
    def id(self) -> str:
        """Of a call."""
        found = self._fields.get("id")
        return decode(_string, found) if isinstance(found, Raw) else ""


class AnthropicTalk:
    """See core.legs.Talk. `ours`: names of our tools."""

    def __init__(self, body: bytes, ours: frozenset[str]) -> None:
        self._body = body
        self._ours = ours
        self._number = 0
        self._anew = False
        self._next = 0
        self._spent: Json = {}
        # A model that binds its reasoning made that of later legs behind calls that the client never sees.
        self._thinker = 0 if binds(base.text_field(Document(body), "model") or "") else -1
        self._said: list[Raw] = []
        self._before = ""
        self._open = -1
        self._open_kind = ""
        self._started = False
        self._ended = False
        self._last = b""
        self._begin()

    def _begin(self) -> None:
        self._places: dict[int, int] = {}
        self._blocks: dict[int, _Told] = {}
        self._hidden: set[int] = set()
        self._stopped: set[int] = set()
        self._blank: tuple[Frame, _Event] | None = None
        self._text = ""
        self._called = False
        self._failed = False
        self._held: list[Frame] = []
        self._usage: Json = {}
        self._reason = ""
        self._content: list[Raw] = []

    def frame(self, frame: Frame) -> bytes:
        """See Talk."""
        if self._failed:
            return b""
        try:
            found = _event.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return frame.raw
        match found.type:
            case "content_block_delta" | "content_block_stop":
                return self._inside(frame, found)
            case "content_block_start":
                return self._block_start(frame, found)
            case "message_start":
                self._usage = values(raw_members(found.message).get("usage", Raw()))
                again, self._started = self._started, True
                return b"" if again else frame.raw
            case "message_delta":
                return self._delta(frame, found)
            case "message_stop" if self._called:
                self._held.append(frame)
                return b""
            case "error" if self._number or blames(frame.data, self._ours):
                self._failed = True
                return b""
        return frame.raw

    def _block_start(self, frame: Frame, found: _Event) -> bytes:
        told = self._blocks[found.index] = _Told(found.content_block)
        if told.kind == "tool_use" and told.name in self._ours:
            self._called = True
            self._hidden.add(found.index)
            return b""
        if self._thinks_twice(told.kind):
            self._hidden.add(found.index)
            return b""
        if self._number and told.kind == "text" and not told.text:
            # Clients send back a block that was begun and never filled, and the API refuses one of no text.
            self._blank = (frame, found)
            return b""
        return self._opened(frame, found, told)

    def _opened(self, frame: Frame, found: _Event, told: _Told) -> bytes:
        """A block that the client is shown begins."""
        place = self._places[found.index] = self._next
        self._next += 1
        self._open, self._open_kind = place, told.kind
        between = self._spoken(told.text) if told.kind == "text" else ""
        return self._placed(frame, found.index, place, ("content_block", "text"), between)

    def _spoken(self, text: str) -> str:
        """Text that the client is shown next; what has to stand in front of it: most clients put the texts of a message together."""
        between = gap(self._before, text) if self._number and not self._text else ""
        self._text += text
        return between

    def _thinks_twice(self, kind: str) -> bool:
        if kind not in _THINKING:
            return False
        if self._thinker < 0:
            self._thinker = self._number
        return self._thinker != self._number

    def _inside(self, frame: Frame, found: _Event) -> bytes:
        told = self._blocks.get(found.index)
        begun = b""
        if told is not None and self._blank is not None and self._blank[1].index == found.index:
            begun, self._blank = self._opened(*self._blank, told), None
        if told is not None and found.type == "content_block_delta":
            told.add(found.delta)
        if found.type == "content_block_stop":
            self._stopped.add(found.index)
        if found.index in self._hidden:
            return b""
        place = self._places.get(found.index, found.index)
        if found.type == "content_block_stop" and place == self._open:
            self._open = -1
        speaks = told is not None and told.kind == "text" and found.type == "content_block_delta"
        between = self._spoken(decode(_block, found.delta).text) if speaks else ""
        return begun + self._placed(frame, found.index, place, ("delta", "text"), between)

    def _placed(self, frame: Frame, index: int, place: int, at: Path, between: str) -> bytes:
        """The event with the client's index, and with `between` in front of its text."""
        splices: list[Splice] = [Put(("index",), b"%d" % place)] if index != place else []
        if between:
            splices.append(Extend(at, between, True))
        return rewritten(frame, splices) if splices else frame.raw

    def _delta(self, frame: Frame, found: _Event) -> bytes:
        self._usage |= {key: value for key, value in values(found.usage).items() if value is not None}
        reason = raw_members(found.delta).get("stop_reason")
        self._reason = decode(_string, reason) if reason is not None and bytes(reason) != b"null" else self._reason
        if self._called:
            self._held.append(frame)
            return b""
        self._ended = True
        return self._metered(frame)

    def _metered(self, frame: Frame) -> bytes:
        if not self._number:
            return frame.raw
        return rewritten(frame, [Put(("usage",), encode(summed(self._spent, self._usage)))])

    @property
    def spoke(self) -> bool:
        """See Talk."""
        return bool(self._places) or self._ended

    @property
    def owed(self) -> bytes:
        """See Talk."""
        return b""

    def over(self) -> Leg:
        """See Talk."""
        if self._failed or (self._number and not self._reason):
            return Leg(failed=True)
        if not self._called or self._reason not in _WAITS:
            return Leg()
        calls = [index for index, told in self._blocks.items() if told.kind == "tool_use"]
        ours = [index for index in calls if self._blocks[index].name in self._ours]
        if any(index not in self._stopped for index in ours):
            return Leg()
        found = tuple(Call(told.id, told.name, told.arguments) for told in map(self._blocks.__getitem__, ours))
        return Leg(found, len(calls) > len(ours))

    def whole(self, body: bytes) -> Leg:
        """See Talk."""
        found = decode(_whole, body)
        self._last = body
        self._content = found.content
        self._usage = values(found.usage)
        blocks = [decode(_block, raw) for raw in found.content]
        self._called = any(self._is_ours(block) for block in blocks)
        if self._anew and not self._called:
            self._said, self._before, self._thinker = [], "", self._number
        for raw, block in zip(found.content, blocks, strict=True):
            if self._is_ours(block) or self._thinks_twice(block.type):
                continue
            between = self._spoken(block.text) if block.type == "text" else ""
            self._said.append(Raw(Document(bytes(raw)).apply([Extend(("text",), between, True)])) if between else raw)
        if not self._called or found.stop_reason not in _WAITS:
            return Leg()
        calls = tuple(Call(block.id, block.name, bytes(block.input).decode()) for block in blocks if self._is_ours(block))
        return Leg(calls, any(block.type == "tool_use" and not self._is_ours(block) for block in blocks))

    def _is_ours(self, block: _Block) -> bool:
        return block.type == "tool_use" and block.name in self._ours

    def go_on(self, results: Sequence[str], last: bool) -> bytes:
        """See Talk. The blocks go back as they came; a block of no text would be refused."""
        content = self._content or [told.raw() for told in self._blocks.values() if told.kind != "text" or told.text]
        ours = [block for raw in content if self._is_ours(block := decode(_block, raw))]
        answers = listed(
            b'{"type":"tool_result","tool_use_id":' + quote(call.id) + b',"content":' + quote(text) + b"}"
            for call, text in zip(ours, results, strict=True)
        )
        document = Document(self._body)
        end = (*base.MESSAGES, document.length(base.MESSAGES))
        splices: list[Splice] = [
            Insert(end, b'{"role":"assistant","content":' + listed(content) + b"}"),
            Insert(end, b'{"role":"user","content":' + answers + b"}"),
        ]
        if last:
            splices.append(Put(("tool_choice",), _NO_TOOLS))
        self.again(document.apply(splices), False)
        return self._body

    def again(self, body: bytes, anew: bool) -> None:
        """See Talk."""
        self._anew = anew
        self._body = body
        self._before += self._text
        self._spent = summed(self._spent, self._usage)
        self._number += 1
        self._begin()

    def finish(self) -> bytes:
        """See Talk."""
        held, self._held = self._held, []
        return b"".join([self._metered(frame) if b'"message_delta"' in frame.data else frame.raw for frame in held])

    def answer(self) -> bytes:
        """See Talk."""
        if not self._number and not self._called:
            return self._last
        usage = encode(summed(self._spent, self._usage))
        return Document(self._last).apply([Put(("content",), listed(self._said)), Put(("usage",), usage)])

    def kept(self, results: Sequence[str]) -> Kept:
        """Nothing: the provider keeps no state under the answer's id."""
        return Kept()

    def enough(self, stream: bool) -> bytes | None:
        """See Talk."""
        if self._before or self._text:
            return self._ends(stream, b'"end_turn"')
        if not stream:
            self._said.append(Raw(_text_block(UNANSWERED)))
            return self._ends(stream, b'"end_turn"')
        rest = self._ends(stream, b'"end_turn"')
        return None if rest is None else self._unanswered() + rest

    def _unanswered(self) -> bytes:
        """A block of text, as the next one of the stream."""
        delta = b'{"type":"text_delta","text":' + quote(UNANSWERED) + b"}"
        parts = (
            (b'"content_block":' + _text_block(""), "content_block_start"),
            (b'"delta":' + delta, "content_block_delta"),
            (b"", "content_block_stop"),
        )
        head = b'{"type":"%b","index":%d%b%b}'
        return b"".join(event(head % (name.encode(), self._next, b"," if rest else b"", rest), name) for rest, name in parts)

    def broken(self, stream: bool) -> bytes | None:
        """See Talk. `max_tokens` is this wire's word for an answer that is cut off."""
        if not stream and not any(decode(_block, raw).type == "text" for raw in self._said):
            return None
        return self._ends(stream, b'"max_tokens"')

    def _ends(self, stream: bool, reason: bytes) -> bytes | None:
        if not stream:
            return Document(self.answer()).apply([Put(("stop_reason",), reason)]) if self._last else None
        if not self._started or (self._open >= 0 and (self._open_kind in _CALLS or self._open_kind in _THINKING)):
            return None
        out: list[bytes] = []
        if self._open >= 0:
            out.append(event(b'{"type":"content_block_stop","index":%d}' % self._open, "content_block_stop"))
        if not self._ended:
            usage = encode({"output_tokens": 0, **summed(self._spent, self._usage)})
            change = b'{"type":"message_delta","delta":{"stop_reason":' + reason + b',"stop_sequence":null},"usage":' + usage + b"}"
            out.append(event(change, "message_delta"))
        return b"".join([*out, event(b'{"type":"message_stop"}', "message_stop")])


def _input(told: str) -> Raw:
    """A call's input as the API takes it back: what a model wrote that is no object goes in one
    (https://docs.claude.com/en/docs/agents-and-tools/tool-use/fine-grained-tool-streaming)."""
    raw = Raw(told.encode("utf-8", "replace"))
    try:
        raw_members(raw)
    except DocumentError:
        return Raw(encode({"INVALID_JSON": told}))
    return raw


def _text_block(text: str) -> bytes:
    return b'{"type":"text","text":' + quote(text) + b"}"
