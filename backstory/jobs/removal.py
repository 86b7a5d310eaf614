"""Removing for good what was forgotten in a chat, when it can no longer be taken back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from functools import partial

from msgspec.structs import replace

from backstory.commands.forgetting import FORGET, Going, going, going_text
from backstory.core.store import Lanes, Store
from backstory.errors import NotFound, StoreError

# What is due waits so much longer at most.
_LOOK_S = 5.0


class Removal:
    """Looks for what is due, also for what another process has left behind, and though the clock (Unix seconds) was set back meanwhile:
    `passing` is one that nobody sets (seconds). `failed` is told of what could not be removed; it is tried again at the next look."""

    def __init__(
        self,
        lanes: Lanes,
        clock: Callable[[], float],
        failed: Callable[[str, BaseException], None],
        passing: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lanes = lanes
        self._clock = clock
        self._passing = passing
        self._failed = failed
        self._seen: dict[Going, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """A second call does nothing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def look(self) -> int:
        """Remove what is due; the number of turns. Raises StoreError."""
        now = self._clock()
        rows = await self._lanes.read(lambda store: store.stated(FORGET))
        over = self._over([one for _, _, value in rows for one in going(value)])
        if not over and not any(one.due <= now for _, _, value in rows for one in going(value)):
            return 0
        return await self._lanes.write(lambda store: remove(store, now, over))

    def _over(self, waiting: Collection[Going]) -> set[Going]:
        """Those that have waited as long as they were to."""
        seconds = self._passing()
        self._seen = {one: self._seen.get(one, seconds) for one in waiting}
        return {one for one, since in self._seen.items() if one.at and seconds - since > one.due - one.at}

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self.look()
            except StoreError as error:
                self._failed("removal", error)


def remove(store: Store, now: float, over: Collection[Going] = ()) -> int:
    """The turns whose time has come, from every table; what can still be taken back stays. `over`: whose time has come, whatever the clock
    says. Blocks.

    What they were about goes first: the removal takes its bytes out of the file, too.
    """
    removed = 0
    for principal, conversation, value in store.stated(FORGET):
        due = [_bare(one) for one in going(value) if one.due <= now or one in over]
        if due:
            # More may have been asked for meanwhile, by another process.
            store.put_state(principal, conversation, FORGET, partial(_without_topics, due))
        for one in due:
            try:
                turns = {*one.turns, *store.answers(dict.fromkeys(one.turns, one.at))}
                removed += store.forget(principal, "", sorted(turns), now).counts.get("turns", 0)
            except NotFound:
                continue
        if due:
            store.put_state(principal, conversation, FORGET, partial(_without, due))
    return removed


def _bare(one: Going) -> Going:
    return replace(one, topic="")


def _without_topics(due: Collection[Going], text: str) -> str:
    return going_text([_bare(one) if _bare(one) in due else one for one in going(text)])


def _without(due: Collection[Going], text: str) -> str:
    return going_text([one for one in going(text) if _bare(one) not in due])
