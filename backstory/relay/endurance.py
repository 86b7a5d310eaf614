"""When a request is sent again, to whom, and after how long. Decided here, done in attempts.py.

Rule: only what is surely, or by the provider's own word, not answered is sent again, and nothing after the budget is spent.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from backstory.core.exchange import Headers
from backstory.relay.breaker import Board, Thresholds
from backstory.relay.heads import ReplyHead

Kind: TypeAlias = Literal["connect", "closed", "stale", "slow", "limited", "error", "empty"]
"""Why there is no answer: no connection came about; it ended before a byte of one; it did so in the moment it was used again; none began in
the time it was given; the provider was asked too often; it said that it failed; there was nothing in it."""

_OK, _TOO_MANY = 200, 429
# Said of a request that was not carried out (RFC 9110 section 15.5.9), and all the provider's own faults but these: what it has not got
# (501), and what it does not speak (505), it will not have the next time.
_REQUEST_TIMEOUT = 408
_LASTING = frozenset({501, 505})
_MOST_DOUBLINGS = 16
_PAGE = b"text/html"


class Policy(Struct, frozen=True):
    """`retries`: so often a request is sent again to each backend. Before that, a pause of `backoff_s`, twice as long each time, at most
    `backoff_most_s`. `budget_s`: no try begins later than so long after the first. `first_byte_s`: a backend that has not begun to answer
    by then is given up where there is another, 0: never. `keep_alive_s`: after a failed try, a client that waits for a stream gets a
    comment each time so long has gone by, 0: none. `empty_retry`: an answer with nothing in it is asked for once more."""

    retries: int = 0
    backoff_s: float = 0.5
    backoff_most_s: float = 8.0
    budget_s: float = 60.0
    first_byte_s: float = 0.0
    keep_alive_s: float = 0.0
    empty_retry: bool = False

    @property
    def repeats(self) -> bool:
        """Whether anything is ever sent to the same backend again."""
        return self.retries > 0 or self.empty_retry


class Endurance:
    """What all requests share. `clock` is the board's; `wall` Unix time, for dates; `chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        policy: Policy = Policy(),  # noqa: B008 (frozen values)
        thresholds: Thresholds = Thresholds(),  # noqa: B008
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.policy = policy
        self.clock = clock
        self.wall = wall
        self.chance = chance
        self.board = Board(thresholds, clock, wall)


class Fault(Struct, frozen=True):
    """A try without an answer. `what` is told in a header. `asked_s`: the provider wants to be asked again after so
    long, None where it did not say. `lasting`: the same backend would say the same again. `why`: told in the diagnostics, "" for the
    status alone."""

    kind: Kind
    what: str
    asked_s: float | None = None
    lasting: bool = False
    why: str = ""


class Step(Struct, frozen=True):
    """What comes next: the try with this number, after so many seconds."""

    at: int
    wait_s: float


def fault_of(reply: ReplyHead, wall: Callable[[], float]) -> Fault | None:
    """What this reply says of why there is no answer; None for an answer, a refusal of the request among them. A page of the web is none,
    whatever its status: a portal's, or what stands at a wrong address."""
    status = reply.status
    if status == _OK and is_page(reply):
        return Fault("error", "page", lasting=True, why=f"status {status}, a page of the web")
    if status not in {_TOO_MANY, _REQUEST_TIMEOUT} and (status < 500 or status in _LASTING):
        return None
    named = {key.lower(): value for key, value in reply.headers}
    lasting = named.get(b"x-should-retry", b"").strip().lower() == b"false"
    return Fault("limited" if status == _TOO_MANY else "error", str(status), asked_s(reply.headers, wall), lasting)


def is_page(reply: ReplyHead) -> bool:
    """Whether this is a page of the web: no model answers with one."""
    return any(key.lower() == b"content-type" and value.strip().lower().startswith(_PAGE) for key, value in reply.headers)


