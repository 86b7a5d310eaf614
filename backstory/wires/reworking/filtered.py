"""An answer on its way through a filter of events: in its client's wire on both sides, and told anew only from the first change on.

Rule: a stream passes byte for byte up to the first event that its filter changes. From there on it is told by the wire's own teller. What
cannot be read passes as it came, as long as nothing was changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.document import Document, Put, Splice
from backstory.core.exchange import Headers
from backstory.core.message import Path
from backstory.core.stream import Frame
from backstory.core.translation import Answered, Asked, Broke, Ended, Event, Listener, Teller, Tongue
from backstory.core.wire import StreamReader, Wire
from backstory.errors import DocumentError
from backstory.wires.gemini.tongue_stream import GeminiTeller
from backstory.wires.openai_responses.tongue_tell import ResponsesTeller

_PLACES: dict[str, tuple[Path, ...]] = {
    "anthropic": (("content",), ("stop_reason",), ("stop_sequence",)),
    "openai_chat": (("choices", 0, "message"), ("choices", 0, "finish_reason")),
    "openai_responses": (("output",),),
    "gemini": (("candidates", 0, "content"), ("candidates", 0, "finishReason")),
}
"""What changes of a whole answer; all else stays as the provider wrote it."""
ABOUT_THE_BODY = frozenset({b"content-length", b"transfer-encoding", b"etag", b"content-md5", b"digest", b"connection"})


def all_of(answered: Answered, made: Answered) -> Answered:
    """The answer, with what was made of its pieces."""
    return replace(answered, pieces=made.pieces, finish=made.finish, sequence=made.sequence)


def put(wire: str, body: bytes, made: bytes) -> bytes:
    """The answer, with what of it is made anew."""
    new = Document(made)
    splices: list[Splice] = [Put(path, new.get(path)) for path in _PLACES[wire] if new.has(path)]
    return Document(body).apply(splices)


class _Numbered(Struct):
    type: str = ""
    sequence_number: int = -1
    output_index: int = -1
    item: Raw = Raw()


class _Item(Struct):
    id: str | None = None
    type: str = ""


_numbered = msgspec.json.Decoder(_Numbered)
_item = msgspec.json.Decoder(_Item)


class _Seam:
    """Where what is told anew joins what passed as it came. `begins`: a message was begun whose first text has not come."""

    __slots__ = ("_ids", "_names", "_number", "_teller", "begins")

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._names: dict[int, _Item] = {}
        self._ids: dict[bytes, bytes] = {}
        self._number = -1
        self.begins = False

    def heard(self, frame: Frame, told: bool) -> None:
        """A frame has come. `told`: it says something that its wire's listener tells."""
        if frame.event.startswith("response.") or b'"sequence_number"' in frame.data:
            try:
                found = _numbered.decode(frame.data)
                item = _item.decode(found.item) if found.type == "response.output_item.added" else None
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return
            self._number = max(self._number, found.sequence_number)
            if item is not None and item.id:
                self._names[found.output_index] = item
            self.begins = item is not None and item.type == "message" and not told

    def passed(self) -> None:
        """All that was heard has passed as it came."""
        if not isinstance(self._teller, ResponsesTeller | GeminiTeller):
            return
        told = self._teller.goes_on(self._number + 1)
        for place, item in self._names.items():
            name, kind = told.get(place, ("", ""))
            if name and item.id and kind == item.type and name != item.id:
                self._ids[b'"%b"' % name.encode()] = b'"%b"' % item.id.encode()

    def joined(self, data: bytes) -> bytes:
        """What is told, with the ids by which the client knows what had begun."""
        for name, known in self._ids.items():
            data = data.replace(name, known)
        return data


class Filter(Protocol):
    """What the events of an answer go through. `changed`: what it gave differs from what it was given. `holds`: it was given what it has
    not told yet."""

    @property
    def changed(self) -> bool:
        """See Filter."""
        ...

    @property
    def holds(self) -> bool:
        """See Filter."""
        ...

    def feed(self, event: Event) -> list[Event]:
        """What is told for this event."""
        ...

    def flush(self) -> list[Event]:
        """What is still to be told where the answer breaks off."""
        ...


