"""What was paid is stored once, added up by what it has in common, and forgotten with its conversation."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from backstory.core.ids import TurnIds
from backstory.core.records import Batch, Spend
from tests.stores.world import Shelf, talk

DAY = 86_400.0
NOON = 1_790_000_000.0 // DAY * DAY + DAY / 2


def spend(at: float, conversation: str = "c1", **fields: object) -> Spend:
    """A measured spend of a known model; its id is of that time."""
    known = {"model": "gpt-4o", "wire": "openai_chat", "tokens_in": 100, "tokens_sent": 60, "input_tokens": 70, "output_tokens": 5}
    money = {"cache_read": 30, "billed": 0.25, "direct": 0.75, "priced": True, "measured": True}
    number = TurnIds(1, lambda: int(at * 1000))()
    return Spend(number, conversation, at, **{"kind": "traffic", **known, **money, **fields})  # type: ignore[arg-type]


def test_a_row_comes_back_as_it_was(shelf: Shelf) -> None:
    store = shelf.open()
    first, second = spend(NOON), spend(NOON + 1, rewritten=True, stopped=True, priced=False, measured=False, cache_write=3)
    batch = Batch((talk("c1"),), spends=(first, second))
    store.write([batch])
    store.write([batch])
    assert store.spends("c1") == [first, second]
    assert store.spends("c1", 1) == [second], "the newest"
    assert store.spends("c2") == []
    assert store.counts()["usage"] == 2


def test_the_newest_row_alone_has_books_whoever_writes_last(shelf: Shelf) -> None:
    """Two proxies on one store, each with batches of its own."""
    store = shelf.open()
    first, second, third = (spend(NOON + at, books=b"%d" % at) for at in range(3))
    store.write([Batch((talk("c1"),), spends=(first, third)), Batch((talk("c1"),), spends=(second,))])
    shelf.open().write([Batch((talk("c1"),), spends=(first,))])
    assert [one.books for one in store.spends("c1")] == [b"", b"", b"2"]
    bare = spend(NOON + 9)
    store.write([Batch((talk("c1"),), spends=(bare,))])
    assert [one.books for one in store.spends("c1")] == [b"", b"", b"2", b""], "of an older release"
    assert store.counts()["books"] == 1


def test_books_go_with_their_conversation_and_do_not_come_back(shelf: Shelf) -> None:
    store = shelf.open()
    gone, other = spend(NOON, books=b"a"), spend(NOON, "c2", books=b"b")
    batch = Batch((talk("c1"), talk("c2", at=NOON)), spends=(gone, other))
    store.write([batch])
    assert store.forget("ann", "c1", now=NOON + 5).counts["books"] == 1
    shelf.open().write([Batch((talk("c1"),), spends=(gone,))])
    assert store.counts()["books"] == 1
    assert store.spends("c1") == []


def test_a_row_of_another_principals_conversation_is_left_out(shelf: Shelf) -> None:
    store = shelf.open()
    store.write([Batch((talk("c1", "ann"),))])
    store.write([Batch((talk("c1", "ben"),), spends=(spend(NOON),)), Batch(spends=(spend(NOON, "c9"),))])
    assert store.counts()["usage"] == 0


def test_sums_are_by_model_day_and_conversation_and_apart_by_kind(shelf: Shelf) -> None:
    store = shelf.open()
    rows = (spend(NOON), spend(NOON + 1, model="m", priced=False), spend(NOON + DAY, "c2"))
    side = replace(spend(NOON + 2, ""), kind="side", direct=0.0, tokens_in=0, tokens_sent=0)
    store.write([Batch((talk("c1"), talk("c2")), spends=(*rows, side))])
    everything = {one.kind: one for one in store.spent("all")}
    assert (everything["traffic"].requests, everything["traffic"].unpriced, everything["traffic"].measured) == (3, 1, 3)
    assert (everything["traffic"].billed, everything["traffic"].direct) == (0.5, 1.5), "money of known prices only"
    assert (everything["side"].requests, everything["side"].billed, everything["side"].direct) == (1, 0.25, 0.0)
    assert [(one.name, one.kind, one.requests) for one in store.spent("model")] == [
        ("gpt-4o", "side", 1),
        ("gpt-4o", "traffic", 2),
        ("m", "traffic", 1),
    ]
    days = [(int(one.name), one.kind, one.requests) for one in store.spent("day")]
    today = int(NOON // DAY)
    assert days == [(today, "side", 1), (today, "traffic", 2), (today + 1, "traffic", 1)]
    assert [(one.name, one.requests) for one in store.spent("conversation")] == [("", 1), ("c1", 2), ("c2", 1)]
    assert [(one.name, one.requests) for one in store.spent("model", "c2")] == [("gpt-4o", 1)]
    assert [one.requests for one in store.spent("all", after=NOON + DAY)] == [1]


def test_the_balance_of_a_conversation_is_of_all_its_traffic_in_one_kind_of_money(shelf: Shelf) -> None:
    store = shelf.open()
    rows = [spend(NOON + at, direct=1.0) for at in range(100)]
    others = (spend(NOON + 200, priced=False), spend(NOON + 300, kind="side"), spend(NOON + 400, "c2"))
    store.write([Batch((talk("c1"), talk("c2")), spends=(*rows, *others))])
    assert store.balance("c1", True) == (25.0, 100.0)
    assert store.balance("c1", False) == (0.25, 0.75)
    assert store.balance("c3", True) == (0.0, 0.0)


def test_stops_are_told_since_a_time_with_what_rewriting_came_to(shelf: Shelf) -> None:
    store = shelf.open()
    rows = [
        spend(NOON - 10, "old", stopped=True, rewritten=True, direct=9.0),
        spend(NOON, rewritten=True),
        spend(NOON + 1, rewritten=True, stopped=True, direct=0.0),
        spend(NOON + 2, stopped=True),
        spend(NOON + 3, rewritten=True, measured=False),
    ]
    store.write([Batch((talk("c1"), talk("old")), spends=tuple(rows))])
    assert store.stops(NOON) == ([("c1", NOON + 1)], 0.5 - 0.25)
    assert store.stops(NOON + 100) == ([], 0.0)


def test_forgetting_takes_them(shelf: Shelf, tmp_path: Path) -> None:
    store = shelf.open()
    store.write([Batch((talk("c1"), talk("c2")), spends=(spend(NOON), spend(NOON + 1, "c2")))])
    assert store.forget(None, "c1", now=NOON + 5).counts["usage"] == 1
    assert store.spends("c1") == []
    assert len(store.spends("c2")) == 1
    store.write([Batch((talk("c1", at=NOON),), spends=(spend(NOON + 2),))])
    assert store.spends("c1") == [], "what was made before comes too late"
