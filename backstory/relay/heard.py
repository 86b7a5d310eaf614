"""Between an upstream connection and whoever gets its reply: everything goes on as it comes, and is heard on its way."""

from __future__ import annotations

from backstory.core.plan import Leg, Plan, Target
from backstory.errors import UpstreamError
from backstory.relay.heads import ReplyHead
from backstory.relay.upstream import Receiver


class Heard:
    """Implements upstream.Receiver in front of another one."""

    __slots__ = ("_leg", "_receiver")

    def __init__(self, leg: Leg, receiver: Receiver) -> None:
        self._leg = leg
        self._receiver = receiver

    def interim(self, reply: ReplyHead) -> None:
        """See Receiver."""
        self._receiver.interim(reply)

    def upstream_full(self, full: bool) -> None:
        """See Receiver."""
        self._receiver.upstream_full(full)

    def lost(self, error: UpstreamError) -> None:
        """See Receiver."""
        self._receiver.lost(error)

    def begin_reply(self, reply: ReplyHead, empty: bool) -> None:
        """See Receiver."""
        self._leg.began(reply.status, reply.headers)
        self._receiver.begin_reply(reply, empty)

    def deliver(self, data: bytes, done: bool, trailers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """See Receiver."""
        if data:
            self._leg.chunk(data)
        self._receiver.deliver(data, done, trailers)


def heard(plan: Plan, target: Target, body: bytes, later: bool, receiver: Receiver) -> Receiver:
    """`receiver`; where the plan has a gauge, that hears what it gets."""
    if plan.gauge is None:
        return receiver
    return Heard(plan.gauge.leg(plan.name or f"{target.host}:{target.port}", target, body, later), receiver)
