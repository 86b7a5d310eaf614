"""What commands are carried out with, and how what they set is kept: stored first, then known here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.records import Batch, Conversation, Turn
from backstory.core.store import Lanes, Store
from backstory.memory.folding.assembly import Absent
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.memory.recall.retrieval import Recalled
from backstory.stages.apart import Apart
from backstory.stages.loading import settle_states
from backstory.stages.recall import Settings, standing_of
from backstory.stages.shelf import Shelf
from backstory.stages.threads import Threads
from backstory.stages.visit import Visit


class Desk(Struct, frozen=True):
    """`figures`: what /metrics.json tells. `undo_s`: so long a forget can be taken back. `version`: of the program."""

    threads: Threads
    lanes: Lanes
    shelf: Shelf
    settings: Settings
    clock: Callable[[], float]
    new_id: Callable[[], int]
    figures: Callable[[], Mapping[str, Any]]
    prefix: str
    undo_s: float
    version: str
    apart: Apart

    async def keep(
        self,
        visit: Visit,
        states: Mapping[str, str | Callable[[str], str]] | None = None,
        label: str | None = None,
        memory: bool | None = None,
    ) -> None:
        """Store and set these of the visit's conversation, which need not be stored yet. States: as in Store.put_state. Raises StoreError;
        then nothing is set."""
        thread, now = visit.thread, self.clock()

        def changed(record: Conversation) -> Conversation:
            return replace(
                record,
                updated=now,
                label=record.label if label is None else label,
                memory=record.memory if memory is None else memory,
            )

        record = changed(thread.conversation)
        aliases = list(visit.aliases)
        rows = Batch((record,), aliases=tuple((record.principal, key, record.id) for key in aliases), free=visit.free)
        set_now: dict[str, str] = {}

        def write(store: Store) -> None:
            store.write([rows])
            # Another process may have given its name to another conversation at this moment.
            own = store.moved.get(record.id, record.id)
            store.put_about(record.principal, own, label, memory)
            for name, value in (states or {}).items():
                set_now[name] = store.put_state(record.principal, own, name, value)

        await self.lanes.write(write)
        thread.conversation = changed(thread.conversation)
        self.threads.named(thread, aliases)
        settle_states(thread, set_now)

    async def set_of(self, thread: Thread, states: Mapping[str, str]) -> None:
        """Store and set these of another conversation, which is stored. Raises StoreError, NotFound."""
        record = thread.conversation

        def write(store: Store) -> None:
            for name, value in states.items():
                store.put_state(record.principal, record.id, name, value)

        await self.lanes.write(write)
        settle_states(thread, states)

    async def find(self, thread: Thread, question: Turn, without: set[int], budget: int, search: bool = False) -> Recalled:
        """What of a thread's branch answers to this message, less these and those about to be forgotten. `search`: as for `recall`; else
        its turns count as the rules of retention have it."""
        upto = len(thread.path)
        absent = Absent(thread, upto, Reading(b"", [], [], 0), (), without | thread.hidden)
        standing = None if search else standing_of(thread, self.settings.rules, question.at, elsewhere=True)
        return await self.shelf.recall(thread, upto, question, absent, budget, self.settings.min_score, standing, search)
