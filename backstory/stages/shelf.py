"""The indexes of the threads in memory: built when they are first needed, kept up to date after, and asked by the recall stage.

A long history is indexed on another thread. Until that is done, and for histories too long to index in memory, full-text search in the
store picks the candidates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from backstory.core.records import Turn
from backstory.core.store import Lanes
from backstory.core.tokens import count, estimate
from backstory.memory.assembly import Absent, Present
from backstory.memory.index import Index
from backstory.memory.retrieval import Recalled, recall
from backstory.memory.thread import Thread
from backstory.memory.units import Carry, Unit, index_terms, units

T = TypeVar("T")

# So many turns are indexed, and so many units searched, on the event loop; more on another thread.
_INLINE_TURNS = 100
_INLINE_UNITS = 3000
# A history that lacks more turns than this in its index is searched in the store until the index has caught up.
_COLD_TURNS = 3000
# A longer branch is never indexed in memory.
_MOST_TURNS = 250_000
# Candidates from the store, each with one neighbour on both sides.
_CANDIDATES = 60
_ADDED_AT_ONCE = 500


class Shelf:
    """`warm` becomes True when the token vocabulary is loaded; until then counting would stall the loop."""

    def __init__(self, lanes: Lanes, clock: Callable[[], float]) -> None:
        self._lanes = lanes
        self._clock = clock
        self._building: dict[str, asyncio.Task[None]] = {}
        self._warming: asyncio.Task[None] | None = None
        self.warm = False

    def warm_up(self) -> None:
        """Load the vocabulary in the background; a second call does nothing. It is not loaded at start: most of the proxy's memory is its."""
        if not self.warm and self._warming is None:
            self._warming = asyncio.ensure_future(self._load())

    def _counter(self) -> Callable[[str], int]:
        """Exact when the vocabulary is there; until then an estimate that errs on the high side."""
        if self.warm:
            return count
        self.warm_up()
        return estimate

    async def _load(self) -> None:
        await _aside(count, "ready")
        self.warm = True

    async def recall(self, thread: Thread, upto: int, question: Turn, absent: Absent, budget: int, min_score: float) -> Recalled:
        """What of the first `upto` turns of the path, among those of `absent`, answers to this message."""
        if budget <= 0:
            return Recalled(())
        path = thread.path[:upto]
        lacking = len(path) - thread.indexed
        if len(path) > _MOST_TURNS or lacking > _COLD_TURNS:
            if len(path) <= _MOST_TURNS:
                self.prepare(thread)
            index = await self._candidates(thread, path, question)
        else:
            await self._catch_up(thread)
            found = thread.index
            if found is None:
                return Recalled(())
            index = found
        carried = Present(absent)
        now = question.at
        counter = self._counter()

        def run() -> Recalled:
            return recall(index, question.text, budget_tokens=budget, carried=carried, now=now, min_score=min_score, count=counter)

        return run() if len(index) <= _INLINE_UNITS else await _aside(run)

    async def digest(self, thread: Thread, upto: int, budget: int) -> str:
        """The digest of the first `upto` turns of the path, "" where there is no room for one."""
        if budget <= 0 or not upto:
            return ""
        from backstory.memory.digest import digest

        counter = self._counter()
        turns = thread.path[:upto]
        if upto <= _INLINE_TURNS:
            return digest(turns, budget, counter)
        return await _aside(digest, turns, budget, counter)

    def prepare(self, thread: Thread) -> None:
        """Bring the index up to date in the background."""
        name = thread.conversation.id
        if name not in self._building and thread.indexed < len(thread.path):
            task = asyncio.ensure_future(self._build(thread))
            self._building[name] = task
            task.add_done_callback(lambda _: self._building.pop(name, None))

    async def _catch_up(self, thread: Thread) -> None:
        name = thread.conversation.id
        running = self._building.get(name)
        if running is not None:
            await asyncio.shield(running)
        if len(thread.path) - thread.indexed > _INLINE_TURNS:
            self.prepare(thread)
            await asyncio.shield(self._building[name])
        elif thread.indexed < len(thread.path):
            batch = thread.path[thread.indexed :]
            _add(thread, len(batch), _units(thread, batch))

    async def _build(self, thread: Thread) -> None:
        while thread.indexed < len(thread.path):
            version = thread.version
            batch = thread.path[thread.indexed : thread.indexed + _ADDED_AT_ONCE]
            made = await _aside(_units, thread, batch)
            if thread.version == version:
                _add(thread, len(batch), made)

    async def _candidates(self, thread: Thread, path: Sequence[Turn], question: Turn) -> Index:
        """An index of the turns that full-text search finds, and their neighbours."""
        terms = list(dict.fromkeys(index_terms(question.text)))
        record = thread.conversation
        owners = list(dict.fromkeys(turn.conversation for turn in (path[0], path[-1]))) if path else [record.id]
        hits = await self._lanes.read(lambda store: store.search(record.principal, owners, terms, _CANDIDATES))
        frequencies = await self._lanes.read(lambda store: store.frequencies(terms))
        wanted: set[int] = set()
        for hit in hits:
            turn = thread.by_id.get(hit.turn)
            if turn is not None and turn.position < len(path) and path[turn.position].id == turn.id:
                wanted.update((turn.position - 1, turn.position, turn.position + 1))
        index = Index(frequencies)
        for place in sorted(place for place in wanted if 0 <= place < len(path)):
            index.add(units((path[place],), place + 1, Carry()))
        return index


def _units(thread: Thread, turns: Sequence[Turn]) -> list[Unit]:
    """The units of turns that the index has not got from a thread that shares them."""
    index = thread.index
    fresh = [turn for turn in turns if index is None or turn.id not in index]
    made: list[Unit] = []
    for turn in fresh:
        made += units((turn,), turn.position + 1, thread.carry)
    return made


def _add(thread: Thread, turns: int, made: Sequence[Unit]) -> None:
    if thread.index is None:
        thread.index = Index()
    index = thread.index
    known = {unit.turn for unit in made if unit.turn in index}
    index.add(unit for unit in made if unit.turn not in known)
    thread.indexed += turns


async def _aside(call: Callable[..., T], *args: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, lambda: call(*args))
