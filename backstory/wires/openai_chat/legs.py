"""OpenAI Chat Completions: tools of ours, and answers of several legs.

Rule: one completion has one id; texts of two legs, which clients put together, get an empty line between them. What a compatible provider
adds to a call (a signature) goes back with it.
Source: https://platform.openai.com/docs/api-reference/chat-streaming.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Cut, Document, Extend, Insert, Put, Splice
from backstory.core.legs import UNANSWERED, Call, Kept, Leg, Names, Offer, Tool, blames
from backstory.core.message import Path, Prompt
from backstory.core.stream import Frame
from backstory.wires import base
from backstory.wires.legs import Json, gap, listed, raw_members, rewritten, summed, values
from backstory.wires.lowering import decode, encode, quote
from backstory.wires.sse import event

_MOST_TOOLS = 128
"""https://platform.openai.com/docs/api-reference/chat/create, `tools`: more are refused."""
_WAITS = frozenset({"tool_calls", "stop"})
_THOUGHTS = ("reasoning_content", "reasoning")
_DELTA: Path = ("choices", 0, "delta")
_MESSAGE: Path = ("choices", 0, "message")
_DONE = b"[DONE]"
_NONE = b'"none"'
_NULLS = (b"", b"null")


class _Function(Struct):
    name: str | None = None
    arguments: str | None = None


