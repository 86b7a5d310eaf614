"""Segments are the same, however small the pieces are in which turns are read."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from backstory.core.records import Batch, Digest, Segment
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
