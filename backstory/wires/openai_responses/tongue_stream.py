"""OpenAI Responses, for translation: streams of typed events, heard.

Rule: what an item says when it is done, or only in the last response, is told as far as its deltas have not told it before.
Event shapes: platform.openai.com/docs/api-reference/responses-streaming.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.stream import Frame
from backstory.core.translation import (
    Begun,
    Broke,
    Cited,
    Closed,
    Ended,
    Event,
    More,
    Opened,
    Piece,
    Refusal,
    Sealed,
    Thought,
    Use,
    Waits,
    Words,
)
from backstory.wires.lowering import decode
from backstory.wires.openai_responses.items import ENDS
from backstory.wires.openai_responses.tongue_answered import FAILED, finish_of, output_pieces, read_failure, read_usage, reason_of
from backstory.wires.openai_responses.tongue_items import PARAGRAPH, spaced
from backstory.wires.translation.fields import Fields, listed
from backstory.wires.translation.more import Losing, is_object, is_string, told_error

_Key: TypeAlias = "tuple[int, int]"

_WHOLE = -1
"""The content index of an item that is one piece."""
_CALLS = {"function_call": False, "custom_tool_call": True}
_TEXT_DELTAS = frozenset({"response.output_text.delta", "response.refusal.delta"})
_CALL_DELTAS = frozenset({"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"})
_THOUGHT_DELTAS = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})


class _Event(Struct):
    type: str = ""
    delta: str = ""
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    item: Raw = Raw()
    part: Raw = Raw()
    annotation: Raw = Raw()
    response: Raw = Raw()
    error: Raw = Raw()


class _Telling(Struct):
    """A piece on its way."""

    index: int
    piece: Piece
    texts: list[str] = []
    citations: list[Raw] = []
    closed: bool = False


_event = msgspec.json.Decoder(_Event)


class ResponsesListener:
    """Implements core.translation.Listener."""

    __slots__ = ("_begun", "_done", "_ids", "_losing", "_names", "_pieces", "_seals")

    def __init__(self) -> None:
        self._pieces: dict[_Key, _Telling] = {}
        self._names: dict[int, str] = {}
        self._ids: set[str] = set()
        self._seals: dict[str, str] = {}
        self._losing = Losing()
        self._begun = False
        self._done = False

    def events(self, frame: Frame) -> Sequence[Event]:
        """See Listener. Events of types that are not known say nothing."""
        if self._done or frame.data == b"[DONE]":
            return ()
        if not frame.data:
            return (Waits(),)
        event = decode(_event, frame.data)
        kind = event.type or frame.event or ("error" if is_object(event.error) or is_string(event.error) else "")
        if kind in _TEXT_DELTAS:
            bare: Piece = Words("") if kind == "response.output_text.delta" else Refusal("")
            return self._more((event.output_index, event.content_index), bare, event.delta)
        if kind in _CALL_DELTAS:
            return self._more((event.output_index, _WHOLE), Use("", "", ""), event.delta)
        if kind in _THOUGHT_DELTAS:
            return self._more((event.output_index, _WHOLE), self._thought(event), event.delta)
        if kind == "error":
            self._done = True
            told = Fields(frame.data)
            nested = told.raw("error")
            return (*self._begin(Raw()), Broke(read_failure(told if nested is None else told_error(nested))))
        return self._rare(kind, event)

    def over(self) -> Sequence[Event]:
        """See Listener: the end stands in the last event or nowhere."""
        return ()

    def _rare(self, kind: str, event: _Event) -> Sequence[Event]:
        match kind:
            case "response.created" | "response.in_progress" | "response.queued":
                return self._begin(event.response)
            case "response.output_item.added":
                return self._added(event)
            case "response.output_item.done":
                return self._item(event.output_index, event.item)
            case "response.content_part.added":
                return self._part(event)
            case "response.output_text.annotation.added":
                return self._cited(event)
            case "response.reasoning_summary_part.added":
                key = (event.output_index, _WHOLE)
                return self._more(key, self._thought(event), PARAGRAPH) if event.summary_index and key in self._pieces else ()
            case _:
                return self._end(kind, event.response) if kind in ENDS else ()

    def _begin(self, raw: Raw) -> list[Event]:
        if self._begun:
            return []
        self._begun = True
        if not is_object(raw):
            return [Begun("", "")]
        fields = Fields(raw)
        return [Begun(fields.text("id"), fields.text("model"), None, int(fields.number("created_at") or 0))]

    def _thought(self, event: _Event) -> Thought:
        return Thought("", id=self._names.get(event.output_index, ""))

    def _open(self, key: _Key, bare: Piece) -> list[Event]:
        if key in self._pieces:
            return []
        begun = self._begin(Raw())
        telling = _Telling(len(self._pieces), bare)
        self._pieces[key] = telling
        return [*begun, Opened(telling.index, bare)]

    def _more(self, key: _Key, bare: Piece, text: str) -> list[Event]:
        opened = self._open(key, bare)
        telling = self._pieces[key]
        if not text or telling.closed:
            return opened
        telling.texts.append(text)
        return [*opened, More(telling.index, text)]

    def _added(self, event: _Event) -> list[Event]:
        fields = Fields(event.item)
        kind, name = fields.text("type"), fields.text("id")
        self._ids.add(name)
        self._names[event.output_index] = name
        if kind not in _CALLS:
            return []
        call, key = fields.text("call_id"), (event.output_index, _WHOLE)
        opened = self._open(key, Use(call, spaced(fields.text("namespace"), fields.text("name")), "", _CALLS[kind]))
        if call in self._seals:
            opened.append(Sealed(self._pieces[key].index, self._seals[call], "gemini"))
        return [*opened, *self._more(key, Use("", "", ""), fields.text("arguments", "input"))]

    def _part(self, event: _Event) -> list[Event]:
        fields = Fields(event.part)
        key = (event.output_index, event.content_index)
        match fields.text("type"):
            case "output_text":
                return self._more(key, Words(""), fields.text("text"))
            case "refusal":
                return self._more(key, Refusal(""), fields.text("refusal"))
            case _:
                return []

    def _cited(self, event: _Event) -> list[Event]:
        key = (event.output_index, event.content_index)
        if not is_object(event.annotation):
            return []
        opened = self._open(key, Words(""))
        telling = self._pieces[key]
        telling.citations.append(event.annotation)
        return [*opened, Cited(telling.index, event.annotation)]

    def _item(self, place: int, raw: Raw) -> list[Event]:
        """An item that is done."""
        fields = Fields(raw)
        message = (fields.text("type") or "message") == "message"
        self._ids.add(fields.text("id"))
        found: list[Event] = []
        for number, piece in enumerate(output_pieces(raw, self._losing)):
            if isinstance(piece, Thought) and piece.seal.startswith("call "):
                self._seals[piece.seal.removeprefix("call ")] = piece.sealed
            else:
                found += self._close((place, number if message else _WHOLE), piece)
        return found

    def _close(self, key: _Key, piece: Piece) -> list[Event]:
        """The piece is whole: what was not told of it is told."""
        known = self._pieces.get(key)
        if known is not None and (known.closed or type(known.piece) is not type(piece)):
            return []
        events = self._open(key, _bare(piece))
        telling = self._pieces[key]
        told, whole = "".join(telling.texts), _text_of(piece)
        if whole != told and whole.startswith(told):
            events += self._more(key, piece, whole[len(told) :])
            told = whole
        match piece:
            case Words():
                cited = [*telling.citations, *piece.citations[len(telling.citations) :]]
                events += [Cited(telling.index, one) for one in piece.citations[len(telling.citations) :]]
                piece = Words(told, citations=tuple(cited))
            case Refusal():
                piece = Refusal(told)
            case Thought():
                events += [Sealed(telling.index, piece.sealed, piece.seal)] if piece.sealed else []
                piece = replace(piece, text=told, hidden=not told)
            case Use():
                piece = replace(piece, arguments=told, sealed=self._seals.get(piece.id, ""))
            case _:
                pass
        telling.piece, telling.closed = piece, True
        return [*events, Closed(telling.index, piece)]

    def _end(self, kind: str, raw: Raw) -> list[Event]:
        fields = Fields(raw)
        events = self._begin(raw)
        status = kind.removeprefix("response.")
        self._done = True
        if status in FAILED:
            error = fields.raw("error")
            return [*events, Broke(read_failure(None if error is None else told_error(error), status))]
        output = fields.raw("output")
        for place, item in enumerate(() if output is None else listed(output)):
            events += self._late(place, item)
        for telling in self._pieces.values():
            if not telling.closed:
                telling.piece, telling.closed = _with_text(telling), True
                events.append(Closed(telling.index, telling.piece))
        told = [telling.piece for telling in self._pieces.values()]
        usage, thoughts = read_usage(fields.raw("usage"))
        return [*events, Ended(finish_of(status, reason_of(fields), told), usage, thoughts)]

    def _late(self, place: int, raw: Raw) -> list[Event]:
        """An item of the last response: told where no event told it before. Some providers leave items out there, or name them anew."""
        name = Fields(raw).text("id")
        mine = [telling for key, telling in self._pieces.items() if key[0] == place]
        if any(not telling.closed for telling in mine):
            return self._item(place, raw)
        if name in self._ids if name else bool(mine):
            return []
        told = {_sense(telling.piece) for telling in self._pieces.values()}
        if any(_sense(piece) in told for piece in output_pieces(raw, self._losing)):
            return []
        return self._item(place + (1 << 20) if mine else place, raw)


def _bare(piece: Piece) -> Piece:
    """What is known of a piece when it begins."""
    match piece:
        case Words():
            return Words("")
        case Refusal():
            return Refusal("")
        case Thought():
            return Thought("", hidden=piece.hidden, id=piece.id)
        case Use():
            return Use(piece.id, piece.name, "", piece.custom)
        case _:
            return piece


def _text_of(piece: Piece) -> str:
    match piece:
        case Words(text) | Refusal(text) | Thought(text):
            return text
        case Use():
            return piece.arguments
        case _:
            return ""


def _with_text(telling: _Telling) -> Piece:
    """The piece with what was told of it."""
    text = "".join(telling.texts)
    match telling.piece:
        case Words():
            return Words(text, citations=tuple(telling.citations))
        case Refusal():
            return Refusal(text)
        case Thought():
            return replace(telling.piece, text=text, hidden=not text)
        case Use():
            return replace(telling.piece, arguments=text)
        case _:
            return telling.piece


def _sense(piece: Piece) -> tuple[str, str, str]:
    call = piece.id if isinstance(piece, Use) else ""
    return type(piece).__name__, call, _text_of(piece)
