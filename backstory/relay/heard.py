"""Between an upstream connection and whoever gets its reply: everything goes on as it comes, and what is needed to tell what the provider
charges for it is kept.

Rule: while a reply comes, nothing of it is read: its pieces are kept. Of a long stream only the events that mention usage stay. What is
kept is bounded; of a reply that is larger, what it says of its usage is lost.
"""

from __future__ import annotations

import time
from typing import Literal

from msgspec import Struct

from backstory.core.charges import How
from backstory.core.exchange import Headers
from backstory.core.plan import Plan, Target
from backstory.errors import UpstreamError
from backstory.relay.decoding import content
from backstory.relay.heads import ReplyHead
from backstory.relay.upstream import Receiver
from backstory.wires.usage import mentions, text_bytes

# A stream is looked through each time so much of it has come; how much text it has is taken from its last bytes.
_STEP, _SAMPLE = 65_536, 8_192
# More of a reply that is no plain stream is not kept; nor is a longer event.
_MOST_KEPT = 4 << 20
# Less than what is kept: whatever comes goes at once.
_GIVEN_UP = -1


class _Nobody:
    """Gets a reply that nobody wants any more."""

    def interim(self, reply: ReplyHead) -> None: ...

    def begin_reply(self, reply: ReplyHead, empty: bool) -> None: ...

    def deliver(self, data: bytes, done: bool, trailers: tuple[tuple[bytes, bytes], ...] = ()) -> None: ...

    def lost(self, error: UpstreamError) -> None: ...

    def upstream_full(self, full: bool) -> None: ...


NOBODY: Receiver = _Nobody()


class Heard(Struct):
    """Implements upstream.Receiver in front of another one, and core.plan.Leg."""

    name: str
    target: Target
    body: bytes
    later: bool
    receiver: Receiver
    status: int = 0
    headers: Headers = ()
    began_at: float = 0.0
    events: list[bytes] = []
    said: int = 0
    parts: list[bytes] = []
    size: int = 0
    look_at: int = _STEP
    """So many bytes are kept without a look at them."""
    how: How | Literal[""] = ""
    ended: bool = False

    # As upstream.Receiver.

    def interim(self, reply: ReplyHead) -> None:
        """See Receiver."""
        self.receiver.interim(reply)

    def upstream_full(self, full: bool) -> None:
        """See Receiver."""
        self.receiver.upstream_full(full)

    def lost(self, error: UpstreamError) -> None:
        """See Receiver."""
        self.ended = True
        self.receiver.lost(error)

    def begin_reply(self, reply: ReplyHead, empty: bool) -> None:
        """See Receiver."""
        self.status = reply.status
        self.headers = reply.headers
        self.began_at = time.monotonic()
        self.receiver.begin_reply(reply, empty)

    def deliver(self, data: bytes, done: bool, trailers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """See Receiver."""
        if data:
            self.parts.append(data)
            self.size += len(data)
            if self.size > self.look_at:
                self._condense()
        self.ended = self.ended or done
        self.receiver.deliver(data, done, trailers)

    # As core.plan.Leg.

    @property
    def held(self) -> int:
        """See Leg."""
        return self.size + len(self.body)

    def kept(self) -> bytes:
        """See Leg."""
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)

    def release(self) -> None:
        """See Leg. Without it the exchange would hold its plan, that the gauge, and that, by this, the exchange, for as long as nobody
        looks for cycles."""
        self.receiver = NOBODY

    def _condense(self) -> None:
        """Keep what may be needed, and no more than there is room for."""
        content_type, coding = content(self.headers)
        rest = b""
        if self.look_at == _GIVEN_UP:
            pass
        elif coding or not content_type.startswith("text/event-stream"):
            if self.size <= _MOST_KEPT:
                self.look_at = _MOST_KEPT
                return
            self.look_at = _GIVEN_UP
        else:
            whole = b"".join(self.parts)
            end = whole.rfind(b"\n") + 1
            lines, rest = whole[:end], whole[end:]
            self.events = mentions(b"\n".join((*self.events, lines)))
            sample = lines[-_SAMPLE:]
            self.said += text_bytes(sample) * len(lines) // max(1, len(sample))
            self.look_at = 2 * len(rest) + _STEP
            if len(rest) > _MOST_KEPT:
                self.look_at, rest = _GIVEN_UP, b""
        self.parts, self.size = [rest] if rest else [], len(rest)


def heard(plan: Plan, target: Target, body: bytes, later: bool, receiver: Receiver) -> Receiver:
    """`receiver`; where the plan has a gauge, with one in front of it that hears what it gets."""
    gauge = plan.gauge
    if gauge is None:
        return receiver
    leg = Heard(plan.name, target, body, later, receiver)
    gauge.asked(leg)
    return leg
