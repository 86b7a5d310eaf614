"""Forgetting in the chat: turns are out of recall at once and removed when the time for an undo has passed (jobs/removal.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from backstory.commands import forgetting as told
from backstory.commands.forgetting import FORGET, going, going_text
from backstory.commands.people import named_in, person
from backstory.core.records import Turn
from backstory.memory.identity.alignment import align
from backstory.memory.identity.thread import Thread
from backstory.memory.identity.wordings import beside
from backstory.memory.text import terms
from backstory.stages.apart import grouped
from backstory.stages.desk import Desk
from backstory.stages.loading import settle_states
from backstory.stages.visit import Visit

# More turns than this are looked through on another thread: some 20 ms of work.
_INLINE_TURNS = 500


class Forgets:
    """`forget` and `undo`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.changed: Callable[[], Awaitable[None]] = _nothing
        """Lets go of all that is held in memory: what is forgotten, and what is taken back, is read again."""

    async def forget(self, visit: Visit, topic: str) -> str:
        """The answer to `forget`."""
        thread, desk = visit.thread, self._desk
        # In a group nothing is shown, nor done, to what was not said there.
        without = thread.hidden | await desk.apart.everywhere(visit)
        known = thread.path if topic.startswith("#") else thread.by_id.values()
        turns = beside([turn for turn in known if turn.id not in without], thread.wordings)
        if len(turns) > _INLINE_TURNS:
            found, counted = await asyncio.get_running_loop().run_in_executor(None, _named, topic, turns)
        else:
            found, counted = _named(topic, turns)
        if not found:
            return told.nothing(topic)
        ids = tuple(turn.id for turn in found)
        now = desk.clock()
        asked = told.Going(topic, now + desk.undo_s, ids, now)
        label = thread.conversation.label
        label = label if label and named_in(label, topic, terms) else ""
        await desk.keep(visit, {FORGET: lambda text: going_text((*going(text), asked))}, label="" if label else None)
        await self.changed()
        matched = align(visit.reading.lines, thread.path).matched
        sent = {thread.path[place].id for place in matched if place >= 0}
        return told.hidden(topic, found, desk.undo_s / 60, len(sent.intersection(ids)), counted, label)

    async def undo(self, visit: Visit) -> str:
        """The answer to `undo`."""
        thread, desk = visit.thread, self._desk
        record = thread.conversation
        rows = await desk.lanes.read(lambda store: store.stated(FORGET, record.principal))
        # A turn that branches share is forgotten in all of them, and taken back in any.
        mine = [(name, going(value)) for _, name, value in rows if name == record.id or _shared(thread, going(value))]
        mine = [(name, waiting) for name, waiting in mine if waiting and waiting[-1].due > desk.clock()]
        if grouped(visit):
            elsewhere = await desk.apart.everywhere(visit)
            mine = [(name, waiting) for name, waiting in mine if all(turn in thread.by_id for turn in waiting[-1].turns)]
            mine = [(name, waiting) for name, waiting in mine if elsewhere.isdisjoint(waiting[-1].turns)]
        if not mine:
            return told.too_late(desk.undo_s / 60)
        name, waiting = max(mine, key=lambda one: one[1][-1].at)
        last = waiting[-1]

        def without(text: str) -> str:
            return going_text([one for one in going(text) if one != last])

        left = await desk.lanes.write(lambda store: store.put_state(record.principal, name, FORGET, without))
        if name == record.id:
            settle_states(thread, {FORGET: left})
        await self.changed()
        return told.back(last)


def _named(topic: str, turns: Sequence[Turn]) -> tuple[list[Turn], str]:
    """The turns that a topic or a person names, and what they have to do with that person."""
    whom = None if topic.startswith("#") else person(topic, sorted(turns, key=lambda turn: turn.id), terms)
    return (told.about(topic, turns, terms), "") if whom is None else (whom.turns, whom.counted())


def _shared(thread: Thread, waiting: Sequence[told.Going]) -> bool:
    return any(turn in thread.by_id for one in waiting for turn in one.turns)


async def _nothing() -> None:
    """Before there is anything to let go of."""
