"""Until a memory's store is open, and when it is taken away: tries, again and again, while what is said is journalled aside.

Rule: it never fails and nobody waits for it longer than a moment; while there is no store, everything is relayed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from backstory.app.aside import Aside
from backstory.app.journals import recovery
from backstory.config import mask
from backstory.config.sections import Storage
from backstory.errors import BackstoryError
from backstory.stages.base import Failed, attempt, attempted
from backstory.stores.lanes import StoreLanes

log = logging.getLogger("backstory")

# How long a start waits for its store before it listens without memory.
_OPENING_S = 0.6
# A store that cannot be opened is tried again after so many seconds, later and later.
_AGAIN_S = (2.0, 60.0)


class StoreOpening:
    """Of one store. `opens`: opens it and what works over it, and calls `begin` last; raises where it cannot. `shuts`: closes what of
    them is open. `taken_in`: something that another process had left was stored since `begin`."""

    def __init__(
        self,
        storage: Storage,
        opens: Callable[[], Awaitable[None]],
        shuts: Callable[[], Awaitable[None]],
        taken_in: Callable[[], None],
        failed: Failed,
    ) -> None:
        self._storage = storage
        self._opens = opens
        self._shuts = shuts
        self._taken_in = taken_in
        self._failed = failed
        self.is_open = False
        """Whether memory is on."""
        self.trouble = ""
        """Why it is not, where it was begun."""
        self.first: asyncio.Future[bool] | None = None
        """The first try; None where there is none."""
        self.aside: Aside | None = None
        """Where exchanges are kept while the store is not open; None where it is, or where they cannot be."""
        self._lanes: StoreLanes | None = None
        self._again: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> bool:
        """Whether the store is being opened for the first time: requests wait for that, for a moment."""
        return self.first is not None and not self.first.done()

    @property
    def hears(self) -> bool:
        """Whether what is said while memory is off can still be remembered."""
        return self.under_way or self.aside is not None

    async def start(self) -> None:
        """Open the store. Does not wait for long: one that is held by another process is opened when it is let go."""
        self.trouble = "the store is being opened"
        self._put_aside()
        first = self.first = asyncio.create_task(self._opened())
        self._again = asyncio.create_task(self._keep_opening(first))
        await asyncio.wait({first}, timeout=_OPENING_S)

    async def begin(self, lanes: StoreLanes) -> None:
        """The store is open: take in what was said meanwhile; when nothing is left of it, memory is on."""
        settle = recovery(self._failed)
        while self.aside is not None and self.aside.count:
            attempt(self._failed, "journal", self.aside.turn_over, lambda: None)
            await lanes.recover(settle)
        self.close()
        self.aside = None
        self._lanes = lanes
        self.trouble, self.is_open = "", True

    def gone(self) -> None:
        """The database was taken away. What is not stored yet waits in the journal, and goes into a new one."""
        self.trouble = "the database is gone; a new one is begun"
        log.error("%s: %s", self.trouble, mask(self._storage.url))
        self._put_aside()
        self._again = asyncio.create_task(self._reopen())

    async def stop(self) -> None:
        """Try no more."""
        if self._again is not None:
            self._again.cancel()
            await asyncio.wait({self._again})

    def shut(self) -> None:
        """The store is being closed."""
        self.is_open, self._lanes = False, None

    def close(self) -> None:
        """Keep nothing aside any more."""
        if self.aside is not None:
            self.aside.close()

    async def _opened(self) -> bool:
        await attempted(self._closed, "opening", self._opens(), None)
        if not self.is_open:
            await self._shuts()
        return self.is_open

    def _closed(self, where: str, error: BaseException) -> None:
        trouble = str(error) if isinstance(error, BackstoryError | OSError) else f"{where}: {type(error).__name__}"
        if trouble != self.trouble:
            log.error("memory is off: %s", trouble)
        self.trouble = trouble

    async def _keep_opening(self, first: asyncio.Future[bool]) -> None:
        """While opening fails, try again, later and later; then take in what dead processes have left, in the same way."""
        shortest, longest = _AGAIN_S
        wait_s = shortest
        opened = await first
        while not opened:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest)
            opened = await self._opened()
            if opened:
                log.info("memory is on")
        wait_s = shortest
        while self._lanes is not None and self._lanes.unread:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest)
            if await self._lanes.recover(recovery(self._failed)):
                self._taken_in()

    def _put_aside(self) -> None:
        """From now on what is said is journalled, and no more, until the store is open."""
        self.aside = attempt(self._failed, "journal", self._begin_aside, lambda: None)

    def _begin_aside(self) -> Aside | None:
        return self.aside or Aside(self._storage)

    async def _reopen(self) -> None:
        await self._shuts()
        await self._keep_opening(asyncio.ensure_future(self._opened()))