class Stream:
    """One stream on its way through a filter."""

    __slots__ = ("_anew", "_broken", "_ended", "_held", "_listener", "_reader", "_seam", "_shadow", "_sieve", "_teller")

    def __init__(self, reader: StreamReader, listener: Listener, teller: Teller, sieve: Filter) -> None:
        self._reader = reader
        self._listener = listener
        self._teller = teller
        self._sieve = sieve
        self._seam = _Seam(teller)
        self._held: list[bytes] = []
        self._shadow: list[bytes] = []
        self._anew = self._broken = self._ended = False

    def chunk(self, data: bytes) -> bytes:
        """What the client gets for these bytes."""
        if self._broken:
            return data
        frames = self._reader.feed(data)
        return b"".join(self._frames(frames))

    def tail(self) -> bytes:
        """The end."""
        if self._broken:
            return b""
        return b"".join(self._frames(self._reader.close(), last=True)) + self._end()

    def _end(self) -> bytes:
        if self._broken:
            return b""
        try:
            events = [made for event in self._listener.over() for made in self._sieve.feed(event)]
            out = self._told(events, None)
        except DocumentError:
            if self._anew:
                raise
            return self.rest()
        out += self.rest()
        return out + self._teller.end() if self._anew and self._ended else out

    def rest(self) -> bytes:
        """What is still held, where there is no end."""
        if self._broken:
            return b""
        if not self._anew:
            held, self._held, self._broken = self._held, [], True
            return b"".join([*held, *[frame.raw for frame in self._reader.close()]])
        return b"" if self._ended else self._say(self._sieve.flush())

    def _frames(self, frames: Sequence[Frame], last: bool = False) -> list[bytes]:
        out: list[bytes] = []
        for number, frame in enumerate(frames):
            try:
                events = [made for event in self._listener.events(frame) for made in self._sieve.feed(event)]
                out.append(self._told(events, frame))
            except DocumentError:
                if self._anew:
                    if last:
                        break
                    raise
                # Nothing was changed yet, and what is held has to go first.
                self._broken = True
                return [*out, *self._held, *[one.raw for one in (*frames[number:], *self._reader.close())]]
        return out

    def _told(self, events: Sequence[Event], frame: Frame | None) -> bytes:
        """The frame, or what is told in its place; nothing while it is not known which."""
        told = self._say(events)
        if self._anew:
            return told
        self._shadow.append(told)
        if frame is not None:
            self._held.append(frame.raw)
            self._seam.heard(frame, bool(events))
        if self._sieve.changed:
            self._anew = True
            out, self._shadow, self._held = self._seam.joined(b"".join(self._shadow)), [], []
            return out
        if self._sieve.holds or self._seam.begins:
            return b""
        held, self._held, self._shadow = self._held, [], []
        self._seam.passed()
        return b"".join(held)

    def _say(self, events: Sequence[Event]) -> bytes:
        self._ended = self._ended or any(isinstance(event, Ended | Broke) for event in events)
        told = b"".join([self._teller.tell(event) for event in events])
        return self._seam.joined(told) if self._anew else told


class Filtered:
    """What translations of one wire into itself share: the stream on its way, once `begin` has found that it goes through a filter."""

    def __init__(self, tongue: Tongue, wire: Wire) -> None:
        self.learnt: Headers = ()
        self._tongue = tongue
        self._wire = wire
        self._stream: Stream | None = None

    def _filter(self, kind: bytes, asked: Asked, through: Filter) -> None:
        """From here on the answer, of this content type, goes through a filter."""
        reader = self._wire.reader(kind.decode("latin-1"))
        self._stream = Stream(reader, self._tongue.listener(), self._tongue.teller(asked), through)

    def chunk(self, data: bytes) -> bytes:
        """See Translation."""
        return data if self._stream is None else self._stream.chunk(data)

    def tail(self) -> bytes:
        """See Translation."""
        return b"" if self._stream is None else self._stream.tail()

    def rest(self) -> bytes:
        """See Translation."""
        return b"" if self._stream is None else self._stream.rest()
