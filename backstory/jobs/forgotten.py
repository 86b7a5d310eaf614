"""Noticing what was forgotten, is about to be, or was taken back, here or by another process: what is held in memory of it must go too. And
noticing that the whole database is gone."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from backstory.commands.forgetting import FORGET
from backstory.core.store import Lanes
from backstory.core.tombs import Tomb, Tombs
from backstory.errors import StoreError, StoreGone

# A forgotten text may be recalled by a running proxy for so long at most.
_LOOK_S = 1.0
# What another process lays is written within so many seconds.
_LATE_S = 5.0


class Forgotten:
    """Looks for new receipts and forgets that wait; `forget` drops what is held in memory, and takes the tombs. `learn` takes the key and
    the tombs of what is not to be remembered. `gone` is called once, when the database is no longer there. `heed` looks for
    what else other processes were told. `passing`: a clock that nobody sets (seconds)."""

    def __init__(
        self,
        lanes: Lanes,
        forget: Callable[[Tombs], None],
        learn: Callable[[bytes, list[Tomb]], None],
        gone: Callable[[], None],
        heed: Callable[[], Awaitable[None]],
        passing: Callable[[], float] = time.monotonic,
    ) -> None:
        self._learn = learn
        self._passing = passing
        # When it was known that what is laid reaches to this number.
        self._laid: deque[tuple[float, int]] = deque()
        self._lanes = lanes
        self._forget = forget
        self._gone = gone
        self._heed = heed
        self._last = 0
        self._waiting: frozenset[tuple[str, str, str]] = frozenset()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin after the receipts that are there already."""
        receipts = await self._lanes.read(lambda store: store.receipts(0))
        self._last = max((receipt.id for receipt in receipts), default=0)
        self._waiting = frozenset(await self._lanes.read(lambda store: store.stated(FORGET)))
        key, laid = await self._lanes.read(lambda store: store.laid(0))
        self._learn(key, laid)  # more may have come since all tombs were read
        self._laid = deque([(self._passing(), laid[-1].turn if laid else 0)])
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """A second call does nothing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def look(self) -> bool:
        """Whether something was forgotten since the last look."""
        after, since = self._last, self._since()
        (key, laid), receipts, stated = await self._lanes.read(
            lambda store: (store.laid(since), store.receipts(after), store.stated(FORGET))
        )
        if laid:
            self._laid.append((self._passing(), laid[-1].turn))
            self._learn(key, laid)
        waiting = frozenset(stated)
        if not receipts and waiting == self._waiting:
            return False
        await self.drop()
        self._last = max((receipt.id for receipt in receipts), default=after)
        self._waiting = waiting
        return True

    def _since(self) -> int:
        """The number to which everything is known that was laid: another process may have drawn a smaller one than the newest, and write it
        later."""
        until = self._passing() - _LATE_S
        while len(self._laid) > 1 and self._laid[1][0] <= until:
            self._laid.popleft()
        return self._laid[0][1]

    async def drop(self) -> None:
        """Hold nothing of what is forgotten by now. Raises StoreError."""
        self._forget(await self._lanes.read(lambda store: store.tombs()))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self.look()
                await self._heed()
            except StoreGone:
                self._gone()
                return
            except StoreError:
                continue
