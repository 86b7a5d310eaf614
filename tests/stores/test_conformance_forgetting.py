"""What every store does when something is forgotten (what is left in no table and no file: tests/laws/test_forget_law.py)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from backstory.core.records import Batch, Digest, Injection, Segment, TurnTags, Watermark, Wording
from backstory.core.tombs import Tombs
from backstory.errors import FencedError, NotFound
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf, hash16, said, talk, tell


def test_forgetting_gives_a_receipt_that_others_can_read(store: SqlStore) -> None:
    tell(store, talk("c"), "secret plan", "more of it")
    tell(store, talk("d", at=5.0), "other", first=50)
    assert store.receipts() == []
    receipt = store.forget("ann", "c", now=200.0)
    assert (receipt.at, receipt.principal, receipt.what) == (200.0, "ann", "conversation: c")
    assert receipt.counts["turns"] == receipt.counts["tags"] == 2
    assert receipt.counts["conversations"] == 1
    assert store.receipts() == [receipt]
    assert store.receipts(receipt.id) == []
    assert [one.id for one, _ in store.conversations(None)] == ["d"]
    assert store.frequencies(["secret", "other"]) == {"other": 1, "": 1}


def test_forgetting_nothing_is_an_error_and_leaves_no_receipt(store: SqlStore) -> None:
    tell(store, talk("c"), "one")
    for arguments in (("ben", "c"), ("ann", "no"), ("ben", ""), (None, "")):
        with pytest.raises(NotFound):
            store.forget(*arguments)
    for principal in ("ben", "ann"):
        with pytest.raises(NotFound):
            store.forget(principal, "other", (1,))
    with pytest.raises(NotFound):
        store.forget("ann", "", (77,))
    assert store.receipts() == []
    assert len(store.turns("c")) == 1


def test_what_was_forgotten_does_not_come_back_late(store: SqlStore) -> None:
    before = Batch((talk("c", at=100.0),), (said(1, "c", at=100.0), said(2, "c", at=100.0)), (("ann", "key", "c"),))
    store.write([before])
    store.forget("ann", "c", (1,), now=150.0)
    store.write([before])
    assert [turn.id for turn in store.turns("c")] == [2]
    store.forget("ann", "c", now=200.0)
    store.write([before])
    assert store.conversation("ann", "c") is None
    assert store.turns("c") == []
    assert store.alias("ann", "key") is None
    after = Batch((talk("c", at=300.0),), (said(3, "c", at=300.0),))
    store.write([before, after])
    assert [turn.id for turn in store.turns("c")] == [3]


def test_with_a_turn_goes_what_says_the_same_after_the_same_history(store: SqlStore) -> None:
    rows = ((1, "which way?", 0), (2, "north", 1), (3, "north", 1), (4, "west", 1), (5, "and then?", 2), (6, "and then?", 3))
    asked = [replace(said(number, "c", text, parent), chain=hash16(text)) for number, text, parent in rows]
    elsewhere = replace(said(7, "d", "north"), chain=hash16("north"))
    store.write([Batch((talk("c"), talk("d")), (*asked, elsewhere))])
    receipt = store.forget("ann", "c", (3,), now=150.0)
    assert receipt.counts["turns"] == 2
    assert [(turn.id, turn.parent) for turn in store.turns("c")] == [(1, 0), (4, 1), (5, 1), (6, 1)]
    assert [turn.id for turn in store.turns("d")] == [7]


def test_a_principal_that_was_forgotten_may_begin_anew(store: SqlStore) -> None:
    tell(store, talk("c"), "one")
    tell(store, talk("bens", "ben"), "two", first=9)
    store.forget("ann", now=200.0)
    store.write([Batch((talk("never stored", at=190.0), talk("fresh", at=201.0)))])
    assert [one.id for one, _ in store.conversations(None)] == ["fresh", "bens"]


def test_work_on_what_was_forgotten_is_refused(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two")
    mark = store.lease("c", "job", "me", 30, now=1000.0)
    assert mark is not None
    store.forget("ann", "c", (1,), now=150.0)
    with pytest.raises(FencedError):
        store.put_tags([TurnTags(2, "c", (), "two one")], mark)
    mark = store.lease("c", "job", "me", 30, now=1000.0)
    assert mark is not None
    store.forget("ann", "c", now=150.0)
    with pytest.raises(FencedError):
        store.put_tags([TurnTags(2, "c", (), "two one")], mark)
    store.write([Batch((talk("c", at=400.0),), (said(5, "c", at=400.0),))])
    fresh = store.lease("c", "job", "me", 30, now=1000.0)
    assert fresh is not None
    assert fresh.fence > mark.fence
    with pytest.raises(FencedError):
        store.put_tags([], mark)


def test_turns_after_a_forgotten_one_go_on_from_what_was_before_under_their_old_numbers(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two", "three", "four")
    fork = talk("fork", forked_from="c", fork_turn=3)
    store.write([Batch((fork,), (said(10, "fork", parent=3, position=3), said(11, "fork", parent=10, position=4)))])
    store.forget("ann", "c", (2, 3), now=150.0)
    assert [(turn.id, turn.parent, turn.position) for turn in store.turns("c")] == [(1, 0, 0), (4, 1, 3)]
    assert [(turn.id, turn.parent, turn.position) for turn in store.turns("fork")] == [(10, 1, 3), (11, 10, 4)]
    found = store.conversation("ann", "fork")
    assert found is not None
    assert (found.forked_from, found.fork_turn) == ("c", 1)
    store.forget("ann", "", (1,), now=150.0)
    found = store.conversation("ann", "fork")
    assert found is not None
    assert (found.forked_from, found.fork_turn) == ("", 0)
    assert [(turn.id, turn.parent, turn.position) for turn in store.turns("fork")] == [(10, 0, 3), (11, 10, 4)]


def test_a_fork_keeps_its_own_turns_and_nothing_that_tells_of_the_others(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two")
    fork = talk("fork", forked_from="c", fork_turn=2)
    own = (said(10, "fork", "mine", 2, 2), said(11, "fork", "mine too", 10, 3))
    digests = (Digest(1, "fork", 10, b"", "one two mine", 3, 9.0),)
    quoting = Injection("fork", own[0].chain, "you said two", (2,), 3, 9.0)
    other = Injection("fork", own[1].chain, "you said mine", (10,), 3, 9.0)
    elsewhere = Injection("d", hash16("d"), "you said one", (1,), 3, 9.0)
    store.write([Batch((fork, talk("d")), own, (), (quoting, other, elsewhere), digests)])
    store.forget("ann", "c", now=150.0)
    found = store.conversation("ann", "fork")
    assert found is not None
    assert (found.forked_from, found.fork_turn) == ("", 0)
    assert [(turn.id, turn.parent, turn.position, turn.text) for turn in store.turns("fork")] == [
        (10, 0, 2, "mine"),
        (11, 10, 3, "mine too"),
    ]
    assert store.injections("fork") == [other]
    assert store.injections("d") == []
    assert store.digests("fork") == []


def test_jobs_begin_again_below_a_torn_segment(store: SqlStore) -> None:
    tell(store, talk("c"), *"abcdef")
    segments = [Segment(1, "c", 1, 2, (), "a b", 0, 0.0, 0.0), Segment(2, "c", 3, 5, (), "c d e", 0, 0.0, 0.0)]
    store.put_segments(segments, Watermark("c", "segment", 5))
    store.forget("ann", "c", (4,), now=150.0)
    assert store.segments("c") == segments[:1]
    assert store.watermark("c", "segment").turn == 2
    assert store.pending("segment") == ["c"]


def test_a_digest_over_a_forgotten_turn_tells_of_the_rest_and_stands_for_as_much(store: SqlStore) -> None:
    tell(store, talk("c"), *"abcdef")
    turns = store.turns("c")
    text = "<digest>\n#1 user: a is said.\n#2 user: b is said.\n#4 user: d is said.\n</digest>"
    over = Digest(1, "c", 4, turns[3].chain, text, 40, 9.0)
    before = Digest(2, "c", 1, turns[0].chain, "<digest>\n#1 user: a is said.\n</digest>", 9, 9.0)
    other = Digest(3, "c", 4, turns[3].chain, "of b and d", 40, 9.0)
    store.write([Batch(digests=(over, before, other))])
    store.forget("ann", "c", (2, 4), now=150.0)
    left = {one.id: one for one in store.digests("c")}
    assert left.keys() == {1, 2}
    assert left[2] == before
    assert left[1].text == "<digest>\n#1 user: a is said.\n</digest>"
    assert (left[1].upto_turn, left[1].upto_chain) == (3, turns[2].chain)
    assert left[1].tokens < 40
    store.forget("ann", "c", (1, 3), now=160.0)
    assert store.digests("c") == [], "nothing is left that they could stand for"


def test_what_is_not_to_be_remembered_is_known_by_its_place(shelf: Shelf) -> None:
    store = shelf.open()
    rows = [(1000 + number, "ann", hash16(str(number)), 5.0) for number in range(3)]
    store.lay(rows)
    store.lay(rows)  # twice is once
    key, left = store.laid(1000)
    assert [one.turn for one in left] == [1001, 1002]
    assert store.laid(1002) == (b"", [])
    tombs = store.tombs()
    learnt = Tombs()
    learnt.learn(key, left)
    assert [tombs.whole("ann", hash16(str(number))) for number in range(4)] == [True, True, True, False]
    assert [learnt.whole("ann", hash16(str(number))) for number in range(4)] == [False, True, True, False]
    assert not tombs.whole("bob", hash16("1"))


def test_wordings_go_with_their_turns_wherever_they_stand(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two", "three")
    fork = talk("d", forked_from="c", fork_turn=3)
    kept = [Wording(name, turn, hash16(f"{name} {turn}"), "user", "spoken", "", "more", b"", "w", 50.0) for name in "cd" for turn in (1, 2)]
    store.write([Batch((fork,), wordings=tuple(kept))])
    assert store.forget("ann", "c", (1,), now=60.0).counts["wordings"] == 2
    assert [(one.conversation, one.turn) for name in "cd" for one in store.wordings(name)] == [("c", 2), ("d", 2)]
    tombs = store.tombs()
    assert all(tombs.said([name], hash16("c 1")) for name in "cd"), "its client may go on sending these words, in a fork too"
    assert [tombs.said([name], hash16("d 1")) for name in "cd"] == [False, True]
    assert not any(tombs.said([name], hash16("c 2")) for name in "cd")
    store.write([Batch((talk("c", at=70.0),), wordings=(kept[0],))])
    assert [one.turn for one in store.wordings("c")] == [2], "and it does not come back late"
    store.forget("ann", "c", now=80.0)
    assert store.wordings("c") == store.wordings("d") == []
