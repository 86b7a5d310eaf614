"""Further answers to one request (`n`, `candidateCount`), streamed beside the first: each is heard and told by itself.

Rule: the first answer's end is the last thing that is told, since it bears the usage of them all. A candidate that never says anything is
not told of; one that breaks off alone has ended for an unknown reason, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from backstory.core.stream import Frame
from backstory.core.translation import Answered, Asked, Begun, Broke, Ended, Event, Listener, Teller, Tongue
from backstory.wires.gemini.tongue_stream import GeminiTeller

_MOST = 128
"""As many as the APIs let a client ask for."""


class _Other:
    __slots__ = ("begun", "ended", "listener", "teller")

    def __init__(self, listener: Listener, teller: Teller) -> None:
        self.listener = listener
        self.teller = teller
        self.begun: Begun | None = None
        self.ended = False


class Candidates:
    """For one stream. `first`: who tells the first answer. `own`: an event as the client knows its tools."""

    __slots__ = ("_others", "_own")

    def __init__(self, provider: Tongue, client: Tongue, asked: Asked, first: Teller, own: Callable[[Event], Event]) -> None:
        self._own = own
        self._others = [
            _Other(provider.listener(number), client.teller(asked, number)) for number in range(1, min(asked.sampling.count, _MOST))
        ]
        for other in self._others:
            if isinstance(other.teller, GeminiTeller) and isinstance(first, GeminiTeller):
                other.teller.beside(first)

    def hear(self, frame: Frame) -> bytes:
        """What a frame says of them, told."""
        return b"".join([self._tell(other, other.listener.events(frame)) for other in self._others])

    def over(self) -> bytes:
        """Nothing more is heard: their ends, told."""
        return b"".join([self._tell(other, other.listener.over()) for other in self._others])

    def whole(self, answered: Answered, events_of: Callable[[Answered], Sequence[Event]]) -> bytes:
        """Those of an answer that came whole, told."""
        told = b""
        for other, (pieces, finish) in zip(self._others, answered.more, strict=False):
            told += self._tell(other, events_of(replace(answered, pieces=pieces, finish=finish, usage=None, more=())))
        return told

    def _tell(self, other: _Other, events: Sequence[Event]) -> bytes:
        told = bytearray()
        for event in events:
            match event:
                case _ if other.ended:
                    break
                case Begun():
                    other.begun = event
                case Ended() | Broke():
                    told += self._end(other, event)
                case _:
                    told += self._begin(other) + other.teller.tell(self._own(event))
        return bytes(told)

    def _begin(self, other: _Other) -> bytes:
        begun, other.begun = other.begun, None
        return b"" if begun is None else other.teller.tell(begun)

    def _end(self, other: _Other, event: Ended | Broke) -> bytes:
        other.ended = True
        silent = other.begun is not None and not (isinstance(event, Ended) and event.finish not in {"", "stop"})
        if silent:
            return b""
        finish = event.finish if isinstance(event, Ended) else "other"
        return self._begin(other) + other.teller.tell(Ended(finish))
