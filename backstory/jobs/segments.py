"""Segments of what has been folded: neighbouring turns on one topic, each with its own extractive digest.

Only turns that a digest stands for are cut into segments: they are complete, so no segment is ever made twice.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from msgspec.structs import replace

from backstory.core.records import Segment, Turn, Watermark
from backstory.core.store import Lanes
from backstory.core.tokens import estimate
from backstory.memory.folding.digest import digest
from backstory.memory.folding.segments import segments, topics, uncovered
from backstory.memory.recall.units import Carry, units
from backstory.memory.tags.splits import topic

# A segment's digest, as a share of its turns, and at least and at most so many tokens: a turn can be as long as a book.
_DIGEST_SHARE = 0.15
_DIGEST_LEAST, _DIGEST_MOST = 60, 4_000
_MOST_REMEMBERED = 10_000
# Requests read on the same threads.
_READ_AT_ONCE = 500
_id = attrgetter("id")


class SegmentJob:
    """Watermark: the last turn that was looked at when it was decided what is folded."""

    name = "segments"

    def __init__(self, lanes: Lanes, breathe: Callable[[], None]) -> None:
        self._lanes = lanes
        self._breathe = breathe
        self._whole: OrderedDict[str, int] = OrderedDict()
        """The fences of conversations of which no folded turn before the last segment is without one. A forgetting raises the fence."""

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job."""
        last = await self._last(conversation, mark.turn)
        if not last:
            return False
        rows: list[Segment] = []
        upto, named = 0, False
        digests = await self._lanes.read(lambda store: store.digests(conversation))
        if digests:
            done = await self._lanes.read(lambda store: store.segments(conversation))
            whole = self._whole.get(conversation) == mark.fence
            before = max((one.last_turn for one in done), default=0)
            start = before if whole else 0
            named = whole or (await self._lanes.read(lambda store: store.watermark(conversation, "tags"))).turn >= before
            upto = max(one.upto_turn for one in digests)
            folded = [turn for turn in await self._turns(conversation, start) if turn.id <= upto]
            tags = {row.turn: tuple(map(topic, row.tags)) for row in await self._lanes.read(lambda store: store.tags(conversation, start))}
            rows = await asyncio.get_running_loop().run_in_executor(None, self._rows, folded, done, tags, named and not whole)
        await self._lanes.write(lambda store: store.put_segments(rows, replace(mark, turn=last)))
        if upto and named:
            self._whole[conversation] = mark.fence
            self._whole.move_to_end(conversation)
            while len(self._whole) > _MOST_REMEMBERED:
                self._whole.popitem(last=False)
        return False

    def _rows(self, folded: Sequence[Turn], done: Sequence[Segment], tags: Mapping[int, Sequence[str]], anew: bool) -> list[Segment]:
        """What to store: segments for the turns that are in none of those that are done, and, `anew`, those whose topics have changed."""
        made = named_anew(done, tags) if anew else []
        for run in uncovered(folded, done):
            made += cut(run, tags, self._breathe)
        return made

    async def _turns(self, conversation: str, after: int) -> list[Turn]:
        """All above this one."""
        found: list[Turn] = []
        while True:
            some = await self._lanes.read(lambda store, above=after: store.turns(conversation, above, _READ_AT_ONCE))  # type: ignore[misc]
            found += some
            if len(some) < _READ_AT_ONCE:
                return found
            after = some[-1].id

    async def _last(self, conversation: str, after: int) -> int:
        """The newest turn above this one, 0 where there is none."""
        last = 0
        while some := await self._lanes.read(lambda store, above=last or after: store.turns(conversation, above, _READ_AT_ONCE)):  # type: ignore[misc]
            last = some[-1].id
        return last


def named_anew(done: Sequence[Segment], tags: Mapping[int, Sequence[str]]) -> list[Segment]:
    """Those segments whose turns are on other topics now than when they were cut, with them."""
    turns = sorted(tags)
    made: list[Segment] = []
    for one in done:
        inside = turns[bisect_left(turns, one.first_turn) : bisect_right(turns, one.last_turn)]
        now = topics(tags[turn] for turn in inside)
        if now != one.tags:
            made.append(replace(one, tags=now))
    return made


def cut(turns: Sequence[Turn], tags: Mapping[int, Sequence[str]], breathe: Callable[[], None]) -> list[Segment]:
    """The segments of these turns, each named by its first turn."""
    if not turns:
        return []
    made: list[Segment] = []
    for run in segments(units(turns, turns[0].position + 1, Carry(), breathe), tags):
        part = turns[bisect_left(turns, run.first_turn, key=_id) : bisect_right(turns, run.last_turn, key=_id)]
        budget = min(_DIGEST_MOST, max(_DIGEST_LEAST, int(run.tokens * _DIGEST_SHARE)))
        text = digest(part, budget, estimate, breathe)
        made.append(
            Segment(
                run.first_turn,
                part[0].conversation,
                run.first_turn,
                run.last_turn,
                run.tags,
                text,
                estimate(text),
                run.started,
                run.ended,
            )
        )
    return made
