"""Segments are the same, however small the pieces are in which turns are read."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from msgspec.structs import replace

from backstory.core.records import Batch, Digest, Segment, TurnTags
from backstory.core.store import Lanes
from backstory.jobs import segments as module
from backstory.jobs.segments import SegmentJob
from backstory.stores.sql import SqlStore
from tests.jobs.test_facts import Straight
from tests.memory.chats import chat
from tests.stores.world import Shelf, said, talk


def cut(store: SqlStore, folded: int) -> tuple[list[Segment], int]:
    """The segments of a new conversation of which so many turns are folded, and how far the job has looked."""
    turns = [said(number, "c", turn.text, number - 1, number - 1) for number, turn in enumerate(chat(), 1)]
    last = turns[folded - 1]
    store.write([Batch((talk("c"),), tuple(turns), digests=(Digest(7, "c", last.id, last.chain, "A digest.", 3, 1.0),))])
    mark = store.lease("c", "segments", "me", 30, now=1000.0)
    assert mark is not None
    assert not asyncio.run(SegmentJob(cast(Lanes, Straight(store)), lambda: None).step("c", mark))
    return store.segments("c"), store.watermark("c", "segments").turn


def test_read_in_pieces_or_at_once_the_segments_are_the_same(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = cut(shelf.open(), 12)
    assert at_once[0]
    assert at_once[0][-1].last_turn == 12
    assert at_once[1] == len(chat())
    monkeypatch.setattr(module, "_READ_AT_ONCE", 3)
    assert cut(shelf.open(), 12) == at_once


def step(store: SqlStore, job: SegmentJob, upto: int) -> None:
    """One step, all turns up to this one folded and tagged with what they are about."""
    last = next(turn for turn in store.turns("c") if turn.id == upto)
    store.write([Batch((talk("c"),), digests=(Digest(upto, "c", last.id, last.chain, "A digest.", 3, 9e9),))])
    rows = [TurnTags(turn.id, "c", (f"about-{turn.id}",), "") for turn in store.turns("c")]
    store.put_tags(rows, replace(store.watermark("c", "tags"), turn=rows[-1].turn))
    mark = store.lease("c", "segments", "me", 0.0, now=1000.0)
    assert mark is not None
    asyncio.run(job.step("c", mark))


def inside(store: SqlStore) -> list[int]:
    """Ids of the turns that are in a segment, as often as they are."""
    ids = [turn.id for turn in store.turns("c")]
    return [turn for one in store.segments("c") for turn in ids if one.first_turn <= turn <= one.last_turn]


@pytest.mark.parametrize("digest_first", [True, False])
def test_a_forgotten_turn_leaves_no_other_turn_without_a_segment(shelf: Shelf, digest_first: bool) -> None:
    """Whether the fold is made before the job looks, or later; by the process that cut the segments, or another."""
    store = shelf.open()
    turns = [said(number, "c", turn.text, number - 1, number - 1) for number, turn in enumerate(chat(), 1)]
    store.write([Batch((talk("c"),), tuple(turns))])
    job = SegmentJob(cast(Lanes, Straight(store)), lambda: None)
    step(store, job, 12)
    before = store.segments("c")
    torn = before[len(before) // 2 - 1]
    assert torn.last_turn - torn.first_turn > 1
    assert torn.last_turn < 12
    store.forget("ann", "c", [torn.first_turn + 1], now=2000.0)
    assert not any(one.tags for one in store.segments("c") if one.first_turn > torn.first_turn), "names may be those of what is gone"
    if not digest_first:
        mark = store.lease("c", "segments", "me", 0.0, now=1000.0)
        assert mark is not None
        asyncio.run(job.step("c", mark))
        store.write([Batch((talk("c"),), (said(100, "c", "And one more.", len(turns), len(turns)),))])
    step(store, job, 13)
    assert inside(store) == [number for number in range(1, 14) if number != torn.first_turn + 1]
    assert all(one.tags for one in store.segments("c"))
    assert [one for one in before if one.last_turn < torn.first_turn or one.first_turn > torn.last_turn] == [
        one for one in store.segments("c") if one in before
    ]


def test_the_digest_of_a_segment_that_is_one_long_turn_is_a_digest_still() -> None:
    pasted = said(1, "c", "\n".join(f"{number},customer{number}@example.com,order placed,EUR,Berlin" for number in range(4_000)), 0, 0)
    (one,) = module.cut([pasted], {}, lambda: None)
    assert 1_000 < one.tokens <= 4_000
