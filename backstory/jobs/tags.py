"""Topics and index terms of every turn, in the order of the turns: what full-text search finds them by.

The vocabulary of a conversation grows with its turns; where the job takes over a conversation, it is learnt anew from all turns that are
tagged already: whoever tags it, and in however many steps, a conversation has one vocabulary.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from backstory.core.records import Turn, TurnTags, Watermark
from backstory.core.store import Lanes
from backstory.memory.tagging import tags
from backstory.memory.units import index_terms
from backstory.memory.vocabulary import Vocabulary

# About 20 ms of work on a thread.
_TURNS_A_STEP = 80
# So many are read at once where all are: requests read on the same threads.
_READ_AT_ONCE = 500
# Vocabularies kept for conversations that are going on: so many, of so many turns together (a turn takes about 700 bytes).
_VOCABULARIES, _VOCABULARY_TURNS = 200, 40_000


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
        self._shed()
        return len(turns) == _TURNS_A_STEP

    async def _vocabulary(self, conversation: str, upto: int) -> Vocabulary:
        known = self._vocabularies.get(conversation)
        if known is not None and known[0] == upto:
            return known[1]
        vocabulary = Vocabulary()
        last = 0
        while last < upto:
            some = await self._lanes.read(lambda store, after=last: store.turns(conversation, after, _READ_AT_ONCE))  # type: ignore[misc]
            if not some:
                break
            last = some[-1].id
            old = [turn for turn in some if turn.id <= upto]
            await asyncio.get_running_loop().run_in_executor(None, learn, old, vocabulary, self._breathe)
        return vocabulary

    def _shed(self) -> None:
        """Let go of the vocabularies that were not used for the longest time."""
        turns = sum(vocabulary.turns for _, vocabulary in self._vocabularies.values())
        while len(self._vocabularies) > 1 and (len(self._vocabularies) > _VOCABULARIES or turns > _VOCABULARY_TURNS):
            _, (_, gone) = self._vocabularies.popitem(last=False)
            turns -= gone.turns


def learn(turns: Sequence[Turn], vocabulary: Vocabulary, breathe: Callable[[], None]) -> None:
    """Have the vocabulary learn what it learnt of these turns when they were tagged."""
    for turn in turns:
        tags(turn.text, vocabulary)
        breathe()


def tagged(turns: Sequence[Turn], vocabulary: Vocabulary, breathe: Callable[[], None]) -> list[TurnTags]:
    """The rows of these turns; `vocabulary` learns from them."""
    rows: list[TurnTags] = []
    for turn in turns:
        terms = " ".join(index_terms(turn.text))
        breathe()
        rows.append(TurnTags(turn.id, turn.conversation, tags(turn.text, vocabulary), terms))
        breathe()
    return rows
