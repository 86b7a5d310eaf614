"""Gemini: tools of ours, and answers of several legs.

Rule: parts go back to the provider as they came, signatures included. Where a call of ours is taken out in front of a call of the client's,
the client's gets the signature: only the first call of an answer has one, and an answer without one is refused.
Source: https://ai.google.dev/gemini-api/docs/thought-signatures.

Rule: no response of ours stands behind one with a call of the client's. The official SDK's automatic calling makes a content of each
response, and results have to follow their call at once. So a streamed call waits for the next response, and takes in what is left of that
when our call is taken out.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct, field

from backstory.core.document import Cut, Document, Extend, Insert, Put, Splice
from backstory.core.legs import UNANSWERED, Call, Kept, Leg, Names, Offer, Tool, blames
from backstory.core.message import Path, Prompt
from backstory.core.stream import Frame
from backstory.wires.gemini.parts import joined
from backstory.wires.legs import Json, gap, listed, raw_members, summed, values
from backstory.wires.lowering import decode, encode, quote
from backstory.wires.sse import event, replaced

_CONTENTS: Path = ("contents",)
_NULLS = (b"", b"null")
_NO_CALLS = b'{"functionCallingConfig":{"mode":"NONE"}}'
_DECLARATIONS = ("functionDeclarations", "function_declarations")
_SIGNATURES = ("thoughtSignature", "thought_signature")
_EMPTY = b'{"text":""}'
_FELL = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"})
"""How an answer ends in which a call was begun that is none; its message quotes what the model wrote."""


class _Function(Struct):
    name: str = ""
    id: str | None = None
    args: Raw = Raw(b"{}")


class _Part(Struct):
    text: str | None = None
    thought: bool = False
    camel: _Function | None = field(name="functionCall", default=None)
    snake: _Function | None = field(name="function_call", default=None)
    signature: str | None = field(name="thoughtSignature", default=None)
    thought_signature: str | None = None

    @property
    def call(self) -> _Function | None:
        """The call that this part is."""
        return self.camel or self.snake

    @property
    def sign(self) -> str:
        """Its signature."""
        return self.signature or self.thought_signature or ""


class _Content(Struct):
    parts: list[Raw] | None = None


class _Candidate(Struct):
    content: _Content | None = None
    finish: str | None = field(name="finishReason", default=None)
    index: int = 0


class _Response(Struct):
    candidates: list[_Candidate] | None = None
    usage: Raw = field(name="usageMetadata", default=Raw())
    feedback: Raw = field(name="promptFeedback", default=Raw())
    error: Raw = Raw()


class _Calling(Struct):
    mode: str = ""
    camel: Raw = field(name="allowedFunctionNames", default=Raw())
    allowed_function_names: Raw = Raw()


class _ToolConfig(Struct):
    camel: _Calling | None = field(name="functionCallingConfig", default=None)
    function_calling_config: _Calling | None = None


_response = msgspec.json.Decoder(_Response)
_part = msgspec.json.Decoder(_Part)
_config = msgspec.json.Decoder(_ToolConfig)
_raws = msgspec.json.Decoder(list[Raw])
_names = msgspec.json.Decoder(list[_Function])


def tools(document: Document, prompt: Prompt, offered: Sequence[Tool]) -> Offer:
    """One tool with their declarations; none where a function must be called, the answer is not to be one plain text, the prompt is cached
    by name (its tools are too), or the provider's own tools are used (not every model takes both)."""
    if (
        prompt.structured
        or document.has(("cachedContent",))
        or document.has(("cached_content",))
        or _forced(document)
        or _several(document)
    ):
        return Offer()
    taken: set[str] = set()
    raw = document.member("tools")
    if raw is not None and raw not in _NULLS:
        for tool in decode(_raws, raw) if raw[:1] == b"[" else [Raw(raw)]:
            for key, value in raw_members(tool).items():
                if key not in _DECLARATIONS:
                    return Offer()
                taken |= {one.name for one in decode(_names, value)}
    ours = [tool for tool in offered if tool.name not in taken]
    rows = [b'{"name":' + quote(tool.name) + b',"description":' + quote(tool.description) + _parameters(tool) + b"}" for tool in ours]
    if not rows:
        return Offer()
    return Offer(Names((tool.name for tool in ours), taken), (b'{"functionDeclarations":' + listed(rows) + b"}",))


def _parameters(tool: Tool) -> bytes:
    """Of a declaration; the API refuses an object without properties."""
    fields = raw_members(raw_members(tool.schema).get("properties", Raw(b"{}")))
    return b',"parameters":' + tool.schema if fields else b""


