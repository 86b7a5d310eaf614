"""Topics and index terms of every turn, in the order of the turns: what full-text search finds them by.

The vocabulary of a conversation grows with its turns; where the job takes over a conversation, it is learnt anew from the turns that are
tagged already.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from backstory.core.records import Turn, TurnTags, Watermark
from backstory.core.store import Lanes
from backstory.memory.tagging import Vocabulary, tags
from backstory.memory.units import index_terms

# About 20 ms of work on a thread.
_TURNS_A_STEP = 80
# Vocabularies kept for conversations that are going on.
_VOCABULARIES = 200
# A vocabulary is learnt from at most so many of the newest turns.
_LEARNT_FROM = 500


class TagJob:
    """Watermark: the last turn that is tagged."""

    name = "tags"

    def __init__(self, lanes: Lanes, breathe: Callable[[], None]) -> None:
        self._lanes = lanes
        self._breathe = breathe
        self._vocabularies: OrderedDict[str, tuple[int, Vocabulary]] = OrderedDict()

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job."""
        turns = await self._lanes.read(lambda store: store.turns(conversation, after=mark.turn, limit=_TURNS_A_STEP))
        if not turns:
            return False
        vocabulary = await self._vocabulary(conversation, mark.turn)
        rows = await asyncio.get_running_loop().run_in_executor(None, tagged, turns, vocabulary, self._breathe)
        last = turns[-1].id
        await self._lanes.write(lambda store: store.put_tags(rows, replace(mark, turn=last)))
        self._vocabularies[conversation] = (last, vocabulary)
        self._vocabularies.move_to_end(conversation)
        while len(self._vocabularies) > _VOCABULARIES:
            self._vocabularies.popitem(last=False)
        return len(turns) == _TURNS_A_STEP

    async def _vocabulary(self, conversation: str, upto: int) -> Vocabulary:
        known = self._vocabularies.get(conversation)
        if known is not None and known[0] == upto:
            return known[1]
        vocabulary = Vocabulary()
        if upto:
            before = await self._lanes.read(lambda store: store.turns(conversation))
            old = [turn for turn in before if turn.id <= upto][-_LEARNT_FROM:]
            await asyncio.get_running_loop().run_in_executor(None, tagged, old, vocabulary, self._breathe)
        return vocabulary


def tagged(turns: Sequence[Turn], vocabulary: Vocabulary, breathe: Callable[[], None]) -> list[TurnTags]:
    """The rows of these turns; `vocabulary` learns from them."""
    rows: list[TurnTags] = []
    for turn in turns:
        terms = " ".join(index_terms(turn.text))
        breathe()
        rows.append(TurnTags(turn.id, turn.conversation, tags(turn.text, vocabulary), terms))
        breathe()
    return rows
