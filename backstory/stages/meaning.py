"""What a question means: its vector, and those of the turns it may be about, as far as they are made.

Rule: nothing waits for the model. A question whose vector is not there in time, or a turn without one, is looked for by words alone; so
is everything while vectors are made of a history that is new here: those of its beginning would keep back what stands behind them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

from msgspec import Struct

from backstory.core.embedding import Embedder, Trust
from backstory.core.records import TurnVectors
from backstory.core.store import Lanes, Store
from backstory.memory.identity.thread import Family, Thread
from backstory.memory.recall.index import Index
from backstory.memory.recall.nearness import Asked, Nearness, text_name
from backstory.memory.recall.question import unnamed

# Rows of one read: some 2 MB. A question waits for one read, no more.
_ROWS_AT_ONCE = 4000
# Rows of turns that the index has not got (other branches) are kept, up to so many.
_MOST_WAITING = 20_000
# Of a long question, a paste mostly, so many characters from its end: there it asks.
_ASKED_CHARS = 1000
# So many questions are with the model at a time, and others go by words: threads that wait for a model that hangs are missing elsewhere.
_MOST_AT_ONCE = 3
# Vectors are made in the order of the turns. Where those end before this share of them, they help less than they keep back: of the spoken
# turns there, as many are looked at as no message without words or forgotten turn can be all of.
_COVERED, _LOOKED_AT = 0.9, 8


class _Loaded:
    """What is in memory of a family's vectors: how far each of its conversations was read, and rows whose turns are not indexed yet."""

    def __init__(self) -> None:
        self.nearness = Nearness()
        self.upto: dict[str, int] = {}
        self.waiting: dict[int, TurnVectors] = {}
        self.reading = asyncio.Lock()


class Near(Struct, frozen=True):
    """Turns that are near to a question, with the vectors of their pieces, and the question's."""

    rows: list[TurnVectors]
    vector: bytes
    trust: Trust

    def asked(self, index: Index) -> Asked | None:
        """For a search through this index, which has these turns among others."""
        loaded = _Loaded()
        loaded.waiting.update((row.turn, row) for row in self.rows)
        _settle(loaded, index)
        return Asked(loaded.nearness, self.vector, self.trust) if len(loaded.nearness) else None


