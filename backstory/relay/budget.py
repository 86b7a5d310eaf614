"""The side model's budget of a day: a row in the store, looked at and added to before anything is sent.

Rule: what cannot be reserved is not sent. What was reserved and never settled (a crash, a store that failed) stays used up.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from backstory.core.records import Used
from backstory.core.side import SideFigures, day_of
from backstory.core.store import Lanes
from backstory.errors import StoreError

# After a refusal nobody asks the store again for so long.
_FULL_S = 300.0


class Hold(Struct, frozen=True):
    """A reservation on the budget of this day (UTC)."""

    day: str
    spend: Used


class Budget:
    """`most`: of one day. `clock` gives Unix seconds."""

    def __init__(self, lanes: Lanes, most: Used, clock: Callable[[], float], figures: SideFigures) -> None:
        self._lanes = lanes
        self._most = most
        self._clock = clock
        self._figures = figures
        self._full = ("", 0.0)
        figures.tokens_most, figures.micros_most = most.tokens, most.micros

    @property
    def open(self) -> bool:
        """Whether there may be something left."""
        day, until = self._full
        return day != self._day() or self._clock() >= until

    async def look(self) -> None:
        """Bring the figures up to date."""
        day = self._day()
        spent = await self._lanes.read(lambda store: store.used(day))
        figures = self._figures
        figures.day, figures.tokens, figures.micros, figures.calls = day, spent.tokens, spent.micros, spent.calls

    async def reserve(self, tokens: int, micros: int) -> Hold | None:
        """A reservation for one request; None where so much is not left. Raises StoreError."""
        hold = Hold(self._day(), Used(tokens, micros, 1))
        if not await self._lanes.write(lambda store: store.reserve(hold.day, hold.spend, self._most)):
            self._full = (hold.day, self._clock() + _FULL_S)
            await self.look()
            return None
        self._held(hold)
        return hold

    def _held(self, hold: Hold) -> None:
        """What is reserved is told at once: it may never be settled."""
        figures = self._figures
        before = Used(figures.tokens, figures.micros, figures.calls) if figures.day == hold.day else Used(0, 0, 0)
        figures.day, figures.tokens = hold.day, before.tokens + hold.spend.tokens
        figures.micros, figures.calls = before.micros + hold.spend.micros, before.calls + hold.spend.calls
        figures.spent_micros += hold.spend.micros

    async def settle(self, hold: Hold, tokens: int, micros: int, calls: int = 1) -> None:
        """Replace a reservation by what was really used. Where the store fails, the reservation stays used up."""
        change = Used(tokens - hold.spend.tokens, micros - hold.spend.micros, calls - hold.spend.calls)
        self._figures.spent_micros += change.micros
        try:
            await self._lanes.write(lambda store: store.settle(hold.day, change))
            await self.look()
        except StoreError:
            self._figures.failed("settle")

    def _day(self) -> str:
        return day_of(self._clock())
