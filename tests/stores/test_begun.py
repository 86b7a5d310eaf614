"""Two conversations that were begun under one name: which of them has it, and where what was said in the other is kept."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from backstory.core.records import Batch, Digest, Home, Injection, Watermark
from backstory.errors import RowError
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf, hash16, index, said, talk

FREE = ("session:s",)


def begun(name: str, turn: int, principal: str = "ann", free: tuple[str, ...] = FREE) -> Batch:
    """A first exchange under a name that nobody had."""
    return Batch((talk(name, principal),), (said(turn, name),), tuple((principal, key, name) for key in free), free=free)


def test_the_one_that_is_stored_first_has_the_name_and_what_is_said_in_the_other(store: SqlStore) -> None:
    store.write([begun("a", 10)])
    block = Injection("b", hash16("x"), "told", (7,), 1, 100.0)
    digest = Digest(9, "b", 7, hash16("y"), "in short", 2, 100.0)
    store.write([replace(begun("b", 7), injections=(block,), digests=(digest,), homes=(Home("b", "harbour", ""),))])
    assert [record.id for record, _ in store.conversations(None)] == ["a"]
    assert [turn.id for turn in store.turns("a")] == [7, 10]
    assert store.alias("ann", "session:s") == "a"
    assert store.alias("ann", "b") == "a", "its own id leads there, too"
    assert store.injections("a") == [replace(block, conversation="a")]
    assert store.digests("a") == [replace(digest, conversation="a")]
    assert store.home("a") == Home("a", "harbour", "")
    assert store.moved == {"b": "a"}
    # What else is said in it, by who does not know yet.
    store.write([Batch((talk("b", at=200.0),), (said(12, "b", parent=7, position=1),), (("ann", "response:r", "b"),))])
    assert [turn.id for turn in store.turns("a")] == [7, 10, 12]
    assert store.alias("ann", "response:r") == "a"
    assert [record.updated for record, _ in store.conversations(None)] == [200.0]


def test_writing_it_again_changes_nothing(shelf: Shelf) -> None:
    url = shelf.url()
    store = shelf.open(url)
    for _ in range(2):
        store.write([begun("a", 10), begun("b", 7)])
        # As a journal that is read after its process has died.
        store = shelf.open(url)
        store.write([begun("b", 7), begun("a", 10)])
    assert [turn.id for turn in store.turns("a")] == [7, 10]
    assert store.counts()["conversations"] == 1
    shelf.close()


def test_a_name_that_is_given_to_what_is_there_moves_nothing(store: SqlStore) -> None:
    store.write([begun("a", 1), Batch((talk("b"),), (said(2, "b"),))])
    store.write([begun("b", 3)])
    assert store.alias("ann", "session:s") == "b"
    store.write([replace(begun("a", 4), free=())])
    assert store.alias("ann", "session:s") == "a", "where it was known that somebody has it, it was taken from there"
    assert [turn.id for turn in store.turns("a")] == [1, 4]
    assert [turn.id for turn in store.turns("b")] == [2, 3]
    assert store.moved == {}


def test_another_principal_s_name_is_another_name(store: SqlStore) -> None:
    store.write([begun("a", 1), begun("b", 2, "ben")])
    assert store.alias("ben", "session:s") == "b"
    assert store.moved == {}


def test_of_several_names_one_that_somebody_has_decides(store: SqlStore) -> None:
    store.write([begun("a", 1)])
    store.write([begun("b", 2, free=("conversation:c", "session:s"))])
    assert store.alias("ann", "conversation:c") == "a"
    assert [turn.id for turn in store.turns("a")] == [1, 2]


def test_what_comes_with_lower_numbers_is_looked_at_by_jobs(store: SqlStore) -> None:
    store.write([begun("a", 10)])
    index(store, "a", store.turns("a"))
    assert store.pending("tag") == []
    store.write([begun("b", 7)])
    assert store.pending("tag") == ["a"]
    assert store.watermark("a", "tag") == Watermark("a", "tag", 6, "", 0.0, 1)
    index(store, "a", store.turns("a"))
    assert {hit.turn for hit in store.search("ann", [], ["turn"], 9)} == {7, 10}


def test_what_was_forgotten_in_the_one_is_refused_from_the_other(store: SqlStore) -> None:
    """Both know what was said before they were apart, each under a number of its own."""
    store.write([begun("a", 10)])
    (turn,) = store.turns("a")
    store.forget("ann", "a", [10], 150.0)
    late = Batch((talk("b"),), (replace(turn, id=7, conversation="b"), said(8, "b", "later", 7, 1)), (("ann", FREE[0], "b"),), free=FREE)
    store.write([late])
    assert [turn.text for turn in store.turns("a")] == ["later"]


def test_a_transaction_that_fails_moves_nothing(shelf: Shelf) -> None:
    url = shelf.url()
    store = shelf.open(url)
    store.write([begun("a", 1)])
    with pytest.raises(RowError):
        store.write([begun("b", 2), Batch((talk("c"),), (replace(said(3, "c"), id=1 << 70),))])
    assert store.moved == {}
    assert [turn.id for turn in store.turns("a")] == [1]
    shelf.close()


def test_one_that_was_forgotten_before_it_is_stored_again_has_no_name(store: SqlStore) -> None:
    store.write([begun("a", 1)])
    store.forget("ann", "a", now=1000.0)
    # The end of an answer that was under way comes with the first exchange of the next.
    store.write([begun("a", 2), begun("b", 3)])
    assert [turn.id for turn in store.turns("b")] == [3]
    assert store.turns("a") == []
    assert store.alias("ann", "session:s") == "b"
    assert store.moved == {}
