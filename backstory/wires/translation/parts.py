"""Pieces of a stream as they come: opened, added to, closed; and put one after the other for wires whose pieces do not overlap."""

from __future__ import annotations

from msgspec import Raw
from msgspec.structs import replace

from backstory.core.translation import Cited, Closed, Event, More, Opened, Piece, Refusal, Sealed, Thought, Use, Words


class _Part:
    __slots__ = ("citations", "piece", "seal", "sealed", "texts")

    def __init__(self, piece: Piece) -> None:
        self.piece = piece
        self.texts: list[str] = []
        self.citations: list[Raw] = []
        self.sealed = ""
        self.seal = ""


class Parts:
    """The pieces of one stream. Each function gives the event that says so; an index is one that `open` gave and `close` did not take."""

    __slots__ = ("_next", "_open", "calls")

    def __init__(self) -> None:
        self._open: dict[int, _Part] = {}
        self._next = 0
        self.calls = 0
        """How many Uses there were."""

    def open(self, piece: Piece) -> Opened:
        """A new piece; `piece` is what is known of it, without text."""
        index = self._next
        self._next += 1
        self._open[index] = _Part(piece)
        self.calls += isinstance(piece, Use)
        return Opened(index, piece)

    def more(self, index: int, text: str) -> More:
        """Text of it."""
        self._open[index].texts.append(text)
        return More(index, text)

    def seal(self, index: int, sealed: str, seal: str) -> Sealed:
        """Its seal; a later one takes the place of an earlier one."""
        part = self._open[index]
        part.sealed, part.seal = sealed, seal
        return Sealed(index, sealed, seal)

    def cite(self, index: int, citation: Raw) -> Cited:
        """A citation."""
        self._open[index].citations.append(citation)
        return Cited(index, citation)

    def close(self, index: int) -> Closed:
        """It is whole."""
        return Closed(index, _whole(self._open.pop(index)))

    def close_all(self) -> list[Event]:
        """All that are open are whole, in the order of opening."""
        return [self.close(index) for index in sorted(self._open)]


def _whole(part: _Part) -> Piece:
    text = "".join(part.texts)
    match part.piece:
        case Words() as piece:
            return replace(piece, text=text, citations=tuple(part.citations))
        case Thought() as piece:
            return replace(piece, text=text, sealed=part.sealed or piece.sealed, seal=part.seal or piece.seal)
        case Use() as piece:
            return replace(piece, arguments=text or ("" if piece.custom else "{}"), sealed=part.sealed or piece.sealed)
        case Refusal():
            return Refusal(text)
        case other:
            return other


class InTurn:
    """Events of pieces, so that no piece is opened before the one before it is closed: what comes of later pieces waits."""

    __slots__ = ("_now", "_waiting")

    def __init__(self) -> None:
        self._now: int | None = None
        self._waiting: dict[int, list[Event]] = {}

    def admit(self, event: Opened | More | Sealed | Cited | Closed) -> list[Event]:
        """What may be told now."""
        if self._now is None:
            self._now = event.index
        if event.index != self._now:
            self._waiting.setdefault(event.index, []).append(event)
            return []
        if not isinstance(event, Closed):
            return [event]
        out: list[Event] = [event]
        self._now = None
        while self._now is None and self._waiting:
            index = next(iter(self._waiting))
            events = self._waiting.pop(index)
            out += events
            self._now = None if isinstance(events[-1], Closed) else index
        return out
