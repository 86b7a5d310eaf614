"""OpenAI Responses: tools of ours, and answers of several legs.

Rule: a reasoning item is refused without the item that followed it. Where that was a call of ours, the client is shown the reasoning and
not given it to keep: it is absent from the whole response, and its own last event carries a mark by which a history that has it all the
same is cleaned (`mend`). A stream has one response id, that of its first leg: what is built on it later is led to the last one.
Source: https://platform.openai.com/docs/api-reference/responses-streaming.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Document, Put, Splice
from backstory.core.edits import DropMessages, Edit, SetParam
from backstory.core.legs import UNANSWERED, Call, Kept, Leg, Names, Offer, Tool, blames
from backstory.core.message import Path, Prompt
from backstory.core.stream import Frame
from backstory.wires import base
from backstory.wires.legs import Json, listed, rewritten, summed, values
from backstory.wires.lowering import Lowering, decode, encode, quote
from backstory.wires.openai_responses.items import ENDS, TOOLS, without_tools
from backstory.wires.sse import event

_MOST_TOOLS = 128
_INPUT: Path = ("input",)
_OUTPUT: Path = ("response", "output")
_NONE = b'"none"'
_NULLS = (b"", b"null")
_MARK = b'"vc:spent"'
_SPOKEN_ID = b"msg_unanswered"
_BEGINNINGS = frozenset({"response.created", "response.in_progress", "response.queued"})
_ERRORS = frozenset({"error", "response.failed"})
_CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "shell_call", "apply_patch_call", "computer_call"})
"""Items that wait for something of the client's."""


class _Event(Struct):
    type: str = ""
    sequence_number: int | None = None
    output_index: int | None = None
    item: Raw = Raw()
    response: Raw = Raw()


class _Item(Struct):
    type: str = ""
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    encrypted_content: Raw = Raw()


class _Response(Struct):
    id: str = ""
    status: str | None = None
    output: list[Raw] | None = None
    usage: Raw = Raw()
    error: Raw = Raw()
    tools: Raw = Raw()
    tool_choice: Raw = Raw()


_event = msgspec.json.Decoder(_Event)
_item = msgspec.json.Decoder(_Item)
_response = msgspec.json.Decoder(_Response)


def tools(document: Document, prompt: Prompt, offered: Sequence[Tool]) -> Offer:
    """Their definitions; none where a tool must be called, the answer is not to be plain text, it is made in the background, it builds on
    what the provider keeps (then nothing of it is folded), or on a prompt template there (whose tools they would replace)."""
    choice = base.field(document, "tool_choice")
    if prompt.structured or prompt.previous or choice == b'"required"' or base.flag_field(document, "background"):
        return Offer()
    if base.field(document, "prompt") is not None:
        return Offer()
    raw = base.field(document, "tools")
    known = decode(TOOLS, raw) if raw is not None else []
    taken = {tool.name for tool in known if isinstance(tool.name, str)}
    ours = [tool for tool in offered if tool.name not in taken]
    names = Names((tool.name for tool in ours), (name for name in taken if name))
    made = tuple(
        b'{"type":"function","name":%b,"description":%b,"parameters":%b,"strict":false}'
        % (quote(tool.name), quote(tool.description), tool.schema)
        for tool in ours
    )
    return Offer(names, made) if made and len(known) + len(made) <= _MOST_TOOLS else Offer()


def mend(document: Document, prompt: Prompt, kept: Mapping[str, Kept]) -> tuple[Edit, ...]:
    """Reasoning that led to a call of ours goes; a response that the request builds on is named as the provider keeps it, with results
    for calls of ours in it. Costs one search of the body where there is nothing to do."""
    edits: list[Edit] = []
    known = kept.get(prompt.previous) if prompt.previous else None
    if known is not None and base.text_field(document, "previous_response_id") == prompt.previous:
        edits.append(SetParam("previous_response_id", quote(known.last)))
        if known.rows:
            items = [_wrap(_INPUT, bytes(raw)) if bytes(raw[:1]) == base.QUOTE else bytes(raw) for raw in prompt.items]
            edits.append(SetParam("input", listed([*known.rows, *items])))
    if _MARK in document.raw:
        edits += [DropMessages(index, index + 1) for index, raw in enumerate(prompt.items) if _is_spent(raw)]
    return tuple(edits)


