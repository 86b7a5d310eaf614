"""Session summaries: when a conversation has rested for a while, the sentences worth keeping of its last session, word for word.

A session goes from one long pause to the next. It is summed up once, when it is over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from backstory.core.records import SessionSummary, Turn, Watermark
from backstory.core.store import Lanes
from backstory.core.tokens import estimate
from backstory.memory.folding.digest import digest
from backstory.memory.recall.elsewhere import quoted

_TOKENS = 250
"""Of one summary."""
_LEAST_SPOKEN = 2


class SessionJob:
    """Watermark: the last turn of the last session that is summed up. `idle_s`: a session is over after such a pause. `later`: told in how
    many seconds one that is not over may be. `passing`: a clock that nobody sets (seconds)."""

    name = "sessions"

    def __init__(
        self,
        lanes: Lanes,
        breathe: Callable[[], None],
        idle_s: float,
        clock: Callable[[], float],
        later: Callable[[float], None] = lambda _: None,
        passing: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lanes = lanes
        self._breathe = breathe
        self._idle_s = idle_s
        self._clock = clock
        self._later = later
        self._passing = passing
        self._ahead: dict[str, tuple[int, float]] = {}

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job. A session that is not over stays above the watermark."""
        turns = await self._lanes.read(lambda store: store.turns(conversation, after=mark.turn))
        now = self._clock()
        if not turns:
            return False
        left_s = self._left(turns[-1], now)
        if left_s > 0:
            if now + left_s < mark.lease_until:
                # A lease that outlasts the session would hide from the next look that it is over.
                await self._lanes.write(lambda store: store.lease(conversation, self.name, mark.owner, left_s, now))
            self._later(left_s)
            return False
        run = asyncio.get_running_loop().run_in_executor
        rows = await run(None, summed_up, turns, self._idle_s, now, self._breathe)
        last = turns[-1].id
        anew = not mark.turn
        await self._lanes.write(lambda store: store.put_session_summaries(rows, replace(mark, turn=last), anew))
        return False

    def _left(self, last: Turn, now: float) -> float:
        """Seconds until the session of this turn, its last one, is over. Where the clock was set back behind it, they are counted from
        when that was noticed."""
        left_s = last.arrived + self._idle_s - now
        if left_s <= self._idle_s:
            self._ahead.pop(last.conversation, None)
            return left_s
        seconds = self._passing()
        turn, since = self._ahead.pop(last.conversation, (0, 0.0))
        since = since if turn == last.id else seconds
        left_s = since + self._idle_s - seconds
        if left_s > 0:
            self._ahead[last.conversation] = (last.id, since)
        return left_s


def summed_up(turns: Sequence[Turn], idle_s: float, now: float, breathe: Callable[[], None]) -> list[SessionSummary]:
    """The summaries of these turns' sessions, each named by its session's last turn; none for a session in which hardly anything was
    said."""
    made: list[SessionSummary] = []
    for session in sessions(turns, idle_s):
        spoken = [turn for turn in session if turn.kind == "spoken"]
        text = digest(spoken, _TOKENS, estimate, breathe) if len(spoken) >= _LEAST_SPOKEN else ""
        if text:
            first, last = session[0], session[-1]
            made.append(
                SessionSummary(last.id, last.conversation, quoted(text, spoken), text, estimate(text), first.arrived, last.arrived, now)
            )
    return made


def sessions(turns: Sequence[Turn], idle_s: float) -> list[list[Turn]]:
    """The turns, cut where one arrived so long after the one before it."""
    found: list[list[Turn]] = []
    for turn in turns:
        if found and turn.arrived - found[-1][-1].arrived < idle_s:
            found[-1].append(turn)
        else:
            found.append([turn])
    return found
