"""What every store does, whatever database it stands on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.records import (
    Batch,
    Conversation,
    Digest,
    Fact,
    Injection,
    Lookup,
    Segment,
    Stub,
    Turn,
    TurnTags,
    Watermark,
    Wording,
)
from backstory.errors import FencedError, RowError, StoreError
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf, hash16, index, said, talk, tell

texts = st.one_of(st.text(st.characters(codec="utf-8"), max_size=40), st.text("ab \n", min_size=400, max_size=2000))
numbers = st.integers(1, 2**62)
times = st.floats(0, 4e9, allow_nan=False)
hashes = st.binary(min_size=16, max_size=16)
turns = st.builds(
    Turn,
    id=numbers,
    conversation=st.just("c"),
    parent=numbers,
    position=st.integers(0, 10**6),
    chain=hashes,
    content=hashes,
    role=st.sampled_from(["user", "assistant", "tool"]),
    kind=st.sampled_from(["spoken", "tool"]),
    text=texts,
    raw=st.one_of(st.binary(max_size=30), st.binary(min_size=500, max_size=3000), st.just(b"\xff"), st.just(b"\xff" * 900)),
    wire=st.sampled_from(["anthropic", ""]),
    sender=texts,
    channel=texts,
    at=times,
    arrived=times,
    tokens=st.integers(0, 10**6),
    complete=st.booleans(),
    calls=texts,
)


@given(rows=st.lists(turns, min_size=1, max_size=6, unique_by=lambda turn: turn.id))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_turns_come_back_as_they_went_in(shelf: Shelf, rows: list[Turn]) -> None:
    store = shelf.open()
    store.write([Batch((talk("c"),), tuple(rows))])
    wanted = sorted(rows, key=lambda turn: turn.id)
    assert store.turns("c", raw=True) == wanted
    assert store.turns("c") == [replace(turn, raw=b"") for turn in wanted]
    assert store.turns_by_id([turn.id for turn in rows], raw=True) == wanted
    assert store.turns("c", after=wanted[0].id) == [replace(turn, raw=b"") for turn in wanted[1:]]
    assert store.turns("c", limit=2) == [replace(turn, raw=b"") for turn in wanted[:2]]
    shelf.close()


@given(st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_writing_again_and_in_any_order_changes_nothing(shelf: Shelf, data: st.DataObject) -> None:
    """Of writes that are told apart by their times, the order does not matter, nor how often each is made."""
    batches = []
    for at in range(1, data.draw(st.integers(1, 5)) + 1):
        name = data.draw(st.sampled_from(["one", "two"]))
        record = Conversation(name, "ann", 1.0, float(at), "anthropic", f"model {at}", "label")
        batches.append(Batch((record,), (said(at, name),), (("ann", f"session {name}", name),)))
    orderly, disorderly = shelf.open(), shelf.open()
    orderly.write(batches)
    for batch in data.draw(st.permutations(batches + batches)):
        disorderly.write([batch])
    for name in ("one", "two"):
        assert disorderly.conversation("ann", name) == orderly.conversation("ann", name)
        assert disorderly.turns(name) == orderly.turns(name)
        assert disorderly.alias("ann", f"session {name}") == orderly.alias("ann", f"session {name}")
    assert disorderly.counts() == orderly.counts()
    assert disorderly.pending("tag") == orderly.pending("tag")
    shelf.close()


def test_a_later_record_changes_what_may_change_and_nothing_else(store: SqlStore) -> None:
    first = Conversation("c", "ann", 10.0, 20.0, "anthropic", "small", "", b"s", "root", 7)
    store.write([Batch((first,))])
    store.write([Batch((Conversation("c", "ann", 99.0, 30.0, "gemini", "large", "named", b"x", "other", 9, False),))])
    assert store.conversation("ann", "c") == Conversation("c", "ann", 10.0, 30.0, "gemini", "large", "", b"s", "root", 7)
    store.write([Batch((first,))])
    assert store.conversation("ann", "c") == Conversation("c", "ann", 10.0, 30.0, "gemini", "large", "", b"s", "root", 7)


def test_conversations_are_listed_by_their_last_change_with_their_turns(store: SqlStore) -> None:
    store.write([Batch((talk("old", at=1.0),), (said(1, "old"), said(2, "old"))), Batch((talk("new", at=2.0),))])
    store.write([Batch((talk("bens", "ben", at=3.0),))])
    assert [(one.id, count) for one, count in store.conversations("ann")] == [("new", 0), ("old", 2)]
    assert [one.id for one, _ in store.conversations(None)] == ["bens", "new", "old"]
    assert [one.id for one, _ in store.conversations(None, limit=1, offset=1)] == ["new"]


def test_an_alias_names_the_conversation_it_was_given_last(store: SqlStore) -> None:
    store.write([Batch((talk("a"), talk("b")), aliases=(("ann", "key", "a"), ("ann", "key", "b"), ("ann", "lost", "nowhere")))])
    assert store.alias("ann", "key") == "b"
    assert store.alias("ann", "lost") is None
    store.write([Batch(aliases=(("ann", "key", "a"),))])
    assert store.alias("ann", "key") == "a"


def test_chains_and_contents_are_found(store: SqlStore) -> None:
    one, two = tell(store, talk("a"), "hello", "there")
    (three,) = tell(store, talk("b"), "hello", first=9)
    tool = replace(said(10, "b", "hello"), kind="tool")
    store.write([Batch(turns=(tool,))])
    assert store.chains("ann", [two.chain, three.chain, hash16("no")]) == [(two.chain, "a", 2), (three.chain, "b", 9)]
    assert store.chains("ann", []) == []
    assert store.contents("ann", one.content) == [("b", 9), ("a", 1)]
    assert store.contents("ann", one.content, limit=1) == [("b", 9)]


def test_the_conversations_that_share_most_of_a_history_are_found_first(store: SqlStore) -> None:
    for number, name in enumerate("abcdefgh", 1):
        store.write([Batch((talk(name),), (replace(said(number, name), chain=hash16("everybody's")),))])
    store.write([Batch(turns=(replace(said(20, "b"), chain=hash16("second")), replace(said(21, "e"), chain=hash16("second"))))])
    store.write([Batch(turns=(replace(said(22, "b"), chain=hash16("third")),))])
    history = [hash16(words) for words in ("everybody's", "second", "third", "new", "newer")]
    assert store.deepest("ann", history, 2) == ["b", "e"]
    assert store.deepest("ann", history, 4) == ["b", "e", "h", "g"]
    assert store.deepest("ann", history[3:], 4) == store.deepest("ben", history, 4) == store.deepest("ann", [], 4) == []


def test_the_conversations_that_end_with_a_history_are_found(store: SqlStore) -> None:
    for number, name in enumerate("abcd", 1):
        store.write([Batch((talk(name),), (replace(said(number, name), chain=hash16("everybody's")),))])
    assert store.ended("ann", hash16("everybody's"), 9) == ["d", "c", "b", "a"]
    store.write([Batch(turns=(said(20, "c"),))])
    assert store.ended("ann", hash16("everybody's"), 9) == ["d", "b", "a"]
    assert store.ended("ann", hash16("everybody's"), 2) == ["d", "b"]
    assert store.ended("ben", hash16("everybody's"), 9) == store.ended("ann", hash16("nobody's"), 9) == []


def test_more_chains_than_one_statement_takes_are_found(store: SqlStore) -> None:
    store.write([Batch((talk("a"),), tuple(said(number, "a") for number in range(1, 1300)))])
    chains = [turn.chain for turn in store.turns("a")]
    assert [row[2] for row in store.chains("ann", chains)] == list(range(1, 1300))
    assert len(store.turns_by_id(range(1, 2000))) == 1299


def test_injections_and_digests_stay_as_they_were_first_written(store: SqlStore) -> None:
    injection = Injection("c", hash16("x"), "recalled " * 200, (3, 1), 9, 5.0)
    digest = Digest(7, "c", 3, hash16("y"), "said before", 4, 6.0)
    later = Injection("c", hash16("z"), "more", (), 1, 8.0)
    store.write([Batch((talk("c"),), injections=(later, injection), digests=(digest,))])
    store.write([Batch(injections=(replace(injection, text="other"),), digests=(replace(digest, text="other"),))])
    assert store.injections("c") == [injection, later]
    store.write([Batch(injections=(replace(injection, text="other", left=12.0),))])
    assert store.injections("c") == [replace(injection, left=12.0), later], "but when one was left out"
    store.write([Batch(injections=(injection,))])
    assert store.injections("c") == [injection, later], "and goes up again"
    assert store.digests("c") == [digest]


def test_stubs_stay_as_they_were_first_written(store: SqlStore) -> None:
    stub = Stub("c", 3, "result", 1, hash16("x"), "t3.1-0a0b0c0d", "left out " * 200, 40, 900, 5.0)
    media = Stub("c", 3, "media", 1, hash16("y"), "m3.1-0a0b0c0d", "left out", 4, 90, 4.0)
    store.write([Batch((talk("c"),), stubs=(stub, media))])
    store.write([Batch(stubs=(replace(stub, text="other"),))])
    assert store.stubs("c") == [media, stub]
    store.write([Batch(stubs=(replace(stub, text="other", created=7.0),)), Batch(stubs=(replace(stub, created=6.0),))])
    assert store.stubs("c") == [media, replace(stub, created=7.0)], "but for when that was decided last"
    assert store.stubs("d") == []


def test_a_fork_has_the_turns_that_it_shares(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two", "three")
    store.write([Batch((talk("fork", forked_from="c", fork_turn=2),), (said(10, "fork", parent=2, position=2),))])
    store.write([Batch((talk("bare", forked_from="c", fork_turn=2),))])
    assert {record.id: turns for record, turns in store.conversations(None)} == {"c": 3, "fork": 3, "bare": 0}


def test_stubs_go_with_their_turns_wherever_they_stand(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two")
    fork = talk("fork", forked_from="c", fork_turn=2)
    places = (("c", 1), ("c", 2), ("fork", 1), ("fork", 2))
    stubs = [Stub(name, turn, "result", 0, b"", "", "left out", 4, 90, 50.0) for name, turn in places]
    store.write([Batch((fork,), stubs=tuple(stubs))])
    store.forget("ann", "", (1,), now=150.0)
    assert store.stubs("c") == stubs[1:2]
    assert store.stubs("fork") == stubs[3:]
    store.write([Batch((fork,), stubs=tuple(stubs))])
    assert store.stubs("fork") == stubs[3:], "and do not come back"
    store.forget("ann", "c", now=160.0)
    assert store.stubs("fork") == []


def test_rows_without_a_conversation_are_left_out(store: SqlStore) -> None:
    store.write([Batch(turns=(said(1, "nowhere"),), injections=(Injection("nowhere", b"x", "", (), 0, 1.0),))])
    assert store.turns("nowhere") == []
    assert not any(store.counts().values())


def test_tags_are_replaced_and_searched(store: SqlStore) -> None:
    tell(store, talk("c"), "red house", "blue house", "blue sky")
    assert [hit.turn for hit in store.search("ann", ["c"], ["sky"], 9)] == [3]
    assert {hit.turn for hit in store.search("ann", ["c"], ["blue"], 9)} == {2, 3}
    assert next(hit.turn for hit in store.search("ann", ["c"], ["blue", "sky"], 9)) == 3
    mark = store.watermark("c", "tag")
    assert mark.turn == 3
    store.put_tags([TurnTags(3, "c", ("b", "a"), " green\n meadow ")], mark)
    assert store.search("ann", ["c"], ["sky"], 9) == []
    assert [hit.turn for hit in store.search("ann", [], ["meadow"], 9)] == [3]
    assert store.tags("c", after=2) == [TurnTags(3, "c", ("b", "a"), "green meadow")]
    assert store.frequencies(["house", "green", "sky", "none"]) == {"house": 2, "green": 1, "": 3}


@pytest.mark.parametrize("term", ["c++", "it's", 'q"uote', "v1.2-rc", "日本", "naïve", "x@y.z", "a\\b", "-", "and", "near", "terms:x", "*"])
def test_a_term_is_what_stands_between_spaces(store: SqlStore, term: str) -> None:
    tell(store, talk("c"), f"before {term} after", "nothing here")
    assert [hit.turn for hit in store.search("ann", ["c"], [term], 9)] == [1]
    assert store.frequencies([term])[term] == 1


@given(
    docs=st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=6), min_size=1, max_size=12),
    query=st.lists(st.sampled_from("abcdefghijz"), min_size=1, max_size=4),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_search_finds_the_turns_with_any_of_the_terms(shelf: Shelf, docs: list[list[str]], query: list[str]) -> None:
    store = shelf.open()
    tell(store, talk("c"), *(" ".join(words) for words in docs))
    tell(store, talk("other", at=1.0), "a b c d e f g h i j", first=1000)
    wanted = {number for number, words in enumerate(docs, 1) if set(words) & set(query)}
    hits = store.search("ann", ["c"], query, 100)
    assert {hit.turn for hit in hits} == wanted
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    everywhere = {hit.turn for hit in store.search("ann", [], query, 100)}
    assert everywhere == wanted | ({1000} if set(query) & set("abcdefghij") else set())
    shelf.close()


def test_common_terms_are_not_looked_for_where_rarer_ones_are(store: SqlStore) -> None:
    tell(store, talk("c"), *(f"common word{number}" for number in range(600)))
    assert [hit.turn for hit in store.search("ann", ["c"], ["common", "word7"], 9)] == [8]
    assert len(store.search("ann", ["c"], ["common"], 20)) == 20


def test_tags_of_turns_that_are_not_there_are_left_out(store: SqlStore) -> None:
    tell(store, talk("c"), "one")
    tell(store, talk("d"), "two", first=5)
    store.put_tags(
        [TurnTags(99, "c", (), "ghost"), TurnTags(5, "c", (), "ghost"), TurnTags(5, "d", (), "ghost")], store.watermark("c", "tag")
    )
    assert store.search("ann", [], ["ghost"], 9) == []
    assert [row.turn for row in store.tags("c")] == [1]


def test_segments_are_kept_by_their_first_turn_and_replaced_by_id(store: SqlStore) -> None:
    store.write([Batch((talk("c"), talk("d")))])
    late = Segment(2, "c", 5, 9, ("x", "y"), "digest " * 300, 7, 1.0, 2.0)
    early = Segment(3, "c", 1, 4, (), "", 0, 0.5, 1.0)
    store.put_segments([late, early], Watermark("c", "segment", 9))
    longer = replace(early, last_turn=3, digest="shorter")
    store.put_segments([longer, Segment(4, "d", 1, 1, (), "", 0, 0.0, 0.0)], Watermark("c", "segment", 9))
    assert store.segments("c") == [longer, late]
    store.put_segments([replace(late, conversation="d", digest="stolen")], Watermark("d", "segment", 1))
    assert store.segments("c") == [longer, late]
    assert store.segments("d") == []


def fact(turn: int, place: int, conversation: str = "c", text: str = "I prefer tabs.") -> Fact:
    return Fact(
        turn,
        conversation,
        place,
        "preference",
        "user",
        "prefers",
        "tabs",
        "stated",
        "spaces",
        True,
        "user",
        "user",
        5.0,
        6.0,
        7.0,
        0,
        14,
        text,
    )


def test_facts_come_back_by_turn_and_place(store: SqlStore) -> None:
    store.write([Batch((talk("c"), talk("d")), (said(1, "c"), said(2, "c"), said(3, "d")))])
    store.put_facts([fact(2, 1), fact(2, 0, text="long " * 300), fact(1, 0), fact(3, 0, "d"), fact(99, 0)], Watermark("c", "facts", 2))
    assert store.facts("c") == [fact(1, 0), fact(2, 0, text="long " * 300), fact(2, 1)]
    assert store.facts("d") == []
    assert store.watermark("c", "facts").turn == 2


def test_facts_of_turns_that_are_read_again_take_the_place_of_the_old(store: SqlStore) -> None:
    store.write([Batch((talk("c"),), (said(1, "c"), said(2, "c"), said(3, "c")))])
    store.put_facts([fact(1, 0), fact(2, 0), fact(2, 1)], Watermark("c", "facts", 2))
    store.put_facts([fact(3, 0)], Watermark("c", "facts", 3))
    assert len(store.facts("c")) == 4
    store.forget("ann", "c", [3], now=1.0)
    again = store.watermark("c", "facts")
    store.put_facts([], replace(again, turn=1))
    assert [(one.turn, one.place) for one in store.facts("c")] == [(1, 0), (2, 0), (2, 1)]
    store.put_facts([fact(2, 0)], replace(again, turn=2))
    assert [(one.turn, one.place) for one in store.facts("c")] == [(1, 0), (2, 0)]


def test_a_models_facts_and_the_rules_leave_one_another_alone(store: SqlStore) -> None:
    store.write([Batch((talk("c"),), (said(1, "c"), said(2, "c")))])
    mine, models = fact(1, 0), replace(fact(1, 1000), method="m")
    store.put_facts([mine], Watermark("c", "facts", 2))
    store.put_facts([models], Watermark("c", "side_facts", 2), by_model=True)
    assert store.facts("c") == [mine, models]
    store.forget("ann", "c", [2], now=1.0)
    store.put_facts([], replace(store.watermark("c", "facts"), turn=1))
    store.put_facts([mine], replace(store.watermark("c", "facts"), turn=1))
    assert store.facts("c") == [mine, models]
    store.forget("ann", "c", [1], now=2.0)
    assert store.facts("c") == []


# --- what look-ups have left


def lookup(name: str, text: str = "x", created: float = 5.0, turns: tuple[int, ...] = (), conversation: str = "c") -> Lookup:
    return Lookup(conversation, name, b"chain", text, turns, created)


def test_of_look_ups_of_one_name_the_last_counts(store: SqlStore) -> None:
    assert not store.has_lookups()
    store.write([Batch((talk("c"),), (said(1, "c"),), lookups=(lookup("a", "é" * 900), lookup("b")))])
    store.write([Batch((talk("c"),), lookups=(lookup("b", "new", 6.0, (1,)), lookup("b", "late", 1.0)))])
    store.write([Batch((talk("d"),), lookups=(lookup("a", conversation="nowhere"),))])
    assert store.lookups("c") == [lookup("a", "é" * 900), lookup("b", "new", 6.0, (1,))]
    assert store.lookups("d") == []
    assert store.has_lookups()


def test_of_look_ups_the_newest_are_kept(store: SqlStore) -> None:
    store.write([Batch((talk("c"),), lookups=tuple(lookup(f"n{number}", created=float(number)) for number in range(200)))])
    kept = store.lookups("c")
    assert [one.name for one in kept] == [f"n{number}" for number in range(72, 200)]


def test_look_ups_go_with_what_they_quote_and_do_not_come_back(store: SqlStore) -> None:
    rows = (lookup("quotes", turns=(1,)), lookup("other", turns=(2,)), lookup("bare"))
    batch = Batch((talk("c"),), (said(1, "c"), said(2, "c")), lookups=rows)
    store.write([batch])
    store.forget("ann", "c", [1], now=300.0)
    store.write([batch])
    assert [one.name for one in store.lookups("c")] == ["bare", "other"]
    store.forget("ann", "c", now=400.0)
    assert not store.has_lookups()


# --- leases and fences


def test_a_lease_is_had_by_one_owner_at_a_time(store: SqlStore) -> None:
    store.write([Batch((talk("c"),), (said(1, "c"),))])
    first = store.lease("c", "tag", "me", 30, now=1000.0)
    assert first == Watermark("c", "tag", 0, "me", 1030.0, 1)
    assert store.lease("c", "tag", "you", 30, now=1029.0) is None
    assert store.lease("c", "segment", "you", 30, now=1029.0) is not None
    renewed = store.lease("c", "tag", "me", 30, now=1029.0)
    assert renewed == Watermark("c", "tag", 0, "me", 1059.0, 1)
    taken = store.lease("c", "tag", "you", 30, now=1059.0)
    assert taken == Watermark("c", "tag", 0, "you", 1089.0, 2)
    assert store.watermark("c", "tag") == taken
    assert store.lease("nowhere", "tag", "me", 30, now=1.0) is None


def test_who_lost_the_lease_writes_nothing(store: SqlStore) -> None:
    tell(store, talk("c"), "one two")
    mine = store.lease("c", "job", "me", 1, now=1000.0)
    yours = store.lease("c", "job", "you", 1, now=1002.0)
    assert mine is not None
    assert yours is not None
    with pytest.raises(FencedError):
        store.put_tags([TurnTags(1, "c", (), "late")], replace(mine, turn=1))
    with pytest.raises(FencedError):
        store.put_segments([Segment(1, "c", 1, 1, (), "late", 0, 0.0, 0.0)], replace(mine, turn=1))
    with pytest.raises(FencedError):
        store.put_facts([fact(1, 0)], replace(mine, turn=1))
    assert store.facts("c") == []
    with pytest.raises(FencedError):
        store.put_segments([], Watermark("gone", "job", 1))
    with pytest.raises(FencedError):
        store.put_segments([], Watermark("c", "never leased", 1, "me", 0.0, 4))
    assert store.search("ann", ["c"], ["late"], 9) == []
    assert store.segments("c") == []
    store.put_tags([TurnTags(1, "c", (), "fresh")], replace(yours, turn=1))
    assert store.watermark("c", "job").turn == 1
    assert [hit.turn for hit in store.search("ann", ["c"], ["fresh"], 9)] == [1]


def test_pending_are_conversations_with_turns_above_the_mark_and_no_lease(shelf: Shelf) -> None:
    store = shelf.open(clock=lambda: 1000.0)
    store.write([Batch((talk("old", at=1.0), talk("new", at=2.0), talk("empty", at=3.0)), (said(1, "old"), said(2, "new")))])
    assert store.pending("tag") == ["new", "old"]
    assert store.pending("tag", limit=1) == ["new"]
    assert store.lease("new", "tag", "me", 30, now=1000.0) is not None
    assert store.pending("tag") == ["old"]
    assert store.pending("segment") == ["new", "old"]
    store.put_segments([], Watermark("old", "segment", 1))
    assert store.pending("segment") == ["new"]
    store.write([Batch(turns=(said(9, "old"),))])
    assert store.pending("segment") == ["new", "old"]
    shelf.close()


# --- the ways of a database


def test_a_value_that_no_store_can_take_says_so(store: SqlStore) -> None:
    with pytest.raises(RowError):
        store.write([Batch((talk("c", label="\ud800"),))])
    with pytest.raises(RowError):
        store.write([Batch((talk("c"),), (said(2**70, "c"),))])
    assert store.conversations(None) == []
    store.write([Batch((talk("c"),))])


def test_a_batch_that_fails_leaves_nothing(store: SqlStore) -> None:
    with pytest.raises(StoreError):
        store.write([Batch((talk("a"),), (said(1, "a"),)), Batch((talk("b"),), (said(2**70, "b"),))])
    assert not any(store.counts().values())


def test_threads_read_while_one_writes(store: SqlStore) -> None:
    store.write([Batch((talk("c"),))])
    stop = threading.Event()

    def look() -> int:
        seen = 0
        while not stop.is_set():
            now = len(store.turns("c"))
            assert now >= seen
            assert now % 10 == 0
            seen = now
        return seen

    with ThreadPoolExecutor(2) as readers:
        looking = [readers.submit(look) for _ in range(2)]
        for start in range(1, 400, 10):
            store.write([Batch(turns=tuple(said(number, "c") for number in range(start, start + 10)))])
        stop.set()
        assert all(one.result() <= 400 for one in looking)


def test_a_closed_store_says_so(store: SqlStore) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.conversations(None)


def test_counts_follow_the_index_of_a_large_store(store: SqlStore) -> None:
    rows = tell(store, talk("c"), *(f"often {'rare' if number % 100 == 0 else 'plain'}" for number in range(500)))
    assert store.frequencies(["often", "rare"]) == {"often": 500, "rare": 5, "": 500}
    index(store, "c", rows[:1])
    assert store.frequencies(["often", "rare"]) == {"often": 500, "rare": 5, "": 500}
    tell(store, talk("d"), "rare", first=9000)
    assert store.frequencies(["often", "rare"]) == {"often": 500, "rare": 6, "": 501}


def test_wordings_stay_as_they_are_and_stand_at_a_turn(store: SqlStore) -> None:
    tell(store, talk("c"), "one", "two")
    first = Wording("c", 1, hash16("one and more"), "user", "spoken", "Ann", "one and more", b'{"content":"one and more"}', "w", 60.0)
    second = replace(first, turn=2, content=hash16("b"), text="", raw=b"", arrived=50.0)
    store.write([Batch((talk("c"),), wordings=(first, second, replace(first, turn=99)))])
    store.write([Batch(wordings=(replace(first, text="other", arrived=70.0),))])
    assert store.wordings("c") == [second, first], "what has no turn is left out, and what is there stays"
    assert store.wordings("d") == []
    more = [replace(first, content=b"%d" % number, arrived=80.0 + number % 7) for number in range(20)]
    store.write([Batch((talk("d"),), wordings=(*more, *(replace(one, conversation="d") for one in more[:10])))])
    wanted = sorted([first, *more], key=lambda one: (-one.arrived, one.content))[:16]
    assert {one.content for one in store.wordings("c") if one.turn == first.turn} == {one.content for one in wanted}, "the newest"
    assert second in store.wordings("c"), "of each turn by itself"
    assert len(store.wordings("d")) == 10, "and of each conversation"
