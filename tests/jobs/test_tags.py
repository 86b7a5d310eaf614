"""The tags of a conversation are the same, in however many steps and by however many workers it is tagged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast

import pytest
from msgspec.structs import replace

from backstory.core.records import Batch, TurnTags, Watermark
from backstory.core.store import Lanes, Store
from backstory.jobs import tags as module
from backstory.jobs.tags import TagJob
from backstory.memory.tags.splits import topic
from backstory.stores.sql import SqlStore
from tests.jobs.test_facts import Straight
from tests.memory.chats import chat
from tests.stores.world import Shelf, said, talk

T = TypeVar("T")
TEXTS = [turn.text for turn in chat()] + ["the k8s cluster and the postgres migration", "kubernetes, and the postgresql migration"] * 3


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf("sqlite", tmp_path)
    yield made
    made.close()


def tagged(store: SqlStore, workers: int, texts: Sequence[str] = TEXTS) -> list[TurnTags]:
    """The rows of a new conversation with these texts, tagged by one worker after another, a step each."""
    store.write([Batch((talk("c"),), tuple(said(number, "c", text) for number, text in enumerate(texts, 1)))])
    jobs = [TagJob(cast(Lanes, Straight(store)), lambda: None) for _ in range(workers)]
    more, step = True, 0
    while more:
        worker = step % workers
        mark = store.lease("c", "tags", str(worker), 30, now=1000.0 + 60 * step)
        assert mark is not None
        more = asyncio.run(jobs[worker].step("c", mark))
        step += 1
    return store.tags("c")


def test_in_steps_by_many_or_at_once_by_one_the_tags_are_the_same(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TURNS_A_STEP", 1_000)
    at_once = tagged(shelf.open(), 1)
    assert len(at_once) == len(TEXTS)
    assert {"k8s-cluster", "postgres-migration"} & {tag for row in at_once[-6:] for tag in row.tags}
    assert not {"kubernetes", "postgresql-migration"} & {tag for row in at_once for tag in row.tags}
    monkeypatch.setattr(module, "_TURNS_A_STEP", 7)
    monkeypatch.setattr(module, "_READ_AT_ONCE", 5)
    for workers in (1, 2, 5):
        assert tagged(shelf.open(), workers) == at_once


def test_vocabularies_are_let_go_of_and_learnt_anew(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    job = TagJob(cast(Lanes, Straight(shelf.open())), lambda: None)
    monkeypatch.setattr(module, "_VOCABULARY_TURNS", 25)
    for number in range(4):
        known = job._held[str(number)] = module._Known(1)
        known.vocabulary.turns = 10
    job._shed()
    assert list(job._held) == ["2", "3"]
    job._held["3"].vocabulary.turns = 1_000
    job._shed()
    assert list(job._held) == ["3"]


PARTS = ("schema migration", "slow query", "nightly backup", "index rebuild")
OTHERS = ("Lisbon trip", "garden fence", "violin lesson", "tax return", "kitchen tiles", "marathon plan", "bread recipe", "bike repair")


def broad(turns: int) -> list[str]:
    """One in three turns is about the database, and something of it; the others about something else."""
    return [
        f"The database again. I look into a {PARTS[number % 4]} there, number {number}."
        if number % 3 == 0
        else f"On the {OTHERS[number % 8]}, number {number}, all is well."
        for number in range(turns)
    ]


def test_a_broad_topic_is_split_and_turns_tagged_before_are_renamed(shelf: Shelf) -> None:
    rows = tagged(shelf.open(), 1, broad(60))
    of = {tag for row in rows for tag in row.tags if topic(tag) == "database"}
    assert len(of) >= 3
    assert all(tag == "database" or tag.partition("/")[2] in " ".join(PARTS) for tag in of)
    for row, text in zip(rows, broad(60), strict=True):
        for tag in row.tags:
            assert tag.partition("/")[2] in text, "a turn is of no part that it does not speak of"
    assert any("/" in tag for row in rows[:20] for tag in row.tags)


def test_splits_are_the_same_in_however_many_steps(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = broad(170)
    monkeypatch.setattr(module, "_TURNS_A_STEP", 1_000)
    at_once = tagged(shelf.open(), 1, texts)
    assert sum("/" in tag for row in at_once for tag in row.tags) > 20
    for size, workers in ((1, 1), (7, 1), (31, 3), (80, 2)):
        monkeypatch.setattr(module, "_TURNS_A_STEP", size)
        assert tagged(shelf.open(), workers, texts) == at_once


def test_a_worker_that_died_while_it_renamed_leaves_nothing_behind(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = broad(120)
    whole = tagged(shelf.open(), 1, texts)
    monkeypatch.setattr(module, "_RENAMED_AT_ONCE", 1)
    monkeypatch.setattr(module, "_TURNS_A_STEP", 16)
    store = shelf.open()
    store.write([Batch((talk("c"),), tuple(said(number, "c", text) for number, text in enumerate(texts, 1)))])
    lanes = Dying(store)
    more, step, died = True, 0, 0
    while more:
        lanes.writes_left = 4 + 2 * step
        mark = store.lease("c", "tags", str(step), 30, now=1000.0 + 60 * step)
        assert mark is not None
        step += 1
        try:
            more = asyncio.run(TagJob(cast(Lanes, lanes), lambda: None).step("c", mark))
        except OSError:
            died += 1
            assert step < 50, "each try comes further"
    assert died > 2
    assert store.tags("c") == whole


class Dying(Straight):
    """The process dies after so many writes."""

    writes_left = 0

    async def write(self, call: Callable[[Store], T]) -> T:
        if not self.writes_left:
            raise OSError("died")
        self.writes_left -= 1
        return call(self.store)


def test_tags_of_a_model_stay_and_search_finds_what_it_found(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TURNS_A_STEP", 30)
    texts = broad(60)
    store = shelf.open()
    store.write([Batch((talk("c"),), tuple(said(number, "c", text) for number, text in enumerate(texts, 1)))])
    job = TagJob(cast(Lanes, Straight(store)), lambda: None)
    first = store.lease("c", "tags", "me", 30, now=1000.0)
    assert first is not None
    asyncio.run(job.step("c", first))
    row = store.tags("c")[3]
    store.put_tags([replace(row, tags=(*row.tags, "storage"), terms=f"{row.terms} storag")], Watermark("c", "side_tags", 4))
    second = store.lease("c", "tags", "me", 30, now=1060.0)
    assert second is not None
    asyncio.run(job.step("c", second))
    renamed = store.tags("c")[3]
    assert renamed.tags != (*row.tags, "storage")
    assert renamed.tags[-1] == "storage"
    assert [topic(tag) for tag in renamed.tags[:-1]] == list(row.tags)
    assert [hit.turn for hit in store.search("ann", ["c"], ["storag"], 5)] == [row.turn]


def test_after_a_forgetting_the_topics_are_those_of_what_is_left(shelf: Shelf) -> None:
    texts = broad(120)
    store = shelf.open()
    rows = tagged(store, 1, texts)
    gone = [row.turn for row in rows if any("/backup" in tag for tag in row.tags)]
    assert gone
    store.forget("ann", "c", gone, now=2000.0)
    store.write([Batch((talk("c"),), (said(500, "c", "One more."),))])
    mark = store.lease("c", "tags", "another", 30, now=9000.0)
    assert mark is not None
    asyncio.run(TagJob(cast(Lanes, Straight(store)), lambda: None).step("c", mark))
    parts = {tag for row in store.tags("c") for tag in row.tags if "/" in tag}
    assert parts
    assert not {tag for tag in parts if tag.endswith("/backup")}
    for row in store.tags("c")[:-1]:
        assert all(tag.partition("/")[2] in texts[row.turn - 1] for tag in row.tags)


def step(store: SqlStore, job: TagJob) -> None:
    mark = store.lease("c", "tags", "me", 0.0, now=1000.0)
    assert mark is not None
    asyncio.run(job.step("c", mark))


def test_who_goes_on_after_a_forgetting_has_forgotten_too(shelf: Shelf) -> None:
    store = shelf.open()
    texts = (
        "My bicycle is blue.",
        "The project is about extraterrestrial intelligence (EI) and kubernetes clusters.",
        "EI? And k8s!",
    )
    store.write([Batch((talk("c"),), tuple(said(number, "c", text) for number, text in enumerate(texts, 1)))])
    job = TagJob(cast(Lanes, Straight(store)), lambda: None)
    step(store, job)
    assert {"extraterrestrial-intelligence", "kubernetes"} <= set(store.tags("c")[2].tags)
    store.forget("ann", "c", [2], now=2000.0)
    assert not store.tags("c")[1].tags, "not one name that may be of the turn that is gone"
    store.write([Batch((talk("c", at=3000.0),), (said(4, "c", "EI is what we work on with k8s. EI needs money.", at=3000.0),))])
    step(store, job)
    left = [row.tags for row in store.tags("c")]
    assert all(left)
    assert not [tag for tags in left for tag in tags if "extra" in tag or "kuber" in tag]
    fresh = shelf.open()
    assert [row.tags for row in tagged(fresh, 1, [turn.text for turn in store.turns("c")])] == left