def _is_spent(raw: bytes | memoryview) -> bool:
    if _MARK not in bytes(raw):
        return False
    found = decode(_item, raw)
    return found.type == "reasoning" and bytes(found.encrypted_content) == _MARK


class ResponsesTalk:
    """See core.legs.Talk. `ours`: names of our tools."""

    def __init__(self, body: bytes, ours: frozenset[str]) -> None:
        self._body = body
        self._ours = ours
        self._number = 0
        self._anew = False
        self._sequence = 0
        self._next = 0
        self._spent: Json = {}
        self._said: list[Raw] = []
        self._first = self._here = ""
        self._choice = b""
        self._begun = Raw()
        self._opened = -1
        self._last = b""
        self._ended = False
        self._begin()

    def _begin(self) -> None:
        self._places: dict[int, int] = {}
        self._kinds: dict[int, str] = {}
        self._hidden: set[int] = set()
        self._items: dict[int, Raw] = {}
        self._waiting: list[tuple[Frame, _Event]] = []
        self._behind: set[int] = set()
        self._overtaken = False
        self._called = False
        self._failed = False
        self._held: list[tuple[Frame, _Event]] = []
        self._usage: Json = {}
        self._reason = ""
        self._output: list[Raw] = []

    def frame(self, frame: Frame) -> bytes:
        """See Talk."""
        if self._failed:
            return b""
        try:
            found = _event.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if self._called and self._reason:
                self._held.append((frame, _Event()))
                return b""
            return self._queued(frame, _Event()) if self._waiting else frame.raw
        kind = found.type
        if kind in _BEGINNINGS:
            self._opened = self._number if self._opened < 0 else self._opened
            if self._opened != self._number:
                return b""
            self._begun = found.response
            self._open(decode(_response, found.response))
            return self._passed(frame, found)
        if kind in _ERRORS and (self._number or blames(_error(frame, found), self._ours)):
            self._failed = True
            self._usage = values(decode(_response, bytes(found.response) or b"{}").usage)
            return b""
        if kind in ENDS:
            return self._end(frame, found)
        return self._added(frame, found) if kind == "response.output_item.added" else self._inside(frame, found)

    def _inside(self, frame: Frame, found: _Event) -> bytes:
        """An event of an item, or of none."""
        index = found.output_index
        if found.type == "response.output_item.done" and index is not None:
            self._items[index] = found.item
            if self._kinds.get(index) == "reasoning":
                return self._queued(frame, found)
        if index in self._hidden:
            return b""
        if self._waiting and found.type != "error" and (index is None or index in self._behind):
            return self._queued(frame, found)
        return self._released(spent=False) + self._passed(frame, found)

    def _queued(self, frame: Frame, found: _Event) -> bytes:
        """It waits to see what item follows. Nothing goes out."""
        self._waiting.append((frame, found))
        return b""

    def _added(self, frame: Frame, found: _Event) -> bytes:
        item, index = decode(_item, found.item), found.output_index or 0
        self._kinds[index] = item.type
        if item.type == "function_call" and item.name in self._ours:
            self._called = True
            self._overtaken = bool(self._waiting)
            self._hidden.add(index)
            return b""
        self._places[index] = self._next
        self._next += 1
        if item.type == "reasoning" and self._waiting and not self._overtaken:
            # What the one before it led to is what this one leads to.
            self._behind.add(index)
            return self._queued(frame, found)
        return self._released(spent=item.type == "reasoning") + self._passed(frame, found)

    def _released(self, spent: bool) -> bytes:
        """The last events of reasoning items, which wait to see what follows, with all that came behind them. `spent`: that was nothing
        but a call of ours."""
        waiting, self._waiting = self._waiting, []
        self._overtaken = False
        if not waiting:
            return b""
        out = []
        for frame, found in waiting:
            if not found.type:
                out.append(frame.raw)
            elif spent and found.type == "response.output_item.done":
                out.append(self._passed(frame, found, [Put(("item", "encrypted_content"), _MARK)]))
                self._items[found.output_index or 0] = Raw(bytes(found.item))
                self._hidden.add(found.output_index or 0)
            else:
                out.append(self._passed(frame, found))
        return b"".join(out)

    def _passed(self, frame: Frame, found: _Event, more: Sequence[Splice] = ()) -> bytes:
        """The event with the numbers that it has for the client."""
        splices = [*more, *self._told(("response",), found.response)]
        if found.sequence_number is not None:
            if not self._number and not self._called:
                self._sequence = found.sequence_number
            elif found.sequence_number != self._sequence:
                splices.append(Put(("sequence_number",), b"%d" % self._sequence))
            self._sequence += 1
        place = self._places.get(found.output_index, found.output_index) if found.output_index is not None else None
        if place is not None and place != found.output_index:
            splices.append(Put(("output_index",), b"%d" % place))
        return rewritten(frame, splices) if splices else frame.raw

    def _open(self, response: _Response) -> None:
        self._first = self._first or response.id
        self._choice = self._choice or bytes(response.tool_choice)

    def _told(self, at: Path, raw: bytes | Raw) -> list[Splice]:
        """A response tells what it was asked for: of that, the client gets what it asked for itself."""
        if not bytes(raw):
            return []
        found, splices = decode(_response, raw), list[Splice]()
        theirs = without_tools(found.tools, self._ours)
        if theirs is not None:
            splices.append(Put((*at, "tools"), listed(theirs)))
        if self._number and self._choice and bytes(found.tool_choice) not in {b"", self._choice}:
            splices.append(Put((*at, "tool_choice"), self._choice))
        return splices

    def _end(self, frame: Frame, found: _Event) -> bytes:
        response = decode(_response, found.response)
        self._usage = values(response.usage)
        self._reason = found.type.removeprefix("response.")
        self._here = response.id
        self._first = self._first or response.id
        self._output = response.output or []
        out = self._released(spent=self._called)
        if self._called:
            self._held.append((frame, found))
            return out
        self._ended = True
        return out + self._closing(frame, found)

    def _closing(self, frame: Frame, found: _Event) -> bytes:
        """The last event, with the whole response in it."""
        if not self._number and not self._called:
            return self._passed(frame, found)
        self._said += self._kept()
        splices: list[Splice] = [Put(_OUTPUT, listed(self._said))]
        if self._first != self._here:
            splices.append(Put(("response", "id"), quote(self._first)))
        if self._usage or self._spent:
            splices.append(Put(("response", "usage"), encode(summed(self._spent, self._usage))))
        return self._passed(frame, found, splices)

    def _kept(self) -> list[Raw]:
        """The items of this leg that the client keeps."""
        if self._output:
            return _without(self._output, self._ours)
        return [raw for index, raw in sorted(self._items.items()) if index not in self._hidden]

    @property
    def spoke(self) -> bool:
        """See Talk."""
        return bool(self._places) or self._ended

    @property
    def owed(self) -> bytes:
        """See Talk."""
        return b"".join([frame.raw for frame, _ in self._waiting])

    def over(self) -> Leg:
        """See Talk."""
        if self._failed or (self._number and not self._reason):
            return Leg(failed=True)
        return self._leg([raw for _, raw in sorted(self._items.items())])

    def _leg(self, items: Sequence[Raw]) -> Leg:
        if not self._called or self._reason != "completed":
            return Leg()
        found = [decode(_item, raw) for raw in items]
        calls = tuple(Call(item.call_id, item.name, item.arguments) for item in found if self._is_ours(item))
        return Leg(calls, any(item.type in _CALLS and not self._is_ours(item) for item in found))

    def _is_ours(self, item: _Item) -> bool:
        return item.type == "function_call" and item.name in self._ours

    def whole(self, body: bytes) -> Leg:
        """See Talk."""
        found = decode(_response, body)
        self._last = body
        self._usage = values(found.usage)
        self._reason = found.status or "completed"
        self._first = self._here = found.id
        self._open(found)
        self._output = found.output or []
        self._called = any(self._is_ours(decode(_item, raw)) for raw in self._output)
        if not self._output and bytes(found.error) not in _NULLS and (self._number or blames(found.error, self._ours)):
            return Leg(failed=True)
        self._said = [] if self._anew and not self._called else self._said
        return self._leg(self._output)

    def go_on(self, results: Sequence[str], last: bool) -> bytes:
        """See Talk."""
        self._said += self._kept()
        items = self._output or [raw for _, raw in sorted(self._items.items())]
        document = Document(self._body)
        lowering = Lowering(document, _wrap)
        stored = base.field(document, "store") != b"false"
        end = lowering.length(_INPUT)
        answers = iter(results)
        outputs: list[bytes] = []
        for raw in items:
            item = decode(_item, raw)
            if item.type == "reasoning" and not stored and bytes(item.encrypted_content) in _NULLS:
                continue
            lowering.add(_INPUT, end, bytes(raw))
            if self._is_ours(item):
                outputs.append(_output(item.call_id, next(answers)))
        for row in outputs:
            lowering.add(_INPUT, end, row)
        if last:
            lowering.put(("tool_choice",), _NONE)
        self._go(lowering.finish())
        return self._body

    def again(self, body: bytes, anew: bool) -> None:
        """See Talk."""
        self._anew = anew
        self._said += self._kept() if self._last else []
        self._go(body)

    def _go(self, body: bytes) -> None:
        self._body = body
        self._spent = summed(self._spent, self._usage)
        self._number += 1
        self._begin()

    def finish(self) -> bytes:
        """See Talk."""
        held, self._held = self._held, []
        self._ended = self._ended or bool(held)
        out = [self._closing(frame, found) if found.type else frame.raw for frame, found in held]
        return b"".join([self._released(spent=self._called), *out])

    def answer(self) -> bytes:
        """See Talk."""
        splices = self._told((), self._last)
        if not self._number and not self._called:
            return Document(self._last).apply(splices) if splices else self._last
        splices.append(Put(("output",), listed([*self._said, *self._kept()])))
        if self._usage or self._spent:
            splices.append(Put(("usage",), encode(summed(self._spent, self._usage))))
        return Document(self._last).apply(splices)

    def kept(self, results: Sequence[str]) -> Kept:
        """See Talk. A call of ours in the response that the client builds on next wants its result."""
        items = self._output or [raw for _, raw in sorted(self._items.items())]
        ours = [item for raw in items if self._is_ours(item := decode(_item, raw))] if results else []
        rows = tuple(_output(item.call_id, text) for item, text in zip(ours, results, strict=True))
        return Kept(self._first, self._here, rows) if self._here and (rows or self._first != self._here) else Kept()

    def enough(self, stream: bool) -> bytes | None:
        """See Talk."""
        silent = not any(decode(_item, raw).type == "message" for raw in (*self._said, *self._kept()))
        if not stream:
            self._said += [Raw(_spoken(UNANSWERED))] if silent else []
            return self.answer() if self._last else None
        if not silent or self._ended:
            return self._ends("completed", b"null")
        told = self._unanswered()
        rest = self._ends("completed", b"null", [Raw(_spoken(UNANSWERED))])
        return None if rest is None else told + rest

    def _unanswered(self) -> bytes:
        """A message, as the next item of the stream."""
        part = b'"content_index":0,"part":'
        at = b'"item_id":"%b","output_index":%d,' % (_SPOKEN_ID, self._next)
        text = quote(UNANSWERED)
        rows = (
            (b'"output_index":%d,"item":%b' % (self._next, _spoken("")), "output_item.added"),
            (at + part + _output_text(""), "content_part.added"),
            (at + b'"content_index":0,"logprobs":[],"delta":' + text, "output_text.delta"),
            (at + b'"content_index":0,"logprobs":[],"text":' + text, "output_text.done"),
            (at + part + _output_text(UNANSWERED), "content_part.done"),
            (b'"output_index":%d,"item":%b' % (self._next, _spoken(UNANSWERED)), "output_item.done"),
        )
        out: list[bytes] = []
        for rest, name in rows:
            data = b'{"type":"response.%b","sequence_number":%d,%b}' % (name.encode(), self._sequence, rest)
            out.append(event(data, f"response.{name}"))
            self._sequence += 1
        return b"".join(out)

    def broken(self, stream: bool) -> bytes | None:
        """See Talk. `incomplete` is this wire's word for an answer that is cut off."""
        details = b'{"reason":"max_output_tokens"}'
        if not stream:
            if not self._last or not any(decode(_item, raw).type == "message" for raw in self._said):
                return None
            rest = [Put(("status",), b'"incomplete"'), Put(("incomplete_details",), details), Put(("output",), listed(self._said))]
            return Document(self._last).apply([*rest, Put(("usage",), encode(self._spent or None)), *self._told((), self._last)])
        return self._ends("incomplete", details)

    def _ends(self, status: str, details: bytes, added: Sequence[Raw] = ()) -> bytes | None:
        """The end of a stream."""
        if self._ended:
            return b""
        open_kinds = {self._kinds.get(index, "") for index in self._places if index not in self._items}
        if open_kinds & _CALLS or bytes(self._begun) in _NULLS:
            return None
        self._said += [*self._kept(), *added]
        document = Document(bytes(self._begun))
        response = document.apply(
            [
                Put(("status",), quote(status)),
                Put(("incomplete_details",), details),
                Put(("output",), listed(self._said)),
                Put(("usage",), encode(summed(self._spent, self._usage) or None)),
                *self._told((), self._begun),
            ]
        )
        data = b'{"type":"response.%b","sequence_number":%d,"response":%b}' % (status.encode(), self._sequence, response)
        return event(data.replace(b"\n", b" "), f"response.{status}")


