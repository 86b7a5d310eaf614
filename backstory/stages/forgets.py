"""Forgetting in the chat: turns are out of recall at once and removed when the time for an undo has passed (jobs/removal.py)."""

from __future__ import annotations

import asyncio

from backstory.commands import forgetting as told
from backstory.commands.forgetting import FORGET, going, going_text
from backstory.memory.alignment import align
from backstory.memory.text import terms
from backstory.stages.desk import Desk
from backstory.stages.visit import Visit

# More turns than this are looked through on another thread: some 20 ms of work.
_INLINE_TURNS = 500


class Forgets:
    """`forget` and `undo`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def forget(self, visit: Visit, topic: str) -> str:
        """The answer to `forget`."""
        thread, desk = visit.thread, self._desk
        turns = [turn for turn in thread.by_id.values() if turn.id not in thread.hidden]
        if topic.startswith("#"):
            turns = [turn for turn in thread.path if turn.id not in thread.hidden]
        if len(turns) > _INLINE_TURNS:
            found = await asyncio.get_running_loop().run_in_executor(None, told.about, topic, turns, terms)
        else:
            found = told.about(topic, turns, terms)
        if not found:
            return told.nothing(topic)
        ids = tuple(turn.id for turn in found)
        waiting = (*going(thread.states.get(FORGET, "")), told.Going(topic, desk.clock() + desk.undo_s, ids))
        await desk.keep(visit, {FORGET: going_text(waiting)})
        matched = align(visit.reading.lines, thread.path).matched
        sent = {thread.path[place].id for place in matched if place >= 0}
        return told.hidden(topic, found, desk.undo_s / 60, len(sent.intersection(ids)))

    async def undo(self, visit: Visit) -> str:
        """The answer to `undo`."""
        thread, desk = visit.thread, self._desk
        waiting = going(thread.states.get(FORGET, ""))
        if not waiting or waiting[-1].due <= desk.clock():
            return told.too_late(desk.undo_s / 60)
        await desk.keep(visit, {FORGET: going_text(waiting[:-1])})
        return told.back(waiting[-1])
