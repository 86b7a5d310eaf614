"""What look-ups have left for later requests: known to the thread, stored with the answer that they belong to, and read with the thread by
whoever serves the next request.

Rule: nobody else gets to see what was looked up: it is found by principal and scope. Where nothing was ever left, nothing is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from backstory.core.legs import Kept
from backstory.core.records import Lookup, Turn
from backstory.core.store import Lanes, Store
from backstory.errors import StoreError
from backstory.memory.identity.thread import place_of
from backstory.memory.recall import lookups
from backstory.stages.visit import Visit, answered

# Of one conversation, as many as the store keeps.
_MOST_HELD = 128
_LOOK_AGAIN_S = 5.0


class Lookups:
    """`anywhere`: whether anything was ever left, by this process or another, as far as that is known. `now`: monotonic seconds."""

    def __init__(self, lanes: Lanes, clock: Callable[[], float], now: Callable[[], float] = time.monotonic) -> None:
        self._lanes = lanes
        self._clock = clock
        self._now = now
        self._looked = 0.0
        self._looking: asyncio.Task[None] | None = None
        self.anywhere = False

    async def look(self) -> None:
        """Look whether there is anything."""
        self._looked = self._now()
        with suppress(StoreError):
            self.anywhere = await self._lanes.read(lambda store: store.has_lookups()) or self.anywhere

    def expects(self) -> bool:
        """Whether there may be something for a request that goes past memory; where not, it is looked soon whether another process
        has left something since."""
        if not self.anywhere and self._looking is None and self._now() - self._looked > _LOOK_AGAIN_S:
            self._looking = asyncio.ensure_future(self.look())
            self._looking.add_done_callback(lambda _: setattr(self, "_looking", None))
        return self.anywhere

    def owe(self, visit: Visit, text: str, turns: Sequence[int]) -> None:
        """This goes up with the next request of the visit's conversation, if that goes on from its answer."""
        self._leave(visit, (lookups.owed(visit.thread.conversation.id, _chain(visit), text, turns, self._clock()),))

    def keep(self, visit: Visit, kept: Kept, bare: Kept, turns: Sequence[int]) -> None:
        """A provider keeps the visit's answer under another id than its client has for it. `bare`, `turns`: as in
        memory/recall/lookups.py."""
        thread = visit.thread
        self._leave(visit, lookups.kept(thread.conversation.id, _chain(visit), thread.root, kept, bare, turns, self._clock()))

    def _leave(self, visit: Visit, made: Sequence[Lookup]) -> None:
        held = visit.thread.lookups
        visit.lookups.extend(made)
        for one in made:
            held.pop(one.name, None)
            held[one.name] = one
        while len(held) > _MOST_HELD:
            del held[next(iter(held))]
        self.anywhere = True

    async def owed(self, visit: Visit) -> Lookup | None:
        """What goes up with this request: it goes on from the answer in which it was looked up, with results of the client's tools."""
        thread = visit.thread
        # Another process has answered where an answer is new here.
        if any(turn.role == "assistant" for turn in visit.turns):
            stored = await self._read(lambda store: store.lookups(thread.conversation.id))
            thread.lookups.update((one.name, one) for one in stored if one.created >= _made(thread.lookups.get(one.name)))
        one = thread.lookups.get(lookups.OWED)
        if one is None or not thread.hidden.isdisjoint(one.turns) or not _goes_on(visit, one.chain):
            return None
        return one

    def held(self, visit: Visit | None, name: str) -> Mapping[str, Kept]:
        """What the visit's thread knows of the answer of this id."""
        return _found(visit.thread.root, name, visit.thread.lookups, visit.thread.hidden) if visit is not None and name else {}

    async def kept(self, visit: Visit, name: str) -> Mapping[str, Kept]:
        """How the provider keeps the answer of this id, on which the visit's request builds."""
        thread = visit.thread
        found = self.held(visit, name)
        if found or not name or not self.anywhere or f"response:{name}" in thread.answers:
            return found
        return await self.stored(thread.conversation.principal, thread.root, name, thread.hidden)

    async def stored(self, principal: str, root: bytes, name: str, hidden: frozenset[int] = frozenset()) -> Mapping[str, Kept]:
        """The same, for whoever has this principal and root, as it is stored."""
        await self._lanes.flush()
        rows = await self._read(lambda store: _named(store, principal, name))
        return _found(root, name, {one.name: one for one in rows}, hidden)

    async def _read(self, call: Callable[[Store], list[Lookup]]) -> list[Lookup]:
        try:
            return await self._lanes.read(call)
        except StoreError:
            return []


def _found(root: bytes, name: str, known: Mapping[str, Lookup], hidden: frozenset[int]) -> Mapping[str, Kept]:
    found = lookups.find_kept(known, root, name, hidden)
    return {} if found is None else {name: found}


def _made(one: Lookup | None) -> float:
    return one.created if one is not None else 0.0


def _named(store: Store, principal: str, name: str) -> list[Lookup]:
    conversation = store.alias(principal, f"response:{name}")
    return store.lookups(conversation) if conversation is not None else []


def _chain(visit: Visit) -> bytes:
    """Hash up to the message that the visit's answer follows."""
    last = answered(visit)
    return last.chain if last is not None else visit.thread.root


def _goes_on(visit: Visit, chain: bytes) -> bool:
    """Whether the request is what leads up to `chain`, an answer, and results of tools."""
    path, upto = visit.thread.path, visit.upto
    at = place_of(path, visit.thread.by_id.get(visit.thread.by_chain.get(chain, 0)))
    if 0 <= at < upto:
        after: Sequence[Turn] = [*path[at + 1 : upto], *visit.turns]
    else:
        place = next((place for place, one in enumerate(visit.turns) if one.chain == chain), -1)
        if place < 0:
            return False
        after = visit.turns[place + 1 :]
    answered = next((place for place, one in enumerate(after) if one.role != "assistant"), len(after))
    rest = after[answered:]
    return bool(rest) and all(one.kind == "tool" and one.role != "assistant" for one in rest)
