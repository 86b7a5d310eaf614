"""Events of an answer, with thoughts and calls in its text told as what they are.

Rule: what there is nothing in passes as it is, under the same indexes. A text is not opened before something of it is said, so that what
turns out to be a thought or a call from its first word on leaves no empty text behind.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.translation import Begun, Broke, Cited, Closed, Ended, Event, More, Opened, Piece, Sealed, Thought, Use, Words
from backstory.wires.reworking.scan import Gone, Inner, Plain, Scanner, Span, Spoken


class Sealing(Struct, frozen=True):
    """How a thought that was made from text is told from others when the client brings it back: its seal, whose it is, and what its id
    begins with; "" where its wire does not need one."""

    sealed: str = ""
    seal: str = ""
    id: str = ""


class _Text:
    """One text of the answer. `at`: the index of the part of it that is open."""

    __slots__ = ("at", "cited", "name", "scanner", "texts", "thinking", "whole")

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        self.at: int | None = None
        self.texts: list[str] = []
        self.cited: list[Raw] = []
        self.name = ""
        self.thinking = False
        self.whole = True


class Sieve:
    """One answer. `scanner` makes one for a text (whether something was said before it); `salt`, `prefix`: what ids of calls are made from,
    and begin with. `changed`: what it gave differs from what it was given. `holds`: it was given what it has not told yet."""

    __slots__ = ("_begun", "_calls", "_indexes", "_next", "_prefix", "_salt", "_scanner", "_sealing", "_texts", "_visible", "changed")

    def __init__(self, scanner: Callable[[bool], Scanner], sealing: Sealing, salt: str, prefix: str) -> None:
        self._scanner = scanner
        self._sealing = sealing
        self._salt = salt
        self._prefix = prefix
        self._begun = ""
        self._calls = 0
        self._next = 0
        self._indexes: dict[int, int] = {}
        self._texts: dict[int, _Text] = {}
        self._visible = False
        self.changed = False

    @property
    def holds(self) -> bool:
        """See Sieve."""
        return any(text.at is None or text.scanner.holds for text in self._texts.values())

    def feed(self, event: Event) -> list[Event]:
        """What is told for this event."""
        match event:
            case Opened(index, Words()):
                self._texts[index] = _Text(self._scanner(self._visible))
                return []
            case More(index, text) if index in self._texts:
                return self._spans(self._texts[index], self._texts[index].scanner.feed(text) if text else [])
            case Cited(index, citation) if index in self._texts:
                return self._cited(self._texts[index], citation)
            case Closed(index, piece) if index in self._texts:
                return self._close(self._texts.pop(index), piece)
            case Opened(index, piece):
                return [replace(event, index=self._new(index))]
            case More() | Sealed() | Cited() | Closed():
                return [replace(event, index=self._indexes.get(event.index, event.index))]
            case _:
                return self._rest(event)

    def flush(self) -> list[Event]:
        """The answer breaks off: what is held is told."""
        out: list[Event] = []
        for text in self._texts.values():
            out += self._spans(text, text.scanner.end())
        return out

    def _rest(self, event: Event) -> list[Event]:
        match event:
            case Begun(name):
                self._begun = name
                return [event]
            case Ended():
                out: list[Event] = []
                for index in [*self._texts]:
                    text = self._texts.pop(index)
                    out += [*self._spans(text, text.scanner.end()), *self._end_text(text)]
                if self._calls and event.finish in {"stop", ""}:
                    event = replace(event, finish="tool_calls", sequence="")
                return [*out, event]
            case Broke():
                return [*self.flush(), event]
            case _:
                return [event]

    def _new(self, index: int | None = None) -> int:
        """The index of a piece that is told of now. `index`: that which it came with."""
        made = self._next
        self._next += 1
        if index is not None:
            self._indexes[index] = made
            self.changed = self.changed or made != index
        return made

    def _spans(self, text: _Text, spans: list[Span]) -> list[Event]:
        out: list[Event] = []
        for span in spans:
            if not isinstance(span, Plain):
                self.changed, text.whole = True, False
            match span:
                case Plain(said):
                    out += self._say(text, Words(""), said)
                    self._visible = True
                case Inner(said, over):
                    out += self._think(text, said, over)
                case Spoken(calls):
                    out += self._end_text(text)
                    for call in calls:
                        out += self._call(Use(self._id(self._prefix, call.name, call.arguments), call.name, call.arguments, call.custom))
                case Gone():
                    pass
        return out

    def _say(self, text: _Text, kind: Words | Thought, said: str) -> list[Event]:
        out: list[Event] = []
        if text.at is None:
            text.at = self._new()
            out = [Opened(text.at, kind)]
        text.texts.append(said)
        return [*out, More(text.at, said)]

    def _think(self, text: _Text, said: str, over: bool) -> list[Event]:
        """More of a thought. One that has nothing but white space in it is none."""
        out: list[Event] = []
        if not text.thinking:
            out = self._end_text(text)
            text.thinking = True
            text.name = self._id(self._sealing.id) if self._sealing.id else ""
        said = said if text.at is not None else said.lstrip()
        if said:
            out += self._say(text, Thought("", id=text.name), said)
        if over:
            out += self._end_thought(text)
        return out

    def _end_thought(self, text: _Text) -> list[Event]:
        at, text.at, text.thinking = text.at, None, False
        whole = "".join(text.texts)
        text.texts = []
        if at is None:
            return []
        sealed, seal = self._sealing.sealed, self._sealing.seal
        closed = Closed(at, Thought(whole, sealed, seal, id=text.name))
        return [Sealed(at, sealed, seal), closed] if sealed else [closed]

    def _call(self, use: Use) -> list[Event]:
        self._calls += 1
        at = self._new()
        return [Opened(at, replace(use, arguments="")), More(at, use.arguments), Closed(at, use)]

    def _id(self, prefix: str, *parts: str) -> str:
        """An id that is the same for the same answer to the same request."""
        made = blake2b(repr((self._salt, self._begun, self._next, parts)).encode("utf-8", "replace"), digest_size=12)
        return prefix + made.hexdigest()

    def _cited(self, text: _Text, citation: Raw) -> list[Event]:
        """A citation stays with the text that is open; where that was cut out, it has no place."""
        if text.at is None or text.thinking:
            return []
        text.cited.append(citation)
        return [Cited(text.at, citation)]

    def _close(self, text: _Text, piece: Piece) -> list[Event]:
        out = self._spans(text, text.scanner.end())
        if text.whole and text.at is None:
            text.at = self._new()
            out.append(Opened(text.at, Words("")))
        return [*out, *self._end_text(text, piece if text.whole else None)]

    def _end_text(self, text: _Text, piece: Piece | None = None) -> list[Event]:
        """The part of the text that is open is whole."""
        if text.at is None:
            return []
        closed = Closed(text.at, piece or Words("".join(text.texts), citations=tuple(text.cited)))
        text.at, text.texts, text.cited = None, [], []
        return [closed]