class _Piece(Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Delta(Struct):
    role: str | None = None
    content: str | None = None
    tool_calls: list[Raw] | None = None


class _Choice(Struct):
    index: int = 0
    delta: Raw = Raw()
    message: Raw = Raw()
    finish_reason: str | None = None


class _Chunk(Struct):
    id: str | None = None
    choices: list[_Choice] | None = None
    usage: Raw = Raw()
    error: Raw = Raw()


class _Message(Struct):
    content: str | list[Raw] | None = None
    tool_calls: list[Raw] | None = None


class _ToolName(Struct):
    function: _Function | None = None


_chunk = msgspec.json.Decoder(_Chunk)
_delta = msgspec.json.Decoder(_Delta)
_message = msgspec.json.Decoder(_Message)
_piece = msgspec.json.Decoder(_Piece)
_tool_list = msgspec.json.Decoder(list[_ToolName])
_string = msgspec.json.Decoder(str)


def tools(document: Document, prompt: Prompt, offered: Sequence[Tool]) -> Offer:
    """Their definitions; none where a tool must be called, the answer is not to be plain text, it is to be spoken, or
    the old `functions` are used."""
    choice = base.field(document, "tool_choice")
    if prompt.structured or choice == b'"required"' or base.field(document, "functions") is not None:
        return Offer()
    if base.field(document, "audio") is not None:
        return Offer()
    raw = base.field(document, "tools")
    known = decode(_tool_list, raw) if raw is not None else []
    taken = {tool.function.name for tool in known if tool.function is not None}
    ours = [tool for tool in offered if tool.name not in taken]
    names = Names((tool.name for tool in ours), (name for name in taken if name))
    made = tuple(
        b'{"type":"function","function":{"name":%b,"description":%b,"parameters":%b}}'
        % (quote(tool.name), quote(tool.description), tool.schema)
        for tool in ours
    )
    return Offer(names, made) if made and len(known) + len(made) <= _MOST_TOOLS else Offer()


class _Told:
    """A call of a streamed leg, as the provider wants it back. What is added to its first piece goes back with it."""

    __slots__ = ("_fields", "arguments", "id", "name")

    def __init__(self) -> None:
        self._fields: dict[str, Raw] = {}
        self.id = self.name = self.arguments = ""

    def add(self, raw: Raw, piece: _Piece) -> None:
        for key, value in raw_members(raw).items():
            if key not in ("index", "function", "id") and bytes(value) not in _NULLS:
                self._fields[key] = value
        self.id = piece.id or self.id
        if piece.function is not None:
            self.name = piece.function.name or self.name
            self.arguments += piece.function.arguments or ""

    def raw(self) -> bytes:
        """The whole call."""
        rest: dict[str, object] = {"type": "function", **self._fields}
        return encode({"id": self.id, **rest, "function": {"name": self.name, "arguments": self.arguments}})


class ChatTalk:
    """See core.legs.Talk. `ours`: names of our tools."""

    def __init__(self, body: bytes, ours: frozenset[str]) -> None:
        self._body = body
        self._ours = ours
        self._number = 0
        self._anew = False
        self._id = ""
        self._spent: Json = {}
        self._said = ""
        self._next = 0
        self._metered = False
        self._head = b""
        self._last = b""
        self._over = False
        self._begin()

    def _begin(self) -> None:
        self._text = ""
        self._thoughts: dict[str, str] = {}
        self._details: list[Raw] = []
        self._calls: dict[int, _Told] = {}
        self._numbers: dict[int, int] = {}
        self._places: dict[int, int] = {}
        self._called = False
        self._failed = False
        self._spoke = False
        self._held: list[bytes] = []
        self._usage: Json = {}
        self._reason = ""
        self._message = b""

    def frame(self, frame: Frame) -> bytes:
        """See Talk."""
        if self._failed:
            return b""
        if frame.data[:1] != b"{":
            return self._mark_end(frame) if frame.data == _DONE else frame.raw
        try:
            chunk = _chunk.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return frame.raw
        metered = bytes(chunk.usage) not in _NULLS
        if metered:
            self._usage = values(chunk.usage)
        if bytes(chunk.error) not in _NULLS and (self._number or blames(frame.data, self._ours)):
            self._failed = True
            return b""
        self._id = self._id or chunk.id or ""
        self._head = self._head or frame.data
        self._metered = self._metered or metered
        choice = chunk.choices[0] if chunk.choices else None
        if choice is None or choice.index:
            self._spoke = self._spoke or choice is not None
            return self._passed(frame, chunk, [])
        out = self._choice(frame, chunk, choice)
        self._spoke = self._spoke or (bool(out) and (choice.finish_reason is not None or not _says_nothing(choice.delta)))
        return out

    def _mark_end(self, frame: Frame) -> bytes:
        if self._called:
            self._held.append(frame.raw)
            return b""
        self._over = True
        return frame.raw

    def _choice(self, frame: Frame, chunk: _Chunk, choice: _Choice) -> bytes:
        delta = decode(_delta, choice.delta) if bytes(choice.delta) not in _NULLS else _Delta()
        splices, gone = self._pieces(delta)
        opening = self._number and not self._text and delta.content
        if opening and (between := gap(self._said, delta.content or "")):
            splices.append(Extend((*_DELTA, "content"), between, True))
        self._text += delta.content or ""
        self._think(choice.delta)
        self._reason = choice.finish_reason or self._reason
        empty = not delta.content and not choice.finish_reason
        if (gone and empty) or (self._number and empty and _says_nothing(choice.delta)):
            return b""
        if not choice.finish_reason:
            return self._passed(frame, chunk, splices)
        return self._ending(frame, chunk, splices, bool(delta.content))

    def _ending(self, frame: Frame, chunk: _Chunk, splices: list[Splice], speaks: bool) -> bytes:
        """The chunk that tells the end: held where the answer may go on. Text in it goes out at once, in a chunk of its own."""
        if not self._called:
            return self._passed(frame, chunk, splices)
        ending = self._rewritten(frame, chunk, splices)
        if not speaks:
            self._held.append(ending)
            return b""
        self._held.append(self._rewritten(frame, chunk, [*splices, Put(_DELTA, b"{}")]))
        return self._rewritten(frame, chunk, [*splices, Put(("choices", 0, "finish_reason"), b"null")])

    def _passed(self, frame: Frame, chunk: _Chunk, splices: list[Splice]) -> bytes:
        """The chunk as the client gets it, or b"" where it waits for the end."""
        out = self._rewritten(frame, chunk, splices)
        if self._called and self._reason:
            self._held.append(out)
            return b""
        return out

    def _rewritten(self, frame: Frame, chunk: _Chunk, splices: list[Splice]) -> bytes:
        if self._number:
            if chunk.id and chunk.id != self._id:
                splices.append(Put(("id",), quote(self._id)))
            if bytes(chunk.usage) not in _NULLS:
                splices.append(Put(("usage",), encode(summed(self._spent, self._usage))))
        return rewritten(frame, splices) if splices else frame.raw

    def _think(self, raw: Raw) -> None:
        fields = raw_members(raw) if bytes(raw) not in _NULLS else {}
        for name in _THOUGHTS:
            value = fields.get(name)
            if value is not None and bytes(value)[:1] == base.QUOTE:
                self._thoughts[name] = self._thoughts.get(name, "") + decode(_string, value)
        details = fields.get("reasoning_details")
        if details is not None and bytes(details)[:1] == base.BRACKET:
            self._details.append(Raw(bytes(details)[1:-1]))

    def _pieces(self, delta: _Delta) -> tuple[list[Splice], bool]:
        """Pieces of calls, counted as the client counts; and whether all of them are of calls to our tools."""
        splices: list[Splice] = []
        kept = 0
        for place, raw in enumerate(delta.tool_calls or ()):
            piece = decode(_piece, raw)
            number = self._numbered(piece)
            told = self._calls[number]
            told.add(raw, piece)
            at: Path = (*_DELTA, "tool_calls", place)
            if told.name in self._ours:
                self._called = True
                splices.append(Cut(at))
                continue
            kept += 1
            if number not in self._places:
                self._places[number] = self._next
                self._next += 1
            if (self._called or self._number) and self._places[number] != piece.index:
                splices.append(Put((*at, "index"), b"%d" % self._places[number]))
        gone = bool(delta.tool_calls) and not kept
        return [Cut((*_DELTA, "tool_calls"))] if gone else splices, gone

    def _numbered(self, piece: _Piece) -> int:
        """The number of the call that a piece belongs to. Some compatible providers give every call the same index: another id is another
        call."""
        number = self._numbers.get(piece.index, piece.index)
        known = self._calls.get(number)
        if known is not None and piece.id and known.id and piece.id != known.id:
            number = self._numbers[piece.index] = max(self._calls) + 1
        self._calls.setdefault(number, _Told())
        return number

    @property
    def spoke(self) -> bool:
        """See Talk."""
        return self._spoke or self._over

    @property
    def owed(self) -> bytes:
        """See Talk."""
        return b""

    def over(self) -> Leg:
        """See Talk."""
        if self._failed or (self._number and not self._reason):
            return Leg(failed=True)
        return self._leg(list(self._calls.values()))

    def _leg(self, calls: Sequence[_Told]) -> Leg:
        if not self._called or self._reason not in _WAITS:
            return Leg()
        ours = tuple(Call(told.id, told.name, told.arguments) for told in calls if told.name in self._ours)
        return Leg(ours, len(calls) > len(ours))

    def whole(self, body: bytes) -> Leg:
        """See Talk."""
        found = decode(_chunk, body)
        self._last = body
        self._usage = values(found.usage)
        if not found.choices and (self._number or blames(body, self._ours)):
            return Leg(failed=True)
        choice = found.choices[0] if found.choices else _Choice()
        self._message = bytes(choice.message)
        message = decode(_message, choice.message) if self._message not in _NULLS else _Message()
        self._text = message.content if isinstance(message.content, str) else ""
        self._reason = choice.finish_reason or ""
        for place, raw in enumerate(message.tool_calls or ()):
            told = self._calls[place] = _Told()
            told.add(raw, decode(_piece, raw))
            self._called = self._called or told.name in self._ours
        self._said = "" if self._anew and not self._called else self._said
        return self._leg(list(self._calls.values()))

    def go_on(self, results: Sequence[str], last: bool) -> bytes:
        """See Talk."""
        ours = [told for told in self._calls.values() if told.name in self._ours]
        rows = [self._message or self._told()]
        for told, text in zip(ours, results, strict=True):
            rows.append(b'{"role":"tool","tool_call_id":' + quote(told.id) + b',"content":' + quote(text) + b"}")
        document = Document(self._body)
        end = (*base.MESSAGES, document.length(base.MESSAGES))
        splices: list[Splice] = [Insert(end, row) for row in rows]
        if last:
            splices.append(Put(("tool_choice",), _NONE))
        self.again(document.apply(splices), False)
        return self._body

    def _told(self) -> bytes:
        """The streamed message as a client sends it back."""
        thoughts: dict[str, object] = {**self._thoughts}
        details = [piece for piece in self._details if bytes(piece)]
        if details:
            thoughts["reasoning_details"] = Raw(listed(details))
        calls = Raw(listed(told.raw() for told in self._calls.values()))
        return encode({"role": "assistant", "content": self._text or None, **thoughts, "tool_calls": calls})

    def again(self, body: bytes, anew: bool) -> None:
        """See Talk."""
        self._anew = anew
        self._body = body
        self._said += gap(self._said, self._text) + self._text
        self._spent = summed(self._spent, self._usage)
        self._number += 1
        self._begin()

    def finish(self) -> bytes:
        """See Talk."""
        held, self._held = self._held, []
        return b"".join(held)

    def answer(self) -> bytes:
        """See Talk."""
        if not self._number and not self._called:
            return self._last
        splices: list[Splice] = []
        if self._said:
            text = self._said + gap(self._said, self._text) + self._text
            splices.append(Put((*_MESSAGE, "content"), quote(text)))
        kept = [place for place, told in self._calls.items() if told.name not in self._ours]
        if self._called and kept:
            splices += [Cut((*_MESSAGE, "tool_calls", place)) for place in self._calls if place not in kept]
        elif self._called:
            splices.append(Cut((*_MESSAGE, "tool_calls")))
        if self._spent or self._usage:
            splices.append(Put(("usage",), encode(summed(self._spent, self._usage))))
        return Document(self._last).apply(splices)

    def kept(self, results: Sequence[str]) -> Kept:
        """Nothing: the provider keeps no state under the answer's id."""
        return Kept()

    def enough(self, stream: bool) -> bytes | None:
        """See Talk."""
        return self._ends(stream, b'"stop"', "" if self._said or self._text else UNANSWERED)

    def broken(self, stream: bool) -> bytes | None:
        """See Talk. `length` is this wire's word for an answer that is cut off."""
        if not stream and not (self._said or self._text):
            return None
        return self._ends(stream, b'"length"')

    def _ends(self, stream: bool, reason: bytes, added: str = "") -> bytes | None:
        if not stream:
            return self._salvaged(reason, added)
        if self._places and not self._reason:
            return None
        out: list[bytes] = []
        document = Document(self._head)
        cut: list[Splice] = [Cut(("usage",))] if document.has(("usage",)) else []
        if not self._reason or self._called:
            delta = b'{"content":%b}' % quote(added) if added else b"{}"
            choice = b'[{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}]' % (delta, reason)
            out.append(event(document.apply([Put(("choices",), choice), *cut]).replace(b"\n", b" ")))
        if self._metered and not self._over:
            usage = encode(summed(self._spent, self._usage))
            out.append(event(document.apply([Put(("choices",), b"[]"), Put(("usage",), usage)]).replace(b"\n", b" ")))
        return b"".join([*out, event(_DONE)])

    def _salvaged(self, reason: bytes, added: str) -> bytes | None:
        if not self._last:
            return None
        text = (self._said + gap(self._said, self._text) + self._text) or added
        document = Document(self._last)
        splices: list[Splice] = [
            Put((*_MESSAGE, "content"), quote(text)),
            Put(("choices", 0, "finish_reason"), reason),
            Put(("usage",), encode(summed(self._spent, self._usage))),
        ]
        if document.has((*_MESSAGE, "tool_calls")):
            splices.append(Cut((*_MESSAGE, "tool_calls")))
        return document.apply(splices)


def _says_nothing(raw: Raw) -> bool:
    """Whether a delta only begins a message: a role, and texts that are empty or null."""
    fields = raw_members(raw) if bytes(raw) not in _NULLS else {}
    return bool(fields) and all(key == "role" or bytes(value) in (b"null", b'""') for key, value in fields.items())
