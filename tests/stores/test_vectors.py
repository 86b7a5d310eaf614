"""Vectors in the store: kept by model, replaced, fenced, and dropped when nobody works with their model any more."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from backstory.core.records import TurnVectors, Watermark
from backstory.errors import FencedError
from tests.stores.world import Shelf, talk, tell


def row(turn: int, model: str = "m", vector: bytes = b"abc") -> TurnVectors:
    return TurnVectors(turn, "c", model, ((b"12345678", vector), (b"87654321", vector[::-1])))


def test_they_come_back_as_they_were_by_model_and_turn(shelf: Shelf) -> None:
    store = shelf.open()
    tell(store, talk("c"), "one", "two", "three")
    store.put_vectors([row(2), row(1)], Watermark("c", "vectors:m", 2))
    store.put_vectors([row(1, "other", b"vector")], Watermark("c", "vectors:other", 1))
    assert store.vectors("c", "m") == [row(1), row(2)]
    assert store.vectors("c", "m", after=1) == [row(2)]
    assert store.vectors("c", "m", limit=1) == [row(1)]
    assert store.vectors("c", "other") == [row(1, "other", b"vector")]
    assert store.watermark("c", "vectors:m").turn == 2


def test_a_second_time_replaces_and_a_turn_that_is_not_there_is_left_out(shelf: Shelf) -> None:
    store = shelf.open()
    tell(store, talk("c"), "one")
    store.put_vectors([row(1), row(77), TurnVectors(1, "elsewhere", "m", row(1).pieces)], Watermark("c", "vectors:m", 1))
    store.put_vectors([row(1, vector=b"xyz")], Watermark("c", "vectors:m", 1))
    assert store.vectors("c", "m") == [row(1, vector=b"xyz")]


def test_whoever_lost_the_lease_writes_nothing(shelf: Shelf) -> None:
    store = shelf.open()
    tell(store, talk("c"), "one")
    mine = store.lease("c", "vectors:m", "me", 30, 0.0)
    yours = store.lease("c", "vectors:m", "you", 30, 100.0)
    assert mine is not None
    assert yours is not None
    with pytest.raises(FencedError):
        store.put_vectors([row(1)], replace(mine, turn=1))
    assert store.vectors("c", "m") == []


def test_an_abandoned_model_goes_and_one_in_use_stays(shelf: Shelf) -> None:
    store = shelf.open()
    tell(store, talk("c"), "one")
    for model, at in (("old", 100.0), ("new", 5000.0), ("mine", 100.0)):
        mark = store.lease("c", f"vectors:{model}", "me", 30, at)
        assert mark is not None
        store.put_vectors([row(1, model)], replace(mark, turn=1))
    assert store.drop_vectors("vectors:mine", 1000.0) == 1
    assert [bool(store.vectors("c", model)) for model in ("old", "new", "mine")] == [False, True, True]
    assert store.watermark("c", "vectors:old").turn == 0
