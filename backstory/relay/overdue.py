"""Whether a provider has kept its exchange waiting for too long. Decided here, for whoever waits."""

from __future__ import annotations

from backstory.errors import UpstreamTimeout
from backstory.relay.limits import Timeouts
from backstory.relay.upstream import UpConnection


def overdue(up: UpConnection, since: float, now: float, reading: bool, uploaded: bool, timeouts: Timeouts) -> UpstreamTimeout | None:
    """What is told of it, None while there is time. `since`: when something last happened; `reading`: the head of the reply has come;
    `uploaded`: the request is all there. Times are those of the door's clock. A provider that still takes the request is not late."""
    up.look()
    waited_s = now - max(since, up.took_at)
    if reading:
        late = waited_s > timeouts.idle_s
        return UpstreamTimeout(f"the upstream sent nothing for {timeouts.idle_s:g} s") if late else None
    if up.got_at and now - up.got_at > timeouts.header_s:
        return UpstreamTimeout(f"the upstream did not finish its reply's head within {timeouts.header_s:g} s")
    if uploaded and waited_s > timeouts.first_byte_s:
        return UpstreamTimeout(f"the upstream did not answer within {timeouts.first_byte_s:g} s")
    if up.full and waited_s > timeouts.idle_s:
        return UpstreamTimeout(f"the upstream took nothing of the request for {timeouts.idle_s:g} s")
    return None
