"""Answers that clients build on by their ids, for providers that keep none: held in this process, and stored with memory, so that they are
there after a restart and for other processes.

Rule: what goes past memory is not stored. What was forgotten is not built on: whatever is held goes at every forgetting.
"""

from __future__ import annotations

from collections.abc import Sequence

from backstory.app.drive import within
from backstory.app.engine import Engine
from backstory.core.records import KeptReply
from backstory.core.translation import Said
from backstory.stages.base import attempt, attempted
from backstory.wires.kept import Keep, Kept, packed, unpacked

LOOKED_UP_S = 5.0
"""A request that builds on an answer waits so long for it: without it, it is refused."""


class Keeping:
    """For one port. `kept`: what this process holds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.kept = Kept()
        engine.forgets.append(self.kept.clear)

    def keeper(self, whose: str, principal: str, known: bool) -> Keep:
        """Keeps the answer of one request; `known`: memory takes part in it."""
        engine, kept, since = self._engine, self.kept, self.kept.cleared
        first = ""

        def keep(name: str, previous: str, before: tuple[Said, ...], new: tuple[Said, ...], size_bytes: int) -> None:
            nonlocal first
            if since != kept.cleared:
                return
            first = first or name
            kept.put(whose, name, (*before, *new), size_bytes)

            def made(now: float) -> KeptReply:
                return KeptReply(whose, principal, name, previous, first, packed(new), now)

            if known:
                attempt(engine.failed, "replies", lambda: engine.keep(made), lambda: None)

        return keep

    async def load(self, whose: str, names: Sequence[str]) -> bool:
        """Hold those of these answers that are stored. Whether there are any."""
        found = False
        for name in names:
            found = await attempted(self._engine.failed, "replies", self._loaded(whose, name), False) or found
        return found

    async def _loaded(self, whose: str, name: str) -> bool:
        links = await within(self._engine.kept(whose, name), LOOKED_UP_S)
        if links:
            self.kept.put(whose, name, unpacked(links), sum(map(len, links)))
        return bool(links)
