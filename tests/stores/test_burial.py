"""What comes to the store after a forgetting, from an answer under way or a journal of a dead process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.core.records import Batch, Digest, Injection, Trace, Turn
from backstory.stores.sql import SqlStore
from tests.stores.world import Shelf, hash16, said, talk

C = talk("c")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    shelf = Shelf("sqlite", tmp_path)
    made = shelf.open()
    made.write([Batch((C,), tuple(said(number, "c", f"turn {number}", number - 1, number - 1) for number in range(1, 5)))])
    yield made
    shelf.close()


def answer(number: int, parent: int, position: int, **fields: object) -> Turn:
    return replace(said(number, "c", f"answer {number}", parent, position, at=300.0), role="assistant", **fields)


def there(store: SqlStore) -> list[tuple[int, int, int]]:
    return [(turn.id, turn.parent, turn.position) for turn in store.turns("c")]


def test_an_answer_to_what_was_forgotten_is_refused_and_what_follows_hangs_on_what_is_left(store: SqlStore) -> None:
    store.forget("ann", "c", [3, 4], 200.0)
    late = Batch((talk("c", at=300.0),), (answer(5, 4, 4), replace(answer(6, 5, 5), role="user", kind="tool"), answer(7, 6, 6)))
    after = Batch((talk("c", at=400.0),), (said(8, "c", "", 7, 7, at=400.0), answer(9, 8, 8)))
    for _ in range(2):  # a journal may bring it twice
        store.write([late, after])
        assert there(store) == [(1, 0, 0), (2, 1, 1), (8, 2, 7), (9, 8, 8)]
    assert store.pending("tags") == ["c"]
    tombs = store.tombs()
    for turn in late.turns:
        assert tombs.turn(["c"], turn.chain) == turn.id
        assert tombs.said(["c"], turn.content)


def test_a_step_after_a_forgotten_step_is_kept(store: SqlStore) -> None:
    store.write([Batch((C,), (answer(5, 4, 4),))])
    store.forget("ann", "c", [5], 200.0)
    store.write([Batch((C,), (answer(6, 5, 5),))])
    assert there(store)[-1] == (6, 4, 5)


def test_positions_stay_and_rise(store: SqlStore) -> None:
    store.forget("ann", "c", [2], 200.0)
    store.write([Batch((C,), (answer(5, 4, 4), answer(6, 5, 2)))])
    assert there(store) == [(1, 0, 0), (3, 1, 2), (4, 3, 3), (5, 4, 4), (6, 5, 5)]


def test_the_same_history_is_not_taken_in_again(store: SqlStore) -> None:
    old = store.turns("c")[2]
    store.forget("ann", "c", [3], 200.0)
    store.write([Batch((C,), (replace(old, id=30, parent=2, position=2, arrived=300.0),))])
    assert [turn for turn, *_ in there(store)] == [1, 2, 4]
    store.write([Batch((C,), (replace(old, id=31, parent=4, position=2, arrived=300.0, chain=hash16("elsewhere")),))])
    assert [turn for turn, *_ in there(store)] == [1, 2, 4, 31], "the same words at another place are said anew"


def test_blocks_digests_and_traces_that_tell_of_it_are_refused(store: SqlStore) -> None:
    chains = {turn.id: turn.chain for turn in store.turns("c")}
    store.forget("ann", "c", [2], 200.0)
    store.write(
        [
            Batch(
                (talk("c", at=300.0),),
                injections=(
                    Injection("c", chains[3], "of 2", (1, 2), 1, 300.0),
                    Injection("c", chains[2], "at 2", (1,), 1, 300.0),
                    Injection("c", chains[4], "of 1", (1,), 1, 300.0),
                ),
                digests=(
                    Digest(1, "c", 3, chains[3], "made before", 1, 150.0),
                    Digest(2, "c", 3, chains[3], "made before that was known", 1, 201.0),
                    Digest(3, "c", 1, chains[1], "of what was before", 1, 201.0),
                    Digest(4, "c", 4, chains[4], "made after", 1, 300.0),
                ),
                traces=(Trace(1, "c", 3, (2,), 1, 1, b"", 300.0), Trace(2, "c", 3, (1,), 1, 1, b"", 300.0)),
            )
        ]
    )
    assert [one.text for one in store.injections("c")] == ["of 1"]
    assert {one.id for one in store.digests("c")} == {3, 4}
    assert [one.request for one in store.traces("c")] == [2]


def test_an_answer_alone_does_not_revive_a_conversation(store: SqlStore) -> None:
    store.forget("ann", "c", (), 200.0)
    record = replace(C, updated=300.0)
    store.write([Batch((record,), (said(5, "c", "", 4, 4, at=150.0), answer(6, 5, 5)))])
    assert store.conversations(None) == []
    store.write([Batch((record,), (said(7, "c", "", 6, 6, at=300.0), answer(8, 7, 7)))])
    assert there(store) == [(7, 0, 6), (8, 7, 7)]


def test_a_fork_knows_what_was_forgotten_of_what_it_shares(store: SqlStore) -> None:
    fork = talk("f", forked_from="c", fork_turn=4)
    store.write([Batch((fork,), (said(10, "f", "", 4, 4),))])
    chains = {turn.id: turn.chain for turn in store.turns("c")}
    store.forget("ann", "c", [3], 200.0)
    assert store.tombs().turn(["f"], chains[3]) == 3
    assert not store.tombs().turn(["another"], chains[3])
    store.forget("ann", "c", (), 201.0)
    assert store.tombs().turn(["f"], chains[4]) == 4
    assert store.tombs().whole("ann", chains[1])
    assert not store.tombs().whole("ben", chains[1])


def test_what_was_forgotten_before_the_whole_is_known_with_it(store: SqlStore) -> None:
    fork = talk("f", forked_from="c", fork_turn=4)
    chains = {turn.id: turn.chain for turn in store.turns("c")}
    store.forget("ann", "c", [3], 200.0)
    store.write([Batch((fork,), (said(10, "f", "", 4, 4),))])
    store.forget("ann", "c", (), 201.0)
    tombs = store.tombs()
    assert all(tombs.whole("ann", chain) for chain in chains.values())
    assert tombs.turn(["f"], chains[3]) == 3, "a fork made since goes on without it"
    assert not tombs.turn(["c"], chains[3])


def test_answers_that_came_since_are_found_in_every_branch(store: SqlStore) -> None:
    fork = talk("f", forked_from="c", fork_turn=3)
    step = replace(answer(6, 5, 5), kind="tool")
    store.write([Batch((C,), (answer(5, 4, 4), step, said(7, "c", "", 6, 6, at=300.0)))])
    store.write([Batch((fork,), (replace(answer(10, 3, 3), conversation="f"),))])
    assert store.answers({4: 200.0, 3: 200.0}) == {5, 6, 10}
    assert store.answers({4: 400.0}) == set()
    assert store.answers({5: 200.0}) == set(), "not of an answer"
