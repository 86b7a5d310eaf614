"""Facts of every turn, in the order of the turns. Each turn is looked at by itself, but for who speaks: that the first turns
tell.

Rule: what an earlier reader made of a turn stays until this one has looked at it, and nothing waits for that. A turn that is gone is not
read: what was forgotten does not come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set

from msgspec.structs import replace

from backstory.core.records import Fact, Turn, Watermark
from backstory.core.store import Lanes
from backstory.memory.facts.extraction import READER, extract
from backstory.memory.reading.speakers import LEARNT_FROM, names_in, opening

# About 15 ms of work on a thread.
_TURNS_A_STEP = 100
FACTS = "facts"
READ_BY = f"{FACTS}:{READER}"
"""Under this name stands how far the turns of a conversation have been read by this reader."""


class FactJob:
    """Watermark: the last turn whose facts are stored."""

    name = FACTS

    def __init__(self, lanes: Lanes, breathe: Callable[[], None]) -> None:
        self._lanes = lanes
        self._breathe = breathe

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job."""
        turns = await self._lanes.read(lambda store: store.turns(conversation, after=mark.turn, limit=_TURNS_A_STEP))
        if not turns:
            return False
        rows = await asyncio.get_running_loop().run_in_executor(
            None, stated, turns, self._breathe, await speaking(self._lanes, conversation, turns)
        )
        await self._lanes.write(lambda store: store.put_facts(rows, replace(mark, turn=turns[-1].id), reader=READ_BY))
        return len(turns) == _TURNS_A_STEP


class ReadAgainJob:
    """Reads turns anew whose facts an earlier reader has stored. Watermark: the last turn that this reader has read. Where all of them
    are its own, FactJob moves that along, and there is nothing to do."""

    name = READ_BY

    def __init__(self, lanes: Lanes, breathe: Callable[[], None]) -> None:
        self._lanes = lanes
        self._breathe = breathe

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job."""
        upto = (await self._lanes.read(lambda store: store.watermark(conversation, FACTS))).turn
        if upto <= mark.turn:
            return False
        every = await self._lanes.read(lambda store: store.turns(conversation, after=mark.turn, limit=_TURNS_A_STEP))
        turns = [turn for turn in every if turn.id <= upto]
        more = len(turns) == _TURNS_A_STEP
        rows = await asyncio.get_running_loop().run_in_executor(
            None, stated, turns, self._breathe, await speaking(self._lanes, conversation, turns)
        )
        last = turns[-1].id if more else upto
        await self._lanes.write(lambda store: store.put_facts(rows, replace(mark, turn=last)))
        return more


async def speaking(lanes: Lanes, conversation: str, turns: Sequence[Turn]) -> frozenset[str]:
    """Who is known to speak in it, where one of these turns begins as a speaker's would."""
    if not any(opening(turn.text) for turn in turns):
        return frozenset()
    return names_in(await lanes.read(lambda store: store.turns(conversation, limit=LEARNT_FROM)))


def stated(turns: Sequence[Turn], breathe: Callable[[], None], names: Set[str] = frozenset()) -> list[Fact]:
    """The facts of these turns. `names`: who is known to speak."""
    return [fact for turn in turns for fact in extract(turn, breathe, names)]