def _several(document: Document) -> bool:
    """Whether more than one answer is asked for."""
    for name in ("generationConfig", "generation_config"):
        raw = document.member(name)
        if raw is not None and raw != b"null":
            fields = raw_members(raw)
            count = fields.get("candidateCount") or fields.get("candidate_count") or Raw(b"1")
            return bytes(count) not in (b"1", b"null")
    return False


def _forced(document: Document) -> bool:
    for name in ("toolConfig", "tool_config"):
        raw = document.member(name)
        if raw is not None and raw != b"null":
            found = decode(_config, raw)
            calling = found.camel or found.function_calling_config
            if calling is not None and calling.mode.upper() == "ANY":
                return bytes(calling.camel) in _NULLS and bytes(calling.allowed_function_names) in _NULLS
    return False


class GeminiTalk:
    """See core.legs.Talk. `ours`: names of our tools. `array`: the stream is a JSON array, not events."""

    def __init__(self, body: bytes, ours: frozenset[str], array: bool) -> None:
        self._body = body
        self._ours = ours
        self._array = array
        self._number = 0
        self._anew = False
        self._spent: Json = {}
        self._said = ""
        self._parts_said: list[Raw] = []
        self._sent = False
        self._changed = False
        self._ended = False
        self._last = b""
        self._begin()

    def _begin(self) -> None:
        self._parts: list[Raw] = []
        self._text = ""
        self._calls: list[_Function] = []
        self._others = 0
        self._sign = ""
        self._called = False
        self._failed = False
        self._spoke = False
        self._held: list[Frame] = []
        self._waiting: list[tuple[Frame, bytes | None]] = []
        self._usage: Json = {}
        self._reason = ""

    def frame(self, frame: Frame) -> bytes:
        """See Talk."""
        if self._failed:
            return b""
        if self._array and frame.data[:1] != b"{":
            return self._bracket(frame)
        try:
            found = _response.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._beside(frame)
        if bytes(found.usage) not in _NULLS:
            self._usage = values(found.usage)
        if self._fell(found, frame.data):
            self._failed = True
            return b""
        candidate = found.candidates[0] if found.candidates else None
        if candidate is None or candidate.index:
            if bytes(found.feedback) not in _NULLS:
                self._reason = self._reason or "OTHER"
            if self._called and self._reason:
                self._held.append(frame)
                return b""
            return self._put(frame, frame.data, [])
        return self._candidate(frame, candidate)

    def _fell(self, found: _Response, told: bytes | memoryview) -> bool:
        """Whether this is an error that is not the client's: of a later leg, or one that names a tool of ours."""
        if bytes(found.error) not in _NULLS:
            return bool(self._number) or blames(told, self._ours)
        return any(one.finish in _FELL for one in found.candidates or ()) and blames(told, self._ours)

    def _bracket(self, frame: Frame) -> bytes:
        """What stands around and between the objects of an array."""
        if b"]" not in frame.data and b"]" not in frame.raw:
            return b"" if self._changed else self._beside(frame)
        if self._called:
            self._held.append(frame)
            return b""
        self._ended = True
        return self._release() + (b"]" if self._changed else frame.raw)

    def _beside(self, frame: Frame) -> bytes:
        """What is no response passes, but not before one that waits."""
        if not self._waiting:
            return frame.raw
        self._waiting.append((frame, None))
        return b""

    def _candidate(self, frame: Frame, candidate: _Candidate) -> bytes:
        raws = (candidate.content.parts if candidate.content is not None else None) or []
        parts = [decode(_part, raw) for raw in raws]
        splices: list[Splice] = []
        texts: list[int] = []
        kept, ours, others, spoke = 0, len(self._calls), self._others, False
        for place, (raw, part) in enumerate(zip(raws, parts, strict=True)):
            at: Path = ("candidates", 0, "content", "parts", place)
            if _says(part):
                self._parts.append(raw)
            if part.call is not None and part.call.name in self._ours:
                self._take(part)
                splices.append(Cut(at))
                continue
            kept += _says(part)
            spoke = spoke or part.text != "" or bool(part.sign)
            if part.call is not None:
                splices += self._signed(at, part)
            elif part.text and not part.thought:
                if self._number and not self._text and (between := gap(self._said, part.text)):
                    splices.append(Extend((*at, "text"), between, True))
                self._text += part.text
                texts.append(place)
        self._reason = candidate.finish or self._reason
        if self._called and (candidate.finish or self._reason):
            self._spoke = self._spoke or spoke
            live, rest = self._parted(frame, splices, texts)
            self._hold(frame, rest)
            return live
        if len(self._calls) > ours and not kept:
            self._changed = True
            return b""
        if self._others > others and not candidate.finish:
            return self._wait(frame, splices, texts)
        self._spoke = self._spoke or spoke or bool(candidate.finish)
        return self._put(frame, frame.data, splices)

    def _take(self, part: _Part) -> None:
        """A call to one of our tools."""
        if part.call is not None:
            self._called = True
            self._calls.append(part.call)
            if not self._others:
                self._sign = self._sign or part.sign

    def _signed(self, at: Path, part: _Part) -> list[Splice]:
        """A call of the client's: the first one of the answer has the signature."""
        self._others += 1
        sign, self._sign = self._sign, ""
        return [Put((*at, _SIGNATURES[0]), quote(sign))] if sign and not part.sign and self._others == 1 else []

    def _parted(self, frame: Frame, splices: list[Splice], texts: list[int]) -> tuple[bytes, bytes]:
        """Of a response that is held, what goes out at once, which is its texts in a response of their own; and the rest of it."""
        if not texts:
            return b"", Document(frame.data).apply(splices) if splices else frame.data
        self._changed = True
        document = Document(frame.data)
        cut: list[Splice] = [Cut(("candidates", 0, "finishReason"))] if document.has(("candidates", 0, "finishReason")) else []
        count = document.length(("candidates", 0, "content", "parts"))
        others: list[Splice] = [Cut(("candidates", 0, "content", "parts", place)) for place in range(count) if place not in texts]
        shown = [splice for splice in splices if isinstance(splice, Extend)]
        rest = [splice for splice in splices if not isinstance(splice, Extend)]
        rest += [Put(("candidates", 0, "content", "parts", place), _EMPTY) for place in texts]
        return self._put(frame, frame.data, [*cut, *others, *shown]), document.apply(rest)

    def _wait(self, frame: Frame, splices: list[Splice], texts: list[int]) -> bytes:
        """Keep a response with a call of the client's until the next one is known. As long as none of ours was called, and it may still
        have to pass as it came, the texts beside the call wait with it."""
        live = self._release()
        if self._called or self._number:
            told, rest = self._parted(frame, splices, texts)
            live, self._spoke = live + told, self._spoke or bool(told)
            self._waiting.append((frame, self._edited(rest, [])))
        else:
            self._waiting.append((frame, self._edited(frame.data, splices)))
        return live

    def _release(self) -> bytes:
        """The response that waits, and what came beside it."""
        waiting, self._waiting = self._waiting, []
        self._spoke = self._spoke or bool(waiting)
        return b"".join([frame.raw if data is None else self._told(frame, data) for frame, data in waiting])

    def _hold(self, frame: Frame, data: bytes) -> None:
        """Keep a response back, with this in place of what it said."""
        changed = data is not frame.data
        self._changed = self._changed or changed
        self._held.append(Frame(_line(frame, data) if changed and not self._array else frame.raw, "", data))

    def _put(self, frame: Frame, data: bytes, splices: list[Splice]) -> bytes:
        """A response as the client gets it, between the separators of its stream."""
        before = self._release()
        return before + self._told(frame, self._edited(data, splices))

    def _edited(self, data: bytes, splices: list[Splice]) -> bytes:
        """A response with these changes, and with the usage of all legs."""
        if self._number and bytes(_response.decode(data).usage) not in _NULLS:
            splices = [*splices, Put(("usageMetadata",), encode(summed(self._spent, self._usage)))]
        return Document(data).apply(splices) if splices else data

    def _told(self, frame: Frame, data: bytes) -> bytes:
        self._changed = self._changed or data is not frame.data or (self._array and self._number > 0)
        if not self._array:
            return frame.raw if data is frame.data else _line(frame, data)
        first, self._sent = not self._sent, True
        return ((b"[" if first else b",\r\n") + data) if self._changed else frame.raw

    @property
    def owed(self) -> bytes:
        """See Talk."""
        return b"".join([frame.raw for frame, _ in self._waiting])

    @property
    def spoke(self) -> bool:
        """See Talk."""
        return self._spoke

    def over(self) -> Leg:
        """See Talk."""
        if self._failed or (self._number and not self._reason):
            return Leg(failed=True)
        return self._leg()

    def _leg(self) -> Leg:
        if not self._called or self._reason not in ("STOP", ""):
            return Leg()
        return Leg(tuple(Call(call.id or "", call.name, bytes(call.args).decode()) for call in self._calls), self._others > 0)

    def whole(self, body: bytes) -> Leg:
        """See Talk."""
        found = decode(_response, body)
        self._last = body
        self._usage = values(found.usage)
        if self._fell(found, body):
            return Leg(failed=True)
        candidate = found.candidates[0] if found.candidates else _Candidate()
        self._reason = candidate.finish or ""
        raws = (candidate.content.parts if candidate.content is not None else None) or []
        parts = [decode(_part, raw) for raw in raws]
        if self._anew and not any(part.call is not None and part.call.name in self._ours for part in parts):
            self._said, self._parts_said = "", []
        for raw, part in zip(raws, parts, strict=True):
            self._parts.append(raw)
            if part.call is not None and part.call.name in self._ours:
                self._take(part)
                continue
            splices: list[Splice] = []
            if part.call is not None:
                splices = self._signed((), part)
            elif part.text and not part.thought:
                between = gap(self._said, part.text) if self._number and not self._text else ""
                splices = [Extend(("text",), between, True)] if between else []
                self._text += part.text
            self._parts_said.append(Raw(Document(bytes(raw)).apply(splices)) if splices else raw)
        return self._leg()

    def go_on(self, results: Sequence[str], last: bool) -> bytes:
        """See Talk."""
        rows = []
        for call, text in zip(self._calls, results, strict=True):
            named: Json = {**({"id": call.id} if call.id else {}), "name": call.name, "response": {"result": text}}
            rows.append(encode({"functionResponse": named}))
        document = Document(self._body)
        added = [b'{"role":"model","parts":' + listed(self._parts) + b"}", b'{"role":"user","parts":' + listed(rows) + b"}"]
        splices: list[Splice]
        if document.get(_CONTENTS)[:1] == b"[":
            splices = [Insert((*_CONTENTS, document.length(_CONTENTS)), row) for row in added]
        else:
            splices = [Put(_CONTENTS, listed([document.get(_CONTENTS), *added]))]
        if last:
            splices.append(Put(("tool_config" if document.has(("tool_config",)) else "toolConfig",), _NO_CALLS))
        self.again(document.apply(splices), False)
        return self._body

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
        held, self._held = self._taken_in(self._held), []
        out = [self._release()]
        for frame in held:
            if self._array and frame.data[:1] != b"{":
                self._ended = True
                out.append(b"]")
                continue
            document = Document(frame.data)
            parts: Path = ("candidates", 0, "content", "parts")
            empty = document.has(parts) and not document.length(parts)
            out.append(self._put(frame, frame.data, [Insert((*parts, 0), _EMPTY)] if empty else []))
        return b"".join(out)

    def _taken_in(self, held: list[Frame]) -> list[Frame]:
        """What is held, without what the response that waits takes in."""
        ends = [frame.data for frame in held if frame.data[:1] == b"{" and Document(frame.data).has(("candidates", 0))]
        if not self._waiting or not ends:
            return held
        frame, data = self._waiting[0]
        self._waiting[0] = (frame, self._edited(joined(data or frame.data, ends), []))
        return [frame for frame in held if frame.data not in ends]

    def answer(self) -> bytes:
        """See Talk."""
        if not self._number and not self._called:
            return self._last
        parts = listed(self._parts_said or [Raw(_EMPTY)])
        document = Document(self._last)
        splices: list[Splice] = []
        if document.has(("candidates", 0, "content")):
            splices.append(Put(("candidates", 0, "content", "parts"), parts))
        elif document.has(("candidates", 0)):
            splices.append(Put(("candidates", 0, "content"), b'{"parts":' + parts + b',"role":"model"}'))
        splices.append(Put(("usageMetadata",), encode(summed(self._spent, self._usage))))
        return document.apply(splices)

    def kept(self, results: Sequence[str]) -> Kept:
        """Nothing: the provider keeps no state under the answer's id."""
        return Kept()

    def enough(self, stream: bool) -> bytes | None:
        """See Talk."""
        text = "" if self._said or self._text else UNANSWERED
        if text and not stream:
            self._parts_said.append(Raw(encode({"text": text})))
        return self._ends(stream, "STOP", text)

    def broken(self, stream: bool) -> bytes | None:
        """See Talk. A call is never half told in this wire."""
        return self._ends(stream, "OTHER") if stream or self._said or self._text else None

    def _ends(self, stream: bool, reason: str, text: str = "") -> bytes | None:
        if not stream:
            put = Put(("candidates", 0, "finishReason"), quote(reason))
            return Document(self.answer()).apply([put]) if self._last else None
        if self._ended:
            return b""
        last = encode(
            {
                "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": reason, "index": 0}],
                "usageMetadata": summed(self._spent, self._usage),
            }
        )
        if self._waiting:
            self._held = [Frame(b"", "", last)]
            return self.finish() + (b"]" if self._array else b"")
        if not self._array:
            return event(last)
        return (b",\r\n" if self._sent else b"[") + last + b"]"


def _says(part: _Part) -> bool:
    """Whether there is more to it than an empty text."""
    return part.text != "" or bool(part.sign) or part.call is not None


def _line(frame: Frame, data: bytes) -> bytes:
    """The event with this for its data, in one line."""
    return replaced(frame, data.replace(b"\n", b" "))
