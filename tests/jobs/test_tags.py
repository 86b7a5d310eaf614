"""The tags of a conversation are the same, in however many steps and by however many workers it is tagged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from backstory.core.records import Batch, TurnTags
from backstory.core.store import Lanes
from backstory.jobs import tags as module
from backstory.jobs.tags import TagJob
from backstory.memory.vocabulary import Vocabulary
from backstory.stores.sql import SqlStore
from tests.jobs.test_facts import Straight
from tests.memory.chats import chat
from tests.stores.world import Shelf, said, talk

TEXTS = [turn.text for turn in chat()] + ["the k8s cluster and the postgres migration", "kubernetes, and the postgresql migration"] * 3


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf("sqlite", tmp_path)
    yield made
    made.close()


def tagged(store: SqlStore, workers: int) -> list[TurnTags]:
    """The rows of a new conversation with these texts, tagged by one worker after another, a step each."""
    store.write([Batch((talk("c"),), tuple(said(number, "c", text) for number, text in enumerate(TEXTS, 1)))])
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
        vocabulary = Vocabulary()
        vocabulary.turns = 10
        job._vocabularies[str(number)] = (1, vocabulary)
    job._shed()
    assert list(job._vocabularies) == ["2", "3"]
    job._vocabularies["3"][1].turns = 1_000
    job._shed()
    assert list(job._vocabularies) == ["3"]
