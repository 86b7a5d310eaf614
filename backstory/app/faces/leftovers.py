"""The store as a command sees it: with what stands only in journals, because a proxy has died or has not stored it yet.

Rule: what a dead proxy has left is taken in before a command looks. What a running one has answered, and stores in a moment, is waited for
where nothing may be missed. Either is told where it cannot be done, and reading goes on without it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from backstory.app.faces.stored import existing
from backstory.config import Config
from backstory.config.sections import Storage
from backstory.core.store import Store
from backstory.errors import StoreError
from backstory.stores.database import journal_place
from backstory.stores.inbox import Inbox

# A proxy that is just starting may have a journal in hand: it is looked after so often, with so long between.
_TRIES, _PAUSE_S = 4, 0.5
# A running proxy stores within a fifth of a second, where the database can be written.
_WAIT_S, _STEP_S = 5.0, 0.02


class Opened:
    """The configured store for one command; closed at the end of the `with`. `tell` gets what is missing, a sentence each; `missing` says
    whether there was any. Raises NotFound where nothing is stored, StoreError."""

    def __init__(self, config: Config, tell: Callable[[str], None]) -> None:
        self._storage = config.storage
        self._tell = tell
        self.missing = False
        self._told(take_in(config.storage))
        self._store = existing(config)

    def __enter__(self) -> Store:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def wait(self) -> None:
        """Until all that was answered by now is in the store, some seconds at most."""
        self._told(settled(self._storage))

    def _told(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self.missing = True
            self._tell(sentence)


def take_in(storage: Storage) -> list[str]:
    """Store what dead proxies have left; what is missing all the same. Where they have left nothing, a look at the folder."""
    try:
        if not Inbox.left(*journal_place(storage.url, storage.journal)):
            return []
        return asyncio.run(_take_in(storage))
    except StoreError as error:
        return [f"what a proxy has left in its journal is missing: {error}"]


def settled(storage: Storage) -> list[str]:
    """Wait for what running proxies have not stored yet; what is missing all the same."""
    try:
        place = journal_place(storage.url, storage.journal)
        waiting, until = set(Inbox.unsettled(*place)), time.monotonic() + _WAIT_S
        while waiting and time.monotonic() < until:
            time.sleep(_STEP_S)
            waiting &= set(Inbox.unsettled(*place))
    except StoreError as error:
        return [f"what a running proxy has not stored yet may be missing: {error}"]
    return [f"what a running proxy has not stored yet may be missing: {path}" for path in sorted(waiting)]


async def _take_in(storage: Storage) -> list[str]:
    # Their lanes, and what reads an entry, are loaded only where there is one.
    from backstory.app.journals import open_lanes, recovery  # noqa: PLC0415

    unreadable: list[str] = []
    lanes = await open_lanes(storage.url, storage.journal)
    try:
        for left in range(_TRIES - 1, -1, -1):
            await lanes.recover(recovery(lambda _, error: unreadable.append(type(error).__name__)))
            if not lanes.unread or lanes.last_error or not left:
                break
            await asyncio.sleep(_PAUSE_S)
    finally:
        await lanes.close()
    missing = []
    if lanes.unread:
        missing.append(f"what a proxy has left in its journal is missing: {lanes.last_error or 'another process has it in hand'}")
    if lost := lanes.damaged + len(unreadable) + lanes.dropped:
        missing.append(f"{lost} entries of a journal that a proxy has left could not be read")
    return missing
