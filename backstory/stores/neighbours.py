"""Other processes on this machine that have the same store, known by their journals: a journal with something in it is not stored yet.

Rules: who is alone pays for a look at the folder, twice a second at most. What a process has left that died is taken in by whoever would
wait for it: nobody else stores it before the next start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from backstory.stores.inbox import Inbox, size

_LOOK_S = 0.5
# An answer is stored some 20 ms after it where a store is shared, a tenth of a second later where it was the first of its conversation.
_WAIT_S, _STEP_S = 0.5, 0.005


class Neighbours:
    """Those of the process whose journal this is. Used on the event loop."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._any, self._at = False, -_LOOK_S
        self._stuck: frozenset[Path] = frozenset()

    def __bool__(self) -> bool:
        """Whether there are any, half a second ago at most."""
        now = time.monotonic()
        if now - self._at >= _LOOK_S:
            self._any, self._at = bool(self._inbox.others()), now
        return self._any

    async def settled(self, take_in: Callable[[], Awaitable[object]]) -> bool:
        """Until what they have journalled by now is stored, or for half a second. Whether there are any. A file that was waited for in vain
        is not waited for again. `take_in` stores what dead ones have left."""
        if not self:
            return False
        found = frozenset(path for path in self._inbox.others() if size(path))
        waiting = found - self._stuck
        if any(Inbox.abandoned(path) for path in waiting):
            await take_in()
            waiting = frozenset(path for path in waiting if size(path))
        until = time.monotonic() + _WAIT_S
        while waiting and time.monotonic() < until:
            await asyncio.sleep(_STEP_S)
            waiting = frozenset(path for path in waiting if size(path))
        self._stuck = self._stuck & found | waiting
        return True
