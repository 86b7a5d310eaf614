"""Answers that clients build on by their ids: kept link by link, found by their owner, bounded, forgotten with their conversation."""

from __future__ import annotations

from msgspec.structs import replace

from backstory.core.records import Batch, KeptReply
from backstory.stores import replies
from backstory.stores.sql import SqlStore
from tests.stores.world import said, talk


def link(name: str, previous: str = "", said: bytes = b"", created: float = 5.0, first: str = "") -> KeptReply:
    return KeptReply("key", "ann", name, previous, first or name, said or name.encode(), created)


def test_a_chain_is_what_was_said_up_to_an_answer(store: SqlStore) -> None:
    long = bytes(range(250)) * 30
    store.write([Batch(replies=(link("a", said=long), link("b", "a"))), Batch(replies=(link("c", "b"), link("fork", "a")))])
    assert store.reply_chain("key", "c") == [long, b"b", b"c"]
    assert store.reply_chain("key", "fork") == [long, b"fork"]
    assert store.reply_chain("other key", "c") == []
    assert store.reply_chain("key", "d") == []
    assert store.counts()["replies"] == 4


def test_what_builds_on_nothing_known_is_not_kept(store: SqlStore) -> None:
    store.write([Batch(replies=(link("b", "a"), link("c", "b")))])
    assert store.counts()["replies"] == 0


def test_writing_again_changes_nothing(store: SqlStore) -> None:
    batch = Batch(replies=(link("a"), link("b", "a")))
    store.write([batch, batch])
    store.write([batch])
    assert store.reply_chain("key", "b") == [b"a", b"b"]
    assert store.counts()["replies"] == 2


def test_what_is_used_stays_and_what_is_not_goes(store: SqlStore) -> None:
    late = replies.MOST_S + 100.0
    store.write([Batch(replies=(link("old"), link("a"), link("idle", "old")))])
    store.write([Batch(replies=(link("b", "a", created=late - 50),))])
    with store._dialect.transaction() as db:
        replies.make_room(db, late)
    assert store.reply_chain("key", "b") == [b"a", b"b"], "its beginning is used with it"
    assert store.reply_chain("key", "idle") == []
    assert store.counts()["replies"] == 2


def test_all_of_them_take_no_more_than_there_is(store: SqlStore) -> None:
    store.write([Batch(replies=tuple(link(f"n{number}", said=b"x" * 100, created=float(number)) for number in range(10)))])
    with store._dialect.transaction() as db:
        replies.make_room(db, 10.0, 450)
    assert [number for number in range(10) if store.reply_chain("key", f"n{number}")] == [6, 7, 8, 9]


def test_room_is_made_by_itself(store: SqlStore) -> None:
    with store._dialect.transaction() as db:
        for start in range(0, 200, 20):
            replies.put(db, [link(f"n{number}", said=b"x" * 100, created=float(number)) for number in range(start, start + 20)], 1000)
        kept = db.all("SELECT count(*) FROM replies")[0][0]
    assert 10 <= kept < 150


def test_answers_go_with_their_conversation_and_with_any_turn_of_it(store: SqlStore) -> None:
    for name in ("c", "d"):
        aliases = tuple([("ann", f"response:{name}{number}", name) for number in range(2)])
        rows = (link(f"{name}0"), link(f"{name}1", f"{name}0"), link(f"{name}1-leg", f"{name}0", first=f"{name}1"))
        store.write(
            [Batch((talk(name),), (said(1 if name == "c" else 11, name), said(2 if name == "c" else 12, name)), aliases, replies=rows)]
        )
    store.write([Batch(replies=(link("e0"), link("e0-leg", first="e0")))])
    store.forget("ann", "c", [1], now=9.0)
    assert [store.reply_chain("key", name) for name in ("c0", "c1", "c1-leg")] == [[], [], []]
    assert store.reply_chain("key", "d1") == [b"d0", b"d1"]
    receipt = store.forget("ann", "d", now=9.0)
    assert receipt.counts["replies"] == 3
    assert store.counts()["replies"] == 2
    store.write([Batch((talk("f"),), (said(21, "f"),))])
    store.forget("ann", now=9.0)
    assert store.counts()["replies"] == 0


def test_answers_of_a_fork_go_with_what_it_shares(store: SqlStore) -> None:
    fork = replace(talk("g"), forked_from="c", fork_turn=1)
    store.write([Batch((talk("c"),), (said(1, "c"),), (("ann", "response:c0", "c"),), replies=(link("c0"),))])
    store.write([Batch((fork,), (said(5, "g"),), (("ann", "response:g0", "g"),), replies=(link("g0", "c0"),))])
    store.forget("ann", "c", [1], now=9.0)
    assert store.counts()["replies"] == 0
