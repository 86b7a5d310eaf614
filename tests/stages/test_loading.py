"""A stored conversation's thread: what went up goes up again, and what was left out stays left out, also where it was forked off. And the
conversations that a client's name means."""

from __future__ import annotations

from pathlib import Path

import pytest

from backstory.core.records import Batch, Conversation, Digest, Injection, Stub, Turn
from backstory.stages.loading import by_client, learn, load_beside, load_thread
from backstory.stages.withdrawal import withhold
from backstory.stores.database import open_store


@pytest.mark.parametrize(("left", "stays", "stays_in_the_fork"), [(0.0, True, True), (5.0, False, False), (20.0, False, True)])
def test_a_block_that_was_left_out_stays_so_but_in_what_was_forked_off_before(
    tmp_path: Path, left: float, stays: bool, stays_in_the_fork: bool
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'memory.db'}")
    parent, child = Conversation("a", "p", 1.0, 1.0), Conversation("b", "p", 10.0, 10.0, forked_from="a", fork_turn=1)
    turn = Turn(1, "a", 0, 0, b"x" * 16, b"y" * 16, "user", "spoken", "What was it?")
    block = Injection("a", turn.chain, "<recalled>It was tangerine.</recalled>", (1,), 9, 2.0, left)
    store.write([Batch((parent, child), turns=(turn,), injections=(block,))])
    one, other = (load_thread(store, record, "") for record in (parent, child))
    assert (one.going(turn.chain) is not None) == stays
    assert (other.going(turn.chain) is not None) == stays_in_the_fork
    assert one.loosened == left, "what was reasoned behind it stands behind something else since"
    store.close()


def test_a_thread_in_use_learns_what_another_process_has_stored_and_keeps_what_is_its_own(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'memory.db'}")
    record = Conversation("a", "p", 1.0, 1.0)
    turns = [
        Turn(number, "a", number - 1, number - 1, bytes([number]) * 16, b"y" * 16, "assistant", "spoken", f"Said {number}.")
        for number in range(1, 5)
    ]
    own, theirs = (Injection("a", turns[0].chain, f"<recalled>{text}</recalled>", (), 9, 2.0) for text in ("here", "there"))
    block = Injection("a", turns[2].chain, "<recalled>It was tangerine.</recalled>", (1,), 9, 3.0)
    stub = Stub("a", 1, "result", 0, b"z" * 16, "ref", "[left out]", 3, 90, 3.5)
    newer = Digest(12, "a", 2, turns[1].chain, "newer", 4, 5.0)
    older = Digest(11, "a", 2, turns[1].chain, "older", 4, 4.0)
    store.write([Batch((record,), turns=tuple(turns[:2]))])
    thread = load_thread(store, record, "")
    thread.inject((own,))
    thread.fold((newer,))
    rows = Batch((record,), turns=tuple(turns), injections=(theirs, block), digests=(older, newer), stubs=(stub,))
    store.write([rows])
    for _ in range(2):
        learn(thread, load_beside(store, record))
        assert [turn.id for turn in thread.path] == [1, 2], "the branch that is under way stays"
        assert not thread.unknown(store.numbers("a", 0))
        assert thread.injections == {turns[0].chain: own, turns[2].chain: block}
        assert [digest.text for digest in thread.digests] == ["older", "newer"], "in the order in which all read them"
        assert thread.digest == newer
        assert thread.stubs == {1: (stub,)}
    store.close()


def test_a_thread_in_use_does_not_take_back_what_is_withheld_from_its_room(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'memory.db'}")
    record = Conversation("a", "p", 1.0, 1.0)
    turns = [
        Turn(number, "a", number - 1, number - 1, bytes([number]) * 16, b"y" * 16, "user", "spoken", f"Said {number}.") for number in (1, 2)
    ]
    blocks = [Injection("a", turn.chain, f"<recalled>Private {turn.id}.</recalled>", (99,), 9, 2.0) for turn in turns]
    store.write([Batch((record,), turns=tuple(turns[:1]), injections=tuple(blocks[:1]))])
    thread = load_thread(store, record, "")
    withhold(thread, blocks[:1])
    thread.told_in = "a room"

    def looked_at_for() -> str | None:
        return thread.told_in

    learn(thread, load_beside(store, record))
    assert not thread.injections
    assert looked_at_for() == "a room"
    store.write([Batch((record,), turns=tuple(turns[1:]), injections=tuple(blocks[1:]))])
    learn(thread, load_beside(store, record))
    assert [*thread.injections.values()] == blocks[1:]
    assert looked_at_for() is None, "whether that may be told in this room is looked at anew"
    thread.inject(blocks[:1])
    assert not thread.withheld, "it may be told again"
    store.close()


def test_the_name_that_a_client_gives_in_a_project_is_found_without_it(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'memory.db'}")
    names = (("p", "conversation:s1 @hen", "a"), ("p", "conversation:s2 @hen", "a"), ("q", "conversation:s3 @hen", "c"))
    records = [Conversation(name, owner, 1.0, 1.0) for name, owner in (("a", "p"), ("b", "p"), ("c", "q"))]
    store.write([Batch(tuple(records), aliases=names)])
    assert by_client(store, "p", "s1") == {"a"}
    assert by_client(store, "p", "s") == set(), "a part of it is no name"
    assert by_client(store, "p", "s3") == set(), "it is another principal's"
    store.write([Batch(aliases=(("p", "conversation:s1 @egg", "b"), ("p", "conversation:s2", "b")))])
    assert by_client(store, "p", "s1") == {"a", "b"}
    assert by_client(store, "p", "s2") == {"b"}, "as it is without a project"
    store.close()