def asked_s(headers: Headers, wall: Callable[[], float]) -> float | None:
    """Seconds that the provider asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110 section 10.2.3). None
    where it says nothing that can be understood."""
    named = {key.lower(): value.decode("latin-1").strip() for key, value in headers}
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        told = named.get(name.encode(), "")
        if told.replace(".", "", 1).isdecimal() and told.isascii():
            return float(told) * unit
    try:
        return max(0.0, parsedate_to_datetime(named.get(b"retry-after", "")).timestamp() - wall())
    except (ValueError, TypeError, OverflowError):
        return None


class Schedule:
    """The tries of one request. `names`: of the backends, in the order in which they are wanted."""

    def __init__(self, names: Sequence[str], endurance: Endurance) -> None:
        self._names = names
        self._policy = endurance.policy
        self._board = endurance.board
        self._clock = endurance.clock
        self._chance = endurance.chance
        self._deadline = self._clock() + self._policy.budget_s
        self._left = [1 + self._policy.retries] * len(names)
        self._failed = [0] * len(names)
        self._ready_at = [0.0] * len(names)
        self._reasked = False

    def first(self) -> int:
        """Where to begin: the first that is neither set aside nor resting, the first that is not set aside, the first to come back."""
        board, every = self._board, range(len(self._names))
        admitted = [at for at in every if board.admits(self._names[at])]
        awake = [at for at in admitted if not board.rests(self._names[at])]
        if admitted:
            return (awake or admitted)[0]
        return min(every, key=lambda at: board.opens_in_s(self._names[at]))

    def after(self, at: int, fault: Fault) -> Step | None:
        """What comes after this one has failed so; None where that was the end. A backend's own retries come before the next backend, but
        where it has asked for more patience than a pause has, or was asked too often."""
        now = self._clock()
        self._left[at] -= 1
        self._failed[at] += 1
        if fault.kind == "empty":
            return self._again(at)
        pause_s = self._pause_s(at, fault)
        self._ready_at[at] = now + pause_s
        if fault.lasting or fault.kind == "slow":
            self._left[at] = 0
        if now > self._deadline:
            return None
        own = self._may(at) and now + pause_s <= self._deadline
        if own and fault.kind != "limited" and pause_s <= self._policy.backoff_most_s:
            return Step(at, pause_s)
        able = [other for other in range(len(self._names)) if self._may(other)]
        ready = [other for other in able if self._ready_at[other] <= now and other != at]
        if ready:
            return Step(next((other for other in ready if not self._board.rests(self._names[other])), ready[0]), 0.0)
        if not able:
            return None
        soonest = min(able, key=lambda other: self._ready_at[other])
        wait_s = max(0.0, self._ready_at[soonest] - now)
        return Step(soonest, wait_s) if now + wait_s <= self._deadline else None

    @property
    def may_reask(self) -> bool:
        """Whether an empty answer may be asked for once more."""
        return self._policy.empty_retry and not self._reasked and self._clock() <= self._deadline

    def _again(self, at: int) -> Step | None:
        if not self.may_reask:
            return None
        self._reasked = True
        self._left[at] = max(1, self._left[at])
        return Step(at, 0.0)

    def _may(self, at: int) -> bool:
        """Whether this one has tries left, and is not set aside."""
        return self._left[at] > 0 and self._board.admits(self._names[at])

    def _pause_s(self, at: int, fault: Fault) -> float:
        """Before the same one is tried again. Half of a pause is left to chance, so that many who failed together do not come back
        together; what a provider asks for is never undercut."""
        if fault.kind == "stale":
            return 0.0
        policy = self._policy
        pause_s: float = min(policy.backoff_s * 2 ** min(self._failed[at] - 1, _MOST_DOUBLINGS), policy.backoff_most_s)
        if fault.asked_s is None:
            return pause_s * (0.5 + 0.5 * self._chance())
        most = max(fault.asked_s, self._deadline - self._clock())
        return min(most, fault.asked_s + 0.5 * pause_s * self._chance())
