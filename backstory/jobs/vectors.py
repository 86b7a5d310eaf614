"""Vectors of every turn of conversations that are long enough to be recalled from, by one model, in the order of the turns.

The job's name holds the model's: another model begins at the first turn, also one that shows itself only by the length of its vectors.
What an abandoned model has made goes after a week.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace

from backstory.core.embedding import Embedder
from backstory.core.records import Turn, TurnVectors, Watermark
from backstory.core.store import Lanes
from backstory.errors import EmbeddingError
from backstory.memory.recall.nearness import text_name
from backstory.memory.recall.units import Carry, units

# Turns of one step, and texts that the model gets at once: 50 ms of a slow one.
_TURNS_A_STEP = 64
_TEXTS_AT_ONCE = 8
# Names of people in transcripts are learnt from so many turns before the first new one.
_LEARNT_FROM = 200
# After a failure the model is left alone for so long.
_REST_S = 60.0
# Of a very long message so many pieces have vectors.
_MOST_PIECES = 32
# Conversations whose names are remembered from step to step.
_CARRIES = 200
_ABANDONED_S = 7 * 86_400.0


class VectorJob:
    """Watermark: the last turn that was looked at. Conversations of fewer turns than `threshold` wait until they have as many."""

    def __init__(self, lanes: Lanes, embedder: Embedder, threshold: int, breathe: Callable[[], None], clock: Callable[[], float]) -> None:
        self.name = f"vectors:{embedder.model}"
        self._lanes = lanes
        self._embedder = embedder
        self._threshold = threshold
        self._breathe = breathe
        self._clock = clock
        self._carries: OrderedDict[str, tuple[int, Carry]] = OrderedDict()
        self._anew: set[str] = set()
        self._rests_until = 0.0
        self._swept = False

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job. After an EmbeddingError nothing is done for a minute."""
        if time.monotonic() < self._rests_until:
            return False
        if not self._swept:
            self._swept = True
            await self._lanes.write(lambda store: store.drop_vectors(self.name, self._clock() - _ABANDONED_S))
        turns = await self._lanes.read(lambda store: store.turns(conversation, after=mark.turn, limit=_TURNS_A_STEP))
        if not turns:
            return False
        last, more = turns[-1].id, len(turns) == _TURNS_A_STEP
        rows: list[TurnVectors] = []
        if turns[-1].position + 1 >= self._threshold:
            if 0 < turns[0].position < self._threshold:
                # Until now it was too short.
                turns = await self._lanes.read(lambda store: store.turns(conversation, limit=self._threshold + _TURNS_A_STEP))
                turns = [turn for turn in turns if turn.id <= last]
                self._carries.pop(conversation, None)
            carry = await self._carry(conversation, turns[0].id, mark.turn)
            rows = await self._embedded(turns, carry)
            if rows and conversation not in self._anew and await self._others(rows[0]):
                # Once: a model that answers now so, now so, would be asked for ever.
                self._anew.add(conversation)
                self._carries.pop(conversation, None)
                await self._lanes.write(lambda store: store.put_vectors((), replace(mark, turn=0)))
                return True
            self._carries[conversation] = (last, carry)
            while len(self._carries) > _CARRIES:
                self._carries.popitem(last=False)
        await self._lanes.write(lambda store: store.put_vectors(rows, replace(mark, turn=last)))
        return more

    async def _others(self, row: TurnVectors) -> bool:
        """Whether the conversation's earlier vectors are of another length: behind the name is another model now."""
        found = await self._lanes.read(lambda store: store.vectors(row.conversation, row.model, limit=1))
        return any(one.turn < row.turn and len(one.pieces[0][1]) != len(row.pieces[0][1]) for one in found if one.pieces)

    async def _carry(self, conversation: str, first: int, upto: int) -> Carry:
        """What units take over from the turns before the first: the names in a transcript."""
        known = self._carries.get(conversation)
        if known is not None and known[0] == upto:
            return known[1]
        carry = Carry()
        if upto and first > upto:
            before = await self._lanes.read(lambda store: store.turns(conversation))
            units([turn for turn in before if turn.id < first][-_LEARNT_FROM:], 1, carry)
        return carry

    async def _embedded(self, turns: Sequence[Turn], carry: Carry) -> list[TurnVectors]:
        call = partial(embedded, self._embedder, turns, carry, self._breathe)
        try:
            return await asyncio.get_running_loop().run_in_executor(None, call)
        except EmbeddingError:
            self._rests_until = time.monotonic() + _REST_S
            raise


def embedded(embedder: Embedder, turns: Sequence[Turn], carry: Carry, breathe: Callable[[], None]) -> list[TurnVectors]:
    """The rows of these turns, with the units that the index will have of them; `carry` is changed. Tool output has none: it is found by
    its words. Raises EmbeddingError."""
    spoken = {turn.id for turn in turns if turn.kind == "spoken"}
    made = [unit for unit in units(turns, 1, carry, breathe) if unit.turn in spoken and unit.piece < _MOST_PIECES]
    vectors: list[bytes] = []
    for start in range(0, len(made), _TEXTS_AT_ONCE):
        vectors += embedder.embed([unit.text for unit in made[start : start + _TEXTS_AT_ONCE]])
        breathe()
    pieces: dict[int, list[tuple[bytes, bytes]]] = {}
    for unit, vector in zip(made, vectors, strict=True):
        pieces.setdefault(unit.turn, []).append((text_name(unit.text), vector))
    return [TurnVectors(turn.id, turn.conversation, embedder.model, tuple(pieces[turn.id])) for turn in turns if turn.id in pieces]
