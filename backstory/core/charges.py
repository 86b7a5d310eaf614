"""What providers counted and took for requests: figures of every request that goes through, whether memory looks at it or not.

Rule: figures and names only. No text of a request or an answer, and no key, ever stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from backstory.core.exchange import Ended

Source: TypeAlias = Literal["reported", "measured", "none"]
How: TypeAlias = Ended | Literal["beaten", "slow", "cut", "empty", "failed", "thought", "silent", "late"]
"""How an answer ended; of one that the client did not get, what became of it, in the words of `X-VC-Attempts` and `X-VC-Reasoner`."""
UNTOLD = frozenset({"beaten", "slow", "cut", "thought", "silent", "late"})
"""Of these a provider may charge for what it did, and has perhaps not said how much: it was cut off."""
CUT_OFF = frozenset({"beaten", "slow", "cut", "late"})
"""Of these there is a part at most."""
Shared: TypeAlias = Literal["conversation", "principal", "model", "backend", "day"]
"""What charges are added up by; days are those of UTC."""


class Charge(Struct, frozen=True):
    """What one backend took for one request. `id`: the request's number, from TurnIds (that of `X-VC-Request` where it has one). `place`: 0
    for the answer that the client got; others are legs of the same request that it did not get, and that were charged all the same, or may
    have been: an empty answer, what had lost a race, what was too slow, what a reasoner thought.

    `at`: Unix seconds when the request had come. `principal`: whose it was, as memory knows them ("" where there is one for all).
    `conversation`: "" where memory knows of none. `wire`: the client's, "" for what is no conversation (embeddings). `calls`: how often the
    backend was asked for this answer. `source`: reported = the token counts are the provider's; measured = it told none, and they are our
    estimates; none = there is nothing to count. `input_tokens` includes cached and cache-writing input. `measured_in`, `measured_out`: our
    own estimates of what went up and, where the provider's counts are missing or of a part only, of what came down; 0 where not known.
    `cost`: dollars by the prices of `prices` (a date); `priced` False: the model's price is not known. `first_ms`, `total_ms`: from the
    request until its answer began, and until its end had been written; 0 where there was none.
    """

    id: int
    place: int
    at: float
    principal: str
    conversation: str
    wire: str
    backend: str
    model: str
    status: int
    ended: How
    calls: int
    source: Source
    input_tokens: int
    output_tokens: int
    cache_read: int
    cache_write: int
    measured_in: int
    measured_out: int
    cost: float
    priced: bool
    prices: str
    first_ms: float
    total_ms: float


class Slice(Struct, frozen=True):
    """Which charges are meant: from `since` until before `until` (Unix seconds; 0: no bound), and those of these names where one is given.
    `principal` None: of every one."""

    since: float = 0.0
    until: float = 0.0
    conversation: str = ""
    principal: str | None = None
    model: str = ""
    backend: str = ""


class Percentiles(Struct, frozen=True):
    """Milliseconds, by nearest rank: the least time that so many of a hundred did not exceed. 0 where nothing was timed."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0


class Sum(Struct, frozen=True):
    """Charges added up. `requests`: asked by clients; `errors`: those without an answer of a status below 400; `partial`: those whose
    answer was cut, by either side. `reported`, `measured`: requests by where their counts come from. `legs`: charges of answers that
    clients did not get, `legs_measured` of them with our estimates. `cost` is of models with a known price, `unpriced` counts the
    charges of others. `prices`: first and last date of the prices that were used. `timed`: requests whose answer came to its end; the
    percentiles are exact, over all of these."""

    name: str
    requests: int
    errors: int
    partial: int
    reported: int
    measured: int
    unpriced: int
    legs: int
    legs_measured: int
    input_tokens: int
    output_tokens: int
    cache_read: int
    cache_write: int
    measured_in: int
    measured_out: int
    cost: float
    prices: tuple[str, str]
    timed: int = 0
    total_ms: Percentiles = Percentiles()
    first_ms: Percentiles = Percentiles()


class Charges(Protocol):
    """The charges of a store. Calls block; each raises StoreError when the database fails."""

    def put(self, rows: Sequence[Charge]) -> None:
        """Store them in one transaction; a second time changes nothing. Those of what was forgotten after them are left out."""
        ...

    def drop(self, before: float) -> int:
        """Remove those of requests that came before this time; how many."""
        ...

    def sums(self, by: Shared, of: Slice, after: str | None = None, limit: int = 0) -> list[Sum]:
        """Added up by what they share, in the order of its names, from the one after `after` on (None: the first); at most `limit` (0:
        all)."""
        ...

    def rows(self, of: Slice, before: int = 0, limit: int = 0) -> list[Charge]:
        """Every charge of the newest `limit` (0: all) requests, the newest request first; `before`: with smaller numbers only."""
        ...
