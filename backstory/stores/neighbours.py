"""Other processes on this machine that have the same store, known by their journals: a journal with something in it is not stored yet.

Rules: who is alone pays for a look at the folder, twice a second at most. What a process has left that died is taken in by whoever would
wait for it: nobody else stores it before the next start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path

from backstory.errors import StoreError
from backstory.stores.inbox import Inbox, size

_LOOK_S = 0.5
# An answer is stored some 20 ms after it where a store is shared, a tenth of a second later where it was the first of its conversation.
_WAIT_S, _STEP_S = 0.5, 0.005
# What could not be taken in is tried again after so long.
_AGAIN_S = 5.0


class Neighbours:
    """Those of the process whose journal this is. Used on the event loop."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._any, self._at = False, -_LOOK_S
        self._stuck: frozenset[Path] = frozenset()
        self._taking: asyncio.Future[object] | None = None
        self._again = 0.0

    def __bool__(self) -> bool:
        """Whether there are any, half a second ago at most."""
        now = time.monotonic()
        if now - self._at >= _LOOK_S:
            self._any, self._at = bool(self._inbox.others()), now
        return self._any

    async def settled(self, take_in: Callable[[], Awaitable[object]]) -> bool:
        """Until what they have journalled by now is stored, or for half a second. Whether there are any. A file that was waited for in vain
        is not waited for again. `take_in` stores what dead ones have left, however long that takes, and is called once at a time."""
        if not self:
            return False
        until = time.monotonic() + _WAIT_S
        found = frozenset(path for path in self._inbox.others() if size(path))
        await self._taken_over(found, take_in, until)
        waiting = frozenset(path for path in found - self._stuck if size(path))
        while waiting and time.monotonic() < until:
            await asyncio.sleep(_STEP_S)
            await self._taken_over(waiting, take_in, until)
            waiting = frozenset(path for path in waiting if size(path))
        self._stuck = self._stuck & found | waiting
        return True

    async def _taken_over(self, found: frozenset[Path], take_in: Callable[[], Awaitable[object]], until: float) -> None:
        if self._taking is None:
            if time.monotonic() < self._again or not _abandoned(found):
                return
            self._taking = asyncio.ensure_future(take_in())
            self._taking.add_done_callback(self._took)
        elif found <= self._stuck:
            return
        await asyncio.wait({self._taking}, timeout=max(0.0, until - time.monotonic()))

    def _took(self, done: asyncio.Future[object]) -> None:
        self._taking = None
        if not done.cancelled():
            done.exception()  # told by who takes in
        self._again = time.monotonic() + _AGAIN_S if _abandoned(self._inbox.others()) else 0.0


def _abandoned(paths: Iterable[Path]) -> bool:
    """Whether one of them is. Not those that this process may not open."""
    for path in paths:
        with suppress(StoreError):
            if Inbox.abandoned(path):
                return True
    return False