class Meaning:
    """`embedder` is None until the model is loaded. `patience_s`: how long a question waits for its vector."""

    def __init__(self, lanes: Lanes, patience_s: float, failed: Callable[[str, BaseException], None]) -> None:
        self.embedder: Embedder | None = None
        self._lanes = lanes
        self._patience_s = patience_s
        self._failed = failed
        self._loaded: WeakKeyDictionary[Family, _Loaded] = WeakKeyDictionary()
        self._running: set[asyncio.Future[Any]] = set()
        self._asking = 0
        # Whether the database looks for vectors itself; None until it was asked.
        self._seeks: bool | None = None

    async def asked(self, thread: Thread, index: Index, question: str) -> Asked | None:
        """The question's vector beside those of the thread's index; None where there is no model, no vector, or no time."""
        embedder = self.embedder
        if embedder is None or not question.strip():
            return None
        family = thread.family
        if family not in self._loaded:
            self._loaded[family] = _Loaded()
        loaded = self._loaded[family]
        text = unnamed(index, question[-_ASKED_CHARS:])
        vector = asyncio.ensure_future(self._vector(embedder, text))
        reading = asyncio.ensure_future(self._read(thread, loaded, index, embedder.model))
        for task in (vector, reading):
            self._running.add(task)
            task.add_done_callback(self._ended)
        # Not `timeout`: a request may have no task of its own yet.
        done, _ = await asyncio.wait((vector, reading), timeout=self._patience_s)
        found = vector.result() if vector in done and vector.exception() is None else b""
        if found and loaded.nearness.dimensions not in (0, len(found)):
            # Another model answers under this name: its vectors are made anew (see jobs), and read again from the first one on.
            self._loaded.pop(family, None)
            return None
        if not found or not len(loaded.nearness) or not _covered(loaded.nearness, thread, index):
            return None
        return Asked(loaded.nearness, found, embedder.trust)

    async def near(self, principal: str, owners: Sequence[str], question: str, limit: int) -> Near | None:
        """The turns nearest to the question in these conversations, where the database itself can look for them: of histories that are
        too long to be in memory. None where there is no model, no such database, or no time."""
        embedder = self.embedder
        if embedder is None or not question.strip():
            return None
        work = asyncio.ensure_future(self._near(embedder, principal, owners, question[-_ASKED_CHARS:], limit))
        self._running.add(work)
        work.add_done_callback(self._ended)
        done, _ = await asyncio.wait((work,), timeout=self._patience_s)
        return None if work not in done or work.exception() is not None else work.result()

    async def _near(self, embedder: Embedder, principal: str, owners: Sequence[str], text: str, limit: int) -> Near | None:
        if self._seeks is None:
            self._seeks = await self._lanes.read(lambda store: store.seeks())
        if not self._seeks:
            return None
        vector, model = await self._vector(embedder, text), embedder.model
        if not vector:
            return None

        def read(store: Store) -> list[TurnVectors]:
            found: list[TurnVectors] = []
            for hit in store.near(principal, owners, model, vector, limit):
                for owner in owners:
                    found += [row for row in store.vectors(owner, model, hit.turn - 1, 1) if row.turn == hit.turn]
            return found

        return Near(await self._lanes.read(read), vector, embedder.trust)

    async def _vector(self, embedder: Embedder, text: str) -> bytes:
        """The vector of a question, b"" where too many are being asked."""
        if self._asking >= _MOST_AT_ONCE:
            return b""
        self._asking += 1
        try:
            return (await _aside(partial(embedder.embed, [text])))[0]
        finally:
            self._asking -= 1

    def _ended(self, task: asyncio.Future[Any]) -> None:
        """What broke is told, also where nobody waited any more."""
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed("vectors", error)

    async def _read(self, thread: Thread, loaded: _Loaded, index: Index, model: str) -> None:
        """The rows that were made since the last read, of the conversations whose turns the thread has (of a fork of a fork's fork, not
        those in the middle)."""
        record, path = thread.conversation, thread.path
        owners = dict.fromkeys((path[0].conversation, path[-1].conversation, record.id, record.forked_from) if path else ())
        async with loaded.reading:
            for owner in filter(None, owners):
                if await self._read_one(loaded, index, owner, model):
                    task = asyncio.ensure_future(self._read_on(loaded, index, owner, model))
                    self._running.add(task)
                    task.add_done_callback(self._ended)

    async def _read_one(self, loaded: _Loaded, index: Index, owner: str, model: str) -> bool:
        """One read; whether there is more."""
        after = loaded.upto.get(owner, 0)
        rows = await self._lanes.read(lambda store: store.vectors(owner, model, after, _ROWS_AT_ONCE))
        if rows:
            loaded.upto[owner] = rows[-1].turn
            loaded.waiting.update((row.turn, row) for row in rows)
        if loaded.waiting:
            settle = partial(_settle, loaded, index)
            await _aside(settle) if len(rows) > _ROWS_AT_ONCE // 20 else settle()
        return len(rows) == _ROWS_AT_ONCE

    async def _read_on(self, loaded: _Loaded, index: Index, owner: str, model: str) -> None:
        more = True
        while more:
            async with loaded.reading:
                more = await self._read_one(loaded, index, owner, model)


def _covered(nearness: Nearness, thread: Thread, index: Index) -> bool:
    """Whether vectors reach to nearly the end of the thread's turns, of which tool output has none."""
    path = thread.path
    spoken = (path[at] for at in range(int(_COVERED * len(path)) - 1, -1, -1) if path[at].kind == "spoken")
    return any(place in nearness for turn in islice(spoken, _LOOKED_AT) for place in index.units_of(turn.id))


def _settle(loaded: _Loaded, index: Index) -> None:
    """Give the rows whose turns are indexed to their units: a unit has the vector of its very text, or none."""
    places: list[int] = []
    vectors: list[bytes] = []
    for turn in [turn for turn in loaded.waiting if turn in index]:
        known = dict(loaded.waiting.pop(turn).pieces)
        for place in index.units_of(turn):
            vector = known.get(text_name(index.texts[place]))
            if vector is not None:
                places.append(place)
                vectors.append(vector)
    loaded.nearness.add(places, vectors)
    while len(loaded.waiting) > _MOST_WAITING:
        loaded.waiting.pop(next(iter(loaded.waiting)))


async def _aside(call: Callable[[], list[bytes] | None]) -> list[bytes]:
    return await asyncio.get_running_loop().run_in_executor(None, call) or []