def _error(frame: Frame, found: _Event) -> bytes | memoryview:
    """What an event of an error says: a response that has failed tells its tools, too."""
    return frame.data if found.type == "error" else bytes(decode(_response, found.response).error)


def _without(items: Sequence[Raw], ours: frozenset[str]) -> list[Raw]:
    """Without calls to our tools, and without reasoning that nothing else follows."""
    kept: list[Raw] = []
    thoughts: list[Raw] = []
    called = False
    for raw in items:
        item = decode(_item, raw)
        if item.type == "function_call" and item.name in ours:
            called = True
        elif item.type == "reasoning":
            if called:
                thoughts, called = [], False
            thoughts.append(raw)
        else:
            kept += [*thoughts, raw]
            thoughts, called = [], False
    return kept if called else [*kept, *thoughts]


def _spoken(text: str) -> bytes:
    """A message; one of no text has only begun."""
    status, content = (b"completed", _output_text(text)) if text else (b"in_progress", b"")
    head = b'{"type":"message","id":"%b","status":"%b","role":"assistant","content":[' % (_SPOKEN_ID, status)
    return head + content + b"]}"


def _output_text(text: str) -> bytes:
    return b'{"type":"output_text","text":' + quote(text) + b',"annotations":[],"logprobs":[]}'


def _output(call_id: str, text: str) -> bytes:
    return b'{"type":"function_call_output","call_id":' + quote(call_id) + b',"output":' + quote(text) + b"}"


def _wrap(path: Path, value: bytes) -> bytes:
    """A string input as the item that it stands for."""
    return b'{"type":"message","role":"user","content":' + value + b"}" if path == _INPUT else value
