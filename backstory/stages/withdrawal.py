"""What was told of other conversations goes up no longer once others are in the room.

Rule: privacy comes before the prompt's cache. A block that quotes a turn of a conversation held in another room is withdrawn as a whole;
blocks of the conversation itself stay. While the store is asked, and where that fails, none of them goes up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from backstory.core.exchange import Exchange
from backstory.core.records import Injection
from backstory.core.store import Lanes
from backstory.memory.identity import belonging
from backstory.memory.identity.thread import Thread
from backstory.stages.base import Stage
from backstory.stages.rooms import Rooms
from backstory.stages.visit import Visit, Visits


class Withdrawal(Stage):
    """Takes blocks of other rooms out of a conversation: once for each room that it turns out to be in."""

    name = "withdrawal"

    def __init__(self, visits: Visits, lanes: Lanes, rooms: Rooms, clock: Callable[[], float]) -> None:
        self._visits = visits
        self._lanes = lanes
        self._rooms = rooms
        self._clock = clock

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready or not visit.thread.injections:
            return exchange
        thread = visit.thread
        if not _unsure(visit):
            return exchange
        told = [one for one in thread.injections.values() if _foreign(thread, one)]
        if not told:
            thread.told_in = thread.home.audience if thread.home is not None else ""
            return exchange
        withhold(thread, told)
        await self._rooms.note(visit)
        room = await self._rooms.entered(visit)
        if not room and _channelled(visit):
            room = belonging.MIXED + thread.conversation.id
        looked_at = set[bytes]()
        while told:
            allowed = told if not room else await self._allowed(thread, told, room)
            thread.inject(allowed)
            if len(allowed) < len(told):
                thread.loosened = self._clock()
            # More may have been learnt of another process meanwhile.
            looked_at.update(one.chain for one in told)
            told = [one for one in thread.injections.values() if one.chain not in looked_at and _foreign(thread, one)]
            withhold(thread, told)
        thread.told_in = room
        return exchange

    async def _allowed(self, thread: Thread, told: Iterable[Injection], room: str) -> list[Injection]:
        """Those of these blocks that quote nothing from outside of this room."""
        quoted = {one.chain: _foreign(thread, one) for one in told}
        wanted = {turn for turns in quoted.values() for turn in turns}
        names = await self._lanes.read(lambda store: {turn.id: turn.conversation for turn in store.turns_by_id(wanted)})
        within = set(await self._rooms.among(thread.conversation.principal, sorted(set(names.values())), room))
        return [one for one in told if all(names.get(turn) in within for turn in quoted[one.chain])]


def withhold(thread: Thread, blocks: Iterable[Injection]) -> None:
    """These go up no more, whatever is stored of them, until they are injected again."""
    for one in blocks:
        thread.withdraw(one.chain)
        thread.withheld.add(one.chain)


def _unsure(visit: Visit) -> bool:
    """Whether the conversation may be in another room than when its blocks were looked at, or nobody has looked. Costs what is new."""
    thread = visit.thread
    if thread.told_in is None or (thread.home is not None and thread.home.audience != thread.told_in):
        return True
    return not thread.told_in.startswith(belonging.MIXED) and _channelled(visit)


def _channelled(visit: Visit) -> bool:
    """Whether a new message came through a channel, whatever its room is."""
    room = visit.thread.told_in or ""
    return any(line.channel and (not line.room or line.room != room) for line in visit.reading.lines[visit.reading.reused :])


def _foreign(thread: Thread, one: Injection) -> list[int]:
    """The turns of other conversations that a block quotes."""
    return [turn for turn in one.turns if turn not in thread.by_id]
