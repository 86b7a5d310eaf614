"""Who is in the room that a conversation is held in, and whether what is said in one may be told in another.

Rule: only in the same room, whoever asks and however: by a link, a merge, a project. A conversation that came through a channel and whose
room is not known is in a room of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.records import Home
from backstory.core.store import Lanes, Store
from backstory.memory.identity import belonging
from backstory.memory.identity.thread import Thread
from backstory.stages.visit import Visit

# Conversations that are looked at, the last updated first.
_MOST = 500


class Rooms:
    """Looks up, and keeps, in which room conversations are."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def note(self, visit: Visit) -> None:
        """What new messages tell of the room is known from here on, and stored with the answer. Costs a look at them where there is nothing
        to learn."""
        home = visit.thread.home
        fresh = _rooms(visit, visit.reading.reused if home is not None else 0)
        if fresh and (home is None or fresh != {home.audience}):
            known = home or await self._stored(visit.thread)
            visit.thread.home = told = _settled(visit, known)
            if told != known:
                visit.home = told

    async def entered(self, visit: Visit) -> str:
        """The room of a visit's conversation, by what its messages tell, too. Nothing is kept."""
        home = visit.thread.home or await self._stored(visit.thread)
        return _settled(visit, home).audience if _rooms(visit, 0) else await self.of(visit.thread)

    async def _stored(self, thread: Thread) -> Home | None:
        return await self._lanes.read(lambda store: store.home(thread.conversation.id))

    async def of(self, thread: Thread) -> str:
        """The room of a conversation as far as it is known; "" for one that is its owner's alone."""
        if thread.home is not None:
            return thread.home.audience
        home = await self._stored(thread)
        if home is not None:
            return home.audience
        return belonging.MIXED + thread.conversation.id if any(turn.channel for turn in thread.path) else ""

    async def among(self, principal: str, names: Sequence[str], room: str) -> list[str]:
        """Those of these conversations of the principal that are in this room."""

        def read(store: Store) -> list[str]:
            if not belonging.shared(room, room):
                return []
            homes = {name: store.home(name) for name in names[:_MOST]}
            untold = {one.id for one in store.kin(principal, Home("", "", room), True, _MOST)} if None in homes.values() else set()
            return [name for name, home in homes.items() if (name in untold if home is None else belonging.shared(home.audience, room))]

        return await self._lanes.read(read)


def _rooms(visit: Visit, start: int) -> set[str]:
    return {line.room for line in visit.reading.lines[start:] if line.room}


def _settled(visit: Visit, known: Home | None) -> Home:
    """What is known, and what the messages of this request tell. Turns that it does not carry may have been said elsewhere."""
    thread, reading = visit.thread, visit.reading
    told = Home(thread.conversation.id, "", belonging.audience(_rooms(visit, 0), ()))
    if known is not None:
        return belonging.settled(known, told, ())
    carried = set(reading.chains)
    earlier = [turn.channel for turn in thread.path if turn.chain not in carried]
    return belonging.settled(None, told, [*earlier, *(line.channel for line in reading.lines if line.channel and not line.room)])
