"""What is known of a request while it is on its way, for whoever reads what it was charged when it is over. Implements core.plan.Gauge."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from backstory.core.exchange import Ended, Head
from backstory.core.plan import Leg, Tap, Target


class Bill(Struct):
    """What was asked for the sake of one request before it was known where that goes: `legs` of reasoners. Every head of the request has it
    in `kept` under this class, where requests are recorded."""

    legs: list[Leg] = []


def bill_of(head: Head) -> Bill | None:
    """That of this head; None where nobody records what it costs."""
    found = head.kept.get(Bill)
    return found if isinstance(found, Bill) else None


def carry_bill(head: Head, seen: Head) -> Head:
    """`seen`, which is of the same request as `head`, with its bill."""
    found = head.kept.get(Bill)
    if found is not None:
        seen.kept[Bill] = found
    return seen


class Gauge(Struct):
    """`done` is told once, when the request is over. `id`: its number. `started`, `over_at`: monotonic seconds when it had come, and when
    it was over; `at`: Unix seconds of the former. `backend`, `target`: where it was to go first ("": what the target says), with `body`
    (b"": one that is streamed). `legs`: the answers. `tap`: who else listens. `principal`, `conversation`, `wire`: as in
    core.charges.Charge."""

    head: Head
    done: Callable[[Gauge], None]
    started: float
    at: float
    id: int = 0
    backend: str = ""
    target: Target | None = None
    body: bytes = b""
    tap: Tap | None = None
    legs: list[Leg] = []
    over_at: float = 0.0
    ended: Ended = "refused"
    status: int = 0
    bytes_in: int = 0
    principal: str = ""
    conversation: str = ""
    wire: str = ""

    def asked(self, leg: Leg) -> None:
        """See core.plan.Gauge."""
        self.legs.append(leg)

    def over(self, ended: Ended, status: int, bytes_in: int) -> None:
        """See core.plan.Gauge."""
        self.over_at = time.monotonic()
        for leg in self.legs:
            leg.release()
        self.ended, self.status, self.bytes_in = ended, status, bytes_in
        self.done(self)

    @property
    def held(self) -> int:
        """Bytes that are kept with it."""
        return sum([leg.held for leg in self.legs])
