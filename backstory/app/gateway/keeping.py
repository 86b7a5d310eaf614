"""Answers that clients build on by their ids, for providers that keep none: held in this process, and stored with memory, so that they are
there after a restart and for other processes.

Rule: what goes past memory is not stored. What was forgotten is not built on: whatever is held goes at every forgetting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from backstory.app.drive import within
from backstory.app.engine import Engine
from backstory.core.records import Batch, KeptReply
from backstory.core.store import Lanes
from backstory.core.tombs import Tombs
from backstory.core.translation import Said
from backstory.core.wire import Wire
from backstory.stages.base import attempt, attempted
from backstory.wires.kept import Keep, Kept, packed, unpacked

LOOKED_UP_S = 5.0
"""A request that builds on an answer waits so long for it: without it, it is refused."""


def keeps(wire: Wire) -> bool:
    """Whether answers to clients of this wire are kept. Those of Anthropic's threads are not: where a thread is not known, their clients
    begin another with all of their history (see AnthropicWire.error)."""
    return wire.stateful and wire.name != "anthropic"


def no_previous(wire: str) -> int:
    """The status with which a client of this wire is told that what it builds on is not known."""
    return 404 if wire == "anthropic" else 400


class Keeping:
    """For one port."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock
        self._kept = Kept()
        self._tombs: Tombs | None = None

    @property
    def kept(self) -> Kept:
        """What this process holds: nothing of before the last forgetting, at which memory's tombs become others."""
        threads = self._engine.threads
        tombs = threads.tombs if threads is not None else None
        if tombs is not self._tombs:
            self._tombs = tombs
            self._kept.clear()
        return self._kept

    def keeper(self, whose: str, principal: str, known: bool) -> Keep:
        """Keeps the answer of one request; `known`: memory takes part in it."""
        engine, since = self._engine, self.kept.cleared
        first = ""

        def keep(name: str, previous: str, before: tuple[Said, ...], new: tuple[Said, ...], size_bytes: int) -> None:
            nonlocal first
            kept = self.kept
            if since != kept.cleared:
                return
            first = first or name
            kept.put(whose, name, (*before, *new), size_bytes)
            if known:
                attempt(engine.failed, "replies", lambda: self._store(whose, principal, name, previous, first, new), lambda: None)

        return keep

    def _store(self, whose: str, principal: str, name: str, previous: str, first: str, new: tuple[Said, ...]) -> None:
        lanes = self._engine.lanes
        if lanes is not None:
            lanes.submit(Batch(replies=(KeptReply(whose, principal, name, previous, first, packed(new), self._clock()),)), 0)

    async def load(self, whose: str, names: Sequence[str]) -> bool:
        """Hold those of these answers that are stored. Whether there are any."""
        found = False
        for name in names:
            found = await attempted(self._engine.failed, "replies", self._loaded(whose, name), False) or found
        return found

    async def _loaded(self, whose: str, name: str) -> bool:
        lanes = self._engine.lanes
        if lanes is None:
            return False
        links = await within(_chain(lanes, whose, name), LOOKED_UP_S)
        if links:
            self.kept.put(whose, name, unpacked(links), sum(map(len, links)))
        return bool(links)


async def _chain(lanes: Lanes, whose: str, name: str) -> list[bytes]:
    await lanes.flush()
    return await lanes.read(lambda store: store.reply_chain(whose, name))
