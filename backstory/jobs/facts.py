"""Facts of every turn, in the order of the turns. Each turn is looked at by itself, but for who speaks: that the first turns tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set

from msgspec.structs import replace

from backstory.core.records import Fact, Turn, Watermark
from backstory.core.store import Lanes
from backstory.memory.facts import extract
from backstory.memory.speakers import LEARNT_FROM, names_in, opening

# About 15 ms of work on a thread.
_TURNS_A_STEP = 100


class FactJob:
    """Watermark: the last turn whose facts are stored."""

    name = "facts"

    def __init__(self, lanes: Lanes, breathe: Callable[[], None]) -> None:
        self._lanes = lanes
        self._breathe = breathe

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job."""
        turns = await self._lanes.read(lambda store: store.turns(conversation, after=mark.turn, limit=_TURNS_A_STEP))
        if not turns:
            return False
        names: frozenset[str] = frozenset()
        if any(opening(turn.text) for turn in turns):
            names = names_in(await self._lanes.read(lambda store: store.turns(conversation, limit=LEARNT_FROM)))
        rows = await asyncio.get_running_loop().run_in_executor(None, stated, turns, self._breathe, names)
        await self._lanes.write(lambda store: store.put_facts(rows, replace(mark, turn=turns[-1].id)))
        return len(turns) == _TURNS_A_STEP


def stated(turns: Sequence[Turn], breathe: Callable[[], None], names: Set[str] = frozenset()) -> list[Fact]:
    """The facts of these turns. `names`: who is known to speak."""
    return [fact for turn in turns for fact in extract(turn, breathe, names)]
