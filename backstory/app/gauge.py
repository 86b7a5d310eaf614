"""What is kept of the answers to one request until somebody has time to read what they were charged by. Implements core.plan.Gauge.

Rule: while a request is on its way, nothing is read: pieces are kept as they come. Of a long stream only the events that mention usage
stay. What is kept is bounded; of an answer that is larger, what it says of its usage is not known, and is estimated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from backstory.core.exchange import Ended, Headers
from backstory.core.plan import Target
from backstory.relay.tap import content, decoded
from backstory.wires.usage import MENTIONED, Stated, joined, stated, text_bytes

# A stream is looked through each time so much of it has come.
_STEP = 65_536
# More of an answer that is no plain stream is not kept; nor is a longer event.
_MOST_KEPT = 4 << 20
# How much text it has is taken from its last bytes.
_SAMPLE = 8_192
# Of the events that mention usage: the first (Anthropic tells the input there), and the last ones.
_LAST = 2

Done: TypeAlias = Callable[[Ended, int, int], None]


class Leg:
    """One answer of one backend. `began_at`: monotonic seconds when its head came, 0 where none did. `size`: bytes of its body."""

    __slots__ = (
        *("_clock", "_events", "_headers", "_kept", "_next", "_parts", "_said"),
        *("began_at", "body", "later", "name", "size", "status", "target"),
    )

    def __init__(self, name: str, target: Target, body: bytes, later: bool, clock: Callable[[], float]) -> None:
        self.name = name
        self.target = target
        self.body = body
        self.later = later
        self.status = 0
        self.began_at = 0.0
        self.size = 0
        self._clock = clock
        self._headers: Headers = ()
        self._parts: list[bytes] | None = []
        self._kept = 0
        self._next = _STEP
        self._events: list[bytes] = []
        self._said = 0

    def began(self, status: int, headers: Headers) -> None:
        """See core.plan.Leg."""
        self.status = status
        self.began_at = self._clock()
        self._headers = headers

    def chunk(self, data: bytes) -> None:
        """See core.plan.Leg."""
        self.size += len(data)
        if self._parts is not None:
            self._parts.append(data)
            self._kept += len(data)
            if self._kept > self._next:
                self._condense()

    @property
    def held(self) -> int:
        """Bytes that are kept of it."""
        return self._kept + len(self.body)

    def told(self, partial: bool) -> tuple[Stated, int]:
        """What it says of its usage. Where it says nothing, or `partial`, also about how many bytes of text it has; else 0. Takes
        microseconds for a small answer, milliseconds for a large one."""
        content_type, coding = content(self._headers)
        plain = decoded(b"".join(self._parts or ()), coding) or b""
        if content_type.startswith("text/event-stream"):
            found = joined(map(stated, map(_payload, (*self._events, *_mentions(plain)))))
        else:
            found = stated(plain)
        return found, self._said + text_bytes(plain) if partial or found.usage is None else 0

    def _condense(self) -> None:
        """Keep what may be needed."""
        content_type, coding = content(self._headers)
        if coding or not content_type.startswith("text/event-stream"):
            if self._kept > _MOST_KEPT:
                self._parts, self._kept = None, 0
            self._next = _MOST_KEPT
            return
        whole = b"".join(self._parts or ())
        end = whole.rfind(b"\n") + 1
        lines, rest = whole[:end], whole[end:]
        found = _mentions(lines)
        self._events = [*self._events[:1], *(*self._events[1:], *found)[-_LAST:]] if self._events else found
        sample = lines[-_SAMPLE:]
        self._said += text_bytes(sample) * len(lines) // max(1, len(sample))
        if len(rest) > _MOST_KEPT:
            self._parts, rest = None, b""
        else:
            self._parts = [rest]
        self._kept = len(rest)
        self._next = 2 * len(rest) + _STEP


class Gauge:
    """`done` is told once, when the request is over, as core.plan.Gauge.over is. `started`: monotonic seconds when it had come; `at`: Unix
    seconds. `backend`: where it is to go first; `body`: what is to go there, b"" where it is streamed."""

    __slots__ = ("_clock", "at", "backend", "body", "done", "legs", "over_at", "started", "target")

    def __init__(self, clock: Callable[[], float], at: float) -> None:
        self.done: Done | None = None
        self._clock = clock
        self.at = at
        self.started = clock()
        self.over_at = 0.0
        self.legs: list[Leg] = []
        self.backend = ""
        self.target: Target | None = None
        self.body = b""

    def leg(self, name: str, target: Target, body: bytes, later: bool) -> Leg:
        """See core.plan.Gauge."""
        leg = Leg(name, target, body, later, self._clock)
        self.legs.append(leg)
        return leg

    def over(self, ended: Ended, status: int, bytes_in: int) -> None:
        """See core.plan.Gauge."""
        self.over_at = self._clock()
        if self.done is not None:
            self.done(ended, status, bytes_in)


def _mentions(lines: bytes) -> list[bytes]:
    """The lines that mention usage: the first, and the last ones."""
    places = [found.start() for found in MENTIONED.finditer(lines)]
    if len(places) > 1 + _LAST:
        places = [places[0], *places[-_LAST:]]
    found: dict[int, bytes] = {}
    for place in places:
        start, end = lines.rfind(b"\n", 0, place) + 1, lines.find(b"\n", place)
        found[start] = lines[start : end if end >= 0 else len(lines)]
    return list(found.values())


def _payload(line: bytes) -> bytes:
    """What stands in a line of an event (HTML standard, "server-sent events")."""
    return line.removeprefix(b"data:").strip()
