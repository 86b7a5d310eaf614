"""Noticing what was pinned or let go of, here or by another process (`backstory pin`): threads in memory must know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backstory.core.store import Lanes
from backstory.errors import StoreError

# A pin counts in a running proxy after so long at most.
_LOOK_S = 1.0


class Pins:
    """Looks for changed pins; `changed` is told conversation, turn, and whether it is pinned now."""

    def __init__(self, lanes: Lanes, changed: Callable[[str, int, bool], None]) -> None:
        self._lanes = lanes
        self._changed = changed
        self._last = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin after the changes that are there already: a thread is loaded with its pins."""
        await self._look(lambda *_: None)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """A second call does nothing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def look(self) -> None:
        """Tell of what was changed since the last look. Raises StoreError."""
        await self._look(self._changed)

    async def _look(self, tell: Callable[[str, int, bool], None]) -> None:
        after = self._last
        for change, conversation, turn, pinned in await self._lanes.read(lambda store: store.pin_changes(after)):
            self._last = max(self._last, change)
            tell(conversation, turn, pinned)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self.look()
            except StoreError:
                continue
