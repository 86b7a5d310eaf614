"""OpenAI Responses, for translation: the stream of typed events that a client of this wire gets.

Rule: every item begins and ends, sequence numbers run on, and the last event holds all of the response, as a whole answer would be.
Event shapes: platform.openai.com/docs/api-reference/responses-streaming.
"""

from __future__ import annotations

from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.translation import (
    Asked,
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
from backstory.wires.lowering import encode
from backstory.wires.openai_responses.tongue_answer import ended, failed, is_custom, own_call, piece_items, response_object
from backstory.wires.openai_responses.tongue_write import annotation, made_id
from backstory.wires.sse import event as write_event
from backstory.wires.translation.tongue import Json


class _Item(Struct):
    """An item on its way to the client. `place`: its output_index, -1 before it is told of."""

    name: str
    piece: Piece
    place: int = -1
    texts: list[str] = []
    citations: list[object] = []
    sealed: str = ""
    seal: str = ""
    late: bool = False
    """A call that is told whole, since what comes of it is not what the client gets."""


class ResponsesTeller:
    """Implements core.translation.Teller."""

    __slots__ = ("_asked", "_items", "_name", "_number", "_output", "_response")

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._number = 0
        self._name = ""
        self._response: Json = {}
        self._items: dict[int, _Item] = {}
        self._output: dict[int, Json] = {}

    def tell(self, event: Event) -> bytes:
        """See Teller."""
        match event:
            case Begun():
                return self._begin(event)
            case Opened(index, piece):
                before = self._placed()
                late = isinstance(piece, Use) and is_custom(piece.name, self._asked) and not piece.custom
                self._items[index] = _Item(f"{self._name}_{index}", piece, late=late)
                return before + self._opened(self._items[index])
            case More(index, text):
                return self._more(self._items[index], text)
            case Sealed(index, sealed, seal):
                item = self._items[index]
                item.sealed, item.seal = sealed, seal
                return b""
            case Cited(index, citation):
                return self._cited(self._items[index], citation)
            case Closed(index, piece):
                return self._closed(self._items[index], piece)
            case Ended(finish, usage, thoughts):
                begun = b"" if self._response else self._begin(Begun("", ""))
                response = ended(self._response, self._items_told(), finish, usage, thoughts)
                return begun + self._event(f"response.{response['status']}", response=response)
            case Broke(failure):
                begun = b"" if self._response else self._begin(Begun("", ""))
                return begun + self._event("response.failed", response=failed(self._response, self._items_told(), failure))
            case Waits():
                return b": waiting\n\n"

    def end(self) -> bytes:
        """See Teller: nothing."""
        return b""

    def goes_on(self, number: int) -> dict[int, tuple[str, str]]:
        """The client was told all of it so far by somebody else, up to this sequence number (exclusive). The id and type of each item by
        its place, as they are told here."""
        self._number = number
        return {place: (str(item["id"]), str(item["type"])) for place, item in self._output.items() if "id" in item and "type" in item}

    def _begin(self, begun: Begun) -> bytes:
        name = begun.id or f"resp_{made_id(self._asked.said, self._asked.model)}"
        self._name = name.removeprefix("resp_")
        self._response = response_object(self._asked, name, begun.model, begun.created)
        return self._event("response.created", response=self._response) + self._event("response.in_progress", response=self._response)

    def _event(self, kind: str, **more: object) -> bytes:
        data: Json = {"type": kind, "sequence_number": self._number, **more}
        self._number += 1
        return write_event(encode(data), kind)

    def _items_told(self) -> list[Json]:
        return [self._output[place] for place in sorted(self._output)]

    def _add(self, item: _Item, value: Json) -> bytes:
        item.place = len(self._output)
        self._output[item.place] = value
        return self._event("response.output_item.added", output_index=item.place, item=value)

    def _done(self, item: _Item, value: Json) -> bytes:
        self._output[item.place] = value
        return self._event("response.output_item.done", output_index=item.place, item=value)

    def _opened(self, item: _Item) -> bytes:
        match item.piece:
            case Words() | Refusal():
                (value,) = piece_items(item.piece, item.name)
                content = value["content"]
                part = content[0] if isinstance(content, list) else None
                added = self._add(item, {**value, "status": "in_progress", "content": []})
                return added + self._event("response.content_part.added", **self._at(item), part=part)
            case Thought():
                (value,) = piece_items(replace(item.piece, text="", sealed=""), item.name)
                return self._add(item, value)
            case _:
                return b""

    def _placed(self) -> bytes:
        """Calls that have begun but were not told of yet: what begins later comes after them."""
        told = b""
        for item in self._items.values():
            if item.place < 0 and isinstance(item.piece, Use):
                item.piece = own_call(item.piece, self._asked)
                told += self._call(item)
        return told

    def _at(self, item: _Item, number: str = "content_index") -> Json:
        return {"item_id": self._output[item.place]["id"], "output_index": item.place, number: 0}

    def _more(self, item: _Item, text: str) -> bytes:
        if not text:
            return b""
        first = not item.texts
        item.texts.append(text)
        match item.piece:
            case Words():
                return self._event("response.output_text.delta", **self._at(item), delta=text, logprobs=[])
            case Refusal():
                return self._event("response.refusal.delta", **self._at(item), delta=text)
            case Thought():
                at = self._at(item, "summary_index")
                begun = b""
                if first:
                    begun = self._event("response.reasoning_summary_part.added", **at, part={"type": "summary_text", "text": ""})
                return begun + self._event("response.reasoning_summary_text.delta", **at, delta=text)
            case Use() if not item.late:
                return self._call(item) + self._call_delta(item, text)
            case _:
                return b""

    def _call(self, item: _Item) -> bytes:
        """The item of a call begins, where it has not yet; before it, what carries its seal."""
        if item.place >= 0 or not isinstance(item.piece, Use):
            return b""
        *seals, call = piece_items(own_call(replace(item.piece, sealed=item.sealed), self._asked), item.name)
        carried = b""
        for value in seals:
            carrier = _Item(item.name, item.piece)
            carried += self._add(carrier, value) + self._done(carrier, value)
        return carried + self._add(item, {**call, "status": "in_progress", **({"input": ""} if item.piece.custom else {"arguments": ""})})

    def _call_delta(self, item: _Item, text: str) -> bytes:
        custom = isinstance(item.piece, Use) and item.piece.custom
        kind = "response.custom_tool_call_input.delta" if custom else "response.function_call_arguments.delta"
        return self._event(kind, item_id=self._output[item.place]["id"], output_index=item.place, delta=text)

    def _cited(self, item: _Item, citation: Raw) -> bytes:
        found = annotation(citation)
        if found is None or not isinstance(item.piece, Words):
            return b""
        item.citations.append(found)
        at = self._at(item)
        number = len(item.citations) - 1
        return self._event("response.output_text.annotation.added", **at, annotation_index=number, annotation=found)

    def _closed(self, item: _Item, piece: Piece) -> bytes:
        whole = own_call(piece, self._asked)
        match whole:
            case Words() | Refusal():
                return self._text_done(item, whole)
            case Thought():
                return self._thought_done(item, whole)
            case Use():
                return self._call_done(item, whole)
            case _:
                told = b""
                for value in piece_items(whole, item.name):
                    told += self._add(item, value) + self._done(item, value)
                return told

    def _text_done(self, item: _Item, piece: Words | Refusal) -> bytes:
        (value,) = piece_items(piece, item.name)
        content = value["content"]
        part = content[0] if isinstance(content, list) else {}
        at = self._at(item)
        if isinstance(piece, Refusal):
            told = self._event("response.refusal.done", **at, refusal=piece.text)
        else:
            part = {**part, "annotations": item.citations or part["annotations"]}
            told = self._event("response.output_text.done", **at, text=piece.text, logprobs=[])
        value = {**value, "content": [part]}
        return told + self._event("response.content_part.done", **at, part=part) + self._done(item, value)

    def _thought_done(self, item: _Item, piece: Thought) -> bytes:
        value = {**piece_items(piece, item.name)[0], "id": self._output[item.place]["id"]}
        if not item.texts:
            return self._done(item, value)
        at = self._at(item, "summary_index")
        told = self._event("response.reasoning_summary_text.done", **at, text=piece.text)
        part = {"type": "summary_text", "text": piece.text}
        return told + self._event("response.reasoning_summary_part.done", **at, part=part) + self._done(item, value)

    def _call_done(self, item: _Item, piece: Use) -> bytes:
        item.sealed = item.sealed or piece.sealed
        if item.place < 0:
            item.piece = replace(piece, arguments="")
        told = self._call(item)
        (value,) = piece_items(replace(piece, sealed=""), item.name)
        whole = str(value["input" if piece.custom else "arguments"])
        if item.late or not item.texts or (piece.custom and whole != "".join(item.texts)):
            told += self._call_delta(item, whole)
        at: Json = {"item_id": value["id"], "output_index": item.place}
        if piece.custom:
            told += self._event("response.custom_tool_call_input.done", **at, input=whole)
        else:
            told += self._event("response.function_call_arguments.done", **at, name=piece.name, arguments=whole)
        return told + self._done(item, value)
