"""The vector job: every spoken turn of a long enough conversation has vectors under its units' own names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import pytest
from msgspec.structs import replace

from backstory.core.embedding import Trust
from backstory.core.records import Batch, Turn, Watermark
from backstory.core.store import Lanes, Store
from backstory.errors import EmbeddingError
from backstory.jobs.vectors import VectorJob
from backstory.memory.recall.nearness import text_name
from backstory.memory.recall.units import Carry, units
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf, said, talk

T = TypeVar("T")


class OneLane:
    """Lanes whose calls run at once."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store

    async def read(self, call: Callable[[Store], T]) -> T:
        return call(self.store)

    async def write(self, call: Callable[[Store], T]) -> T:
        return call(self.store)


class Letters:
    """A model whose vector counts letters."""

    trust = Trust(0.5, 2.0)

    def __init__(self, model: str = "letters") -> None:
        self.model = model
        self.seen: list[str] = []
        self.broken = False
        self.letters = "abcdefgh"

    def close(self) -> None:
        """See Embedder."""

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        if self.broken:
            raise EmbeddingError("broken")
        self.seen += texts
        return [bytes(min(127, text.lower().count(letter)) for letter in self.letters) for text in texts]


def plain(number: int) -> str:
    return f"turn {number} abc"


def grow(store: SqlStore, first: int, count: int, text: Callable[[int], str] = plain, kind: str = "spoken") -> None:
    turns: list[Turn] = []
    for number in range(first, first + count):
        turns.append(replace(said(number, "c", text(number), number - 1, number - 1), kind=kind))
    store.write([Batch((talk("c"),), tuple(turns))])


def work(store: SqlStore, model: Letters, threshold: int = 4) -> VectorJob:
    job = VectorJob(cast(Lanes, OneLane(store)), model, threshold, lambda: None, lambda: 1000.0)
    run(store, job)
    return job


def run(store: SqlStore, job: VectorJob) -> None:
    """Until nothing is pending."""

    async def rounds() -> None:
        while store.pending(job.name):
            mark = store.lease("c", job.name, "me", 0.0, 1000.0)
            assert mark is not None
            await job.step("c", mark)

    asyncio.run(rounds())


def test_every_turn_has_vectors_named_by_its_units(shelf: Shelf) -> None:
    store = shelf.open()
    grow(store, 1, 150, lambda number: f"Ann: turn {number}\nBo: abc abc {number}" if number % 2 else f"b {number} " + "word " * 600)
    model = Letters()
    work(store, model)
    rows = {row.turn: row for row in store.vectors("c", "letters")}
    assert len(rows) == 150
    for turn_id, wanted in ((1, 2), (2, 3)):
        made = units(store.turns_by_id([turn_id]), 1, Carry())
        assert len(made) >= wanted - 1
        assert [name for name, _ in rows[turn_id].pieces] == [text_name(unit.text) for unit in made]
    assert store.watermark("c", "vectors:letters").turn == 150


def test_short_conversations_wait_and_are_caught_up_with(shelf: Shelf) -> None:
    store, model = shelf.open(), Letters()
    grow(store, 1, 3)
    job = work(store, model)
    assert model.seen == []
    assert store.pending(job.name) == []
    grow(store, 4, 1)
    run(store, job)
    assert [row.turn for row in store.vectors("c", "letters")] == [1, 2, 3, 4]


def test_names_of_a_transcript_are_known_to_a_worker_that_takes_over(shelf: Shelf) -> None:
    store = shelf.open()
    lines = ["Ann: hello there", "fine\nann b: no name", "Bo: yes", "[8 May 2023] Ann: later", "x\nAnn: in the middle"]
    grow(store, 1, 4, lambda number: lines[number - 1])
    work(store, Letters())
    grow(store, 5, 1, lambda number: lines[number - 1])
    work(store, Letters())
    made = units(store.turns("c"), 1, Carry())
    stored = {name for row in store.vectors("c", "letters") for name, _ in row.pieces}
    assert stored == {text_name(unit.text) for unit in made}


def test_another_model_begins_anew_beside_the_first(shelf: Shelf) -> None:
    store = shelf.open()
    grow(store, 1, 5)
    work(store, Letters())
    second = Letters("other")
    work(store, second)
    assert len(second.seen) == 5
    assert len(store.vectors("c", "other")) == len(store.vectors("c", "letters")) == 5


def test_another_model_behind_the_same_name_begins_anew_once(shelf: Shelf) -> None:
    store, model = shelf.open(), Letters()
    grow(store, 1, 100)
    job = work(store, model)
    model.letters = "abcd"
    grow(store, 101, 1)
    run(store, job)
    rows = store.vectors("c", "letters")
    assert len(rows) == 101
    assert {len(vector) for row in rows for _, vector in row.pieces} == {4}
    model.letters = "abcdef"
    grow(store, 102, 1)
    asked = len(model.seen)
    run(store, job)
    assert len(model.seen) == asked + 1


def test_tool_output_has_none(shelf: Shelf) -> None:
    store, model = shelf.open(), Letters()
    grow(store, 1, 5)
    grow(store, 6, 3, kind="tool")
    work(store, model)
    assert [row.turn for row in store.vectors("c", "letters")] == [1, 2, 3, 4, 5]


def test_a_broken_model_is_told_once_and_then_left_alone(shelf: Shelf) -> None:
    store, model = shelf.open(), Letters()
    grow(store, 1, 5)
    model.broken = True
    job = VectorJob(cast(Lanes, OneLane(store)), model, 4, lambda: None, lambda: 1000.0)
    with pytest.raises(EmbeddingError):
        asyncio.run(job.step("c", Watermark("c", job.name, 0)))
    model.broken = False
    assert asyncio.run(job.step("c", Watermark("c", job.name, 0))) is False
    assert model.seen == []
    assert store.watermark("c", job.name).turn == 0
