"""Topics and index terms of every turn, in the order of the turns: what full-text search finds them by.

The vocabulary of a conversation grows with its turns; where the job takes over a conversation, it is learnt anew from all turns that are
tagged already: whoever tags it, and in however many steps, a conversation has one vocabulary. The same holds for topics that are split
because too many turns have them (memory/tags/splits.py): turns tagged before are renamed then.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from msgspec.structs import replace

from backstory.core.records import Turn, TurnTags, Watermark
from backstory.core.store import Lanes
from backstory.memory.recall.units import index_terms
from backstory.memory.tags.splits import Splits, looked_at, narrowed, splits, topic
from backstory.memory.tags.tagging import tags
from backstory.memory.tags.vocabulary import Vocabulary

# About 20 ms of work on a thread.
_TURNS_A_STEP = 80
# So many are read at once where all are: requests read on the same threads.
_READ_AT_ONCE = 500
# Turns of which tags are renamed in one write.
_RENAMED_AT_ONCE = 80
# Vocabularies kept for conversations that are going on: so many, of so many turns together (a turn takes about 900 bytes).
_VOCABULARIES, _VOCABULARY_TURNS = 200, 40_000


class _Known:
    """What is known of a conversation's tags up to the turn `upto`. `given`: the local tags of every turn, `ids`: of these turns.
    `fence`: of the watermark; a forgetting raises it, and what was known then knows too much."""

    __slots__ = ("fence", "given", "ids", "split", "upto", "vocabulary")

    def __init__(self, upto: int, fence: int = 0) -> None:
        self.upto = upto
        self.fence = fence
        self.vocabulary = Vocabulary()
        self.ids: list[int] = []
        self.given: list[tuple[str, ...]] = []
        self.split: Splits = {}


class TagJob:
    """Watermark: the last turn that is tagged."""

    name = "tags"

    def __init__(self, lanes: Lanes, breathe: Callable[[], None]) -> None:
        self._lanes = lanes
        self._breathe = breathe
        self._held: OrderedDict[str, _Known] = OrderedDict()

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job."""
        turns = await self._lanes.read(lambda store: store.turns(conversation, after=mark.turn, limit=_TURNS_A_STEP))
        if not turns:
            return False
        known = await self._known(conversation, mark)
        # Until all of it is stored, what is held would say more than that.
        self._held.pop(conversation, None)
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(None, tagged, turns, known.vocabulary, self._breathe)
        before = looked_at(len(known.given))
        known.ids += [row.turn for row in rows]
        known.given += [row.tags for row in rows]
        upto = looked_at(len(known.given))
        if upto != before:
            found = await loop.run_in_executor(None, splits, known.given[:upto], self._breathe)
            await self._rename(known, found, len(known.given) - len(rows), mark)
        last = turns[-1].id
        rows = [replace(row, tags=narrowed(row.tags, known.split)) for row in rows]
        await self._lanes.write(lambda store: store.put_tags(rows, replace(mark, turn=last)))
        known.upto = last
        self._held[conversation] = known
        self._shed()
        return len(turns) == _TURNS_A_STEP

    async def _known(self, conversation: str, mark: Watermark) -> _Known:
        held = self._held.get(conversation)
        if held is not None and (held.upto, held.fence) == (mark.turn, mark.fence):
            return held
        known = _Known(mark.turn, mark.fence)
        if mark.turn:
            loop = asyncio.get_running_loop()
            async for old in self._turns(conversation, mark.turn):
                known.given += await loop.run_in_executor(None, learn, old, known.vocabulary, self._breathe)
                known.ids += [turn.id for turn in old]
            known.split = await loop.run_in_executor(None, splits, known.given[: looked_at(len(known.ids))], self._breathe)
            await self._mend(conversation, known, mark)
        return known

    async def _turns(self, conversation: str, upto: int) -> AsyncIterator[list[Turn]]:
        """Its turns up to this one, some at a time."""
        last = 0
        while last < upto:
            some = await self._lanes.read(lambda store, after=last: store.turns(conversation, after, _READ_AT_ONCE))  # type: ignore[misc]
            if not some:
                return
            last = some[-1].id
            yield [turn for turn in some if turn.id <= upto]

    async def _rename(self, known: _Known, found: Splits, upto: int, mark: Watermark) -> None:
        """From now on these topics are split; so they are in the first `upto` turns, which are stored."""
        old, known.split = known.split, found
        if old == found:
            return
        pairs = zip(known.ids[:upto], known.given[:upto], strict=True)
        await self._write({turn: names for turn, given in pairs if (names := _names(given, old, found))}, mark)

    async def _mend(self, conversation: str, known: _Known, mark: Watermark) -> None:
        """Where turns were forgotten, or a process died while it renamed, the stored tags may be split otherwise."""
        stored = {row.turn: row.tags for row in await self._lanes.read(lambda store: store.tags(conversation))}
        wrong: dict[int, Mapping[str, str]] = {}
        for turn, given in zip(known.ids, known.given, strict=True):
            names = {topic(tag): tag for tag in narrowed(given, known.split)}
            if any(names.get(topic(tag), tag) != tag for tag in stored.get(turn, ())):
                wrong[turn] = names
        await self._write(wrong, mark)

    async def _write(self, names: Mapping[int, Mapping[str, str]], mark: Watermark) -> None:
        turns = list(names)
        for start in range(0, len(turns), _RENAMED_AT_ONCE):
            some = {turn: names[turn] for turn in turns[start : start + _RENAMED_AT_ONCE]}
            await self._lanes.write(lambda store, some=some: store.retag(some, mark))  # type: ignore[misc]

    def _shed(self) -> None:
        """Let go of what was not used for the longest time."""
        turns = sum(known.vocabulary.turns for known in self._held.values())
        while len(self._held) > 1 and (len(self._held) > _VOCABULARIES or turns > _VOCABULARY_TURNS):
            _, gone = self._held.popitem(last=False)
            turns -= gone.vocabulary.turns


def _names(given: Sequence[str], old: Splits, new: Splits) -> dict[str, str]:
    """The new names of a turn's topics that are split otherwise than before."""
    pairs = zip(given, narrowed(given, old), narrowed(given, new), strict=True)
    return {tag: now for tag, before, now in pairs if before != now}


def learn(turns: Sequence[Turn], vocabulary: Vocabulary, breathe: Callable[[], None]) -> list[tuple[str, ...]]:
    """Have the vocabulary learn what it learnt of these turns when they were tagged; the tags that they got."""
    given = []
    for turn in turns:
        given.append(tags(turn.text, vocabulary))
        breathe()
    return given


def tagged(turns: Sequence[Turn], vocabulary: Vocabulary, breathe: Callable[[], None]) -> list[TurnTags]:
    """The rows of these turns; `vocabulary` learns from them."""
    rows: list[TurnTags] = []
    for turn in turns:
        terms = " ".join(index_terms(turn.text))
        breathe()
        rows.append(TurnTags(turn.id, turn.conversation, tags(turn.text, vocabulary), terms))
        breathe()
    return rows
